//! Tests of scheduled backups.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_wire::kms::ScheduleKeyDeletion;

use super::directory::file_name;
use super::notes::FILE as NOTES;
use super::schedule::{BackupSchedule, ScheduledBackup};
use super::tests::{Bench, call, key};
use super::*;
use crate::{AuditOptions, Clock, Role};

pub(super) const START: i64 = 1_900_000_000;
pub(super) const DAY: i64 = 86_400;
pub(super) const YEARS: i64 = 3650 * DAY;

/// A wall clock that can be set, and elapsed time.
#[derive(Clone)]
pub(super) struct TestClock {
    pub(super) wall: Arc<AtomicI64>,
    elapsed: Arc<AtomicI64>,
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.wall.load(Ordering::SeqCst).unsigned_abs())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.elapsed.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// An engine that makes scheduled backups, and its clock.
pub(super) struct Scheduled {
    pub(super) bench: Bench,
    pub(super) clock: TestClock,
    kms: Option<Kms>,
    pub(super) schedule: BackupSchedule,
}

impl Scheduled {
    pub(super) fn new(keep: usize, keep_for_days: Option<i64>) -> Self {
        Self::of(Bench::new(), keep, keep_for_days)
    }

    /// An engine with a new store without scheduled removals.
    fn without_endings(keep: usize, keep_for_days: Option<i64>) -> Self {
        let bench = Bench::new();
        fs::remove_file(bench.path("data/store.redb")).unwrap();
        fs::remove_file(bench.path("data/root-key")).unwrap();
        let scheduled = Self::of(bench, keep, keep_for_days);
        assert!(!scheduled.kms().state.published().has_endings());
        scheduled
    }

    fn of(bench: Bench, keep: usize, keep_for_days: Option<i64>) -> Self {
        let clock =
            TestClock { wall: Arc::new(AtomicI64::new(START)), elapsed: Arc::new(AtomicI64::new(1000)) };
        let keep_for = keep_for_days.map(|days| Duration::from_secs((days * DAY).unsigned_abs()));
        let schedule = BackupSchedule { keep, keep_for, ..BackupSchedule::new(bench.path("data/backups")) };
        let mut scheduled = Self { bench, clock, kms: None, schedule };
        scheduled.start(true); // the golden store was used long ago
        scheduled
    }

    pub(super) fn stop(&mut self) {
        self.kms = None;
    }

    pub(super) fn restart(&mut self) {
        self.start(false);
    }

    fn start(&mut self, accept_clock: bool) {
        self.kms = None;
        let audit = Some(AuditOptions::new(self.bench.path("data/audit"), "node-1"));
        let options = Options { audit, accept_clock, role: Role::Server, ..self.bench.options() };
        let kms = Kms::open(&options, self.clock.clone()).unwrap();
        kms.set_backup_schedule(Some(self.schedule.clone()));
        self.kms = Some(kms);
    }

    pub(super) fn kms(&self) -> &Kms {
        self.kms.as_ref().unwrap()
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.clock.wall.fetch_add(seconds, Ordering::SeqCst);
        self.clock.elapsed.fetch_add(seconds, Ordering::SeqCst);
        pollster::block_on(self.kms().run_due()).unwrap();
    }

    pub(super) fn made(&self) -> Vec<PathBuf> {
        match self.kms().back_up_if_due() {
            Some(ScheduledBackup::Made { path, deleted, .. }) => {
                assert!(path.exists());
                deleted
            }
            other => panic!("{other:?}"),
        }
    }

