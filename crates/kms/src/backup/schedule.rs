//! Scheduled backups of a server: when one is due, and which are kept.
//!
//! A backup gets its name only when it is verified, so the files of the directory that have such a name were verified then, and
//! `reverify.rs` verifies them again. One whose beginning or end does not open counts for nothing, and is left for people to look
//! at. So is a backup that an operator has put there, and one of a later epoch: a server that runs
//! a restore on trial makes it in the same directory. Which are kept: `retention.rs`.

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
    /// How many of the newest are kept in any case.
    pub keep: usize,
    /// For how long others are kept; they are not, without it.
    pub keep_for: Option<Duration>,
    /// The time between two verifications of a backup that is kept.
    pub verify_every: Duration,
}

impl BackupSchedule {
    /// Each day, the last seven, each verified once a day.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { every: DAY, directory: directory.into(), keep: 7, keep_for: None, verify_every: DAY }
    }
}

/// What is known of scheduled backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupState {
    /// The newest backup that is not known to be damaged; none if there is none. It was verified when it was made.
    pub newest: Option<BackupFacts>,
    /// How many there are whose beginning and end open.
    pub count: usize,
    /// How many of them passed their last verification, and were not changed since.
    pub verified: usize,
    /// When the one was verified that was so longest ago, in seconds since 1970; none if there is none.
    pub oldest_verification: Option<i64>,
    /// Those whose last verification failed, also if not even their beginning and end open.
    pub failed: Vec<FailedBackup>,
    /// Why the last attempt failed, until one succeeds.
    pub failure: Option<String>,
}

/// A scheduled backup that does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedBackup {
    /// The file.
    pub path: PathBuf,
    /// When it was verified, in seconds since 1970.
    pub time: i64,
    /// What is wrong.
    pub failure: String,
}

/// What [`Kms::back_up_if_due`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduledBackup {
    /// A backup was made and verified.
    Made {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        facts: BackupFacts,
        /// Older ones that were deleted.
        deleted: Vec<PathBuf>,
    },
    /// It failed, and is tried again.
    Failed {
        /// Why.
        error: String,
        /// Whether the attempt before failed for the same reason.
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
    /// The last attempt, in seconds of elapsed time.
    tried: Option<i64>,
    /// The last success in this run, likewise, and its file.
    made: Option<(i64, PathBuf)>,
    /// When the files were last looked at to verify one of them, likewise.
    pub(super) checked: Option<i64>,
}

/// The scheduled backups that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Present {
    /// Those whose beginning and end open, oldest first.
    pub(super) known: Vec<Known>,
    /// What is noted of these, and of others that were backups once.
    pub(super) notes: BackupNotes,
}

/// A backup that was made, and what is there then.
pub(super) struct Attempt {
    path: PathBuf,
    facts: BackupFacts,
    present: Present,
    deleted: Vec<PathBuf>,
}

impl Kms {
    /// Makes backups by this schedule from now on; none without one. Reads what is in its directory.
    pub fn set_backup_schedule(&self, schedule: Option<BackupSchedule>) {
        if self.backups.lock().schedule == schedule {
            return;
        }
        // Requests ask for the state meanwhile, and a directory may be slow.
        let present = schedule.as_ref().map(|schedule| self.present(schedule)).unwrap_or_default();
        *self.backups.lock() = Inner { schedule, present, ..Inner::default() };
    }

    /// What is known of scheduled backups; none without a schedule.
    #[must_use]
    pub fn backup_state(&self) -> Option<BackupState> {
        let inner = self.backups.lock();
        let schedule = inner.schedule.as_ref()?;
        Some(BackupState { failure: inner.failure.clone(), ..inner.present.state(&schedule.directory) })
    }

    /// Breaks a scheduled backup off, and makes no further one: for a server that ends.
    pub fn stop_backups(&self) {
        self.backups.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.backups.is_stopping.load(Ordering::Relaxed)
    }

    /// Makes a backup if one is due, and deletes those that are no longer kept. Called once a second by a thread of the
    /// server, which should have a low priority; blocks while a backup is made.
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

    /// Notes what an attempt has led to, unless the schedule names another directory by now, whose backups are others.
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

