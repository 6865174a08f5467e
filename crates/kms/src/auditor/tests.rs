//! An engine with a trail: which lines it writes, and what happens if it cannot.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use bulla_wire::kms::{CreateAlias, CreateKey, DescribeKey, GenerateDataKey};
use bulla_wire::{self as wire, Action, ErrorCode, Reply};
use serde_json::Value;

use super::sinks_tests::newest_file;
use super::{AuditOptions, RequestLog, Writer};
use crate::audit::{GapReason, Members, Request, Time, verify};
use crate::state::OutboxLine;
use crate::{Kms, OpenError, Options, Role, Rollback, StoreError, SystemClock};

const NODE: &str = "node-1";

pub(super) fn open(data: &Path) -> Kms {
    let mut options = Options::new(data, Role::Command);
    options.audit = Some(AuditOptions::new(data.join("audit"), NODE));
    Kms::open(&options, SystemClock).unwrap()
}

pub(super) fn call(kms: &Kms, request: impl Into<wire::Request>) -> Result<Reply, wire::Error> {
    pollster::block_on(kms.call(request.into(), &kms.owner()))
}

pub(super) fn create_key(kms: &Kms) -> String {
    CreateKey::reply(call(kms, CreateKey::default()).unwrap()).unwrap().key_metadata.key_id
}

/// Returns the lines of requests in all files, oldest first.
pub(super) fn requests(data: &Path) -> Vec<Value> {
    let mut files: Vec<_> =
        fs::read_dir(data.join("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_str().unwrap().starts_with("audit-"));
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "request").collect()
}

fn actions(data: &Path) -> Vec<String> {
    requests(data).iter().map(|line| line["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_request_has_one_line_when_it_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    call(&kms, GenerateDataKey { key_id: key.clone(), ..GenerateDataKey::default() }).unwrap();
    let missing = call(&kms, DescribeKey { key_id: "alias/none".into() }).unwrap_err();
    assert_eq!(missing.code(), ErrorCode::ForbiddenAliasNotFound);
    drop(kms);
    let lines = requests(data.path());
    let seen: Vec<_> = lines.iter().map(|line| (&line["action"], &line["outcome"]["status"])).collect();
    let mut expected = [("CreateKey", 200), ("GenerateDataKey", 200), ("DescribeKey", 404)]
        .map(|(action, status)| (Value::from(action), Value::from(status)));
    // The line of a change is written after its reply.
    let mut seen: Vec<_> =
        seen.into_iter().map(|(action, status)| (action.clone(), status.clone())).collect();
    seen.sort_by_key(|(action, _)| action.to_string());
    expected.sort_by_key(|(action, _)| action.to_string());
    assert_eq!(seen, expected);
    let created = lines.iter().find(|line| line["action"] == "CreateKey").unwrap();
    let made = &created["resources"][1];
    assert_eq!((&made["type"], &made["name"]), (&"key".into(), &key.as_str().into()), "{created}");
    assert!(made["version"].is_string(), "{created}");
    let line = lines.iter().find(|line| line["action"] == "GenerateDataKey").unwrap();
    assert_eq!((&line["node"], &line["product"]), (&NODE.into(), &"Kms".into()));
    assert_eq!(line["caller"]["type"], "owner");
    let resource = &line["resources"][0];
    assert_eq!((&resource["type"], &resource["name"]), (&"key".into(), &key.as_str().into()));
    assert!(resource["version"].is_string(), "{line}");
}

#[test]
fn the_outbox_is_empty_after_a_stop() {
    let data = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let kms = open(data.path());
        assert_eq!(kms.state.published().count::<OutboxLine>(), 0);
        create_key(&kms);
        assert_eq!(kms.state.published().count::<OutboxLine>(), 1);
    }
    assert_eq!(actions(data.path()), ["CreateKey", "CreateKey"]);
}

/// As `kill -9` leaves both at any moment: the copy of the store is older or newer than that of the trail.
#[test]
fn the_line_of_a_change_is_written_once_wherever_the_process_ends() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    create_key(&kms);
    let before = copy(data.path());
    // The writer may or may not have written the line.
    while actions(data.path()).is_empty() {
        std::thread::yield_now();
    }
    let after = copy(data.path());
    drop(kms);
    for copy in [before, after] {
        let kms = open(copy.path());
        assert_eq!(kms.audit_gaps(), [], "nothing durable is missing");
        call(&kms, DescribeKey { key_id: create_key(&kms) }).unwrap();
        drop(kms);
        assert_eq!(
            actions(copy.path()).iter().filter(|action| *action == "CreateKey").count(),
            2,
            "{:?}",
            actions(copy.path())
        );
    }
}

/// Returns a copy of the data directory with its trail.
pub(super) fn copy(data: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_all(data, copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn without_its_trail_the_engine_refuses_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let kms = Arc::new(open(data.path()));
    let key = create_key(&kms);
    let away = data.path().join("away");
    let trail = data.path().join("audit");
    fs::rename(&trail, &away).unwrap();
    let refused = call(&kms, DescribeKey { key_id: key.clone() }).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
    assert!(!kms.is_ready());
    let fault = kms.audit_fault().unwrap();
    assert!(fault.contains("audit"), "{fault}");
    let alias = || CreateAlias { key_id: key.clone(), alias_name: "alias/a".into() };
    assert_eq!(call(&kms, alias()).unwrap_err().code(), ErrorCode::ServiceUnavailableTemporary);
    assert!(kms.state.published().alias("alias/a").is_none());

    fs::rename(&away, &trail).unwrap();
    while !kms.is_ready() {
        std::thread::sleep(Duration::from_millis(10));
    }
    call(&kms, alias()).unwrap();
    drop(kms);
    assert_eq!(actions(data.path()).iter().filter(|action| *action == "CreateAlias").count(), 1);
}

/// As after a panic, which requires a restart.
#[test]
fn an_engine_whose_trail_has_no_thread_refuses() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    kms.auditor.trail.as_ref().unwrap().waiting.close();
    while kms.is_ready() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let refused = call(&kms, DescribeKey { key_id: key }).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
    let waiting = &kms.auditor.trail.as_ref().unwrap().waiting;
    pollster::block_on(waiting.push(Members::from_rendered("x"), false)).unwrap_err();
    drop(kms);
    create_key(&open(data.path()));
}

/// A seal tells the outbox that the file is durable; until then the line is also written to the next file.
#[test]
fn the_line_of_a_change_is_written_again_if_its_file_is_lost_before_a_seal() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let directory = data.path().join("audit");
    let lost = loop {
        let before = actions(data.path()).len();
        create_key(&kms);
        while actions(data.path()).len() == before {
            std::thread::yield_now();
        }
        let newest = || fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        let file = newest().filter(|file| file.extension().is_some_and(|it| it == "jsonl")).max().unwrap();
        let moved = data.path().join("gone");
        fs::rename(file, &moved).unwrap();
        while kms.is_ready() {
            std::thread::sleep(Duration::from_millis(1));
        }
        while !kms.is_ready() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let text = fs::read_to_string(&moved).unwrap();
        let last = text.lines().last().unwrap().to_owned();
        if !last.contains(r#""type":"seal""#) {
            break last;
        }
    };
    drop(kms);
    let member = |text: &str| serde_json::from_str::<Value>(text).unwrap()["request_id"].clone();
    let again = requests(data.path()).iter().filter(|line| line["request_id"] == member(&lost)).count();
    assert_eq!(again, 1);
}