    /// The names in the directory, except that of the notes.
    pub(super) fn files(&self) -> Vec<String> {
        names(&self.schedule.directory)
    }
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return vec![] };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != NOTES).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_made_when_it_is_due_and_not_before() {
    let mut scheduled = Scheduled::new(7, None);
    assert_eq!(scheduled.kms().backup_state().unwrap().newest, None);
    assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from));
    assert_eq!(scheduled.kms().back_up_if_due(), None);
    scheduled.pass(DAY - 1);
    assert_eq!(scheduled.kms().back_up_if_due(), None);
    scheduled.restart();
    assert_eq!(scheduled.kms().back_up_if_due(), None, "the one of the earlier run counts");
    scheduled.pass(1);
    scheduled.made();
    let state = scheduled.kms().backup_state().unwrap();
    let newest = state.newest.unwrap();
    assert_eq!((state.count, newest.time, newest.epoch), (2, START + DAY, 1));
    for name in scheduled.files() {
        verify_backup(&scheduled.bench.options(), &scheduled.schedule.directory.join(name)).unwrap();
    }
    scheduled.kms().set_backup_schedule(None);
    scheduled.pass(2 * DAY);
    assert_eq!(scheduled.kms().back_up_if_due(), None);
    assert_eq!(scheduled.kms().backup_state(), None);
}

#[test]
fn a_backup_is_broken_off_when_the_server_ends() {
    let scheduled = Scheduled::new(2, None);
    scheduled.kms().stop_backups();
    assert_eq!(scheduled.kms().back_up_if_due(), None);
    let refused =
        scheduled.kms().backup_unless(&|| true, &scheduled.bench.path("backup"), BackupOutput::default());
    assert!(matches!(refused, Err(BackupError::Stopped)), "{refused:?}");
    let path = scheduled.bench.path("backup");
    let calls = std::cell::Cell::new(0);
    let in_the_middle = || calls.replace(calls.get() + 1) > 20;
    let refused = scheduled.kms().backup_unless(&in_the_middle, &path, BackupOutput::default());
    assert!(matches!(refused, Err(BackupError::Stopped)), "{refused:?}");
    assert!(!path.exists() && scheduled.files().is_empty());
    scheduled.kms().backup_to(&path, BackupOutput::default()).unwrap();
    let (_, roots) = scheduled.kms().state.frozen().unwrap();
    let verified = Backup::open(File::open(path).unwrap(), roots).unwrap().verify_unless(&|| true);
    assert!(matches!(verified, Err(BackupError::Stopped)), "{verified:?}");
}

#[test]
fn another_directory_gets_a_backup_at_once() {
    let scheduled = Scheduled::new(2, None);
    scheduled.made();
    let directory = scheduled.bench.path("data/elsewhere");
    let schedule = BackupSchedule { directory: directory.clone(), ..scheduled.schedule };
    scheduled.kms().set_backup_schedule(Some(schedule));
    assert_eq!(scheduled.kms().backup_state().unwrap().count, 0);
    scheduled.made();
    assert_eq!(names(&directory).len(), 1);
    scheduled.kms().set_backup_schedule(Some(scheduled.schedule.clone()));
    assert_eq!(scheduled.kms().back_up_if_due(), None, "there is one of today");
}

#[test]
fn the_newest_are_kept_and_older_ones_by_their_age() {
    let scheduled = Scheduled::new(2, None);
    let mut deleted = vec![];
    for _ in 0..5 {
        deleted.extend(scheduled.made());
        scheduled.pass(DAY);
    }
    assert_eq!((deleted.len(), scheduled.files().len()), (3, 2));
    assert!(deleted.iter().all(|path| !path.exists()));

    let scheduled = Scheduled::new(2, Some(4));
    for _ in 0..8 {
        scheduled.made();
        scheduled.pass(DAY);
    }
    assert_eq!(scheduled.files().len(), 5, "today's and those of four days");
}

