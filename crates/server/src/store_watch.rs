//! Checks once a second whether the store is available and the audit trail takes lines. Logs when either state changes,
//! and when lines of the trail were lost.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bulla_kms::{Kms, LostFile, SinkHealth};

use crate::log::Log;

/// The threads that check; they end when this is dropped. On a network file system a check of the store may hang, so neither
/// is it on a thread that answers requests, nor on the one that finds that the trail hangs.
pub(crate) struct StoreWatch {
    _store: EachSecond,
    _trail: EachSecond,
}

impl StoreWatch {
    pub(crate) fn start(kms: Arc<Kms>, log: Arc<Log>) -> io::Result<Self> {
        let store = Arc::clone(&kms);
        let store_log = Arc::clone(&log);
        let mut last = None;
        let check_store = move || {
            let lost = store.check_store().err();
            if lost != last {
                store_log.event(event(lost.as_ref()));
            }
            last = lost;
        };
        let mut last_fault = None;
        let mut sinks = Vec::new(); // also a fault from before this thread began is new to the log
        let mut lost_lines = lost_audit_lines(&kms);
        let check_trail = move || {
            let fault = kms.audit_fault();
            if fault != last_fault {
                log.event(audit_event(fault.as_deref()));
            }
            last_fault = fault;
            let found = lost_audit_lines(&kms);
            if found > lost_lines {
                log.event(lost_lines_event(found - lost_lines));
            }
            lost_lines = found;
            let found = kms.audit_sinks();
            sink_events(&sinks, &found).into_iter().for_each(|event| log.event(event));
            sinks = found;
        };
        Ok(Self {
            _store: EachSecond::start("bulla-store", check_store)?,
            _trail: EachSecond::start("bulla-trail", check_trail)?,
        })
    }
}

/// A thread that runs a check once a second, until this is dropped.
struct EachSecond {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EachSecond {
    fn start(name: &str, mut check: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                check();
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for EachSecond {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was printed
        }
    }
}

fn event(lost: Option<&LostFile>) -> String {
    match lost {
        Some(lost) => format!("the store is lost, and writes are refused: {lost}"),
        None => "the store is back, and writes are accepted again".into(),
    }
}

fn audit_event(fault: Option<&str>) -> String {
    match fault {
        Some(fault) => format!("every request is refused, because no line can be written: {fault}"),
        None => "the audit trail takes lines again, and requests are answered".into(),
    }
}

/// Returns how many lines of the audit trail were found lost so far.
fn lost_audit_lines(kms: &Kms) -> u64 {
    kms.audit_figures().map_or(0, |figures| figures.lost)
}

/// The trail takes lines again in less than a second, so a check may miss the fault itself.
fn lost_lines_event(lines: u64) -> String {
    let lines = counted_lines(lines);
    format!("the audit trail has lost {lines}: removed, replaced or damaged after they were durable")
}

fn counted_lines(lines: u64) -> String {
    match lines {
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    }
}

/// Returns the events about sinks of the audit trail. The fault of a single sink is logged above.
fn sink_events(before: &[SinkHealth], now: &[SinkHealth]) -> Vec<String> {
    let mut events = Vec::new();
    for sink in now {
        let name = &sink.name;
        let old = before.iter().find(|old| old.name == *name);
        let old_fault = old.and_then(|old| old.fault.as_ref());
        let missed = sink.missed.saturating_sub(old.map_or(0, |old| old.missed)); // it may be a new one
        match &sink.fault {
            Some(fault) if old_fault != Some(fault) && now.len() > 1 => {
                events.push(format!("the audit sink {name} takes no lines: {fault}"));
            }
            None if old_fault.is_some() && now.len() > 1 => {
                events.push(format!("the audit sink {name} takes lines again"));
            }
            _ => {}
        }
        if missed > 0 {
            events.push(format!("the audit sink {name} has missed {}", counted_lines(missed)));
        }
    }
    events
}

const PERIOD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(name: &str, fault: Option<&str>, missed: u64) -> SinkHealth {
        SinkHealth { name: name.into(), is_required: true, fault: fault.map(str::to_owned), missed }
    }

    /// As after a start on a disk that is full already.
    #[test]
    fn a_fault_from_before_the_first_check_is_logged_and_no_healthy_sink() {
        let now = [sink("file", Some("the disk is full"), 1), sink("stdout", None, 0)];
        let expected =
            ["the audit sink file takes no lines: the disk is full", "the audit sink file has missed 1 line"];
        assert_eq!(sink_events(&[], &now), expected);
        assert_eq!(sink_events(&now, &now), [""; 0]);
        let later = [sink("file", None, 3), sink("stdout", None, 0)];
        let expected = ["the audit sink file takes lines again", "the audit sink file has missed 2 lines"];
        assert_eq!(sink_events(&now, &later), expected);
    }
}
