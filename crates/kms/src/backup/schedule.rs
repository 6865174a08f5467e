//! Scheduled backups of a server: when one is due, and the state of those in the directory. `retention.rs` decides which are
//! kept.
//!
//! A backup gets its name only when it is verified, so all named files in the directory were verified once, and `reverify.rs`
//! verifies them again. A backup whose beginning or end does not open is ignored, and kept for people to inspect. The same
//! holds for a backup that an operator has put there, and for one of a later epoch, which another server makes if it runs a
//! trial restore with the same directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::directory::{Known, file_name, read_backups, remove_hidden};
use super::notes::{BackupNotes, BackupVerification};
use super::retention::{Sorted, sort};
use super::{BackupError, BackupFacts, BackupOutput};
use crate::Kms;
use crate::audit::{Event, Resource, Text};
use crate::files;

/// When backups are made, and which are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSchedule {
    /// The time between two backups.
    pub every: Duration,
    /// Their directory.
    pub directory: PathBuf,
    /// The number of newest backups that are always kept.
    pub keep: usize,
    /// How long others are kept; without it, they are deleted.
    pub keep_for: Option<Duration>,
    /// The time between two verifications of a kept backup.
    pub verify_every: Duration,
}

impl BackupSchedule {
    /// Returns the default schedule: a backup each day, of which the last seven are kept, each verified once a day.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { every: DAY, directory: directory.into(), keep: 7, keep_for: None, verify_every: DAY }
    }
}

/// The state of scheduled backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupState {
    /// The newest backup that is not known to be damaged; none if there is none. It was verified when it was made.
    pub newest: Option<BackupFacts>,
    /// The number of backups whose beginning and end open.
    pub count: usize,
    /// The number of them that passed their last verification and were not changed since.
    pub verified: usize,
    /// The oldest of their last verifications, in seconds since 1970; none without backups.
    pub oldest_verification: Option<i64>,
    /// Those whose last verification failed, including backups whose beginning or end does not open.
    pub failed: Vec<FailedBackup>,
    /// Why the last attempt failed, until one succeeds.
    pub failure: Option<String>,
}

/// A scheduled backup that failed its verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedBackup {
    /// The file.
    pub path: PathBuf,
    /// When it was verified, in seconds since 1970.
    pub time: i64,
    /// The error.
    pub failure: String,
}

/// The result of [`Kms::back_up_if_due`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduledBackup {
    /// A backup was made and verified.
    Made {
        /// The file.
        path: PathBuf,
        /// The facts stored in it.
        facts: BackupFacts,
        /// Older ones that were deleted.
        deleted: Vec<PathBuf>,
    },
    /// It failed, and will be tried again.
    Failed {
        /// Why.
        error: String,
        /// Whether the previous attempt failed with the same error.
        is_known: bool,
    },
}

/// The scheduled backups of an engine.
#[derive(Default)]
pub(crate) struct Backups {
    inner: Mutex<Inner>,
    is_stopping: AtomicBool,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) schedule: Option<BackupSchedule>,
    pub(super) present: Present,
    failure: Option<String>,
    /// The time of the last attempt, in seconds of elapsed time.
    tried: Option<i64>,
    /// The time of the last success in this run, likewise, and its file.
    made: Option<(i64, PathBuf)>,
    /// When the files were last compared with the notes, likewise.
    pub(super) checked: Option<i64>,
}

/// The existing scheduled backups.
#[derive(Clone, Debug, Default)]
pub(super) struct Present {
    /// Those whose beginning and end open, oldest first.
    pub(super) backups: Vec<Known>,
    /// The notes about these and about former backups.
    pub(super) notes: BackupNotes,
}

/// The result of an attempt, and the backups that exist after it.
pub(super) struct Attempt {
    path: PathBuf,
    facts: BackupFacts,
    present: Present,
    deleted: Vec<PathBuf>,
}

