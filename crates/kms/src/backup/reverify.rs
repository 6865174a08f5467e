//! Verifies kept backups again, because a file may be damaged or overwritten after it was made.
//!
//! At most once a minute it reads one of them: a changed one at once, otherwise the one whose last verification is oldest, if
//! that is due. The results are recorded beside the backups (`notes.rs`).

use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_keys::root::RootKeys;
use rustix::fs::{Advice, fadvise};

use super::BackupError;
use super::directory::ScheduledName;
use super::notes::{BackupVerification, Stamp, was_removed};
use super::schedule::{BackupSchedule, Present, seconds};
use super::verify::Backup;
use crate::audit::{Event, Text};
use crate::{Kms, files};

/// The result of [`Kms::verify_backup_if_due`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReverifiedBackup {
    /// The backup is intact.
    Passed {
        /// The file.
        path: PathBuf,
        /// Whether its previous verification failed.
        had_failed: bool,
    },
    /// The backup is damaged, and does not count until it passes again.
    Failed {
        /// The file.
        path: PathBuf,
        /// The error.
        error: String,
        /// Advice for the operator.
        hint: String,
        /// Whether the previous verification failed with the same error.
        is_known: bool,
    },
    /// It could not be read, such as without a free file descriptor, so it is not known whether it is whole. It counts neither as
    /// verified nor as damaged, and is read again soon.
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
        /// What the operator can do about it.
        hint: String,
        /// Whether it could not be read for the same reason the last time.
        is_known: bool,
    },
}

impl Kms {
    /// Verifies a kept backup again, if that is due for one. The thread that makes backups calls it once a second. It blocks,
    /// and takes as much memory as making a backup.
    pub fn verify_backup_if_due(&self) -> Option<ReverifiedBackup> {
        let now = self.now();
        let elapsed = self.clock.seconds_elapsed();
        let (schedule, mut present) = {
            let mut inner = self.backups.lock();
            let schedule = inner.schedule.clone()?;
            if inner.checked.is_some_and(|checked| elapsed < checked + PAUSE) || self.is_stopping() {
                return None;
            }
            inner.checked = Some(elapsed);
            (schedule, inner.present.clone())
        };
        match present.notes.are_of(&schedule.directory) {
            Err(_) => return None, // the directory cannot be read now
            // Such as a file system that was mounted, or one that no longer is: its notes stay where they are.
            Ok(false) => present = self.present(&schedule),
            Ok(true) => present.refresh(&schedule.directory),
        }
        let due = present.due(&schedule, now);
        let done = due.and_then(|path| self.verify_again(&path, &mut present, now));
        if done.is_some() {
            present.notes.keep_for = self.backups.lock().keep_for(); // a reload may have changed it
            let _ = present.notes.write(&schedule.directory); // a backup whose result is not recorded is verified again
        }
        let mut inner = self.backups.lock();
        if inner.schedule.as_ref().is_some_and(|now| now.directory == schedule.directory) {
            inner.present = present;
        }
        done
    }

    /// Verifies one backup, and records the result. None if there is no result: the file is gone or is being changed, or the
    /// server is closing.
    fn verify_again(&self, path: &Path, present: &mut Present, now: i64) -> Option<ReverifiedBackup> {
        let before = present.notes.verification(path).and_then(|last| last.failure.clone());
        let (stamp, result) = self.read_again(path)?;
        if let Err(unread @ BackupError::Read(source)) = &result
            && source.kind() != io::ErrorKind::InvalidInput
        // no regular file, and so no backup
        {
            let error = unread.to_string();
            let is_known = present.notes.note_unread(path, &error);
            return Some(ReverifiedBackup::Unread {
                path: path.to_owned(),
                error,
                hint: unread.hint(),
                is_known,
            });
        }
        let failure = result.as_ref().err().map(ToString::to_string);
        present.notes.note(path, BackupVerification { time: now, failure: failure.clone(), stamp });
        let path = path.to_owned();
        let (Err(failed), Some(error)) = (result, failure) else {
            return Some(ReverifiedBackup::Passed { path, had_failed: before.is_some() });
        };
        let is_known = before.as_ref() == Some(&error);
        if !is_known {
            self.auditor.note_event(self.clock.raw(), found_damaged(&path, &error));
        }
        Some(ReverifiedBackup::Failed { path, error, hint: failed.hint(), is_known })
    }

    fn read_again(&self, path: &Path) -> Option<(Stamp, Result<(), BackupError>)> {
        let file = match files::open_regular(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some((Stamp::at(path).unwrap_or_default(), Err(BackupError::Read(error)))),
        };
        let before = Stamp::of(&file).ok()?;
        let (_, roots) = self.state.frozen().ok()?; // a missing store is no reason to report the backups
        let result = self.verify_file(path, file, roots);
        let is_final = !matches!(result, Err(BackupError::Stopped)) && Stamp::at(path) == Some(before);
        is_final.then_some((before, result))
    }

    fn verify_file(&self, path: &Path, file: File, roots: Arc<RootKeys>) -> Result<(), BackupError> {
        let _ = fadvise(&file, 0, None, Advice::DontNeed); // cached content proves nothing about the disk
        let facts = Backup::open(file, roots)?.verify_unless(&|| self.is_stopping())?;
        match ScheduledName::of_path(path) {
            Some(name) if name.is_of(&facts) => Ok(()),
            _ => Err(BackupError::Misnamed),
        }
    }
}

impl Present {
    /// Compares the notes with the files, without reading the backups.
    fn refresh(&mut self, directory: &Path) {
        self.backups.retain(|backup| !was_removed(&backup.path));
        self.notes.refresh(directory);
    }

    /// Returns the backup to verify next, if one is due. Backups without a note and changed ones come first, the newest of
    /// them before others, because it is the most important. Backups that could not be read come last, the least recent attempt
    /// first.
    fn due(&self, schedule: &BackupSchedule, now: i64) -> Option<PathBuf> {
        let of_notes = self.notes.names().filter(|name| ScheduledName::parse(name).is_some());
        let noted = of_notes.map(|name| schedule.directory.join(name));
        let paths = self.backups.iter().map(|backup| backup.path.clone());
        let last = |path: &PathBuf| self.notes.verification(path).map(|last| last.time);
        let every = seconds(schedule.verify_every);
        let is_due =
            |path: &PathBuf| last(path).is_none_or(|last| now >= last.saturating_add(every) || now < last);
        let order = |path: &PathBuf| (self.notes.unread_attempt(path), last(path), Reverse(path.clone()));
        paths.chain(noted).filter(is_due).min_by_key(order)
    }
}

fn found_damaged<'e>(path: &Path, error: &str) -> Event<'e> {
    let detail = Some(Text::new(format!("{}: {error}", path.display())));
    Event { event: "backup-verification-failed".into(), detail, ..Event::default() }
}

/// The time between two checks, in seconds of elapsed time.
const PAUSE: i64 = 60;
