//! Sinks besides the files: which lines they get, and which of them requests wait for.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bulla_wire::kms::{CreateAlias, DescribeKey};
use bulla_wire::{ErrorCode, Reply};
use serde_json::Value;

use super::tests::{call, copy, create_key, open, requests};
use super::{AuditOptions, AuditOutput, AuditSink, sinks};
use crate::audit::{GapReason, Latch, verify};
use crate::{Kms, Options, Role, SystemClock};

/// The lines that a sink has received, and how it reacts to more.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Got>>);

#[derive(Default)]
struct Got {
    text: String,
    is_broken: bool,
    hangs: bool,
}

impl Output {
    fn sink(&self, name: &str, is_required: bool) -> AuditSink {
        AuditSink { name: name.into(), is_required, output: Box::new(self.clone()) }
    }

    fn set_broken(&self, is_broken: bool) {
        self.0.lock().unwrap().is_broken = is_broken;
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the lines, once one of them matches.
    fn lines_with(&self, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        wait(|| self.lines().iter().any(&is_wanted));
        self.lines()
    }
}

impl AuditOutput for Output {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        while self.0.lock().unwrap().hangs {
            sleep(Duration::from_millis(10));
        }
        let mut got = self.0.lock().unwrap();
        if got.is_broken {
            return Err(io::Error::other("it is broken"));
        }
        got.text.push_str(str::from_utf8(lines).unwrap());
        Ok(())
    }
}

fn wait(is_done: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not come");
        sleep(Duration::from_millis(5));
    }
}

fn describe(kms: &Kms, key: &str) -> Result<Reply, bulla_wire::Error> {
    call(kms, DescribeKey { key_id: key.into() })
}

fn is_event(event: &'static str, sink: &'static str) -> impl Fn(&Value) -> bool {
    move |line| line["event"] == event && line["resources"][0]["name"] == sink
}

