//! Wipes the stack that a computation used.

use zeroize::zeroize_stack;

/// Runs `work`, then wipes the stack that it used.
///
/// Types that are wiped on drop leave copies behind: of moved arguments, of spilled registers, and of values that the libraries
/// below do not wipe. Caveat: the compiler decides the stack layout, so this is best effort and not a guarantee. The tests of
/// bulla-kms search a stack for SM2 keys.
pub fn run_and_wipe<T>(work: impl FnOnce() -> T) -> T {
    let result = in_its_own_frame(work);
    zeroize_stack::<DEPTH>();
    result
}

/// Prevents inlining, because inlined `work` would use the frame of the caller, which is not wiped.
#[inline(never)]
fn in_its_own_frame<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Bytes to wipe: several times what elliptic curves need in debug builds. Wiping them takes microseconds.
const DEPTH: usize = 64 * 1024;
