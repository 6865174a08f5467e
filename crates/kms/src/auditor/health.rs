//! Whether lines of the audit trail can be written, and to which sinks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the sinks of the trail can do. Requests are answered while at least one that is required takes lines.
pub(super) struct Health {
    is_available: AtomicBool,
    /// Nothing is written any more, to any sink.
    has_ended: AtomicBool,
    /// A write to the files does not come back and nothing bounds the wait, so nothing is written to any sink: lines get their
    /// numbers there.
    is_stalled: AtomicBool,
    sinks: Mutex<Vec<SinkHealth>>,
}

/// How a sink of the audit trail is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkHealth {
    /// What it is called; the files are `file`.
    pub name: String,
    /// Whether it counts.
    pub is_required: bool,
    /// Why it takes no lines, if that is so.
    pub fault: Option<String>,
    /// How many lines it has not got since the start.
    pub missed: u64,
}

impl Health {
    /// How all sinks are, the files first.
    pub(super) fn sinks(&self) -> Vec<SinkHealth> {
        self.lock().clone()
    }

    /// Whether lines can be written.
    pub(super) fn is_available(&self) -> bool {
        self.is_available.load(Ordering::Acquire)
    }

    /// Why they cannot.
    pub(super) fn fault(&self) -> Option<String> {
        if self.is_available() {
            return None;
        }
        if self.has_ended.load(Ordering::Acquire) {
            return Some("the thread that writes the audit trail has ended".into());
        }
        if self.is_stalled.load(Ordering::Acquire) {
            return Some("a write to the audit trail does not come back: its disk hangs".into());
        }
        let sinks = self.lock();
        let faults = sinks.iter().filter(|sink| sink.is_required);
        let faults: Vec<&str> = faults.filter_map(|sink| sink.fault.as_deref()).collect();
        Some(faults.join("; "))
    }

    /// Why the files take no lines, if that is so.
    pub(super) fn file_fault(&self) -> Option<String> {
        self.lock().first().and_then(|file| file.fault.clone())
    }

    /// Whether a line in the files is enough for an answer.
    pub(super) fn is_file_required(&self) -> bool {
        self.lock().first().is_some_and(|file| file.is_required)
    }

    /// Whether a sink that counts takes lines, other than the files.
    pub(super) fn has_other(&self) -> bool {
        self.lock().iter().skip(1).any(SinkHealth::counts)
    }

    /// A sink is there; it takes lines until it turns out otherwise.
    pub(super) fn set_sink(&self, name: &str, is_required: bool) {
        self.change(|sinks| match sinks.iter_mut().find(|sink| sink.name == name) {
            Some(sink) => sink.is_required = is_required,
            None => sinks.push(SinkHealth { name: name.into(), is_required, fault: None, missed: 0 }),
        });
    }

    pub(super) fn remove_sink(&self, name: &str) {
        self.change(|sinks| sinks.retain(|sink| sink.name != name));
    }

    /// A sink takes lines, or does not for this reason.
    pub(super) fn set_fault(&self, name: &str, fault: Option<String>) {
        self.change(|sinks| {
            if let Some(sink) = sinks.iter_mut().find(|sink| sink.name == name) {
                sink.fault = fault;
            }
        });
    }

    pub(super) fn add_missed(&self, name: &str, lines: u64) {
        self.change(|sinks| {
            if let Some(sink) = sinks.iter_mut().find(|sink| sink.name == name) {
                sink.missed += lines;
            }
        });
    }

    /// Nothing is written any more.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.change(|_| {});
    }

    /// A write to the files does not come back, or has come back after all.
    pub(super) fn set_stalled(&self, is_stalled: bool) {
        if self.is_stalled.swap(is_stalled, Ordering::SeqCst) != is_stalled {
            self.change(|_| {});
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<SinkHealth>)) {
        let mut sinks = self.lock();
        change(&mut sinks);
        let is_writing = !self.has_ended.load(Ordering::Acquire) && !self.is_stalled.load(Ordering::Acquire);
        let is_available = is_writing && sinks.iter().any(SinkHealth::counts);
        self.is_available.store(is_available, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SinkHealth>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SinkHealth {
    /// Whether a request may be answered because this sink has its line.
    fn counts(&self) -> bool {
        self.is_required && self.fault.is_none()
    }
}

impl Default for Health {
    fn default() -> Self {
        let health = Self {
            is_available: AtomicBool::new(true),
            has_ended: AtomicBool::new(false),
            is_stalled: AtomicBool::new(false),
            sinks: Mutex::default(),
        };
        health.set_sink(FILES, true);
        health
    }
}

/// The name of the sink that numbers and seals the lines.
pub(super) const FILES: &str = "file";
