//! Processes many files: a whole tree into another one, or each file beside its source, on all cores.
//!
//! The thread that walks the tree creates directories and symbolic links; workers process the files. If a file fails, the others
//! are still processed. At the end, one `syncfs` for each file system makes the outputs durable, and only then are sources
//! removed.

mod bundles;
mod directories;
mod in_place;
mod plan;
mod run;
mod workers;

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_envelope::KeyService;

use self::plan::Job;
use self::run::{Transform, Tree};
use crate::decrypt::Decryptor;
use crate::encrypt::Encryptor;
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::Format;
use crate::output::{Directory, OutputError};
use crate::removal::Removal;

/// An event for one entry of a tree.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreeEvent<'a> {
    /// A file was processed.
    Processed {
        /// The file.
        path: &'a Path,
        /// Its result.
        file: &'a FileSummary,
    },
    /// A file, directory or symbolic link failed. The other entries are still processed.
    Failed {
        /// The file, directory or symbolic link.
        path: &'a Path,
        /// The path of its output.
        output: &'a Path,
        /// The error.
        error: &'a FileError,
    },
    /// An entry was skipped.
    Skipped {
        /// The entry.
        path: &'a Path,
        /// The reason.
        reason: SkipReason,
    },
}

/// Why an entry of a tree was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The name of the file shows that there is nothing to do.
    Name,
    /// It is a symbolic link, and files are processed in place.
    Link,
    /// It is a device, pipe or socket.
    Special,
    /// It has the hidden name of an unfinished output or source, which a killed run leaves.
    Leftover,
    /// It is a directory that the options exclude, with its content.
    Spared,
    /// It is the output directory, which is inside the tree and existed before. Its content is not part of the tree.
    Output,
}

/// The result for a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeSummary {
    /// The number of processed files.
    pub done: usize,
    /// The number of entries that failed.
    pub failed: usize,
    /// The number of entries that were skipped.
    pub skipped: usize,
    /// The number of skipped entries that are devices, pipes or sockets.
    pub special: usize,
}

/// Called with each event, from any thread.
type Listener<'a> = &'a (dyn Fn(TreeEvent<'_>) + Sync);

impl<K: KeyService> Encryptor<K> {
    /// Encrypts every file below `from`, to the same relative path below `to`, or beside its source without `to`. `listener` is
    /// called from any thread.
    ///
    /// # Errors
    /// [`FileError`] if the run could not begin. Failed files are events, and are counted.
    pub fn encrypt_tree(
        &self,
        from: impl AsRef<Path>,
        to: Option<&Path>,
        listener: impl Fn(TreeEvent<'_>) + Sync,
    ) -> Result<TreeSummary, FileError> {
        let tree = Tree::new(from.as_ref(), to, &self.options.conversion);
        tree.run(&Encrypting { encryptor: self, beside: tree.to.is_none() }, &listener)
    }
}

impl<K: KeyService> Decryptor<K> {
    /// Decrypts every file below `from`, to the same relative path below `to`, or beside its source without `to`. `listener` is
    /// called from any thread.
    ///
    /// # Errors
    /// [`FileError`] if the run could not begin. Failed files are events, and are counted.
    pub fn decrypt_tree(
        &self,
        from: impl AsRef<Path>,
        to: Option<&Path>,
        listener: impl Fn(TreeEvent<'_>) + Sync,
    ) -> Result<TreeSummary, FileError> {
        let tree = Tree::new(from.as_ref(), to, &self.options.conversion);
        tree.run(&Decrypting { decryptor: self, beside: tree.to.is_none() }, &listener)
    }
}

/// Encrypts the files of a tree, beside their sources or into another tree.
struct Encrypting<'a, K> {
    encryptor: &'a Encryptor<K>,
    beside: bool,
}

/// Decrypts the files of a tree, beside their sources or into another tree.
struct Decrypting<'a, K> {
    decryptor: &'a Decryptor<K>,
    beside: bool,
}

impl<K: KeyService> Transform for Encrypting<'_, K> {
    fn output_of(&self, path: &Path) -> Option<PathBuf> {
        let format = self.encryptor.options.format;
        let is_encrypted = self.beside && format.is_suffix_of(path);
        let mut name = path.as_os_str().to_owned();
        name.push(format.suffix());
        (!is_encrypted).then(|| PathBuf::from(name))
    }

    fn write(
        &self,
        job: &Job,
        source: File,
        metadata: &Metadata,
        directory: &Arc<Directory>,
    ) -> Result<FileSummary, FileError> {
        self.encryptor.encrypt_of_tree(&source, metadata, &job.to, directory)
    }

    fn remove_source(&self, removal: Removal<'_>) -> Result<(), FileError> {
        self.encryptor.remove_source(removal)
    }
}

impl<K: KeyService> Transform for Decrypting<'_, K> {
    fn output_of(&self, path: &Path) -> Option<PathBuf> {
        if Format::by_suffix(path).is_some() {
            return Some(path.with_extension(""));
        }
        // In another tree, every file must be accounted for, so this one fails because it is not encrypted.
        (!self.beside).then(|| path.to_owned())
    }

    fn write(
        &self,
        job: &Job,
        source: File,
        metadata: &Metadata,
        directory: &Arc<Directory>,
    ) -> Result<FileSummary, FileError> {
        // If a file exists in both formats, the native one gets the output, regardless of the order.
        let native = job.from.with_extension(&Format::Native.suffix()[1..]);
        if Format::Text.is_suffix_of(&job.from) && native.symlink_metadata().is_ok() {
            return Err(OutputError::Twice.into());
        }
        self.decryptor.decrypt_of_tree(&source, metadata, &job.from, &job.to, directory)
    }

    fn remove_source(&self, removal: Removal<'_>) -> Result<(), FileError> {
        self.decryptor.remove_source(removal)
    }
}