/// A clock that is ahead by ten years, while the server runs and at its start, and one that has come back.
#[test]
fn no_clock_deletes_the_newest() {
    let mut scheduled = Scheduled::new(3, Some(1));
    for _ in 0..3 {
        scheduled.made();
        scheduled.pass(DAY / 2);
        scheduled.pass(DAY / 2);
    }
    let before = scheduled.files();
    scheduled.clock.wall.fetch_add(YEARS, Ordering::SeqCst);
    scheduled.pass(DAY);
    scheduled.made();
    assert!(scheduled.files().len() >= 3 && before[1..].iter().all(|name| scheduled.files().contains(name)));
    scheduled.restart();
    scheduled.pass(DAY);
    scheduled.kms().back_up_if_due();
    assert!(scheduled.files().len() >= 3);
    scheduled.clock.wall.fetch_add(-YEARS, Ordering::SeqCst);
    scheduled.pass(DAY);
    scheduled.kms().back_up_if_due();
    scheduled.pass(2 * DAY);
    scheduled.made();
    let state = scheduled.kms().backup_state().unwrap();
    assert!(state.count >= 3, "{state:?}");
}

/// If the store has no scheduled removals, a start accepts the clock as it is.
#[test]
fn no_clock_deletes_by_age_what_was_made_days_ago() {
    let mut scheduled = Scheduled::without_endings(2, Some(365));
    for _ in 0..5 {
        scheduled.made();
        scheduled.pass(DAY);
    }
    scheduled.clock.wall.fetch_add(YEARS, Ordering::SeqCst);
    scheduled.pass(DAY);
    assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from));
    scheduled.restart();
    scheduled.pass(DAY);
    assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from));
    assert_eq!(scheduled.files().len(), 7);
}

#[test]
fn a_backup_of_a_restore_on_trial_is_none_of_the_servers() {
    let mut scheduled = Scheduled::new(1, None);
    scheduled.made();
    scheduled.kms = None;
    let first = scheduled.schedule.directory.join(&scheduled.files()[0]);
    let root_key = Some(scheduled.bench.path("data/root-key"));
    let trial = Options { root_key, ..Options::new(scheduled.bench.path("trial"), Role::Command) };
    restore_backup(&trial, &first, RestoreOptions { dry_run: false, accept_older: true }).unwrap();
    let made = scheduled.bench.path("made");
    let facts = create_backup(&trial, &made, BackupOutput::default()).unwrap().facts;
    assert_eq!(facts.epoch, 2);
    let of_trial = scheduled.schedule.directory.join(file_name(facts.time, facts.commit));
    fs::rename(made, &of_trial).unwrap();

    scheduled.restart();
    assert_eq!(scheduled.kms().backup_state().unwrap().count, 1);
    for _ in 0..2 {
        scheduled.pass(DAY);
        assert_eq!(scheduled.made().len(), 1);
        assert_eq!(scheduled.files().len(), 2);
        assert!(of_trial.exists());
    }
}

#[test]
fn what_an_operator_puts_into_the_directory_is_left() {
    let scheduled = Scheduled::new(1, None);
    scheduled.made();
    let first = scheduled.schedule.directory.join(&scheduled.files()[0]);
    let facts = read_backup(&scheduled.bench.options(), &first).unwrap();
    let names = [
        "bulla-before-upgrade.backup".to_owned(),
        "bulla-20300317T174640Z-.backup".to_owned(),
        file_name(facts.time, facts.commit).replace("Z-", "Z-0"),
        file_name(facts.time, facts.commit + 1),
        file_name(facts.time + 1, facts.commit),
        file_name(facts.time - 7200, facts.commit),
    ];
    let paths = names.map(|name| scheduled.schedule.directory.join(name));
    for path in &paths {
        fs::copy(&first, path).unwrap();
    }
    for _ in 0..3 {
        scheduled.pass(DAY);
        assert_eq!(scheduled.made().len(), 1);
    }
    assert!(paths.iter().all(|path| path.exists()), "{:?}", scheduled.files());
    assert_eq!(scheduled.files().len(), 7);
    assert_eq!(scheduled.kms().backup_state().unwrap().count, 1);
}

