//! Decides whether lines of the audit trail can be written, and to which sinks. While no required sink accepts lines, the
//! engine refuses requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of the sinks of the trail. Requests are answered while at least one required sink accepts lines.
pub(super) struct Health {
    is_available: AtomicBool,
    /// Writing has ended for all sinks.
    has_ended: AtomicBool,
    /// A write to the files does not return and its wait is not bounded, so no sink gets lines: lines get their numbers from
    /// the files.
    is_stalled: AtomicBool,
    sinks: Mutex<Vec<SinkHealth>>,
}

/// The health of a sink of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkHealth {
    /// Its name; that of the files is `file`.
    pub name: String,
    /// Whether it is required.
    pub is_required: bool,
    /// Why it accepts no lines, if that is so.
    pub fault: Option<String>,
    /// The number of lines that it has missed since the start.
    pub missed: u64,
}

impl Health {
    /// Returns the health of all sinks, the files first.
    pub(super) fn sinks(&self) -> Vec<SinkHealth> {
        self.lock().clone()
    }

    /// Whether lines can be written.
    pub(super) fn is_available(&self) -> bool {
        self.is_available.load(Ordering::Acquire)
    }

    /// Why lines cannot be written, if that is so.
    pub(super) fn fault(&self) -> Option<String> {
        if self.is_available() {
            return None;
        }
        if self.has_ended.load(Ordering::Acquire) {
            return Some("the thread that writes the audit trail has ended".into());
        }
        if self.is_stalled.load(Ordering::Acquire) {
            return Some("a write to the audit trail does not return: its disk hangs".into());
        }
        let sinks = self.lock();
        let required = sinks.iter().filter(|sink| sink.is_required);
        let faults: Vec<String> = required.filter_map(SinkHealth::named_fault).collect();
        Some(faults.join("; "))
    }

    /// Why the files accept no lines, if that is so.
    pub(super) fn file_fault(&self) -> Option<String> {
        self.lock().first().and_then(|file| file.fault.clone())
    }

    /// Whether a line in the files is enough for an answer.
    pub(super) fn is_file_required(&self) -> bool {
        self.lock().first().is_some_and(|file| file.is_required)
    }

    /// Whether a required sink other than the files accepts lines.
    pub(super) fn has_other(&self) -> bool {
        self.lock().iter().skip(1).any(SinkHealth::counts)
    }

    /// Adds a sink, which is assumed to accept lines.
    pub(super) fn set_sink(&self, name: &str, is_required: bool) {
        self.change(|sinks| match sinks.iter_mut().find(|sink| sink.name == name) {
            Some(sink) => sink.is_required = is_required,
            None => sinks.push(SinkHealth { name: name.into(), is_required, fault: None, missed: 0 }),
        });
    }

    pub(super) fn remove_sink(&self, name: &str) {
        self.change(|sinks| sinks.retain(|sink| sink.name != name));
    }

    /// Records that a sink accepts lines, or why it does not.
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

    /// Ends writing for all sinks.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.change(|_| {});
    }

    /// Records whether a write to the files does not return.
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

    /// Its fault, with its name. A fault of the files names their path.
    fn named_fault(&self) -> Option<String> {
        let fault = self.fault.as_ref()?;
        Some(if self.name == FILES { fault.clone() } else { format!("{}: {fault}", self.name) })
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
