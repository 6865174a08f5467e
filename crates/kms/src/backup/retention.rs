//! Decides which scheduled backups are kept.
//!
//! The newest verified ones always are, with all between them. So is the one that was just made, which has an older state
//! than others if an operator has accepted a rollback. The other backups expire by age. A clock that is ahead by years would
//! delete them all, now or after a restart. So the time between two backups counts as at most the interval of the schedule.

use std::path::Path;

use super::directory::Known;
use super::notes::BackupNotes;
use super::schedule::{BackupSchedule, seconds};

/// Scheduled backups to keep and to delete, oldest first.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) kept: Vec<Known>,
    pub(super) expired: Vec<Known>,
}

/// Decides which backups are kept. Only those that passed their last verification, according to `notes`, count as one of the
/// newest. `backups` is sorted by epoch and commit, and contains the one at `made`, of the newest epoch. While the clock is not
/// trusted, none expires by age.
pub(super) fn sort(
    schedule: &BackupSchedule,
    backups: Vec<Known>,
    notes: &BackupNotes,
    made: &Path,
    is_believed: bool,
) -> Sorted {
    let first_newest = first_newest(&backups, schedule.keep, notes);
    let ages = ages(&backups, seconds(schedule.every));
    let epoch_began = epoch_began(&backups);
    let mut sorted = Sorted::default();
    for (place, (backup, age)) in backups.into_iter().zip(ages).enumerate() {
        let is_old = schedule.keep_for.is_none_or(|keep_for| is_believed && age > seconds(keep_for));
        let is_spared =
            place >= first_newest || backup.path == made || is_of_other_server(&backup, epoch_began);
        let group = if is_old && !is_spared { &mut sorted.expired } else { &mut sorted.kept };
        group.push(backup);
    }
    sorted
}

/// The index of the oldest one that is always kept.
fn first_newest(backups: &[Known], keep: usize, notes: &BackupNotes) -> usize {
    let newest_first = backups.iter().enumerate().rev();
    let mut verified = newest_first.filter(|(_, backup)| notes.is_verified(&backup.path));
    verified.nth(keep.saturating_sub(1)).map_or(0, |(place, _)| place)
}

/// The minimum age of each backup, in seconds. The time between two backups counts as at most `every`, because the clock may
/// have been set ahead in it.
fn ages(backups: &[Known], every: i64) -> Vec<i64> {
    let longest = every.saturating_add(DELAY);
    let mut age = 0_i64;
    let mut ages = vec![0; backups.len()];
    for (place, pair) in backups.windows(2).enumerate().rev() {
        let [older, newer] = pair else { continue };
        let between = newer.facts.time.saturating_sub(older.facts.time);
        age = age.saturating_add(between.clamp(0, longest));
        ages[place] = age;
    }
    ages
}

/// Returns the newest epoch, and the time of its first backup.
fn epoch_began(backups: &[Known]) -> Option<(u64, i64)> {
    let epoch = backups.last()?.facts.epoch;
    let first = backups.iter().find(|backup| backup.facts.epoch == epoch)?;
    Some((epoch, first.facts.time))
}

/// Whether another server made this backup in the same directory: it has an earlier epoch, but is from after the newest epoch
/// began. This server was then restored as a trial.
fn is_of_other_server(backup: &Known, epoch_began: Option<(u64, i64)>) -> bool {
    epoch_began.is_some_and(|(epoch, began)| backup.facts.epoch < epoch && backup.facts.time > began)
}

