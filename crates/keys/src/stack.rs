//! Wiping what a computation left on the stack.

use zeroize::zeroize_stack;

/// Runs `work`, then wipes the stack that it used.
///
/// Values that are wiped on drop leave copies behind: of arguments that were moved, of what a register held,
/// of what the libraries below do not wipe at all. Caveat: the compiler decides what lies where, so this is
/// the best that can be done, and no promise. The tests of bulla-kms look for SM2 keys on a stack.
pub fn run_and_wipe<T>(work: impl FnOnce() -> T) -> T {
    let result = in_its_own_frame(work);
    zeroize_stack::<DEPTH>();
    result
}

/// Inlined, `work` would use the frame of the caller, and that is not wiped.
#[inline(never)]
fn in_its_own_frame<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Several times what elliptic curves need in debug builds; it takes microseconds.
const DEPTH: usize = 64 * 1024;
