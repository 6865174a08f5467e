//! The buffers of a thread. All files that the thread processes share them, so that a small file needs no allocation.

use std::cell::Cell;

use crate::pages::Pages;

/// The buffers for a range of a file.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) plaintext: Pages,
    pub(super) sealed: Pages,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Calls `work` with the buffers of this thread. They are wiped when it returns, so no plaintext outlives its file.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    // A nested call, or one that panics, leaves new buffers.
    let mut scratch = SCRATCH.take();
    let result = work(&mut scratch);
    scratch.plaintext.wipe();
    scratch.sealed.wipe();
    SCRATCH.set(scratch);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_wiped() {
        let place = with_scratch(|scratch| {
            scratch.plaintext.at(0, 1000).fill(7);
            let inner = with_scratch(|inner| inner.plaintext.at(0, 1000).to_vec());
            assert_eq!(inner, [0; 1000], "a call within a call has buffers of its own");
            assert_eq!(scratch.plaintext.at(0, 1000), [7; 1000]);
            scratch.plaintext.at(0, 1000).as_ptr()
        });
        with_scratch(|scratch| {
            let again = scratch.plaintext.at(0, 1000);
            assert_eq!(again, [0; 1000]);
            assert_eq!(again.as_ptr(), place, "no new memory");
        });
    }
}