pub(super) fn newest_file(data: &Path) -> String {
    let files = fs::read_dir(data.join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.filter(|file| file.extension().is_some_and(|it| it == "jsonl")).max().unwrap();
    fs::read_to_string(file).unwrap()
}

#[test]
fn a_sink_gets_the_lines_and_seals_of_the_files() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let output = Output::default();
    kms.set_audit_sinks(true, vec![output.sink("other", false)]).unwrap();
    describe(&kms, &create_key(&kms)).unwrap();
    output.lines_with(|line| line["type"] == "seal");
    drop(kms);
    let text = output.text();
    let file = newest_file(data.path());
    assert!(text.contains("audit-sink-added") && text.contains("CreateKey"), "{text}");
    assert!(file.ends_with(&text), "{text}\n{file}");
    assert!(text.lines().last().unwrap().contains(r#""type":"seal""#));
}

#[test]
fn a_removed_sink_gets_a_last_line_about_its_removal() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let [one, two] = [Output::default(), Output::default()];
    kms.set_audit_sinks(true, vec![one.sink("one", false), two.sink("two", false)]).unwrap();
    describe(&kms, &key).unwrap();
    kms.set_audit_sinks(true, vec![two.sink("two", true)]).unwrap();
    describe(&kms, &key).unwrap();
    assert!(is_event("audit-sink-removed", "one")(one.lines().last().unwrap()), "{}", one.text());
    assert_eq!(kms.audit_sinks().iter().map(|sink| &*sink.name).collect::<Vec<_>>(), ["file", "two"]);
    assert!(kms.audit_sinks()[1].is_required);
    drop(kms);
    let events = two.lines().iter().filter(|line| line["event"] == "audit-sink-added").count();
    assert_eq!(events, 2, "the one that stayed is not begun again: {}", two.text());
    assert!(newest_file(data.path()).contains("audit-sink-removed"));
}

/// A start without a trail, for example with another configuration.
#[test]
fn a_disabled_trail_records_it_once_and_continues_later() {
    let data = tempfile::tempdir().unwrap();
    let left = AuditOptions::new(data.path().join("audit"), "node");
    let without = Options::new(data.path(), Role::Server);
    let open_without = || Kms::open(&without, SystemClock).unwrap();
    assert!(!open_without().note_trail_left(&left).unwrap(), "there was none");
    assert!(!left.directory.exists());
    drop(open(data.path()));
    assert!(open_without().note_trail_left(&left).unwrap());
    let last = || {
        let text = newest_file(data.path());
        let lines: Vec<_> = text.lines().rev().take(2).map(str::to_owned).collect();
        assert!(lines[0].contains(r#""type":"seal""#), "{text}");
        lines[1].clone()
    };
    let is_removed = |line: &str| line.contains("audit-sink-removed") && line.contains(r#""name":"file""#);
    assert!(is_removed(&last()), "{}", last());
    let before = newest_file(data.path());
    assert!(!open_without().note_trail_left(&left).unwrap(), "it says so already");
    assert_eq!(newest_file(data.path()), before);
    let kms = open(data.path());
    create_key(&kms);
    assert!(kms.audit_gaps().is_empty());
    drop(kms);
    assert!(open_without().note_trail_left(&left).unwrap(), "it went on meanwhile");
}

#[test]
fn a_dead_sink_delays_no_request_and_gets_the_count_of_missed_lines() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let output = Output::default();
    output.set_broken(true);
    kms.set_audit_sinks(true, vec![output.sink("other", true)]).unwrap();
    wait(|| kms.audit_sinks()[1].fault.is_some());
    assert_eq!(kms.audit_sinks()[1].fault.as_deref(), Some("it is broken"));
    let mut requests = 1; // that at the end
    while kms.audit_sinks()[1].missed == 0 {
        describe(&kms, &key).unwrap();
        requests += 1;
        assert!(kms.is_ready());
    }
    output.set_broken(false);
    let gaps = || output.lines().into_iter().filter(|line| line["type"] == "gap").collect::<Vec<_>>();
    let reported = || gaps().iter().map(|gap| gap["lines"].as_u64().unwrap()).sum::<u64>();
    wait(|| reported() == kms.audit_sinks()[1].missed);
    assert!(
        gaps().iter().all(|gap| gap["reason"] == "missed" && gap["seq"].is_null()),
        "they belong to no chain: {:?}",
        gaps()
    );
    wait(|| kms.audit_sinks()[1].fault.is_none());
    describe(&kms, &key).unwrap();
    let missed = kms.audit_sinks()[1].missed;
    drop(kms);
    let written = output.lines().iter().filter(|line| line["action"] == "DescribeKey").count() as u64;
    assert!(written <= requests && written + missed >= requests, "{written} of {requests}, {missed} missed");
}

#[test]
fn without_the_files_another_required_sink_is_enough() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let output = Output::default();
    kms.set_audit_sinks(true, vec![output.sink("other", true)]).unwrap();
    let trail = data.path().join("audit");
    fs::rename(&trail, data.path().join("away")).unwrap();
    fs::write(&trail, "not a directory").unwrap(); // so that the engine cannot create another one
    wait(|| kms.audit_sinks()[0].fault.is_some());
    assert!(kms.is_ready());
    describe(&kms, &key).unwrap();
    call(&kms, CreateAlias { key_id: key.clone(), alias_name: "alias/a".into() }).unwrap();
    output.lines_with(|line| line["action"] == "CreateAlias");
    assert!(output.lines().iter().any(|line| line["action"] == "DescribeKey"));

    output.set_broken(true);
    let refused = describe(&kms, &key).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
    assert!(!kms.is_ready());
    let fault = kms.audit_fault().unwrap();
    assert!(fault.ends_with("; other: it is broken") && fault.contains("audit"), "{fault}");

    fs::remove_file(&trail).unwrap();
    fs::rename(data.path().join("away"), &trail).unwrap();
    output.set_broken(false);
    wait(|| kms.audit_sinks().iter().all(|sink| sink.fault.is_none()));
    describe(&kms, &key).unwrap();
    drop(kms);
    let report = verify(&[trail], None, None).unwrap();
    let missed = report.gaps.iter().filter(|(_, gap)| gap.reason == GapReason::Missed).count();
    assert!(report.faults.is_empty() && missed == 1, "{report:?}");
    let in_files = requests(data.path());
    let count = |action: &str| in_files.iter().filter(|line| line["action"] == action).count();
    assert_eq!((count("CreateAlias"), count("DescribeKey")), (1, 1), "the line of a change is written later");
}

/// The process ends while the file is stopped: as planned, or killed.
#[test]
fn lines_that_only_another_sink_has_are_named_at_the_next_start() {
    for is_killed in [false, true] {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        let key = create_key(&kms);
        let output = Output::default();
        kms.set_audit_sinks(true, vec![output.sink("other", true)]).unwrap();
        let trail = data.path().join("audit");
        let away = data.path().join("away");
        fs::rename(&trail, &away).unwrap();
        fs::write(&trail, "not a directory").unwrap();
        wait(|| kms.audit_sinks()[0].fault.is_some());
        (0..5).for_each(|_| drop(describe(&kms, &key).unwrap()));
        // Durable before it is answered, and so is what the store has recorded before.
        create_key(&kms);
        let restarted = if is_killed { copy(data.path()) } else { data };
        drop(kms);
        let last = output.lines().iter().filter_map(|line| line["seq"].as_u64()).max().unwrap();
        let trail = restarted.path().join("audit");
        fs::remove_file(&trail).unwrap();
        fs::rename(restarted.path().join("away"), &trail).unwrap();

        let kms = open(restarted.path());
        let [gap] = kms.audit_gaps() else { panic!("{is_killed}: {:?}", kms.audit_gaps()) };
        let from = gap.from.unwrap();
        let to = gap.to.unwrap();
        assert!(gap.reason == GapReason::Missed && from <= last, "{is_killed}: {gap:?}");
        if is_killed {
            assert!(to >= last && gap.lines.is_none(), "{gap:?} {last}");
        } else {
            assert!(to == last && gap.lines.is_some_and(|lines| lines >= 5), "{gap:?} {last}");
        }
        describe(&kms, &key).unwrap();
        drop(kms);
        let kms = open(restarted.path());
        assert_eq!(kms.audit_gaps(), [], "it is named once");
        drop(kms);
        let report = verify(std::slice::from_ref(&trail), None, None).unwrap();
        assert!(report.is_sound() && report.gaps.len() == 1, "{report:?}");
        let numbers = requests(restarted.path()).into_iter().map(|line| line["seq"].as_u64().unwrap());
        assert!(
            numbers.filter(|number| *number >= from).all(|number| number > to),
            "no number is given twice"
        );
    }
}

/// The thread that writes may be that of no request. The lines of some are being written, and others wait for theirs.
#[test]
fn requests_are_refused_while_the_write_of_their_lines_does_not_return() {
    let data = tempfile::tempdir().unwrap();
    let mut options = Options::new(data.path(), Role::Command);
    let mut audit = AuditOptions::new(data.path().join("audit"), "node");
    audit.sync_always = true;
    options.audit = Some(audit);
    let kms = Kms::open(&options, SystemClock).unwrap();
    let key = create_key(&kms);
    pollster::block_on(kms.seal_audit()).unwrap(); // no sync of a seal hangs
    let latch = latch(&kms);
    latch.hang_after(0);
    std::thread::scope(|scope| {
        let requests: Vec<_> = (0..3).map(|_| scope.spawn(|| describe(&kms, &key))).collect();
        while kms.is_ready() {
            sleep(Duration::from_millis(50));
        }
        wait(|| requests.iter().all(|request| request.is_finished()));
        for request in requests {
            let refused = request.join().unwrap().unwrap_err();
            assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
        }
        latch.release();
    });
    wait(|| kms.is_ready());
    describe(&kms, &key).unwrap();
}

/// A seal in another place proves to its reader which lines the files must have, after a power cut too.
#[test]
fn other_sinks_get_no_seal_before_it_is_durable() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let output = Output::default();
    kms.set_audit_sinks(true, vec![output.sink("other", false)]).unwrap();
    let latch = latch(&kms);
    for operations in 0.. {
        pollster::block_on(kms.seal_audit()).unwrap();
        latch.hang_after(operations);
        let has_hung = std::thread::scope(|scope| {
            let seal = scope.spawn(|| {
                describe(&kms, &key).unwrap();
                pollster::block_on(kms.seal_audit()).unwrap();
            });
            wait(|| latch.has_hung() || seal.is_finished());
            sleep(Duration::from_millis(50));
            let in_output = output.lines().into_iter().filter(|line| line["type"] == "seal");
            let newest = in_output.filter_map(|line| line["seq"].as_u64()).max().unwrap_or(0);
            let durable = kms.audit_figures().unwrap().sealed.number;
            assert!(newest <= durable, "{operations}: {newest} {durable}");
            let has_hung = !seal.is_finished();
            latch.release();
            has_hung
        });
        if !has_hung {
            assert!(operations > 3, "{operations}");
            break;
        }
    }
    let sealed = kms.audit_figures().unwrap().sealed.number;
    output.lines_with(|line| line["type"] == "seal" && line["seq"] == sealed);
}

/// Lines that were held during a long sync come in one piece.
#[test]
fn an_empty_queue_takes_lines_of_any_size() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let identity = &kms.auditor.trail.as_ref().unwrap().identity;
    let output = Output::default();
    let sink = output.sink("other", false);
    let sink = sinks::Running::start(sink, identity, Arc::new(SystemClock), Arc::default()).unwrap();
    let line = format!("{}\n", "x".repeat(5 << 20));
    sink.push(&line.as_bytes().into(), None);
    wait(|| output.text() == line);
    sink.close();
}