/// As from a copy of the data that an attacker kept, with the trail of today.
#[test]
fn a_store_that_is_older_than_its_trail_is_refused_until_that_is_accepted() {
    let data = tempfile::tempdir().unwrap();
    create_key(&open(data.path()));
    let old = copy(data.path());
    create_key(&open(data.path()));
    fs::copy(old.path().join("store.redb"), data.path().join("store.redb")).unwrap();
    let mut options = Options::new(data.path(), Role::Command);
    options.audit = Some(AuditOptions::new(data.path().join("audit"), NODE));
    let Err(OpenError::Store { source: StoreError::RolledBack(rollback), .. }) =
        Kms::open(&options, SystemClock).map(drop)
    else {
        panic!("an old store is opened");
    };
    assert!(matches!(rollback, Rollback::BehindTrail { commit, sealed } if commit < sealed), "{rollback}");
    options.accept_rollback = true;
    let epoch = |kms: &Kms| kms.state.anchor().unwrap().epoch;
    let kms = Kms::open(&options, SystemClock).unwrap();
    assert_eq!(epoch(&kms), 2, "what the store has now is not what it had under the same numbers");
    pollster::block_on(kms.seal_audit()).unwrap();
    drop(kms);
    options.accept_rollback = false;
    let kms = Kms::open(&options, SystemClock).unwrap();
    assert_eq!(epoch(&kms), 2);
    create_key(&kms);
    drop(kms);
    // Again, from the first epoch.
    fs::copy(old.path().join("store.redb"), data.path().join("store.redb")).unwrap();
    let Err(OpenError::Store { .. }) = Kms::open(&options, SystemClock).map(drop) else {
        panic!("a store of an earlier epoch is opened");
    };
    options.accept_rollback = true;
    assert_eq!(epoch(&Kms::open(&options, SystemClock).unwrap()), 3);
}

