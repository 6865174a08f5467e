//! A counter of processed bytes, which a caller can read during a run.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the processed bytes of plaintext over all threads. Any thread may read it at any time.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    /// Returns the number of processed bytes of plaintext.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Resets the count to an earlier value.
    pub(crate) fn set_back(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}
