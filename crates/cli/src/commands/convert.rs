//! The part that `encrypt` and `decrypt` share: each source becomes a file or stream, each directory another directory.

use std::fs::File;
use std::path::{Path, PathBuf};

use bulla_files::output::Durability;
use bulla_files::{FileError, FileSummary, Progress, TreeSummary};

use super::reading::standard_output;
use super::walk::{self, Listener, Work};
use crate::args::{Batch, OutputFlags, RunOptions};
use crate::failure::files::Destination;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::paths::{FileOrStdin, Input, Output, file_len};
use crate::progress::{self, Total};
use crate::report::Report;

/// A valid combination of inputs, outputs and flags.
pub(super) struct Conversion {
    pub(super) inputs: Vec<Input>,
    output: Output,
    pub(super) replace: bool,
    pub(super) resume: bool,
    pub(super) remove_source: bool,
    pub(super) durability: Durability,
    pub(super) run: RunOptions,
}

/// The part in which encryption and decryption differ.
pub(super) trait Converter {
    fn progress(&self) -> &Progress;

    /// Converts a file by its path.
    fn file(&self, from: &Path, to: &Path) -> Result<FileSummary, FileError>;

    /// Converts an open file.
    fn open_file(&self, source: File, name: &Path, to: &Path) -> Result<FileSummary, FileError>;

    /// Converts an open file to standard output.
    fn stream(&self, source: File, name: &Path, output: File) -> Result<(), FileError>;

    /// Converts every file below a directory.
    fn tree(&self, from: &Path, to: Option<&Path>, listener: Listener<'_>) -> Result<TreeSummary, FileError>;

    /// Returns the path of the result beside its source.
    fn path_beside(&self, source: &Path) -> Result<PathBuf, Failure>;

    /// Refuses a standard output that is unsuitable for the result.
    fn check_standard_output(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn tree_total<'a>(&self, tree: &'a Path) -> Total<'a>;

    /// Returns whether each source must be an encrypted file.
    fn opens_files(&self) -> bool;
}

impl Conversion {
    /// Refuses invalid combinations: one output for several inputs, or a stream where a file is required.
    pub(super) fn of(inputs: Vec<Input>, output: OutputFlags, batch: Batch) -> Result<Self, Failure> {
        let OutputFlags { output, force } = output;
        let Batch { resume, remove_source, no_sync, run } = batch;
        let output = output.unwrap_or_default();
        if inputs.len() > 1 && output != Output::Beside {
            let what = "-o names one output, but there are several inputs";
            return Err(Failure::new(Exit::Usage, what, "leave -o out, or run once for each input"));
        }
        let reads_stdin = inputs.contains(&Input::Source(FileOrStdin::Stdin));
        let prints = match output {
            Output::Stdout => true,
            Output::Path(_) => false,
            Output::Beside => reads_stdin,
        };
        let durability = if no_sync { Durability::Later } else { Durability::Synced };
        let conversion = Self { inputs, output, replace: force, resume, remove_source, durability, run };
        if prints || reads_stdin {
            conversion.refuse_stream()?;
        }
        if prints && conversion.run.json {
            let what = "standard output cannot take both the result and --json";
            return Err(Failure::new(Exit::Usage, what, "name a file with -o"));
        }
        Ok(conversion)
    }

    pub(super) fn run(
        &self,
        kms: &KmsConnection,
        converter: &dyn Converter,
        report: Report,
    ) -> Result<(), Failure> {
        walk::walk(&self.inputs, &Converting { conversion: self, kms, converter }, report)
    }

    /// Refuses flags that apply to files only.
    fn refuse_stream(&self) -> Result<(), Failure> {
        if self.resume || self.remove_source {
            let what = "--resume and --remove-source are for files, and this is a stream";
            return Err(Failure::new(Exit::Usage, what, "leave them out, or name files"));
        }
        Ok(())
    }
}

/// A running conversion.
struct Converting<'a> {
    conversion: &'a Conversion,
    kms: &'a KmsConnection,
    converter: &'a dyn Converter,
}

impl Work for Converting<'_> {
    fn progress(&self) -> &Progress {
        self.converter.progress()
    }

    fn check(&self, input: &Input) -> Result<(), Failure> {
        if self.conversion.remove_source {
            self.kms.refuse_to_remove(input.typed())?;
        }
        Ok(())
    }

    fn source(&self, source: &FileOrStdin) -> Result<Option<FileSummary>, Failure> {
        let opened = source.open()?;
        match (&self.conversion.output, source) {
            (Output::Stdout, _) | (Output::Beside, FileOrStdin::Stdin) => {
                self.print(source, opened).map(|()| None)
            }
            (Output::Path(to), _) => self.write(source, opened, to).map(Some),
            (Output::Beside, FileOrStdin::File(from)) => {
                self.write(source, opened, &self.converter.path_beside(from)?).map(Some)
            }
        }
    }

    fn tree(&self, tree: &Path, to: Option<&Path>, listener: Listener<'_>) -> Result<TreeSummary, FileError> {
        self.converter.tree(tree, to, listener)
    }

    fn tree_output(&self, tree: &Path) -> Result<Option<&Path>, Failure> {
        match &self.conversion.output {
            Output::Beside => Ok(None),
            Output::Path(to) => Ok(Some(to)),
            Output::Stdout => {
                let what = format!("{} is a directory, and standard output is one stream", tree.display());
                Err(Failure::new(Exit::Usage, what, "name a directory with -o"))
            }
        }
    }

    fn tree_total<'a>(&self, tree: &'a Path) -> Total<'a> {
        self.converter.tree_total(tree)
    }

    fn expects_encrypted_files(&self) -> bool {
        // With --remove-source, an earlier run may have removed all sources.
        self.converter.opens_files() && !self.conversion.resume
    }
}

impl Converting<'_> {
    fn print(&self, source: &FileOrStdin, opened: File) -> Result<(), Failure> {
        self.converter.check_standard_output()?;
        let output = standard_output()?;
        progress::show(file_len(&opened).into(), self.progress(), || {
            self.converter.stream(opened, source.name(), output)
        })
        .map_err(|error| Failure::of_file(&error, source.name(), Destination::StandardOutput))
    }

    fn write(&self, source: &FileOrStdin, opened: File, to: &Path) -> Result<FileSummary, Failure> {
        let len = file_len(&opened);
        if len.is_none() {
            self.conversion.refuse_stream()?;
        }
        progress::show(len.into(), self.progress(), || match (source, len) {
            (FileOrStdin::File(path), Some(_)) => self.converter.file(path, to),
            // A named pipe cannot be opened a second time, because its writer may have finished.
            _ => self.converter.open_file(opened, source.name(), to),
        })
        .map_err(|error| Failure::of_file(&error, source.name(), to))
    }
}
