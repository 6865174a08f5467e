//! The place of a file: a name in an open directory.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Stat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::hidden::{REMOVED, hidden_prefix};
use super::{Directory, OutputError, Pending};
use crate::file_error::{FileError, regular};
use crate::links::{self, LeadsTo};

/// The place of a file: a name in a directory that is open, so that changes of its path do not matter.
pub(crate) struct Target<'a> {
    pub(crate) path: &'a Path,
    name: &'a OsStr,
    directory: Arc<Directory>,
}

impl<'a> Target<'a> {
    pub(crate) fn of(path: &'a Path) -> Result<Self, OutputError> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(OutputError::IsDirectory); // a directory, or intended as one
        }
        let target = Self::within(Arc::new(Directory::of(path)?), path)?;
        if links::is_in_proc(&target.directory.handle).map_err(io::Error::from)? && !target.exists()? {
            Err(OutputError::NoFiles)
        } else {
            Ok(target)
        }
    }

    /// Creates the target for `path` in `directory`, which must contain it.
    pub(crate) fn within(directory: Arc<Directory>, path: &'a Path) -> Result<Self, OutputError> {
        let name = path.file_name().ok_or(OutputError::IsDirectory)?;
        Ok(Self { path, name, directory })
    }

    /// Checks, before any work is done, that writing the output of `input` here destroys nothing. Skips the check in a tree that
    /// this run created: it is empty, and if another process has created the name meanwhile, publishing fails.
    pub(crate) fn check(&self, input: &Metadata, replace: bool) -> Result<(), OutputError> {
        if self.directory.is_new && !replace { Ok(()) } else { self.check_existing(input, replace) }
    }

    /// The reason why a file got no name in a tree that this run made, in the words of [`Target::check`]. Any other place was
    /// checked before, so its errors stay as they are.
    pub(crate) fn refusal(&self, error: OutputError, input: &Metadata) -> OutputError {
        if self.directory.is_new { self.check_existing(input, false).err().unwrap_or(error) } else { error }
    }

    fn check_existing(&self, input: &Metadata, replace: bool) -> Result<(), OutputError> {
        let leads_to = links::follow(&self.directory.handle, self.name).map_err(lookup_error)?;
        if leads_to == LeadsTo::Nothing {
            return Ok(());
        }
        // The input can have several names. A chain that leads to nothing is not the input.
        let existing = self.stat(AtFlags::empty()).ok().flatten();
        if existing.is_some_and(|found| (found.st_dev, found.st_ino) == (input.dev(), input.ino())) {
            return Err(OutputError::IsInput);
        }
        match leads_to {
            LeadsTo::Nothing => Ok(()),
            LeadsTo::Directory => Err(OutputError::IsDirectory),
            LeadsTo::File | LeadsTo::Dangling if replace => Ok(()),
            LeadsTo::File | LeadsTo::Dangling => Err(OutputError::Exists),
            LeadsTo::Special => Err(OutputError::NotAFile),
        }
    }

    /// Whether the name exists.
    pub(crate) fn exists(&self) -> Result<bool, OutputError> {
        Ok(self.stat(AtFlags::SYMLINK_NOFOLLOW)?.is_some())
    }

    /// Begins to write the file. `mode` is its mode before the umask is applied.
    pub(crate) fn create(&self, mode: u32, replace: bool) -> Result<Pending, OutputError> {
        Pending::create(self.directory.clone(), self.name, mode, replace).map_err(OutputError::Directory)
    }

    /// Opens the regular file at this place, without following a symbolic link, and without blocking on a pipe.
    pub(crate) fn open(&self, access: OFlags) -> Result<(File, Metadata), FileError> {
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(&self.directory.handle, self.name, flags, Mode::empty()) {
            Ok(file) => regular(file.into()),
            Err(Errno::LOOP) => Err(FileError::Special),
            Err(error) => Err(FileError::Source(error.into())),
        }
    }

    /// Whether the name still leads to this file.
    pub(crate) fn leads_to(&self, file: &Metadata) -> Result<bool, OutputError> {
        let found = self.stat(AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(found.is_some_and(|found| (found.st_dev, found.st_ino) == (file.dev(), file.ino())))
    }

    /// Renames the file to a hidden name in the same directory, and returns that name.
    pub(crate) fn set_aside(&self) -> io::Result<OsString> {
        let prefix = hidden_prefix(self.name);
        let directory = &self.directory.handle;
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(REMOVED);
        let rename = |hidden: &Path| {
            let hidden = hidden.file_name().unwrap_or_default();
            match renameat_with(directory, self.name, directory, hidden, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => renameat(directory, self.name, directory, hidden),
                renamed => renamed,
            }
            .map_err(io::Error::from)
        };
        let hidden = builder.make_in(&self.directory.anchor, rename)?.into_temp_path().keep();
        let hidden = hidden.map_err(|failed| failed.error)?;
        Ok(hidden.file_name().unwrap_or_default().to_owned())
    }

    /// Returns the target for another name in the same directory.
    pub(crate) fn beside<'n>(&self, name: &'n OsStr) -> Target<'n> {
        Target { path: Path::new(name), name, directory: self.directory.clone() }
    }

    /// Renames the file to another target in the same directory, if that does not exist.
    pub(crate) fn rename_to(&self, to: &Target<'_>) -> io::Result<()> {
        let directory = &self.directory.handle;
        Ok(renameat_with(directory, self.name, directory, to.name, RenameFlags::NOREPLACE)?)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(&self.directory.handle, self.name, AtFlags::empty())?)
    }

    fn stat(&self, flags: AtFlags) -> Result<Option<Stat>, OutputError> {
        match statat(&self.directory.handle, self.name, flags) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(lookup_error(error)),
        }
    }
}

/// Converts the error of examining a name.
fn lookup_error(error: Errno) -> OutputError {
    match error {
        Errno::NAMETOOLONG => OutputError::NameTooLong,
        error => OutputError::Io(error.into()),
    }
}
