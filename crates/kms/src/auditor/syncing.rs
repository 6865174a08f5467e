//! Syncs a seal on a separate thread, if the thread of the trail must not hang with the disk because other sinks need it.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::writer::Begun;
use crate::audit::{Directory, Disk, Sealing};

/// A seal that is being synced. Dropping this does not stop the sync.
pub(super) struct Syncing {
    begun: Begun,
    /// None if there is nothing new to seal.
    synced: Option<Receiver<Sealing<<Disk as Directory>::File>>>,
}

impl Syncing {
    /// Begins to sync a seal.
    ///
    /// # Errors
    /// The thread cannot be started; the seal is abandoned.
    pub(super) fn start(mut begun: Begun) -> io::Result<Self> {
        let Some(mut sealing) = begun.sealing.take() else { return Ok(Self { begun, synced: None }) };
        let (done, synced) = mpsc::channel();
        let work = move || {
            sealing.sync();
            let _ = done.send(sealing); // the engine may have ended
        };
        thread::Builder::new().name("audit-sync".into()).spawn(work)?;
        Ok(Self { begun, synced: Some(synced) })
    }

    /// Waits for at most `limit`. Returns whether the sync has returned.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        let Some(synced) = &self.synced else { return true };
        let Ok(sealing) = synced.recv_timeout(limit) else { return false };
        self.begun.sealing = Some(sealing);
        self.synced = None;
        true
    }

    /// Returns the seal, once the sync has returned.
    pub(super) fn into_begun(self) -> Begun {
        self.begun
    }
}
