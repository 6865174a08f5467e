//! `bulla decrypt`: unwraps the data keys of files with the KMS and decrypts them. No unverified plaintext is
//! published.

use std::fs::File;
use std::path::{Path, PathBuf};

use bulla_envelope::KeyService;
use bulla_files::{Decryptor, FileError, FileSummary, Format, Progress, TreeSummary};

use super::convert::{Conversion, Converter};
use super::reading::decrypt_options;
use super::walk::Listener;
use crate::args::{DecryptFiles, KmsFlags};
use crate::failure::{Exit, Failure};
use crate::formats::suffixes;
use crate::kms::KmsConnection;
use crate::process;
use crate::progress::{Total, plaintext_len};
use crate::report::Report;

pub(crate) fn run(kms: &KmsFlags, args: DecryptFiles) -> Result<(), Failure> {
    process::clean_up_on_signals()?;
    let conversion = Conversion::of(args.paths, args.output, args.batch)?;
    let context = args.reading.opening.context.encryption_context()?;
    let kms = KmsConnection::connect(kms)?;
    let options = decrypt_options(&args.reading, &kms)?
        .replace(conversion.replace)
        .resume(conversion.resume)
        .remove_source(conversion.remove_source)
        .whole(args.whole)
        .spared(kms.spared())
        .durability(conversion.durability)
        .jobs(conversion.run.threads())
        .files(kms.files_at_once(&conversion.run));
    let report = Report::new("decrypted", None, conversion.inputs.len(), &conversion.run);
    conversion.run(&kms, &Decryptor::new(kms.service(), context, options), report)
}

impl<K: KeyService> Converter for Decryptor<K> {
    fn progress(&self) -> &Progress {
        self.progress()
    }

    fn file(&self, from: &Path, to: &Path) -> Result<FileSummary, FileError> {
        self.decrypt_file(from, to)
    }

    fn open_file(&self, source: File, name: &Path, to: &Path) -> Result<FileSummary, FileError> {
        self.decrypt_open(&source, name, to)
    }

    fn stream(&self, source: File, name: &Path, output: File) -> Result<(), FileError> {
        self.decrypt_open_to_stream(&source, name, output).map(drop)
    }

    fn tree(&self, from: &Path, to: Option<&Path>, listener: Listener<'_>) -> Result<TreeSummary, FileError> {
        self.decrypt_tree(from, to, listener)
    }

    fn path_beside(&self, source: &Path) -> Result<PathBuf, Failure> {
        match Format::by_suffix(source) {
            Some(_) => Ok(source.with_extension("")),
            None => {
                let what = format!("{} does not end in {}", source.display(), suffixes());
                Err(Failure::new(Exit::Usage, what, "name the output with -o"))
            }
        }
    }

    fn tree_total<'a>(&self, tree: &'a Path) -> Total<'a> {
        Total::Tree(tree, plaintext_len)
    }

    fn opens_files(&self) -> bool {
        true
    }
}
