//! Finds the scheduled backups that contain a key which is or will be deleted, and how long they are kept.

use std::path::{Path, PathBuf};

use bulla_wire::Timestamp;

use super::directory::Known;
use super::notes::BackupNotes;
use super::schedule::seconds;
use crate::Kms;

/// A scheduled backup that contains a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldingBackup {
    /// The file.
    pub path: PathBuf,
    /// The believed time of its state, in seconds since 1970.
    pub time: i64,
    /// How long it is kept at least, if the schedule has a time; otherwise it is kept until enough newer ones exist.
    pub kept_until: Option<i64>,
}

impl Kms {
    /// Returns the scheduled backups that contain an existing key, which was created at this time, in seconds since 1970.
    /// Oldest first.
    #[must_use]
    pub fn backups_since(&self, created: i64) -> Vec<HoldingBackup> {
        let inner = self.backups.lock();
        let Some(schedule) = &inner.schedule else { return vec![] };
        let holding = inner.present.backups.iter().filter(|backup| backup.facts.time >= created);
        let holder = |backup: &Known| HoldingBackup {
            path: backup.path.clone(),
            time: backup.facts.time,
            kept_until: kept_until(backup.facts.time, schedule.keep_for.map(seconds)),
        };
        holding.map(holder).collect()
    }

    /// Returns the text for the audit trail about the backups that contain a deleted key; none if there are none.
    pub(crate) fn held_by_backups(&self, created: i64) -> Option<String> {
        let holding = self.backups_since(created);
        let newest = holding.last()?;
        let time = Timestamp::from_unix(newest.time);
        let until = newest.kept_until.map(Timestamp::from_unix);
        let until = until.map(|until| format!(", which is kept at least until {until}")).unwrap_or_default();
        let count = holding.len();
        Some(format!("backups that still hold it: {count}, newest {time}{until}"))
    }
}

impl BackupNotes {
    /// Returns how long a backup of this time is kept at least, in seconds since 1970. None if its server has not recorded
    /// that, or if it depends only on the number of newer backups.
    #[must_use]
    pub fn kept_until(&self, path: &Path, time: i64) -> Option<i64> {
        self.has(path).then(|| kept_until(time, self.keep_for))?
    }
}

/// Returns how long a backup of this time is kept at least, if backups other than the newest are kept for this many seconds.
fn kept_until(time: i64, keep_for: Option<i64>) -> Option<i64> {
    Some(time.saturating_add(keep_for?))
}
