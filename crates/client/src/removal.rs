//! A source goes only while its output is there, whole, and in nobody else's hands.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::encrypt::open_source;
use crate::engine;
use crate::file_error::FileError;
use crate::output::OutputError;

/// A source that is to go and the output that stays, both locked against others who would remove one of them.
pub(crate) struct Removal<'a> {
    from: &'a Path,
    pub(crate) source: File,
    pub(crate) before: Metadata,
    to: &'a Path,
    pub(crate) output: File,
    output_before: Metadata,
}

impl<'a> Removal<'a> {
    /// Opens both; neither may be a link or have become something else.
    pub(crate) fn begin(from: &'a Path, to: &'a Path) -> Result<Self, FileError> {
        let (source, before) = open_source(from)?;
        let (output, output_before) = open_source(to).map_err(|error| match error {
            FileError::Source(error) => OutputError::from(error).into(),
            _ => FileError::ReadBack,
        })?;
        lock(&source)?;
        lock(&output)?;
        Ok(Self { from, source, before, to, output, output_before })
    }

    /// Removes the source, if `same` says that the output holds it and both are still what was looked at.
    pub(crate) fn finish(self, same: bool) -> Result<(), FileError> {
        let unchanged = |path: &Path, before: &Metadata| {
            fs::symlink_metadata(path).is_ok_and(|now| {
                (now.dev(), now.ino()) == (before.dev(), before.ino()) && engine::is_same(before, &now)
            })
        };
        if !same || !unchanged(self.to, &self.output_before) || !unchanged(self.from, &self.before) {
            return Err(FileError::ReadBack);
        }
        fs::remove_file(self.from).map_err(FileError::Source)
    }
}

/// Without waiting: whoever holds it may be about to remove what we rely on. Where there are no locks there is none.
fn lock(file: &File) -> Result<(), FileError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(FileError::InUse),
        _ => Ok(()),
    }
}
