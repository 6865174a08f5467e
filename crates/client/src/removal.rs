//! A source goes only while its output is there, whole, and in nobody else's hands.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::io::Errno;

use crate::encrypt::regular;
use crate::engine;
use crate::file_error::FileError;
use crate::output::{OutputError, directory_of};

/// A source that is to go and the output that stays, both locked against others who would remove one of them.
pub(crate) struct Removal<'a> {
    pub(crate) source: Held<'a>,
    pub(crate) output: Held<'a>,
}

/// A file that is looked at, in the directory where it has its name.
pub(crate) struct Held<'a> {
    pub(crate) file: File,
    pub(crate) before: Metadata,
    directory: File,
    name: &'a Path,
}

impl<'a> Removal<'a> {
    /// Opens both in their directories; neither may be a link or have become something else.
    pub(crate) fn begin(
        (from_directory, from): (File, &'a Path),
        (to_directory, to): (File, &'a Path),
    ) -> Result<Self, FileError> {
        let source = Held::open(from_directory, from)?;
        let output = Held::open(to_directory, to).map_err(|error| match error {
            FileError::Source(error) => OutputError::from(error).into(),
            FileError::Special => FileError::ReadBack,
            error => error,
        })?;
        Ok(Self { source, output })
    }

    /// Both by their paths.
    pub(crate) fn of(from: &'a Path, to: &'a Path) -> Result<Self, FileError> {
        let from_directory = File::open(directory_of(from)).map_err(FileError::Source)?;
        let to_directory = File::open(directory_of(to)).map_err(OutputError::Directory)?;
        Self::begin((from_directory, from), (to_directory, to))
    }

    /// Removes the source, if `same` says that the output holds it and both are still what was looked at.
    pub(crate) fn finish(self, same: bool) -> Result<(), FileError> {
        let Self { source, output } = self;
        if !same || !output.is_there() || !source.is_there() {
            return Err(FileError::ReadBack);
        }
        unlinkat(&source.directory, source.name, AtFlags::empty())
            .map_err(|error| FileError::Source(error.into()))
    }
}

impl<'a> Held<'a> {
    fn open(directory: File, path: &'a Path) -> Result<Self, FileError> {
        let name = path.file_name().map(Path::new).ok_or(FileError::Special)?;
        let (file, before) =
            regular(look(&directory, name, OFlags::RDONLY | OFlags::NONBLOCK).map_err(FileError::Source)?)?;
        // Without waiting: whoever holds it may be about to remove what we rely on. Not all file systems have locks.
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(FileError::InUse),
            _ => Ok(Self { file, before, directory, name }),
        }
    }

    /// Whether its name still leads to it, and it is as it was.
    fn is_there(&self) -> bool {
        let now = look(&self.directory, self.name, OFlags::PATH).and_then(|file| file.metadata());
        now.is_ok_and(|now| {
            (now.dev(), now.ino()) == (self.before.dev(), self.before.ino())
                && engine::is_same(&self.before, &now)
        })
    }
}

fn look(directory: &File, name: &Path, flags: OFlags) -> io::Result<File> {
    Ok(openat(directory, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?.into())
}
