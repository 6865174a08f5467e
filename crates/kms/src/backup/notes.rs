//! The notes of a server about its scheduled backups, in a small file beside them: when each was last verified and with what
//! result, and how long backups are kept.
//!
//! Notes are hints, and prove nothing. A backup without a note was not verified since it was made, and neither was one whose
//! size or modification time has changed. A notes file that is missing, damaged or of another version counts as empty.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;

/// The notes about the backups in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupNotes {
    /// For how many seconds backups other than the newest are kept; without it, they are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keep_for: Option<i64>,
    /// The last verifications, by file name; none for a file that was changed since.
    backups: BTreeMap<String, Option<BackupVerification>>,
    /// The files that could not be read when they were to be verified last, by their names. Not written: it may pass.
    #[serde(skip)]
    unread: BTreeMap<String, Unread>,
    /// The directory that the notes were read in; none if it was not there, or its notes could not be read.
    #[serde(skip)]
    place: Option<DirectoryId>,
}

/// That a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unread {
    error: String,
    /// Later attempts have higher numbers.
    attempt: u64,
}

/// A directory, by whichever path: another file system may be mounted there, or none now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DirectoryId {
    device: u64,
    inode: u64,
}

/// The last verification of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupVerification {
    /// The believed time, in seconds since 1970.
    pub time: i64,
    /// Why it failed; none if it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The stamp of the file that was read.
    #[serde(flatten)]
    pub(super) stamp: Stamp,
}

/// What changes when a file is modified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    bytes: u64,
    /// Seconds since 1970, and nanoseconds.
    modified: (i64, i64),
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Content<N> {
    version: u32,
    #[serde(flatten)]
    notes: N,
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|found| Self::new(&found))
    }

    /// Returns the stamp of the file at a path; none if it cannot be read.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::new(&found))
    }

    fn new(found: &Metadata) -> Self {
        Self { bytes: found.len(), modified: (found.mtime(), found.mtime_nsec()) }
    }
}

impl BackupNotes {
    /// Reads the notes in a directory; they are empty if there is no valid file.
    #[must_use]
    pub fn read(directory: &Path) -> Self {
        let place = place(directory).ok();
        let read = Self::read_file(&directory.join(FILE));
        let place = place.filter(|_| read.is_ok());
        let mut notes = Self { place, ..read.ok().flatten().unwrap_or_default() };
        notes.refresh(directory);
        notes
    }

    /// `None` if no notes exist or they cannot be parsed.
    ///
    /// # Errors
    /// There may be some, which cannot be read now.
    fn read_file(path: &Path) -> io::Result<Option<Self>> {
        let mut json = Vec::new();
        match files::open_regular(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut json)) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        let content = serde_json::from_slice(&json).ok();
        Ok(content.filter(|content: &Content<Self>| content.version == VERSION).map(|content| content.notes))
    }

    /// Whether these are the notes of the directory that is there now.
    ///
    /// # Errors
    /// It cannot be seen which one that is.
    pub(super) fn are_of(&self, directory: &Path) -> io::Result<bool> {
        match place(directory) {
            Ok(place) => Ok(self.place == Some(place)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(self.place.is_none()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the notes in a directory atomically.
    ///
    /// # Errors
    /// Also if it is another directory, whose notes these are not.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        if self.place.is_none() || !self.are_of(directory)? {
            return Err(io::Error::other("not the directory of these notes"));
        }
        let mut json = serde_json::to_vec_pretty(&Content { version: VERSION, notes: self })?;
        json.push(b'\n');
        files::replace_private(&directory.join(FILE), &json)
    }

    /// Compares the notes with the files: forgets files that are gone, and verifications of files that were changed since.
    pub(super) fn refresh(&mut self, directory: &Path) {
        self.backups.retain(|name, _| !was_removed(&directory.join(name)));
        self.unread.retain(|name, _| !was_removed(&directory.join(name)));
        for (name, last) in &mut self.backups {
            let now = Stamp::at(&directory.join(name));
            last.take_if(|last| now.is_some_and(|now| now != last.stamp));
        }
    }

    /// Returns the last verification of a backup; none if the file was changed since, or if it was not verified after it was
    /// made.
    #[must_use]
    pub fn verification(&self, path: &Path) -> Option<&BackupVerification> {
        self.backups.get(name(path)?)?.as_ref()
    }

    /// Whether a file is or was a scheduled backup.
    pub(super) fn has(&self, path: &Path) -> bool {
        name(path).is_some_and(|name| self.backups.contains_key(name))
    }

    /// Whether a backup passed its last verification, and could be read then.
    pub(super) fn is_verified(&self, path: &Path) -> bool {
        self.unread_attempt(path).is_none()
            && self.verification(path).is_some_and(BackupVerification::has_passed)
    }

    /// If a backup could not be read when it was to be verified last: the number of that attempt, higher for later ones.
    pub(super) fn unread_attempt(&self, path: &Path) -> Option<u64> {
        Some(self.unread.get(name(path)?)?.attempt)
    }

    /// Notes that a backup cannot be read, and why. Returns whether that is known.
    pub(super) fn note_unread(&mut self, path: &Path, error: &str) -> bool {
        let Some(name) = name(path) else { return false };
        let attempt = self.unread.values().map(|unread| unread.attempt + 1).max().unwrap_or_default();
        let unread = Unread { error: error.to_owned(), attempt };
        self.unread.insert(name.to_owned(), unread).is_some_and(|before| before.error == error)
    }

    /// Whether a backup failed its last verification.
    pub(super) fn has_failed(&self, path: &Path) -> bool {
        self.verification(path).is_some_and(|last| !last.has_passed())
    }

    /// The names of the files that are or were backups.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.backups.keys().map(String::as_str)
    }

    /// Returns the files whose last verification failed.
    pub(super) fn failed(&self) -> impl Iterator<Item = (&str, &BackupVerification)> {
        let last = self.backups.iter().filter_map(|(name, last)| Some((name.as_str(), last.as_ref()?)));
        last.filter(|(_, last)| !last.has_passed())
    }

    pub(super) fn note(&mut self, path: &Path, last: BackupVerification) {
        if let Some(name) = name(path) {
            self.unread.remove(name);
            self.backups.insert(name.to_owned(), Some(last));
        }
    }

    /// Records that a backup was made, which was verified before it got its name.
    pub(super) fn note_made(&mut self, path: &Path, time: i64) {
        let stamp = Stamp::at(path).unwrap_or_default();
        self.note(path, BackupVerification { time, failure: None, stamp });
    }
}

impl BackupVerification {
    /// Whether the backup passed.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.failure.is_none()
    }
}

/// Whether the file was removed, as opposed to not being readable.
pub(super) fn was_removed(path: &Path) -> bool {
    matches!(fs::metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

fn place(directory: &Path) -> io::Result<DirectoryId> {
    let found = fs::metadata(directory)?;
    Ok(DirectoryId { device: found.dev(), inode: found.ino() })
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The name of the file.
pub(super) const FILE: &str = "bulla-backups.json";
const VERSION: u32 = 1;
/// Far more than notes about a hundred thousand backups take.
const MAX_BYTES: u64 = 64 << 20;
