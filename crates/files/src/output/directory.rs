//! Directories that are open: what is made in them stays in them, whatever happens to their paths.

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

/// An open directory that files are published in, whatever happens to its path meanwhile.
pub(crate) struct Directory {
    pub(super) handle: File,
    /// The directory by its handle; by its path where there is no /proc.
    pub(super) anchor: PathBuf,
    /// Whether the anchor is the handle, so that a file without a name can get one by it.
    pub(super) has_proc: bool,
    /// Whether it is in a tree that this run made.
    pub(super) is_new: bool,
}

impl Directory {
    /// Opens a directory: what cannot be opened could not be synced later, when it would be too late to say so.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::at(File::open(path)?, path))
    }

    /// One that is open already.
    pub(crate) fn at(handle: File, path: &Path) -> Self {
        let anchor = descriptor(&handle);
        let has_proc = anchor.is_dir();
        Self { handle, anchor: if has_proc { anchor } else { path.to_owned() }, has_proc, is_new: false }
    }

    /// The same directory, in a tree that this run made: only this run writes to it.
    pub(crate) fn of_new_tree(self, is_new: bool) -> Self {
        Self { is_new, ..self }
    }

    /// Opens the directory that `path` is in.
    ///
    /// # Errors
    /// [`OutputError::Directory`].
    pub(crate) fn of(path: &Path) -> Result<Self, OutputError> {
        Self::open(directory_of(path)).map_err(OutputError::Directory)
    }

    /// Makes a directory in it; one that is there already is as good, but no link to one.
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

    /// Makes a link in it; one to the same place that is there already is as good.
    pub(crate) fn make_link(&self, name: &OsStr, target: &Path) -> Result<(), OutputError> {
        match symlinkat(target, &self.handle, name) {
            Err(Errno::EXIST) => match self.read_link(name) {
                Ok(there) if there == target => Ok(()),
                _ => Err(OutputError::Exists),
            },
            made => Ok(made.map_err(io::Error::from)?),
        }
    }

    /// Where a link in it leads to.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = readlinkat(&self.handle, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// Which file system it is on.
    pub(crate) fn file_system(&self) -> io::Result<u64> {
        Ok(self.handle.metadata()?.dev())
    }

    /// Makes everything that was written to its file system safe from a loss of power.
    pub(crate) fn sync_file_system(&self) -> Result<(), OutputError> {
        rustix::fs::syncfs(&self.handle).map_err(|error| OutputError::Io(error.into()))
    }

    /// Makes a published file, and that it has its name, safe from a loss of power.
    pub(crate) fn sync_published(path: &Path) -> Result<(), OutputError> {
        File::open(path)?.sync_all()?;
        Ok(Self::of(path)?.handle.sync_all()?)
    }
}

pub(super) fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("{DESCRIPTORS}/{}", file.as_raw_fd()))
}

const DESCRIPTORS: &str = "/proc/self/fd";
