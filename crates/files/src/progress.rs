//! How far a run is.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes of plaintext that are done, on all threads. Another thread may read it at any time.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    /// Bytes of plaintext done so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Forgets what was done since there were so many.
    pub(crate) fn set_back(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}