/// Some are being written when a write fails after a while, and others wait for theirs.
#[test]
fn no_request_waits_for_a_required_sink_that_has_failed() {
    struct SlowThenBroken(Arc<AtomicUsize>);
    impl AuditOutput for SlowThenBroken {
        fn write(&mut self, _: &[u8]) -> io::Result<()> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(()),
                1 => {
                    sleep(Duration::from_secs(1));
                    Err(io::Error::other("no route"))
                }
                _ => Err(io::Error::other("no route")),
            }
        }
    }
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let writes = Arc::<AtomicUsize>::default();
    let output = Box::new(SlowThenBroken(Arc::clone(&writes)));
    kms.set_audit_sinks(false, vec![AuditSink { name: "other".into(), is_required: true, output }]).unwrap();
    wait(|| writes.load(Ordering::SeqCst) >= 2);
    std::thread::scope(|scope| {
        let requests: Vec<_> = (0..3).map(|_| scope.spawn(|| describe(&kms, &key))).collect();
        for request in requests {
            let refused = request.join().unwrap().unwrap_err();
            assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
        }
    });
}

fn latch(kms: &Kms) -> Latch {
    kms.auditor.trail.as_ref().unwrap().shared.with(|writer| writer.latch()).unwrap()
}

/// At a check of the file, at a write, or at the sync of a seal, depending on the timing.
#[test]
fn a_file_whose_disk_hangs_delays_no_other_required_sink() {
    for operations in [0, 1, 5] {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        let key = create_key(&kms);
        let output = Output::default();
        kms.set_audit_sinks(true, vec![output.sink("other", true)]).unwrap();
        describe(&kms, &key).unwrap();
        pollster::block_on(kms.seal_audit()).unwrap();
        let latch = latch(&kms);
        latch.hang_after(operations);
        while kms.audit_sinks()[0].fault.is_none() {
            describe(&kms, &key).unwrap();
        }
        let fault = kms.audit_sinks()[0].fault.clone().unwrap();
        assert!(fault.contains("hangs"), "{fault}");
        assert!(kms.is_ready() && kms.audit_fault().is_none());
        for _ in 0..10 {
            describe(&kms, &key).unwrap();
        }
        call(&kms, CreateAlias { key_id: key.clone(), alias_name: "alias/a".into() }).unwrap();
        output.lines_with(|line| line["action"] == "CreateAlias");
        pollster::block_on(kms.seal_audit()).unwrap_err();

        latch.release();
        wait(|| kms.audit_sinks()[0].fault.is_none());
        describe(&kms, &key).unwrap();
        drop(kms);
        let trail = data.path().join("audit");
        let report = verify(std::slice::from_ref(&trail), None, None).unwrap();
        let [(_, gap)] = &*report.gaps else { panic!("{operations}: {report:?}") };
        assert!(report.is_sound() && gap.reason == GapReason::Missed, "{operations}: {report:?}");
        let in_file = requests(data.path());
        let number = |line: &Value| line["seq"].as_u64();
        let missed = output.lines().into_iter().filter(|line| {
            let is_missed = number(line) >= gap.from && number(line) <= gap.to;
            is_missed && in_file.iter().all(|written| number(written) != number(line))
        });
        let numbers: Vec<_> = missed.map(|line| number(&line).unwrap()).collect();
        let named: Vec<_> = (gap.from.unwrap()..=gap.to.unwrap()).collect();
        assert_eq!(numbers, named, "{operations}: the other sink has what the file has not");
        assert!(named.len() > 10, "{operations}: {named:?}");
        assert_eq!(in_file.iter().filter(|line| line["action"] == "CreateAlias").count(), 1);
    }
}

