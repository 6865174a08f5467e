//! Open directories: files that are created in them stay in them, even if their paths change.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, mkdirat, readlinkat, statat, symlinkat};
use rustix::io::Errno;

use super::{OutputError, directory_of};

/// An open directory to publish files in, even if its path changes.
pub(crate) struct Directory {
    pub(super) handle: File,
    /// A path to the directory through its handle; its own path if there is no /proc.
    pub(super) anchor: PathBuf,
    /// Whether the anchor uses the handle, so that an unnamed file can be linked through it.
    pub(super) has_proc: bool,
    /// Whether this run created the tree that it belongs to.
    pub(super) is_new: bool,
}

impl Directory {
    /// Opens a directory. One that cannot be opened could not be synced later, so it is an error now.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::at(File::open(path)?, path))
    }

    /// Wraps a directory that is open already.
    pub(crate) fn at(handle: File, path: &Path) -> Self {
        let anchor = descriptor(&handle);
        let has_proc = anchor.is_dir();
        Self { handle, anchor: if has_proc { anchor } else { path.to_owned() }, has_proc, is_new: false }
    }

    /// Says whether this run created the tree that the directory belongs to. Other processes may write to it all the same.
    pub(crate) fn of_new_tree(self, is_new: bool) -> Self {
        Self { is_new, ..self }
    }

    /// Opens the directory that contains `path`.
    ///
    /// # Errors
    /// [`OutputError::Directory`] if it cannot be opened.
    pub(crate) fn of(path: &Path) -> Result<Self, OutputError> {
        Self::open(directory_of(path)).map_err(OutputError::Directory)
    }

    /// Creates a directory in it. An existing directory is accepted, but a symbolic link to one is not.
    pub(crate) fn make_directory(&self, name: &OsStr, mode: u32) -> Result<(), OutputError> {
        match mkdirat(&self.handle, name, Mode::from_raw_mode(mode)) {
            Err(Errno::EXIST) => {
                let found = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
                match FileType::from_raw_mode(found.st_mode) {
                    FileType::Directory => Ok(()),
                    _ => Err(OutputError::NotADirectory),
                }
            }
            made => Ok(made.map_err(io::Error::from)?),
        }
    }

    /// Creates a symbolic link in it. An existing link with the same target is accepted.
    pub(crate) fn make_link(&self, name: &OsStr, target: &Path) -> Result<(), OutputError> {
        match symlinkat(target, &self.handle, name) {
            Err(Errno::EXIST) => match self.read_link(name) {
                Ok(there) if there == target => Ok(()),
                _ => Err(OutputError::Exists),
            },
            made => Ok(made.map_err(io::Error::from)?),
        }
    }

    /// Returns the target of a symbolic link in it.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = readlinkat(&self.handle, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// Returns the device number of its file system.
    pub(crate) fn file_system(&self) -> io::Result<u64> {
        Ok(self.handle.metadata()?.dev())
    }

    /// Makes all data that was written to its file system durable.
    pub(crate) fn sync_file_system(&self) -> Result<(), OutputError> {
        rustix::fs::syncfs(&self.handle).map_err(|error| OutputError::Io(error.into()))
    }

    /// Makes a published file and its name durable.
    pub(crate) fn sync_published(path: &Path) -> Result<(), OutputError> {
        File::open(path)?.sync_all()?;
        Ok(Self::of(path)?.handle.sync_all()?)
    }
}

pub(super) fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("{DESCRIPTORS}/{}", file.as_raw_fd()))
}

const DESCRIPTORS: &str = "/proc/self/fd";
