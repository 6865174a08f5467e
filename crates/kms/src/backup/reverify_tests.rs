//! Tests of verifying kept backups again, and of the notes about them.

use std::fs::{self, File, FileTimes};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::notes::FILE;
use super::schedule_tests::{DAY, START, Scheduled, YEARS};
use super::tests::{key, secret};
use super::*;

const MINUTE: i64 = 60;

/// With backups of this many days, the newest of which was just made. None was verified since.
fn with_backups(days: i64, keep: usize) -> Scheduled {
    let scheduled = Scheduled::new(keep, None);
    for number in 0..4 {
        secret(scheduled.kms(), &format!("large-{number}"), &"x".repeat(30_000)); // several chunks
    }
    for day in 0..days {
        if day > 0 {
            scheduled.pass(DAY);
        }
        key(scheduled.kms());
        scheduled.made();
    }
    scheduled
}

/// The paths of the backups, oldest first.
fn backups(scheduled: &Scheduled) -> Vec<PathBuf> {
    scheduled.files().into_iter().map(|name| scheduled.schedule.directory.join(name)).collect()
}

/// Returns which backups are verified within this many minutes, and whether they pass.
fn verified(scheduled: &Scheduled, minutes: i64) -> Vec<(PathBuf, bool)> {
    let mut verified = vec![];
    for _ in 0..minutes {
        scheduled.pass(MINUTE);
        match scheduled.kms().verify_backup_if_due() {
            Some(ReverifiedBackup::Passed { path, .. }) => verified.push((path, true)),
            Some(ReverifiedBackup::Failed { path, .. }) => verified.push((path, false)),
            Some(ReverifiedBackup::Unread { path, .. }) => panic!("{} is not read", path.display()),
            None => {}
        }
        assert_eq!(scheduled.kms().verify_backup_if_due(), None, "one a minute");
    }
    verified
}

fn state(scheduled: &Scheduled) -> BackupState {
    scheduled.kms().backup_state().unwrap()
}

/// Changes a byte in the middle, which only reading the file reveals.
fn rot(path: &Path) {
    let times = fs::metadata(path).unwrap();
    let mut content = fs::read(path).unwrap();
    let middle = content.len() * 2 / 3;
    content[middle] ^= 1;
    fs::write(path, content).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(times.modified().unwrap())).unwrap();
}

