//! The default number of threads: the number of cores.

use std::thread;

/// Returns the number of cores that are available to this process.
#[must_use]
pub fn all_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