/// By how many seconds a backup may be later than `every` requires.
const DELAY: i64 = 3600;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::notes::{BackupVerification, Stamp};
    use super::*;
    use crate::BackupFacts;

    const DAY: i64 = 86_400;

    /// A backup of an epoch and a commit, made after this many days.
    fn backup(epoch: u64, commit: u64, days: i64) -> Known {
        let facts = BackupFacts {
            id: String::new(),
            store: String::new(),
            time: days * DAY,
            node: String::new(),
            epoch,
            commit,
            records: 0,
            version: String::new(),
            bytes: 0,
        };
        Known { path: format!("{epoch}-{commit}").into(), facts }
    }

    fn expired(keep: usize, keep_days: Option<u64>, backups: Vec<Known>, made: &str) -> Vec<String> {
        expired_without(&[], keep, keep_days, backups, made)
    }

    /// The same, with some whose last verification failed.
    fn expired_without(
        failed: &[&str],
        keep: usize,
        keep_days: Option<u64>,
        backups: Vec<Known>,
        made: &str,
    ) -> Vec<String> {
        let mut notes = BackupNotes::default();
        for Known { path, facts } in &backups {
            let failure = failed.contains(&path.to_str().unwrap()).then(|| "damaged".to_owned());
            notes.note(path, BackupVerification { time: facts.time, failure, stamp: Stamp::default() });
        }
        let keep_for = keep_days.map(|days| Duration::from_secs(days * 86_400));
        let schedule = BackupSchedule { keep, keep_for, ..BackupSchedule::new("") };
        let Sorted { kept, expired } = sort(&schedule, backups.clone(), &notes, Path::new(made), true);
        assert_eq!(kept.len() + expired.len(), backups.len());
        expired.into_iter().map(|backup| backup.path.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_backup_that_was_just_made_is_kept_with_any_state() {
        let backups = vec![backup(1, 9, 3), backup(1, 13, 1), backup(1, 14, 2)];
        assert_eq!(expired(1, None, backups, "1-9"), ["1-13"]);
    }

    #[test]
    fn only_verified_ones_count_as_the_newest() {
        let days = || (0..6).map(|day: i64| backup(1, day.unsigned_abs(), day)).collect();
        let expired = |failed: &[&str], keep_days| expired_without(failed, 2, keep_days, days(), "1-5");
        assert_eq!(expired(&[], None), ["1-0", "1-1", "1-2", "1-3"]);
        assert_eq!(expired(&["1-4", "1-2"], None), ["1-0", "1-1", "1-2"], "1-3 is the second one that opens");
        assert_eq!(expired(&["1-4", "1-3", "1-2", "1-1", "1-0"], None), [""; 0], "there is one");
        assert_eq!(expired(&["1-4", "1-2"], Some(3)), ["1-0", "1-1"], "damaged ones have an age as well");
    }

    #[test]
    fn a_pause_counts_as_the_usual_time_between_two() {
        let daily = |from: u64, to: u64, later: i64| {
            (from..to).map(move |day| backup(1, day, day.cast_signed() + later))
        };
        let days: Vec<_> = daily(0, 10, 0).collect();
        assert_eq!(expired(2, Some(5), days, "1-9"), ["1-0", "1-1", "1-2", "1-3"]);
        let ahead: Vec<_> = daily(0, 5, 0).chain(daily(5, 8, 3650)).collect();
        assert_eq!(
            expired(2, Some(6), ahead.clone(), "1-7"),
            ["1-0", "1-1"],
            "seven days, and the jump is one of them"
        );
        let back: Vec<_> = ahead.into_iter().chain([backup(1, 8, 8)]).collect();
        assert_eq!(expired(2, Some(6), back, "1-8"), ["1-0", "1-1"], "a step back is no time");
    }

    #[test]
    fn a_restored_store_deletes_what_was_made_before_and_nothing_of_a_server_beside_it() {
        let before = (0..4).map(|day: i64| backup(1, 20 + day.unsigned_abs(), day));
        let beside = (5..8).map(|day: i64| backup(1, 30 + day.unsigned_abs(), day));
        let own = [backup(2, 21, 4), backup(2, 22, 5), backup(2, 23, 6)];
        let all: Vec<_> = before.chain(beside).chain(own).collect();
        assert_eq!(expired(2, None, all, "2-23"), ["1-20", "1-21", "1-22", "1-23", "2-21"]);
    }
}