fn touch(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap() + Duration::from_nanos(1000);
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// Returns the number of events about verifications in the trail. Closes the engine.
fn events(mut scheduled: Scheduled) -> usize {
    scheduled.stop();
    let mut count = 0;
    for source in crate::audit::TrailFile::all(&[scheduled.bench.path("data/audit")]).unwrap() {
        let take = |line: &[u8]| {
            count += usize::from(str::from_utf8(line).unwrap().contains("backup-verification-failed"));
            true
        };
        source.for_each(take).unwrap();
    }
    count
}

#[test]
fn each_kept_backup_is_verified_once_a_day_and_the_results_outlast_a_restart() {
    let mut scheduled = with_backups(3, 7);
    let paths = backups(&scheduled);
    assert_eq!((state(&scheduled).count, state(&scheduled).verified), (3, 3), "when they were made");
    assert_eq!(state(&scheduled).oldest_verification, Some(START));
    assert_eq!(verified(&scheduled, 5), [(paths[0].clone(), true), (paths[1].clone(), true)]);
    assert_eq!(state(&scheduled).oldest_verification, Some(START + 2 * DAY), "the third, when it was made");
    scheduled.restart();
    assert_eq!(verified(&scheduled, 5), []);
    scheduled.pass(DAY - 12 * MINUTE);
    assert_eq!(verified(&scheduled, 1), []);
    assert_eq!(verified(&scheduled, 1), [(paths[2].clone(), true)], "the one that was verified first");
    assert_eq!(verified(&scheduled, 1), [(paths[0].clone(), true)]);
    assert_eq!(verified(&scheduled, 1), [(paths[1].clone(), true)]);
    assert_eq!(state(&scheduled).oldest_verification, Some(START + 3 * DAY));
    let seldom = BackupSchedule { verify_every: Duration::from_hours(48), ..scheduled.schedule.clone() };
    scheduled.kms().set_backup_schedule(Some(seldom));
    scheduled.pass(DAY);
    assert_eq!(verified(&scheduled, 5), []);
    scheduled.pass(DAY);
    assert_eq!(verified(&scheduled, 5).len(), 3);
}

#[test]
fn a_damaged_backup_is_ignored_until_it_is_whole_again() {
    let mut scheduled = with_backups(3, 2);
    let paths = backups(&scheduled);
    let whole = fs::read(&paths[1]).unwrap();
    rot(&paths[1]);
    assert_eq!((state(&scheduled).count, paths.len()), (2, 2));
    assert_eq!(verified(&scheduled, 5), [(paths[0].clone(), true)], "the other is not due");
    scheduled.pass(DAY - 5 * MINUTE);
    scheduled.made();
    assert_eq!(backups(&scheduled).len(), 2, "nothing shows yet");
    let paths = backups(&scheduled);
    scheduled.pass(MINUTE);
    let Some(ReverifiedBackup::Failed { path, error, hint, is_known }) =
        scheduled.kms().verify_backup_if_due()
    else {
        panic!("it was due")
    };
    assert!(error.contains("the backup is damaged: part 1"), "{error}");
    assert_eq!(
        (&path, &*hint, is_known),
        (&paths[0], "use another backup, or another copy of this one", false)
    );
    let failed = |scheduled: &Scheduled| {
        let state = state(scheduled);
        assert_eq!(state.failed.len() + state.verified, state.count);
        state.failed.into_iter().map(|failed| (failed.path, failed.failure)).collect::<Vec<_>>()
    };
    assert_eq!(failed(&scheduled), [(path.clone(), error.clone())]);
    scheduled.restart();
    assert_eq!(failed(&scheduled), [(path.clone(), error)], "a restart knows it");
    scheduled.pass(DAY);
    assert_eq!(verified(&scheduled, 2)[1], (path.clone(), false));
    fs::write(&path, whole).unwrap();
    assert_eq!(verified(&scheduled, 2)[0], (path, true), "a file that was changed is read at once");
    assert_eq!((state(&scheduled).verified, state(&scheduled).failed), (2, vec![]));
    assert_eq!(events(scheduled), 1, "reported once");
}

/// The backups that are always kept are verified ones.
#[test]
fn damaged_ones_do_not_count_as_the_newest() {
    let scheduled = with_backups(3, 3);
    let paths = backups(&scheduled);
    for path in &paths[1..] {
        rot(path);
        touch(path); // so that it is read at once
    }
    assert_eq!(state(&scheduled).verified, 3, "the server has not checked yet");
    assert_eq!(verified(&scheduled, 2), [(paths[2].clone(), false), (paths[1].clone(), false)]);
    assert_eq!((state(&scheduled).count, state(&scheduled).verified), (3, 1));
    scheduled.pass(DAY);
    assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from), "it is the second one that is verified");
    scheduled.pass(DAY);
    assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from), "it is the third one");
    scheduled.pass(DAY);
    assert_eq!(
        scheduled.made(),
        paths,
        "three newer ones are verified, and damaged ones expire as others do"
    );
}

#[test]
fn a_file_that_was_changed_is_not_verified_until_it_was_read() {
    let scheduled = with_backups(3, 1);
    let path = &backups(&scheduled)[0];
    touch(path);
    scheduled.pass(DAY);
    assert_eq!(scheduled.made(), std::slice::from_ref(path), "the new one is verified");
    let path = &backups(&scheduled)[0];
    touch(path);
    let schedule = BackupSchedule { keep: 2, ..scheduled.schedule.clone() };
    scheduled.kms().set_backup_schedule(Some(schedule));
    assert_eq!((state(&scheduled).count, state(&scheduled).verified), (1, 0));
    scheduled.pass(MINUTE);
    let passed = ReverifiedBackup::Passed { path: path.clone(), had_failed: false };
    assert_eq!(scheduled.kms().verify_backup_if_due(), Some(passed));
    assert_eq!(state(&scheduled).verified, 1);
}

