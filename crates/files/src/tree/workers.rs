//! Worker threads that process the files of a tree, and report events.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::bundles::{Bundles, next_of};
use super::{Listener, SkipReason, TreeEvent, TreeSummary};
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::threads::all_cores;

/// Counts events and reports them to the listener.
pub(super) struct Counts<'a> {
    listener: Listener<'a>,
    done: AtomicUsize,
    failed: AtomicUsize,
    skipped: AtomicUsize,
    special: AtomicUsize,
}

impl<'a> Counts<'a> {
    pub(super) fn new(listener: Listener<'a>) -> Self {
        let zero = AtomicUsize::default;
        Self { listener, done: zero(), failed: zero(), skipped: zero(), special: zero() }
    }

    /// Records the result of a file.
    pub(super) fn finish(&self, from: &Path, to: &Path, result: Result<FileSummary, FileError>) {
        match result {
            Ok(done) => {
                self.done.fetch_add(1, Ordering::Relaxed);
                (self.listener)(TreeEvent::Processed { path: from, file: &done });
            }
            Err(error) => self.fail(from, to, error),
        }
    }

    pub(super) fn fail(&self, from: &Path, to: &Path, error: FileError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        (self.listener)(TreeEvent::Failed { path: from, output: to, error: &error });
    }

    /// Records the failure of a file that was counted as done.
    pub(super) fn mark_failed(&self, from: &Path, to: &Path, error: FileError) {
        self.done.fetch_sub(1, Ordering::Relaxed);
        self.fail(from, to, error);
    }

    pub(super) fn skip(&self, path: &Path, reason: SkipReason) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        if reason == SkipReason::Special {
            self.special.fetch_add(1, Ordering::Relaxed);
        }
        (self.listener)(TreeEvent::Skipped { path, reason });
    }

    pub(super) fn summary(&self) -> TreeSummary {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        TreeSummary {
            done: count(&self.done),
            failed: count(&self.failed),
            skipped: count(&self.skipped),
            special: count(&self.special),
        }
    }
}

/// Runs `produce`, which sends jobs to several threads in bundles, and waits until all jobs are done. If no thread can be
/// started, the jobs run on this one.
pub(super) fn on_workers<J: Send>(
    workers: usize,
    work: &(dyn Fn(J) + Sync),
    produce: impl FnOnce(&mut dyn FnMut(J)),
) {
    let bundles = Bundles::new();
    thread::scope(|scope| {
        let worker = || {
            while let Some(bundle) = bundles.next() {
                while let Some(job) = next_of(&bundle) {
                    work(job);
                }
            }
        };
        let started = (0..workers.max(1))
            .filter(|_| thread::Builder::new().name("files".into()).spawn_scoped(scope, worker).is_ok())
            .count();
        if started == 0 {
            return produce(&mut |job| work(job));
        }
        // More workers than cores mostly wait for a KMS, and each of them should have a call to make.
        let bundle_len = if workers > all_cores() { 1 } else { BUNDLE };
        let _end = bundles.end_when_dropped(); // also by a panic: the threads would wait forever
        let mut bundle = Vec::new();
        produce(&mut |job| {
            bundle.push(job);
            if bundle.len() == bundle_len {
                bundles.send(std::mem::take(&mut bundle));
            }
        });
        bundles.send(bundle);
    });
}

/// The number of files that a thread takes at once: those of a directory, or a part of them.
const BUNDLE: usize = 128;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_of_the_producer_ends_the_threads() {
        let done = AtomicUsize::new(0);
        let work = |_: usize| {
            done.fetch_add(1, Ordering::Relaxed);
        };
        let run = AssertUnwindSafe(|| {
            on_workers(2, &work, |send| {
                (0..BUNDLE).for_each(send);
                panic!("a listener fails");
            });
        });
        assert!(catch_unwind(run).is_err());
        assert_eq!(done.into_inner(), BUNDLE, "what was sent is done");
    }
}
