//! Watches the files that a running engine depends on: its store, and the lock that keeps others away from it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::lock::Lock;
use crate::store::{LostFile, Store};

/// The held lock and the store, with the result of the last check.
pub(crate) struct Watch {
    store: Arc<Store>,
    lost: Mutex<Option<LostFile>>,
    /// Released with the last user of the store.
    lock: Lock,
}

impl Watch {
    pub(crate) fn new(lock: Lock, store: Arc<Store>) -> Self {
        Self { store, lost: Mutex::default(), lock }
    }

    /// Checks that both are still ours: a few system calls.
    pub(crate) fn check(&self) -> Result<(), LostFile> {
        let checked = self.store.verify().and_then(|()| self.lock.verify());
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = checked.clone().err();
        checked
    }

    /// What the last check found missing or changed, if anything.
    pub(crate) fn lost(&self) -> Option<LostFile> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether another process waits for the store.
    pub(crate) fn is_awaited(&self) -> bool {
        self.lock.is_awaited()
    }
}