/// Otherwise a day's changes would be in no backup, and the age of the newest would be misleading.
#[test]
fn a_backup_is_made_at_once_when_the_newest_one_is_damaged() {
    let scheduled = with_backups(2, 7);
    let paths = backups(&scheduled);
    let second = state(&scheduled).newest.unwrap();
    rot(&paths[1]);
    touch(&paths[1]);
    assert_eq!(verified(&scheduled, 1), [(paths[1].clone(), false)]);
    let newest = state(&scheduled).newest.unwrap();
    assert!(newest.time < second.time, "{newest:?}");
    scheduled.made();
    assert!(state(&scheduled).newest.unwrap().time > second.time);
    scheduled.pass(DAY - MINUTE);
    assert_eq!(scheduled.kms().back_up_if_due(), None);
}

/// A damaged one may be of a later commit than those that are made after it, if the store was rolled back.
#[test]
fn a_damaged_backup_leads_to_one_other_and_no_more() {
    let scheduled = with_backups(2, 7);
    let damaged = backups(&scheduled).pop().unwrap();
    rot(&damaged);
    touch(&damaged);
    assert_eq!(verified(&scheduled, 1), [(damaged.clone(), false)]);
    scheduled.made();
    scheduled.kms().backups.lock().present.backups.sort_by_key(|backup| backup.path == damaged);
    for _ in 0..3 {
        scheduled.pass(1);
        assert_eq!(scheduled.kms().back_up_if_due(), None);
    }
    assert_eq!(backups(&scheduled).len(), 3);
}

/// Its beginning or end is damaged, so only the notes reveal which store it belongs to.
#[test]
fn a_backup_that_does_not_open_is_known_from_the_notes_and_is_left() {
    let mut scheduled = with_backups(2, 1);
    let path = backups(&scheduled).remove(0);
    fs::write(&path, "a download page").unwrap();
    assert_eq!(verified(&scheduled, 1), [(path.clone(), false)]);
    scheduled.restart();
    let now = state(&scheduled);
    assert_eq!((now.count, now.failed.len()), (0, 1));
    assert!(now.failed[0].failure.contains("not a backup of bulla"), "{now:?}");
    scheduled.made();
    for _ in 0..2 {
        scheduled.pass(DAY);
        scheduled.made();
        verified(&scheduled, 3);
    }
    assert!(path.exists());
    assert_eq!((backups(&scheduled).len(), state(&scheduled).failed.len()), (2, 1));
    fs::remove_file(path).unwrap();
    verified(&scheduled, 1);
    assert_eq!(state(&scheduled).failed, []);
}

/// As without a free file descriptor: nothing is known about the file.
#[test]
fn a_backup_that_cannot_be_read_is_neither_verified_nor_damaged_and_is_tried_again() {
    let scheduled = with_backups(3, 7);
    let paths = backups(&scheduled);
    let whole: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    for path in &paths[..2] {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap(); // it leads to itself
    }
    let look = || {
        scheduled.pass(MINUTE);
        scheduled.kms().verify_backup_if_due()
    };
    let unread = |looked: Option<ReverifiedBackup>| match looked {
        Some(ReverifiedBackup::Unread { path, is_known, .. }) => (path, is_known),
        other => panic!("{other:?}"),
    };
    scheduled.pass(DAY);
    let first = [unread(look()), unread(look())];
    assert_eq!(first, [(paths[0].clone(), false), (paths[1].clone(), false)]);
    assert!(matches!(look(), Some(ReverifiedBackup::Passed { path, .. }) if path == paths[2]));
    assert_eq!((state(&scheduled).verified, state(&scheduled).failed), (1, vec![]));
    assert_eq!([unread(look()), unread(look())], [(paths[0].clone(), true), (paths[1].clone(), true)]);
    for (path, whole) in paths.iter().zip(whole).take(2) {
        fs::remove_file(path).unwrap();
        fs::write(path, whole).unwrap();
    }
    assert_eq!(verified(&scheduled, 3), [(paths[0].clone(), true), (paths[1].clone(), true)]);
    assert_eq!((state(&scheduled).verified, state(&scheduled).failed), (3, vec![]));
    assert_eq!(events(scheduled), 0, "none is damaged");
}

