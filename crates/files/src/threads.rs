//! How many threads are worth having.

use std::thread;

/// As many threads as there are cores to run them.
#[must_use]
pub fn all_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
