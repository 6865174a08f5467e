//! Makes the scheduled backups of a running server, and verifies again those that are kept.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bulla_kms::{Kms, ReverifiedBackup, ScheduledBackup};
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
                if let Some(event) = work_of_a_second(&kms) {
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

/// Makes a backup if one is due, or else verifies one that is kept, and returns what the log says of it.
fn work_of_a_second(kms: &Kms) -> Option<String> {
    match kms.back_up_if_due() {
        Some(done) => made(&done),
        None => kms.verify_backup_if_due().as_ref().and_then(verified),
    }
}

/// What the log says of a backup; nothing of a failure that it knows.
fn made(done: &ScheduledBackup) -> Option<String> {
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

/// What the log says of a verification: what is new.
fn verified(done: &ReverifiedBackup) -> Option<String> {
    match done {
        ReverifiedBackup::Passed { had_failed: false, .. }
        | ReverifiedBackup::Failed { is_known: true, .. }
        | ReverifiedBackup::Unread { is_known: true, .. } => None,
        ReverifiedBackup::Passed { path, .. } => {
            Some(format!("a backup that had failed verifies again: {}", path.display()))
        }
        ReverifiedBackup::Failed { path, error, hint, .. } => Some(format!(
            "a backup that is kept failed to verify: {}: {error}; it is not counted as a backup: {hint}",
            path.display()
        )),
        ReverifiedBackup::Unread { path, error, hint, .. } => Some(format!(
            "a backup that is kept cannot be read, and is tried again: {}: {error}; it does not count as verified: {hint}",
            path.display()
        )),
        _ => None,
    }
}

const PERIOD: Duration = Duration::from_secs(1);
const LOW_PRIORITY: i32 = 19;