/// As when the file system of the backups is not mounted for a while.
#[test]
fn a_directory_that_is_away_keeps_its_notes() {
    for makes_another in [false, true] {
        let scheduled = with_backups(3, 7);
        let paths = backups(&scheduled);
        assert_eq!(verified(&scheduled, 5).len(), 2);
        rot(&paths[2]);
        touch(&paths[2]);
        assert_eq!(verified(&scheduled, 1), [(paths[2].clone(), false)]);
        let before = state(&scheduled);
        let directory = &scheduled.schedule.directory;
        let notes = fs::read(directory.join(FILE)).unwrap();
        let away = scheduled.bench.path("data/away");
        let below = scheduled.bench.path("data/below");
        fs::rename(directory, &away).unwrap();
        fs::create_dir(directory).unwrap();
        assert_eq!(verified(&scheduled, 3), []);
        assert_eq!((state(&scheduled).count, state(&scheduled).failed), (0, vec![]));
        if makes_another {
            scheduled.pass(DAY);
            scheduled.made();
            assert_eq!((state(&scheduled).count, state(&scheduled).verified), (1, 1));
        }
        fs::rename(directory, below).unwrap();
        fs::rename(&away, directory).unwrap();
        assert_eq!(fs::read(directory.join(FILE)).unwrap(), notes);
        scheduled.pass(MINUTE);
        scheduled.kms().verify_backup_if_due();
        let after = state(&scheduled);
        assert_eq!((after.count, after.failed), (before.count, before.failed));
        assert!(after.verified == 2 && after.oldest_verification >= before.oldest_verification);
    }
}

/// The notes cannot be read now, so they must not be overwritten.
#[test]
fn notes_that_cannot_be_read_are_not_replaced() {
    let mut scheduled = with_backups(2, 7);
    let path = scheduled.schedule.directory.join(FILE);
    let notes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap(); // it leads to itself
    scheduled.restart();
    assert_eq!(state(&scheduled).verified, 0);
    scheduled.pass(DAY);
    scheduled.made();
    verified(&scheduled, 2);
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    fs::remove_file(&path).unwrap();
    fs::write(&path, notes).unwrap();
    assert!(!verified(&scheduled, 4).is_empty());
    assert_eq!(state(&scheduled).verified, 3);
}

#[test]
fn a_backup_under_the_name_of_another_one_fails() {
    let scheduled = with_backups(2, 7);
    let paths = backups(&scheduled);
    fs::copy(&paths[1], &paths[0]).unwrap();
    assert_eq!(verified(&scheduled, 1), [(paths[0].clone(), false)]);
    assert!(state(&scheduled).failed[0].failure.contains("another backup"), "{:?}", state(&scheduled));
}

/// As after the start of the first version with notes.
#[test]
fn without_notes_nothing_counts_as_verified_and_nothing_stops() {
    let newer = format!(r#"{{"version":2,"backups":{{}},"x":"{FILE}"}}"#);
    for content in
        [None, Some(""), Some("{"), Some("[1]"), Some(&*newer), Some("\u{0}"), Some("{\"version\":1}")]
    {
        let mut scheduled = with_backups(3, 1);
        let schedule = BackupSchedule { keep: 3, ..scheduled.schedule.clone() };
        scheduled.schedule = schedule;
        scheduled.restart();
        for _ in 0..2 {
            scheduled.pass(DAY);
            scheduled.made();
        }
        let notes = scheduled.schedule.directory.join(FILE);
        fs::remove_file(&notes).unwrap();
        content.into_iter().for_each(|content| fs::write(&notes, content).unwrap());
        scheduled.restart();
        assert_eq!((state(&scheduled).count, state(&scheduled).verified), (3, 0), "{content:?}");
        scheduled.pass(DAY);
        assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from), "{content:?}: one is verified");
        let mut newest_first = backups(&scheduled)[..3].to_vec();
        newest_first.reverse();
        let expected: Vec<_> = newest_first.into_iter().map(|path| (path, true)).collect();
        assert_eq!(verified(&scheduled, 5), expected, "{content:?}");
        scheduled.pass(DAY);
        assert_eq!(scheduled.made().len(), 2, "{content:?}");
    }
}