/// Opening a FIFO blocks until a writer comes.
#[test]
fn a_file_that_is_not_regular_delays_nothing() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let mut scheduled = Scheduled::new(2, None);
    scheduled.made();
    let fifo = scheduled.schedule.directory.join(file_name(START, 1));
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    scheduled.restart();
    assert_eq!(scheduled.kms().backup_state().unwrap().count, 1);
    scheduled.pass(DAY);
    scheduled.made();
    for refused in
        [verify_backup(&scheduled.bench.options(), &fifo), read_backup(&scheduled.bench.options(), &fifo)]
    {
        assert!(matches!(refused, Err(BackupError::Read(_))), "{refused:?}");
    }
}

/// A reload changes the directory while a backup is written.
#[test]
fn a_backup_for_a_directory_of_before_is_none_of_the_new_schedule() {
    let scheduled = Scheduled::new(2, None);
    let made =
        || scheduled.kms().make_scheduled(&scheduled.schedule, scheduled.kms().now(), BackupNotes::default());
    let note = |made| scheduled.kms().note_attempt(&scheduled.schedule, 1000, made);
    let failed = || Err(BackupError::Write(std::io::ErrorKind::StorageFull.into()));
    let elsewhere = scheduled.bench.path("data/elsewhere");
    let schedule = BackupSchedule { directory: elsewhere.clone(), ..scheduled.schedule.clone() };

    let before = made();
    scheduled.kms().set_backup_schedule(Some(schedule));
    assert!(matches!(note(before), Some(ScheduledBackup::Made { .. })), "the log tells of it");
    assert!(matches!(note(failed()), Some(ScheduledBackup::Failed { is_known: false, .. })));
    assert_eq!(scheduled.kms().backup_state(), Some(BackupState::default()));
    scheduled.made();
    assert_eq!(names(&elsewhere).len(), 1);
    scheduled.kms().set_backup_schedule(None);
    note(failed());
    assert_eq!(scheduled.kms().backup_state(), None);

    let keep = BackupSchedule { keep: 3, ..scheduled.schedule.clone() };
    scheduled.kms().set_backup_schedule(Some(keep));
    scheduled.pass(DAY);
    note(made());
    assert_eq!(scheduled.kms().backup_state().unwrap().count, 2, "the directory is the same");
}

#[test]
fn a_backup_that_does_not_open_is_ignored_and_kept() {
    let scheduled = Scheduled::new(2, None);
    scheduled.made();
    let first = scheduled.files();
    scheduled.pass(DAY);
    scheduled.made();
    for name in scheduled.files().iter().filter(|name| !first.contains(name)) {
        let path = scheduled.schedule.directory.join(name);
        let content = fs::read(&path).unwrap();
        fs::write(path, &content[..content.len() - 1]).unwrap();
    }
    let other = scheduled.schedule.directory.join("bulla-other.backup");
    fs::write(&other, "not a backup").unwrap();
    fs::write(scheduled.schedule.directory.join(".bulla-x.backup.bulla-0000000000000000.part"), "").unwrap();
    scheduled.pass(DAY);
    assert_eq!(scheduled.made(), [""; 0].map(PathBuf::from), "the first one is one of two that open");
    assert_eq!(scheduled.files().len(), 4);
    assert!(other.exists());
    assert_eq!(scheduled.kms().backup_state().unwrap().count, 2);
}

