//! Makes the scheduled backups of a running server.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bulla_kms::{Kms, ScheduledBackup};
use rustix::process::nice;

use crate::log::Log;

/// The thread that makes them; it ends when this is dropped, and breaks off the backup that is under way.
pub(crate) struct Backups {
    kms: Arc<Kms>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Backups {
    pub(crate) fn start(kms: Arc<Kms>, log: Arc<Log>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let engine = Arc::clone(&kms);
        let work = move || {
            let _ = nice(LOW_PRIORITY); // of this thread; where it is refused, requests share the cores with it
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                if let Some(event) = kms.back_up_if_due().as_ref().and_then(event) {
                    log.event(event);
                }
            }
        };
        let thread = thread::Builder::new().name("bulla-backup".into()).spawn(work)?;
        Ok(Self { kms: engine, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.kms.stop_backups();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was printed
        }
    }
}

/// What the log says; nothing of a failure that it knows.
fn event(done: &ScheduledBackup) -> Option<String> {
    match done {
        ScheduledBackup::Made { path, facts, deleted } => {
            let deleted = match deleted.len() {
                0 => String::new(),
                1 => "; an older one was deleted".to_owned(),
                count => format!("; {count} older ones were deleted"),
            };
            let records = facts.records;
            Some(format!("a backup was made and verified: {}, {records} records{deleted}", path.display()))
        }
        ScheduledBackup::Failed { is_known: true, .. } => None,
        ScheduledBackup::Failed { error, .. } => {
            Some(format!("the scheduled backup failed, and is tried again: {error}"))
        }
        _ => None,
    }
}

const PERIOD: Duration = Duration::from_secs(1);
const LOW_PRIORITY: i32 = 19;