/// The trail that an earlier start has left shows it too, whether or not its last line ends it: otherwise further commits would hide it.
#[test]
fn a_start_without_a_trail_refuses_a_store_that_is_older_than_the_one_beside_it() {
    for (is_ended, role) in
        [(false, Role::Server), (true, Role::Server), (false, Role::Command), (true, Role::Command)]
    {
        let data = tempfile::tempdir().unwrap();
        create_key(&open(data.path()));
        let old = copy(data.path());
        create_key(&open(data.path()));
        let left = AuditOptions::new(data.path().join("audit"), NODE);
        let mut options = Options::new(data.path(), role);
        if is_ended {
            assert!(Kms::open(&options, SystemClock).unwrap().note_trail_left(&left).unwrap());
        }
        fs::copy(old.path().join("store.redb"), data.path().join("store.redb")).unwrap();
        let Err(OpenError::Store { source: StoreError::RolledBack(rollback), path }) =
            Kms::open(&options, SystemClock).map(drop)
        else {
            panic!("an old store is opened");
        };
        assert!(matches!(rollback, Rollback::BehindTrail { .. }), "{rollback}");
        assert_eq!(path, data.path());

        options.accept_rollback = true;
        let kms = Kms::open(&options, SystemClock).unwrap();
        assert_eq!((kms.accepted_rollback(), kms.epoch()), (Some(&rollback), 2));
        assert!(kms.note_trail_left(&left).unwrap());
        drop(kms);
        let text = newest_file(data.path());
        let at = |event: &str| text.rfind(event).unwrap_or_else(|| panic!("{event}: {text}"));
        assert!(at("rollback-accepted") < at("audit-sink-removed"), "{text}");

        options.accept_rollback = false;
        let kms = Kms::open(&options, SystemClock).unwrap();
        assert_eq!((kms.accepted_rollback(), kms.epoch()), (None, 2));
        assert!(!kms.note_trail_left(&left).unwrap());
        drop(kms);
        let kms = open(data.path());
        assert_eq!((kms.epoch(), kms.audit_gaps()), (2, &[][..]));
    }
}

/// Such as one whose disk is not mounted.
#[test]
fn a_start_without_a_trail_is_refused_while_that_of_its_store_cannot_be_read() {
    let data = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut options = Options::new(data.path(), Role::Server);
    options.audit = Some(AuditOptions::new(elsewhere.path().join("trail"), NODE));
    create_key(&Kms::open(&options, SystemClock).unwrap());
    options.audit = None;
    drop(Kms::open(&options, SystemClock).unwrap());
    fs::rename(elsewhere.path().join("trail"), elsewhere.path().join("moved")).unwrap();
    let refused = Kms::open(&options, SystemClock).map(drop);
    assert!(matches!(refused, Err(OpenError::Directory { .. })), "{refused:?}");
    fs::remove_file(data.path().join("audit")).unwrap();
    drop(Kms::open(&options, SystemClock).unwrap());
}

/// The store knows the length of the trail, so the trail must not be shorter.
#[test]
fn a_truncated_trail_stays_reported() {
    let lost = &[GapReason::Lost, GapReason::Key];
    for is_removed in [true, false] {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        create_key(&kms);
        let sealed = pollster::block_on(kms.seal_audit()).unwrap().unwrap();
        let shorter = copy(data.path());
        create_key(&kms);
        drop(kms);
        let trail = data.path().join("audit");
        fs::remove_dir_all(&trail).unwrap();
        if !is_removed {
            fs::rename(shorter.path().join("audit"), &trail).unwrap();
        }
        let kms = open(data.path());
        let reasons: Vec<_> = kms.audit_gaps().iter().map(|gap| gap.reason).collect();
        assert_eq!(reasons, if is_removed { lost } else { &lost[..1] }, "its key is in its directory");
        let from = if is_removed { 1 } else { sealed.number + 1 };
        assert_eq!(kms.audit_gaps()[0].from, Some(from));
        assert_eq!(kms.new_audit_key().is_some(), is_removed);
        let first = kms.audit_first_key().unwrap();
        assert!(!is_removed || first == kms.new_audit_key());
        create_key(&kms);
        drop(kms);
        assert_eq!(open(data.path()).audit_gaps(), [], "it is reported once, and stays in the trail");
        let report = verify(&[trail], first, None).unwrap();
        assert!(!report.is_sound() && report.gaps.len() == reasons.len(), "{report:?}");
        assert_eq!(report.faults, []);
    }
}