#[test]
fn a_failure_is_reported_once_and_tried_again() {
    let scheduled = Scheduled::new(2, None);
    fs::write(&scheduled.schedule.directory, "a file in the way").unwrap();
    let failed = |done: Option<ScheduledBackup>, expected_known: bool| {
        assert!(
            matches!(&done, Some(ScheduledBackup::Failed { is_known, .. }) if *is_known == expected_known),
            "{done:?}"
        );
    };
    failed(scheduled.kms().back_up_if_due(), false);
    assert!(scheduled.kms().backup_state().unwrap().failure.is_some());
    assert_eq!(scheduled.kms().back_up_if_due(), None);
    scheduled.pass(599);
    assert_eq!(scheduled.kms().back_up_if_due(), None);
    scheduled.pass(1);
    failed(scheduled.kms().back_up_if_due(), true);
    fs::remove_file(&scheduled.schedule.directory).unwrap();
    scheduled.pass(600);
    scheduled.made();
    let state = scheduled.kms().backup_state().unwrap();
    assert_eq!((state.failure, state.count), (None, 1));
    let Scheduled { bench, kms, .. } = scheduled;
    drop(kms);
    let mut events: Vec<&str> = vec![];
    for source in crate::audit::TrailFile::all(&[bench.path("data/audit")]).unwrap() {
        let take = |line: &[u8]| {
            let text = str::from_utf8(line).unwrap();
            let names = ["backup-failed", "backup-created"];
            events.extend(names.into_iter().filter(|name| text.contains(name)));
            true
        };
        source.for_each(take).unwrap();
    }
    assert_eq!(events, ["backup-failed", "backup-created"]);
}

#[test]
fn the_backups_that_hold_a_key_are_known_and_until_when_they_are_kept() {
    let mut scheduled = Scheduled::new(2, Some(30));
    scheduled.made();
    scheduled.pass(DAY);
    let created = scheduled.kms().now();
    key(scheduled.kms());
    assert_eq!(scheduled.kms().backups_since(created), []);
    scheduled.made();
    let holding = scheduled.kms().backups_since(created);
    assert_eq!(holding.len(), 1);
    assert_eq!((holding[0].time, holding[0].kept_until), (created, Some(created + 30 * DAY)));
    assert_eq!(scheduled.kms().backups_since(START).len(), 2);
    // A command reads the same from the notes of the server.
    let notes = BackupNotes::read(&scheduled.schedule.directory);
    assert_eq!(notes.kept_until(&holding[0].path, holding[0].time), holding[0].kept_until);
    let own = scheduled.schedule.directory.join("own.backup");
    assert_eq!(notes.kept_until(&own, holding[0].time), None, "no server deletes it");
    scheduled.schedule.keep_for = None;
    scheduled.restart();
    assert_eq!(scheduled.kms().backups_since(created)[0].kept_until, None);
    let notes = BackupNotes::read(&scheduled.schedule.directory);
    assert_eq!(notes.kept_until(&holding[0].path, holding[0].time), None);
}

/// Later, a request that names the key gets no information, so only this line has it.
#[test]
fn the_line_of_a_deleted_key_names_the_backups_that_still_hold_it() {
    let mut scheduled = Scheduled::new(2, Some(30));
    scheduled.pass(DAY);
    let key_id = key(scheduled.kms());
    scheduled.made();
    let pending_window_in_days = Some(7);
    call(scheduled.kms(), ScheduleKeyDeletion { key_id: key_id.clone(), pending_window_in_days });
    for _ in 0..8 {
        scheduled.pass(DAY);
    }
    let later = key(scheduled.kms());
    call(scheduled.kms(), ScheduleKeyDeletion { key_id: later.clone(), pending_window_in_days });
    for _ in 0..8 {
        scheduled.pass(DAY);
    }
    scheduled.stop();
    let mut lines = vec![];
    for source in crate::audit::TrailFile::all(&[scheduled.bench.path("data/audit")]).unwrap() {
        let take = |line: &[u8]| {
            let line = str::from_utf8(line).unwrap();
            lines.extend(line.contains("key-deleted").then(|| line.to_owned()));
            true
        };
        source.for_each(take).unwrap();
    }
    let line_of = |id: &str| lines.iter().find(|line| line.contains(id)).unwrap();
    let detail = "backups that still hold it: 1, newest 2030-03-18T17:46:40Z, which is kept at least until \
                  2030-04-17T17:46:40Z";
    assert!(line_of(&key_id).contains(detail), "{lines:?}");
    assert!(!line_of(&later).contains("backups"), "{lines:?}");
}
