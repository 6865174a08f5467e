//! Makes the scheduled backups of a running server, and verifies kept ones again.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bulla_kms::{Kms, ReverifiedBackup, ScheduledBackup};
use rustix::process::nice;

use crate::log::Log;

/// The thread that makes backups. Dropping this cancels a running backup and ends the thread.
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
            let _ = nice(LOW_PRIORITY); // of this thread; if refused, requests share the cores with it
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                if let Some(event) = run_due(&kms) {
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

/// Makes a backup if one is due, otherwise verifies a kept one. Returns the text for the log.
fn run_due(kms: &Kms) -> Option<String> {
    match kms.back_up_if_due() {
        Some(done) => made(&done),
        None => kms.verify_backup_if_due().as_ref().and_then(verified),
    }
}

/// Returns the text for the log about a backup; `None` for a failure that is logged already.
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

/// Returns the text for the log about a verification, if its outcome is new.
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