    /// Makes a backup, notes that it is verified, and deletes those that are no longer kept.
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
        notes.note_made(&path, now);
        notes.refresh(directory);
        let (_, is_believed) = self.check_clock();
        let known = self.read_backups(directory);
        let Sorted { kept: mut known, expired } = sort(schedule, known, &notes, &path, is_believed);
        let mut deleted = vec![];
        for expired in expired {
            if fs::remove_file(&expired.path).is_ok() {
                self.auditor.note_event(self.clock.raw(), removed(&expired));
                deleted.push(expired.path);
            } else {
                known.insert(0, expired); // the next attempt deletes it
            }
        }
        notes.refresh(directory);
        notes.keep_for = self.backups.lock().keep_for(); // a reload may have changed it
        let _ = notes.write(directory); // what is not noted is verified again
        let _ = files::sync_dir(directory); // a backup that is there again is deleted again
        Ok(Attempt { path, facts, present: Present { known, notes }, deleted })
    }

    /// The backups that are there, and what is noted of them.
    fn present(&self, schedule: &BackupSchedule) -> Present {
        let BackupSchedule { directory, keep_for, .. } = schedule;
        let known = self.read_backups(directory);
        let mut notes = BackupNotes::read(directory);
        let keep_for = keep_for.map(seconds);
        if notes.keep_for != keep_for {
            notes.keep_for = keep_for;
            if !known.is_empty() {
                let _ = notes.write(directory); // the next backup notes it
            }
        }
        Present { known, notes }
    }

    /// The verified backups of this store in a directory, oldest first; none of an epoch that this store has not reached.
    fn read_backups(&self, directory: &Path) -> Vec<Known> {
        let Ok((_, roots)) = self.state.frozen() else { return vec![] };
        let mut known = read_backups(directory, &roots);
        known.retain(|known| known.facts.epoch <= self.epoch());
        known
    }
}

impl Backups {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    fn state(&self, directory: &Path) -> BackupState {
        let Self { known, notes } = self;
        let failed = |(name, last): (&str, &BackupVerification)| FailedBackup {
            path: directory.join(name),
            time: last.time,
            failure: last.failure.clone().unwrap_or_default(),
        };
        BackupState {
            newest: self.newest().map(|known| known.facts.clone()),
            count: known.len(),
            verified: known.iter().filter(|known| notes.is_verified(&known.path)).count(),
            oldest_verification: known.iter().map(|known| self.last_verified(known)).min(),
            failed: notes.failed().map(failed).collect(),
            failure: None,
        }
    }

    /// The newest backup that is not known to be damaged.
    fn newest(&self) -> Option<&Known> {
        self.known.iter().rev().find(|known| !self.notes.has_failed(&known.path))
    }

    /// When a backup was last verified, whatever the result was: when it was made, if nothing else is noted.
    fn last_verified(&self, known: &Known) -> i64 {
        self.notes.verification(&known.path).map_or(known.facts.time, |last| last.time)
    }
}

impl Inner {
    /// For how many seconds backups are kept that are not among the newest.
    pub(super) fn keep_for(&self) -> Option<i64> {
        self.schedule.as_ref().and_then(|schedule| schedule.keep_for).map(seconds)
    }

    /// By the believed time since the newest backup that is not damaged, and by elapsed time if that is in the future.
    fn is_due(&self, schedule: &BackupSchedule, now: i64, elapsed: i64) -> bool {
        let every = seconds(schedule.every);
        if let (Some(tried), Some(_)) = (self.tried, &self.failure) {
            return elapsed >= tried + every.min(RETRY);
        }
        // Others may be of a later commit, if the store was put back, and damaged: only the one that was made counts here.
        if let Some((made, _)) = self.made.as_ref().filter(|(_, path)| !self.present.notes.has_failed(path)) {
            return elapsed >= made + every;
        }
        let newest = self.present.newest().map(|known| known.facts.time);
        newest.is_none_or(|time| now >= time + every || now < time)
    }
}

fn failed(error: &str) -> Event<'_> {
    Event { event: "backup-failed".into(), detail: Some(Text::new(error)), ..Event::default() }
}

fn removed(known: &Known) -> Event<'_> {
    let backup = Resource { kind: "backup".into(), name: Text::new(&*known.facts.id), version: None };
    let detail = Some(Text::new(known.path.display().to_string()));
    Event { event: "backup-deleted".into(), resources: vec![backup], detail }
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

const DAY: Duration = Duration::from_secs(86_400);
/// Until a failed backup is tried again, in seconds.
const RETRY: i64 = 600;