#[test]
fn notes_that_cannot_be_written_stop_nothing() {
    let mut scheduled = with_backups(2, 1);
    let notes = scheduled.schedule.directory.join(FILE);
    fs::remove_file(&notes).unwrap();
    fs::create_dir_all(notes.join("in-the-way")).unwrap();
    scheduled.pass(DAY);
    scheduled.made();
    assert_eq!(state(&scheduled).verified, 1, "this run knows it");
    scheduled.restart();
    assert_eq!(state(&scheduled).verified, 0);
    assert_eq!(verified(&scheduled, 3).len(), 1);
}

/// A time in the future does not count: the clock was wrong then.
#[test]
fn a_clock_that_was_ahead_delays_no_verification() {
    let scheduled = with_backups(2, 7);
    scheduled.clock.wall.fetch_add(YEARS, Ordering::SeqCst);
    scheduled.pass(MINUTE);
    scheduled.pass(MINUTE);
    scheduled.kms().back_up_if_due();
    verified(&scheduled, 5);
    scheduled.clock.wall.fetch_add(-YEARS, Ordering::SeqCst);
    scheduled.pass(DAY);
    scheduled.kms().back_up_if_due();
    verified(&scheduled, 5);
    scheduled.pass(2 * DAY);
    assert!(verified(&scheduled, 5).len() >= 2);
}

#[test]
fn a_server_that_ends_verifies_nothing_and_notes_nothing() {
    let scheduled = with_backups(2, 7);
    let path = &backups(&scheduled)[0];
    touch(path);
    scheduled.kms().stop_backups();
    scheduled.pass(MINUTE);
    assert_eq!(scheduled.kms().verify_backup_if_due(), None);
    assert_eq!(state(&scheduled).verified, 2, "the server has not checked");
}

#[test]
fn a_killed_write_of_the_notes_is_removed_with_the_next_backup() {
    let scheduled = with_backups(1, 7);
    let left = scheduled.schedule.directory.join(format!("{FILE}.0123456789abcdef.new"));
    fs::write(&left, "{").unwrap();
    scheduled.pass(DAY);
    scheduled.made();
    assert!(!left.exists());
}

/// A restore into a directory without its store accepts the notes as a file that a server keeps there.
#[test]
fn a_restore_is_not_held_up_by_notes() {
    let mut scheduled = with_backups(1, 7);
    let directory = scheduled.bench.path("data/elsewhere");
    let schedule = BackupSchedule { directory: directory.clone(), ..scheduled.schedule.clone() };
    scheduled.kms().set_backup_schedule(Some(schedule));
    scheduled.made();
    scheduled.stop();
    assert!(directory.join(FILE).exists());
    let options = scheduled.bench.options();
    let backup = &backups(&scheduled)[0];
    fs::remove_file(scheduled.bench.path("data/store.redb")).unwrap();
    let accepted = RestoreOptions { dry_run: true, accept_older: true };
    restore_backup(&options, backup, accepted).unwrap();
}

#[test]
fn the_golden_notes_are_understood() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/backup-notes-v1.json");
    let directory = tempfile::tempdir().unwrap();
    fs::copy(golden, directory.path().join(FILE)).unwrap();
    let names = ["bulla-20260101T000000Z-45.backup", "bulla-20260102T000000Z-46.backup"];
    let paths = names.map(|name| directory.path().join(name));
    for path in &paths {
        let file = File::create(path).unwrap();
        file.set_len(20_480).unwrap();
        let modified = std::time::UNIX_EPOCH + Duration::new(1_767_225_600, 123_456_789);
        file.set_modified(modified).unwrap();
    }
    let notes = BackupNotes::read(directory.path());
    assert_eq!(notes.keep_for, Some(2_592_000));
    let passed = notes.verification(&paths[0]).unwrap();
    assert_eq!((passed.time, passed.has_passed()), (1_767_312_000, true));
    let failed = notes.verification(&paths[1]).unwrap();
    assert_eq!(failed.failure.as_deref(), Some("the backup is cut off: its end is missing"));
    touch(&paths[0]);
    assert_eq!(BackupNotes::read(directory.path()).verification(&paths[0]), None);
}
