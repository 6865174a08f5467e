//! Many files: a whole tree into another one, or each file beside its source, on all cores.
//!
//! Directories and links are made by the thread that walks, files by workers. A file that fails stops no other one.
//! What was written is made durable by one `syncfs` for each file system, and only then are sources removed.

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

/// What happened to one entry of a tree.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreeEvent<'a> {
    /// A file is done.
    Done {
        /// The file.
        path: &'a Path,
        /// What came of it.
        file: &'a FileSummary,
    },
    /// A file, directory or link failed; the others are worked on all the same.
    Failed {
        /// The file, directory or link.
        path: &'a Path,
        /// Where its output would be.
        output: &'a Path,
        /// Why.
        error: &'a FileError,
    },
    /// An entry was passed over.
    Skipped {
        /// The entry.
        path: &'a Path,
        /// Why.
        reason: SkipReason,
    },
}

/// Why an entry of a tree was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The name of the file says that there is nothing to do.
    Name,
    /// It is a link, and the files stay in place.
    Link,
    /// It is a device, pipe or socket, which holds no content.
    Special,
    /// It has the hidden name that an output or a source has for a moment; a run that was killed may leave one.
    Leftover,
    /// It is a directory that the options spare, such as the one that holds the keys, with all that is in it.
    Spared,
    /// It is the output, which is in the tree and was there before: what is in it is no part of the tree.
    Output,
}

/// What came of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeSummary {
    /// Files that are done.
    pub done: usize,
    /// Entries that failed.
    pub failed: usize,
    /// Entries that were passed over.
    pub skipped: usize,
    /// Those of them that are devices, pipes or sockets.
    pub special: usize,
}

/// Is called with what happens, from any thread.
type Listener<'a> = &'a (dyn Fn(TreeEvent<'_>) + Sync);

impl<K: KeyService> Encryptor<K> {
    /// Encrypts every file below `from`, to the same place below `to`, or beside itself. `listener` is called
    /// from any thread.
    ///
    /// # Errors
    /// [`FileError`], if nothing could be begun; failed files are events and are counted.
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
    /// Decrypts every file below `from`, to the same place below `to`, or beside itself. `listener` is called
    /// from any thread.
    ///
    /// # Errors
    /// [`FileError`], if nothing could be begun; failed files are events and are counted.
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

/// Encrypts the files of a tree, beside themselves or into a tree of its own.
struct Encrypting<'a, K> {
    encryptor: &'a Encryptor<K>,
    beside: bool,
}

/// Decrypts the files of a tree, beside themselves or into a tree of its own.
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
        // In a tree of its own every file must be accounted for: this one will say that it is not encrypted.
        (!self.beside).then(|| path.to_owned())
    }

    fn write(
        &self,
        job: &Job,
        source: File,
        metadata: &Metadata,
        directory: &Arc<Directory>,
    ) -> Result<FileSummary, FileError> {
        // Of two formats of one file the native one gets the output, whichever comes first.
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
