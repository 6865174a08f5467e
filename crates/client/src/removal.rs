//! A source goes only while its output is there, whole, and in nobody else's hands.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::engine;
use crate::file_error::FileError;
use crate::output::{self, OutputError, Target};

/// A source that is to go and the output that stays, both locked against others who would remove one of them.
pub(crate) struct Removal<'a> {
    pub(crate) source: Held<'a>,
    pub(crate) output: Held<'a>,
}

/// A file that is looked at, where it has its name.
pub(crate) struct Held<'a> {
    pub(crate) file: File,
    pub(crate) before: Metadata,
    place: Target<'a>,
}

impl<'a> Removal<'a> {
    /// Opens both; neither may be a link or have become something else.
    pub(crate) fn begin(source: Target<'a>, output: Target<'a>) -> Result<Self, FileError> {
        let source = Held::open(source)?;
        let output = Held::open(output).map_err(|error| match error {
            FileError::Source(error) => OutputError::from(error).into(),
            FileError::Special => FileError::ReadBack,
            error => error,
        })?;
        Ok(Self { source, output })
    }

    /// Both by their paths.
    pub(crate) fn of(from: &'a Path, to: &'a Path) -> Result<Self, FileError> {
        Self::begin(Target::of(from)?, Target::of(to)?)
    }

    /// Removes the source, if `same` says that the output holds it and both are still what was looked at.
    pub(crate) fn finish(self, same: bool) -> Result<(), FileError> {
        let Self { source, output } = self;
        match same && output.is_there() && source.is_there() {
            true => source.remove(),
            false => Err(FileError::ReadBack),
        }
    }
}

impl<'a> Held<'a> {
    fn open(place: Target<'a>) -> Result<Self, FileError> {
        let (file, before) = place.open(OFlags::RDONLY)?;
        // Without waiting: whoever holds it may be about to remove what we rely on. Not all file systems have locks.
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(FileError::InUse),
            _ => Ok(Self { file, before, place }),
        }
    }

    /// Whether its name still leads to it, and it is as it was.
    fn is_there(&self) -> bool {
        self.place.leads_to(&self.before).unwrap_or(false)
            && self.file.metadata().is_ok_and(|now| engine::is_same(&self.before, &now))
    }

    /// Takes its name away first: a new version that got the name since the last look is found out, and put back.
    fn remove(self) -> Result<(), FileError> {
        // A process that is told to stop does so with the name gone or back, and not in between.
        let _whole = output::without_a_stop();
        let hidden = self.place.set_aside().map_err(FileError::NotRemoved)?;
        let aside = self.place.beside(&hidden);
        let now = self.file.metadata().map_err(FileError::NotRemoved)?;
        // The new name is a change too, so the time of the last change says nothing here.
        let state = |file: &Metadata| (file.len(), file.mtime(), file.mtime_nsec());
        if aside.leads_to(&self.before)? && state(&self.before) == state(&now) {
            return aside.remove().map_err(FileError::NotRemoved);
        }
        match aside.rename_to(&self.place) {
            Ok(()) => Err(FileError::ReadBack),
            Err(_) => Err(FileError::SetAside { name: hidden }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_version_that_comes_after_the_last_look_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let held = Held::open(Target::of(&path).unwrap()).unwrap();
        assert!(held.is_there());
        fs::write(directory.path().join("new"), "new").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert!(matches!(held.remove(), Err(FileError::ReadBack)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn what_was_looked_at_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        Held::open(Target::of(&path).unwrap()).unwrap().remove().unwrap();
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn what_was_written_to_after_the_last_look_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let held = Held::open(Target::of(&path).unwrap()).unwrap();
        fs::write(&path, "longer").unwrap();
        assert!(matches!(held.remove(), Err(FileError::ReadBack)));
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn a_name_that_is_taken_again_is_not_taken_from_anybody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "one").unwrap();
        let place = Target::of(&path).unwrap();
        let hidden = place.set_aside().unwrap();
        fs::write(&path, "two").unwrap();
        assert!(place.beside(&hidden).rename_to(&place).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_to_string(directory.path().join(hidden)).unwrap(), "one");
    }
}
