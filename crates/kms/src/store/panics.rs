//! Turns panics of the storage engine into errors: it panics on some damaged files.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::StoreError;

pub(super) fn catching_panics<T, E: From<StoreError>>(run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let outer = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    result.unwrap_or_else(|_| {
        DAMAGED.store(true, Ordering::Relaxed);
        Err(StoreError::Damaged.into())
    })
}

/// Whether a panic of this thread would come from the storage engine and become a [`StoreError`]. A panic hook that reports
/// bugs should ignore it.
#[must_use]
pub fn is_panic_caught() -> bool {
    CATCHING.get()
}

/// Whether the storage engine has panicked on a store of this process. Not every call that reads damage fails: a store that
/// answers may turn out to be damaged when it is closed.
#[must_use]
pub fn was_store_damaged() -> bool {
    DAMAGED.load(Ordering::Relaxed)
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}
static DAMAGED: AtomicBool = AtomicBool::new(false);