impl Kms {
    /// Replaces the schedule; none disables it. Reads the backups in its directory.
    pub fn set_backup_schedule(&self, schedule: Option<BackupSchedule>) {
        if self.backups.lock().schedule == schedule {
            return;
        }
        // Without the lock, because a directory may be slow, and requests read the state meanwhile.
        let present = schedule.as_ref().map(|schedule| self.present(schedule)).unwrap_or_default();
        *self.backups.lock() = Inner { schedule, present, ..Inner::default() };
    }

    /// Returns the state of scheduled backups; none without a schedule.
    #[must_use]
    pub fn backup_state(&self) -> Option<BackupState> {
        let inner = self.backups.lock();
        let schedule = inner.schedule.as_ref()?;
        Some(BackupState { failure: inner.failure.clone(), ..inner.present.state(&schedule.directory) })
    }

    /// Stops a current scheduled backup, and makes no further one: for a server that is closing.
    pub fn stop_backups(&self) {
        self.backups.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.backups.is_stopping.load(Ordering::Relaxed)
    }

    /// Makes a backup if one is due, and deletes those that are no longer kept. A thread of the server calls it once a
    /// second, and should have a low priority. Blocks while a backup is made.
    pub fn back_up_if_due(&self) -> Option<ScheduledBackup> {
        let now = self.now();
        let elapsed = self.clock.seconds_elapsed();
        let (schedule, notes) = {
            let mut inner = self.backups.lock();
            let is_due = |schedule: &BackupSchedule| inner.is_due(schedule, now, elapsed);
            let schedule =
                inner.schedule.clone().filter(|schedule| is_due(schedule) && !self.is_stopping())?;
            inner.tried = Some(elapsed);
            (schedule, inner.present.notes.clone())
        };
        let made = self.make_scheduled(&schedule, now, notes);
        self.note_attempt(&schedule, elapsed, made)
    }

    /// Records the result of an attempt, unless the schedule names another directory by now.
    pub(super) fn note_attempt(
        &self,
        schedule: &BackupSchedule,
        elapsed: i64,
        made: Result<Attempt, BackupError>,
    ) -> Option<ScheduledBackup> {
        let mut inner = self.backups.lock();
        let mut of_before = Inner::default();
        let is_current = inner.schedule.as_ref().is_some_and(|now| now.directory == schedule.directory);
        let noted = if is_current { &mut *inner } else { &mut of_before };
        match made {
            Ok(Attempt { path, facts, present, deleted }) => {
                noted.present = present;
                noted.failure = None;
                noted.made = Some((elapsed, path.clone()));
                Some(ScheduledBackup::Made { path, facts, deleted })
            }
            Err(BackupError::Stopped) => None,
            Err(error) => {
                let error = error.to_string();
                let is_known = noted.failure.as_ref() == Some(&error);
                noted.failure = Some(error.clone());
                drop(inner);
                if !is_known {
                    self.auditor.note_event(self.clock.raw(), failed(&error));
                }
                Some(ScheduledBackup::Failed { error, is_known })
            }
        }
    }

    /// Makes a backup, records that it is verified, and deletes those that are no longer kept.
    pub(super) fn make_scheduled(
        &self,
        schedule: &BackupSchedule,
        now: i64,
        mut notes: BackupNotes,
    ) -> Result<Attempt, BackupError> {
        let directory = &schedule.directory;
        files::create_private_dir(directory).map_err(BackupError::Write)?;
        remove_hidden(directory);
        let path = directory.join(file_name(now, self.commit_number()));
        let facts = self.backup_unless(&|| self.is_stopping(), &path, BackupOutput::default())?;
        if !notes.are_of(directory).unwrap_or_default() {
            notes = BackupNotes::read(directory); // another one is there since they were read
        }
        notes.note_made(&path, now);
        notes.refresh(directory);
        let (_, is_believed) = self.check_clock();
        let backups = self.read_backups(directory);
        let Sorted { kept: mut backups, expired } = sort(schedule, backups, &notes, &path, is_believed);
        let mut deleted = vec![];
        for expired in expired {
            if fs::remove_file(&expired.path).is_ok() {
                self.auditor.note_event(self.clock.raw(), removed(&expired));
                deleted.push(expired.path);
            } else {
                backups.insert(0, expired); // the next attempt deletes it
            }
        }
        notes.refresh(directory);
        notes.keep_for = self.backups.lock().keep_for(); // a reload may have changed it
        let _ = notes.write(directory); // a backup whose result is not recorded is verified again
        let _ = files::sync_dir(directory); // a backup that reappears is deleted again
        Ok(Attempt { path, facts, present: Present { backups, notes }, deleted })
    }