#[test]
fn an_engine_ends_while_the_disk_of_the_file_hangs_if_another_sink_is_required() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let output = Output::default();
    kms.set_audit_sinks(true, vec![output.sink("other", true)]).unwrap();
    let latch = latch(&kms);
    latch.hang_after(0);
    describe(&kms, &key).unwrap();
    drop(kms);
    assert!(output.lines().iter().any(|line| line["action"] == "DescribeKey"), "{}", output.text());
    latch.release();
}

/// Without another required sink, the engine waits for a slow write.
#[test]
fn only_another_required_sink_bounds_the_wait_for_the_disk() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let output = Output::default();
    let latch = latch(&kms);
    kms.set_audit_sinks(true, vec![output.sink("other", true)]).unwrap();
    kms.set_audit_sinks(true, vec![output.sink("other", false)]).unwrap();
    latch.hang_after(0);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| describe(&kms, &key));
        while kms.is_ready() {
            sleep(Duration::from_millis(50));
        }
        let fault = kms.audit_fault().unwrap();
        assert!(fault.contains("does not return"), "{fault}");
        assert_eq!(kms.audit_sinks()[0].fault, None, "no operation has failed");
        latch.release();
        let _ = waits.join().unwrap(); // refused if it was the seal that hung
    });
    wait(|| kms.is_ready());
    describe(&kms, &key).unwrap();
}

#[test]
fn requests_wait_for_a_required_sink_if_the_files_are_not_and_no_longer_than_it_takes_lines() {
    let data = tempfile::tempdir().unwrap();
    let kms = open(data.path());
    let key = create_key(&kms);
    let output = Output::default();
    kms.set_audit_sinks(false, vec![output.sink("other", true)]).unwrap();
    describe(&kms, &key).unwrap();
    assert!(output.lines().iter().any(|line| line["action"] == "DescribeKey"), "{}", output.text());
    output.0.lock().unwrap().hangs = true;
    let refused = describe(&kms, &key).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
    assert!(!kms.is_ready());
    output.0.lock().unwrap().hangs = false;
    wait(|| kms.is_ready());
    describe(&kms, &key).unwrap();
}
