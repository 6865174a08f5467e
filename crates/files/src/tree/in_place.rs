//! Trees whose files are processed in place: verified, or given other keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_envelope::KeyService;
use walkdir::{DirEntry, WalkDir};

use super::directories::{Parent, Parents};
use super::plan::walk_error;
use super::workers::{Counts, on_workers};
use super::{Listener, SkipReason, TreeEvent, TreeSummary};
use crate::decrypt::Decryptor;
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::Format;
use crate::output::{self, OutputError, Target};
use crate::rewrap::Rewrapper;
use crate::root::Root;

impl<K: KeyService> Decryptor<K> {
    /// Verifies every chunk of every encrypted file below `path`. A file with a damaged slot fails. `listener` is called from any
    /// thread.
    ///
    /// # Errors
    /// [`FileError`] if the run could not begin. Failed files are events, and are counted.
    pub fn verify_tree(
        &self,
        path: impl AsRef<Path>,
        listener: impl Fn(TreeEvent<'_>) + Sync,
    ) -> Result<TreeSummary, FileError> {
        each_file(path.as_ref(), self.options.conversion.files, Format::ALL, &listener, &|place| {
            self.verify_of_tree(place)
        })
    }
}

impl<K: KeyService> Rewrapper<K> {
    /// Rewraps every native file below `path`. `listener` is called from any thread.
    ///
    /// # Errors
    /// [`FileError`] if the run could not begin. Failed files are events, and are counted.
    pub fn rewrap_tree(
        &self,
        path: impl AsRef<Path>,
        listener: impl Fn(TreeEvent<'_>) + Sync,
    ) -> Result<TreeSummary, FileError> {
        each_file(path.as_ref(), self.options.files, &[Format::Native], &listener, &|place| {
            self.rewrap_at(place)
        })
    }

    /// Encrypts every native file below `path` again, under one data key for the run or one for each file. `listener` is called
    /// from any thread.
    ///
    /// # Errors
    /// [`FileError`] if the run could not begin. Failed files are events, and are counted.
    pub fn rekey_tree(
        &self,
        path: impl AsRef<Path>,
        listener: impl Fn(TreeEvent<'_>) + Sync,
    ) -> Result<TreeSummary, FileError> {
        each_file(path.as_ref(), self.options.files, &[Format::Native], &listener, &|place| {
            self.rekey_at(place, 1)
        })
    }
}

type Work<'a> = &'a (dyn Fn(&Target<'_>) -> Result<FileSummary, FileError> + Sync);

/// Processes every file below `path` whose suffix is that of an encrypted file.
fn each_file(
    path: &Path,
    files: usize,
    formats: &[Format],
    listener: Listener<'_>,
    work: Work<'_>,
) -> Result<TreeSummary, FileError> {
    let root = Root::open(path).map_err(FileError::Source)?;
    let counts = Counts::new(listener);
    let one = |(path, parent): (PathBuf, Arc<Parent>)| {
        let directory =
            parent.open(|path| Ok(root.directory(path).map(Arc::new).map_err(OutputError::Directory)?));
        let result = directory.and_then(|directory| work(&Target::within(directory, &path)?));
        counts.finish(&path, &path, result);
    };
    on_workers(files, &one, |send| {
        let mut parents = Parents::default();
        for entry in WalkDir::new(path).follow_links(false) {
            match entry {
                Ok(entry) if entry.depth() == 0 || entry.file_type().is_dir() => {}
                Ok(entry) => match skip_reason(&entry, formats) {
                    Some(reason) => counts.skip(entry.path(), reason),
                    None => {
                        let parent = parents.of(entry.path());
                        send((entry.into_path(), parent));
                    }
                },
                Err(error) => {
                    let failed = error.path().unwrap_or(path).to_owned();
                    counts.fail(&failed, &failed, walk_error(error));
                }
            }
        }
    });
    Ok(counts.summary())
}

/// Returns why an entry other than a directory is skipped.
fn skip_reason(entry: &DirEntry, formats: &[Format]) -> Option<SkipReason> {
    let kind = entry.file_type();
    if kind.is_symlink() {
        Some(SkipReason::Link) // its target is processed at its own place, if it is part of the tree
    } else if !kind.is_file() {
        Some(SkipReason::Special)
    } else if output::is_hidden_name(entry.file_name()) {
        Some(SkipReason::Leftover)
    } else if !formats.iter().any(|format| format.is_suffix_of(entry.path())) {
        Some(SkipReason::Name)
    } else {
        None
    }
}