    /// Returns the existing backups, and the notes about them.
    pub(super) fn present(&self, schedule: &BackupSchedule) -> Present {
        let BackupSchedule { directory, keep_for, .. } = schedule;
        let backups = self.read_backups(directory);
        let mut notes = BackupNotes::read(directory);
        let keep_for = keep_for.map(seconds);
        if notes.keep_for != keep_for {
            notes.keep_for = keep_for;
            if !backups.is_empty() {
                let _ = notes.write(directory); // the next backup records it
            }
        }
        Present { backups, notes }
    }

    /// Returns the verified backups of this store in a directory, oldest first, without those of an epoch that this store has
    /// not reached.
    fn read_backups(&self, directory: &Path) -> Vec<Known> {
        let Ok((_, roots)) = self.state.frozen() else { return vec![] };
        let mut backups = read_backups(directory, &roots);
        backups.retain(|backup| backup.facts.epoch <= self.epoch());
        backups
    }
}

impl Backups {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    fn state(&self, directory: &Path) -> BackupState {
        let Self { backups, notes } = self;
        let failed = |(name, last): (&str, &BackupVerification)| FailedBackup {
            path: directory.join(name),
            time: last.time,
            failure: last.failure.clone().unwrap_or_default(),
        };
        BackupState {
            newest: self.newest().map(|backup| backup.facts.clone()),
            count: backups.len(),
            verified: backups.iter().filter(|backup| notes.is_verified(&backup.path)).count(),
            oldest_verification: backups.iter().map(|backup| self.last_verified(backup)).min(),
            failed: notes.failed().map(failed).collect(),
            failure: None,
        }
    }

    /// Returns the newest backup that is not known to be damaged.
    fn newest(&self) -> Option<&Known> {
        self.backups.iter().rev().find(|backup| !self.notes.has_failed(&backup.path))
    }

    /// Returns when a backup was last verified, with any result. Without a note, that is when it was made.
    fn last_verified(&self, backup: &Known) -> i64 {
        self.notes.verification(&backup.path).map_or(backup.facts.time, |last| last.time)
    }
}

impl Inner {
    /// For how many seconds backups other than the newest are kept.
    pub(super) fn keep_for(&self) -> Option<i64> {
        self.schedule.as_ref().and_then(|schedule| schedule.keep_for).map(seconds)
    }

    /// By the believed time since the newest undamaged backup, or by elapsed time if that backup is in the future.
    fn is_due(&self, schedule: &BackupSchedule, now: i64, elapsed: i64) -> bool {
        let every = seconds(schedule.every);
        if let (Some(tried), Some(_)) = (self.tried, &self.failure) {
            return elapsed >= tried + every.min(RETRY);
        }
        // Other backups may have a later commit, if the store was rolled back, or be damaged: only the last one of this run
        // counts here.
        if let Some((made, _)) = self.made.as_ref().filter(|(_, path)| !self.present.notes.has_failed(path)) {
            return elapsed >= made + every;
        }
        let newest = self.present.newest().map(|backup| backup.facts.time);
        newest.is_none_or(|time| now >= time + every || now < time)
    }
}

fn failed(error: &str) -> Event<'_> {
    Event { event: "backup-failed".into(), detail: Some(Text::new(error)), ..Event::default() }
}

fn removed(deleted: &Known) -> Event<'_> {
    let backup =
        Resource { kind: "backup".into(), name: Text::new(&*deleted.facts.id), ..Resource::default() };
    let detail = Some(Text::new(deleted.path.display().to_string()));
    Event { event: "backup-deleted".into(), resources: vec![backup], detail }
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

const DAY: Duration = Duration::from_secs(86_400);
/// The delay before a failed backup is tried again, in seconds.
const RETRY: i64 = 600;
