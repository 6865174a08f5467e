//! Checks the files that a running engine depends on: the store, and the lock that excludes other processes. A server calls
//! it every second; every commit calls it too.

use std::sync::{Arc, Mutex, PoisonError};

use crate::lock::Lock;
use crate::store::{LostFile, Store};

/// The lock and the store, with the result of the last check.
pub(crate) struct Watch {
    store: Arc<Store>,
    lost: Mutex<Option<LostFile>>,
    /// Released after the last use of the store.
    lock: Lock,
}

impl Watch {
    pub(crate) fn new(lock: Lock, store: Arc<Store>) -> Self {
        Self { store, lost: Mutex::default(), lock }
    }

    /// Checks that the store and the lock are still in their place. Takes a few system calls.
    pub(crate) fn check(&self) -> Result<(), LostFile> {
        let checked = self.store.verify().and_then(|()| self.lock.verify());
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = checked.clone().err();
        checked
    }

    /// Returns what the last check found missing or replaced, if anything.
    pub(crate) fn lost(&self) -> Option<LostFile> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether another process waits for the store.
    pub(crate) fn is_awaited(&self) -> bool {
        self.lock.is_awaited()
    }
}
