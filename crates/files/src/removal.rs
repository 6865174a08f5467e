//! Removes a source only after its output was read back, with both files locked.

use std::fs::{self, File, Metadata};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::file_error::FileError;
use crate::output::{self, OutputError, Target};
use crate::watched::Change;

/// A source to remove and its output, both locked against other processes that would remove one of them.
pub(crate) struct Removal<'a> {
    pub(crate) source: LockedFile<'a>,
    pub(crate) output: LockedFile<'a>,
}

/// An open, locked file with its metadata and its place.
pub(crate) struct LockedFile<'a> {
    pub(crate) file: File,
    pub(crate) before: Metadata,
    place: Target<'a>,
}

impl<'a> Removal<'a> {
    /// Opens and locks both files, which must be regular files and no symbolic links.
    pub(crate) fn begin(source: Target<'a>, output: Target<'a>) -> Result<Self, FileError> {
        let source = LockedFile::open(source)?;
        let output = LockedFile::open(output).map_err(|error| match error {
            FileError::Source(error) => OutputError::from(error).into(),
            FileError::Special => FileError::ReadBack,
            error => error,
        })?;
        Ok(Self { source, output })
    }

    /// Opens both files by their paths.
    pub(crate) fn of(from: &'a Path, to: &'a Path) -> Result<Self, FileError> {
        Self::begin(Target::of(from)?, Target::of(to)?)
    }

    /// Removes the source if `reads_back` confirms that the output has its content, and neither file has changed since it was
    /// opened. A file whose status changed meanwhile is read again, because a program may have written to it and reset its
    /// modification time.
    pub(crate) fn finish(
        self,
        reads_back: &dyn Fn(&LockedFile<'_>, &LockedFile<'_>) -> Result<bool, FileError>,
    ) -> Result<(), FileError> {
        let Self { mut source, mut output } = self;
        for _ in 0..MAX_READS {
            if !reads_back(&source, &output)? {
                break;
            }
            match (output.recheck(), source.recheck()) {
                (Change::Nothing, Change::Nothing) => return source.remove(),
                (Change::Content, _) | (_, Change::Content) => break,
                _ => {}
            }
        }
        Err(FileError::ReadBack)
    }
}

impl<'a> LockedFile<'a> {
    fn open(place: Target<'a>) -> Result<Self, FileError> {
        let (file, before) = place.open(OFlags::RDONLY)?;
        // Does not wait: the process that has the lock may be about to remove the other file. Not all file systems have locks.
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(FileError::InUse),
            _ => Ok(Self { file, before, place }),
        }
    }

    /// Returns what changed since the last check. Another file with the same name counts as changed content.
    fn recheck(&mut self) -> Change {
        let Ok(now) = self.file.metadata() else { return Change::Content };
        let change = match self.place.leads_to(&now) {
            Ok(true) => Change::between(&self.before, &now),
            _ => Change::Content,
        };
        self.before = now;
        change
    }

    /// Removes the file: renames it first, so that a new version with its name is detected, and renamed back.
    fn remove(self) -> Result<(), FileError> {
        // Signal clean-up waits until the file is removed or has its name back.
        let _whole = output::defer_exit();
        let hidden = self.place.set_aside().map_err(FileError::NotRemoved)?;
        let aside = self.place.beside(&hidden);
        let now = self.file.metadata().map_err(FileError::NotRemoved)?;
        // Renaming the file changed its status.
        if aside.leads_to(&self.before)? && Change::between(&self.before, &now) != Change::Content {
            return aside.remove().map_err(FileError::NotRemoved);
        }
        match aside.rename_to(&self.place) {
            Ok(()) => Err(FileError::ReadBack),
            Err(_) => Err(FileError::SetAside { name: hidden }),
        }
    }
}

/// Refuses a symbolic link. Removing it would leave the plaintext in place.
pub(crate) fn refuse_link(path: &Path) -> Result<(), FileError> {
    if fs::symlink_metadata(path).map_err(FileError::Source)?.is_symlink() {
        Err(FileError::Special)
    } else {
        Ok(())
    }
}

/// Maximum number of times a source is read back if its status changes meanwhile.
const MAX_READS: usize = 3;

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::{FileExt, PermissionsExt};

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
        let mut held = LockedFile::open(Target::of(&path).unwrap()).unwrap();
        assert_eq!(held.recheck(), Change::Nothing);
        fs::write(directory.path().join("new"), "new").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert!(matches!(held.remove(), Err(FileError::ReadBack)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn a_verified_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        LockedFile::open(Target::of(&path).unwrap()).unwrap().remove().unwrap();
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn what_was_written_to_after_the_last_look_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let held = LockedFile::open(Target::of(&path).unwrap()).unwrap();
        fs::write(&path, "longer").unwrap();
        assert!(matches!(held.remove(), Err(FileError::ReadBack)));
        assert_eq!(names(directory.path()), ["file"]);
    }

    /// Removes a source while `change` changes it during each check except the first. Returns the number of checks, and whether
    /// it was removed.
    fn removed_while(change: &dyn Fn(&File, usize)) -> (usize, bool) {
        let directory = tempfile::tempdir().unwrap();
        let (source, output) = (directory.path().join("source"), directory.path().join("output"));
        fs::write(&source, "content").unwrap();
        fs::write(&output, "content").unwrap();
        let ours = File::options().write(true).open(&source).unwrap();
        let looks = std::cell::Cell::new(0);
        let removal = Removal::of(&source, &output).unwrap();
        let removed = removal.finish(&|from, to| {
            let same = fs::read(from.place.path).unwrap() == fs::read(to.place.path).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10)); // a tick of the kernel's clock
            change(&ours, looks.replace(looks.get() + 1));
            Ok(same)
        });
        assert_eq!(source.exists(), removed.is_err());
        assert!(removed.is_ok() || matches!(removed, Err(FileError::ReadBack)));
        (looks.get(), removed.is_ok())
    }

    #[test]
    fn a_source_whose_status_changed_is_read_back_again() {
        let set_mode = |file: &File| file.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
        let forge = |file: &File| {
            let modified = file.metadata().unwrap().modified().unwrap();
            file.write_all_at(b"x", 0).unwrap();
            file.set_modified(modified).unwrap();
        };
        assert_eq!(removed_while(&|_, _| {}), (1, true));
        assert_eq!(
            removed_while(&|file, look| if look == 0 {
                set_mode(file)
            }),
            (2, true)
        );
        assert_eq!(
            removed_while(&|file, look| if look == 0 {
                forge(file)
            }),
            (2, false)
        );
        assert_eq!(removed_while(&|file, _| file.write_all_at(b"x", 0).unwrap()), (1, false));
        assert_eq!(removed_while(&|file, _| set_mode(file)), (MAX_READS, false), "it never rests");
    }

    #[test]
    fn a_name_that_was_reused_is_not_overwritten() {
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