/// As when the disk hangs: a write neither succeeds nor fails.
#[test]
fn requests_are_refused_while_a_write_does_not_return() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let describe = || call(&kms, DescribeKey { key_id: key.clone() });
    describe().unwrap();
    let running = kms.auditor.trail.as_ref().unwrap();
    let hang = |_: &mut Writer| {
        std::thread::scope(|scope| {
            let waits = scope.spawn(describe);
            while kms.is_ready() {
                std::thread::sleep(Duration::from_millis(50));
            }
            assert_eq!(waits.join().unwrap().unwrap_err().code(), ErrorCode::ServiceUnavailableTemporary);
        });
        assert!(kms.audit_fault().unwrap().contains("hangs"));
        assert_eq!(describe().unwrap_err().code(), ErrorCode::ServiceUnavailableTemporary);
    };
    running.shared.with(hang).unwrap();
    assert!(kms.is_ready());
    describe().unwrap();
    drop(kms);
    let report = verify(&[data.path().join("audit")], None, None).unwrap();
    let [(_, gap)] = &*report.gaps else { panic!("{report:?}") };
    assert_eq!((gap.reason, gap.lines), (GapReason::Missed, Some(1)));
    assert_eq!(actions(data.path()).iter().filter(|action| *action == "DescribeKey").count(), 2);
}

/// Not with the next seal, a second later. The thread of the trail may hold it as well, but hardly each time.
#[test]
fn a_request_that_finds_the_trail_held_is_answered_when_it_is_released() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key_id = create_key(&kms);
    let owner = kms.owner();
    let is_answered = |_: &i32| {
        let mut request = Box::pin(kms.call(DescribeKey { key_id: key_id.clone() }.into(), &owner));
        let mut poll = || request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // First, it lets other requests add their lines.
        let wait = |_: &mut Writer| assert!(poll().is_pending() && poll().is_pending());
        kms.auditor.trail.as_ref().unwrap().shared.with(wait).unwrap();
        poll().is_ready()
    };
    assert!((0..10).filter(is_answered).count() > 5);
}

#[derive(Default)]
struct Logged(Mutex<Vec<String>>);

impl RequestLog for Logged {
    fn render(&self, _time: Time, request: &Request<'_>) -> String {
        format!("{} {}", request.action.as_deref().unwrap_or("-"), request.outcome.status)
    }

    fn write(&self, line: String, waited: Option<Duration>) {
        self.0.lock().unwrap().push(format!("{line} {}", if waited.is_some() { "waited" } else { "-" }));
    }
}

/// The client may go away while its answer waits for the line in the trail, which is written all the same.
#[test]
fn a_request_that_is_dropped_while_it_waits_has_its_lines() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let log = Arc::new(Logged::default());
    kms.set_request_log(Arc::<Logged>::clone(&log));
    let key_id = create_key(&kms);
    let owner = kms.owner();
    let mut dropped = Box::pin(kms.call(DescribeKey { key_id }.into(), &owner));
    let drop_it = |_: &mut Writer| {
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(dropped);
    };
    kms.auditor.trail.as_ref().unwrap().shared.with(drop_it).unwrap();
    let logged = log.0.lock().unwrap().clone();
    assert_eq!(logged, ["CreateKey 200 waited", "DescribeKey 200 -"]);
    drop(kms);
    assert_eq!(actions(data.path()), ["CreateKey", "DescribeKey"]);
}

/// The name of a machine may change, and its containers get a new one each time.
#[test]
fn a_missing_trail_is_detected_under_another_host_name() {
    let data = tempfile::tempdir().unwrap();
    create_key(&open(data.path()));
    let trail = data.path().join("audit");
    fs::remove_dir_all(&trail).unwrap();
    let mut options = Options::new(data.path(), Role::Command);
    options.audit = Some(AuditOptions::new(&trail, "another-name"));
    let kms = Kms::open(&options, SystemClock).unwrap();
    let [gap, key] = kms.audit_gaps() else { panic!("{:?}", kms.audit_gaps()) };
    assert_eq!((gap.reason, gap.from, key.reason), (GapReason::Lost, Some(1), GapReason::Key));
}
