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

/// Where a file is or goes: a name in a directory that is open, whatever happens to its path meanwhile.
pub(crate) struct Target<'a> {
    pub(crate) path: &'a Path,
    name: &'a OsStr,
    directory: Arc<Directory>,
}

impl<'a> Target<'a> {
    pub(crate) fn of(path: &'a Path) -> Result<Self, OutputError> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(OutputError::IsDirectory); // or was meant to be one
        }
        let target = Self::within(Arc::new(Directory::of(path)?), path)?;
        if links::is_in_proc(&target.directory.handle).map_err(io::Error::from)? && !target.is_there()? {
            Err(OutputError::NoFiles)
        } else {
            Ok(target)
        }
    }

    /// `directory` is the one that `path` is in.
    pub(crate) fn within(directory: Arc<Directory>, path: &'a Path) -> Result<Self, OutputError> {
        let name = path.file_name().ok_or(OutputError::IsDirectory)?;
        Ok(Self { path, name, directory })
    }

    /// Refuses the place for the output of `input` if something would be destroyed, before any work is done. Looks at no
    /// place in a tree that this run made: nothing is there, and if something has come meanwhile the file gets no name.
    pub(crate) fn check(&self, input: &Metadata, replace: bool) -> Result<(), OutputError> {
        if self.directory.is_new && !replace { Ok(()) } else { self.look_at(input, replace) }
    }

    /// Why a file got no name here, as [`Target::check`] would have said it.
    pub(crate) fn refusal(&self, error: OutputError, input: &Metadata, replace: bool) -> OutputError {
        self.look_at(input, replace).err().unwrap_or(error)
    }

    fn look_at(&self, input: &Metadata, replace: bool) -> Result<(), OutputError> {
        let leads_to = links::follow(&self.directory.handle, self.name).map_err(looked)?;
        if leads_to == LeadsTo::Nothing {
            return Ok(());
        }
        // By whatever name: a chain that ends nowhere is no input.
        let existing = self.look(AtFlags::empty()).ok().flatten();
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

    /// Whether anything has the name.
    pub(crate) fn is_there(&self) -> Result<bool, OutputError> {
        Ok(self.look(AtFlags::SYMLINK_NOFOLLOW)?.is_some())
    }

    /// Begins to write the file. `mode` is what it will have, less the umask.
    pub(crate) fn create(&self, mode: u32, replace: bool) -> Result<Pending, OutputError> {
        Pending::create(self.directory.clone(), self.name, mode, replace).map_err(OutputError::Directory)
    }

    /// The regular file that is there; by no link, and without waiting if somebody has put a pipe there.
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
        let found = self.look(AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(found.is_some_and(|found| (found.st_dev, found.st_ino) == (file.dev(), file.ino())))
    }

    /// Moves whatever is there to a hidden name, which is given, in the same directory.
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

    /// A name in the same directory.
    pub(crate) fn beside<'n>(&self, name: &'n OsStr) -> Target<'n> {
        Target { path: Path::new(name), name, directory: self.directory.clone() }
    }

    /// Gives what is here the name of another target in the same directory, if nothing has it.
    pub(crate) fn rename_to(&self, to: &Target<'_>) -> io::Result<()> {
        let directory = &self.directory.handle;
        Ok(renameat_with(directory, self.name, directory, to.name, RenameFlags::NOREPLACE)?)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(&self.directory.handle, self.name, AtFlags::empty())?)
    }

    fn look(&self, flags: AtFlags) -> Result<Option<Stat>, OutputError> {
        match statat(&self.directory.handle, self.name, flags) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(looked(error)),
        }
    }
}

/// Why a name could not be looked at.
fn looked(error: Errno) -> OutputError {
    match error {
        Errno::NAMETOOLONG => OutputError::NameTooLong,
        error => OutputError::Io(error.into()),
    }
}
