//! Looks once a second whether the store is still in its place and the audit trail takes lines, and logs when that ends and
//! when it is so again.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bulla_kms::{Kms, LostFile};

use crate::log::Log;

/// The thread that checks; it ends when this is dropped. On a network file system its system calls may take long, and must
/// not hold up those that answer requests.
pub(crate) struct StoreWatch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StoreWatch {
    pub(crate) fn start(kms: Arc<Kms>, log: Arc<Log>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            let mut last = None;
            let mut last_fault = None;
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let lost = kms.check_store().err();
                if lost != last {
                    log.event(event(lost.as_ref()));
                }
                last = lost;
                let fault = kms.audit_fault();
                if fault != last_fault {
                    log.event(audit_event(fault.as_deref()));
                }
                last_fault = fault;
            }
        };
        let thread = thread::Builder::new().name("bulla-store".into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for StoreWatch {
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

const PERIOD: Duration = Duration::from_secs(1);
