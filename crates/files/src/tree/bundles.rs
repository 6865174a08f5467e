//! Distributes bundles of jobs to several threads. A thread processes a bundle to its end, and helps with that of another thread
//! if no bundle is waiting.
//!
//! The files of a directory follow each other, so with large bundles the threads work in different directories, where they do not
//! block each other. A thread without a bundle takes jobs from another thread's bundle, so that the last one is shared.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::vec::IntoIter;

/// The jobs of a bundle that have not begun.
pub(super) type Bundle<J> = Mutex<IntoIter<J>>;

/// The bundles of a run.
pub(super) struct Bundles<J> {
    state: Mutex<State<J>>,
    /// Signals that a bundle was sent, or that there will be no more.
    sent: Condvar,
    /// Signals that a bundle was taken.
    taken: Condvar,
}

struct State<J> {
    waiting: VecDeque<Arc<Bundle<J>>>,
    /// The bundles that threads have taken.
    begun: Vec<Arc<Bundle<J>>>,
    ended: bool,
}

impl<J> Bundles<J> {
    pub(super) fn new() -> Self {
        let state = State { waiting: VecDeque::new(), begun: Vec::new(), ended: false };
        Self { state: Mutex::new(state), sent: Condvar::new(), taken: Condvar::new() }
    }

    /// Sends a bundle. Blocks while the queue is full.
    pub(super) fn send(&self, jobs: Vec<J>) {
        let full = |state: &mut State<J>| state.waiting.len() >= WAITING;
        let mut state = self.taken.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        state.waiting.push_back(Arc::new(Mutex::new(jobs.into_iter())));
        self.sent.notify_one();
    }

    /// Lets the threads end when all jobs are done.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.sent.notify_all();
    }

    /// Does that when the returned guard is dropped.
    pub(super) fn end_when_dropped(&self) -> impl Drop + '_ {
        End(self)
    }

    /// Returns the next bundle: a waiting one, otherwise one that another thread has begun; `None` at the end.
    pub(super) fn next(&self) -> Option<Arc<Bundle<J>>> {
        let mut state = self.state();
        loop {
            if let Some(bundle) = state.waiting.pop_front() {
                state.begun.retain(|bundle| !is_empty(bundle));
                state.begun.push(bundle.clone());
                self.taken.notify_one();
                return Some(bundle);
            }
            if let Some(bundle) = state.begun.iter().find(|bundle| !is_empty(bundle)) {
                return Some(bundle.clone());
            }
            if state.ended {
                return None;
            }
            state = self.sent.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct End<'a, J>(&'a Bundles<J>);

impl<J> Drop for End<'_, J> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Returns the next job of a bundle.
pub(super) fn next_of<J>(bundle: &Bundle<J>) -> Option<J> {
    bundle.lock().unwrap_or_else(PoisonError::into_inner).next()
}

fn is_empty<J>(bundle: &Bundle<J>) -> bool {
    bundle.lock().unwrap_or_else(PoisonError::into_inner).len() == 0
}

/// Maximum number of waiting bundles.
const WAITING: usize = 4;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_without_a_bundle_takes_what_is_left_of_anothers() {
        let bundles = Bundles::new();
        bundles.send(vec![1, 2, 3]);
        bundles.send(vec![4]);
        bundles.end();
        let slow = bundles.next().unwrap();
        assert_eq!(next_of(&slow), Some(1), "a large file");
        let done: Vec<_> = thread::scope(|scope| {
            let quick = scope.spawn(|| {
                let mut done = Vec::new();
                while let Some(bundle) = bundles.next() {
                    done.extend(next_of(&bundle));
                }
                done
            });
            quick.join().unwrap()
        });
        assert_eq!(done, [4, 2, 3], "first what waits, then what another thread has begun");
        assert_eq!(next_of(&slow), None);
    }

    #[test]
    fn a_sender_waits_while_enough_bundles_wait() {
        let bundles = Bundles::new();
        thread::scope(|scope| {
            let sender = scope.spawn(|| (0..=WAITING).for_each(|job| bundles.send(vec![job])));
            let mut taken = Vec::new();
            while taken.len() <= WAITING {
                taken.extend(bundles.next().and_then(|bundle| next_of(&bundle)));
            }
            sender.join().unwrap();
            assert_eq!(taken, (0..=WAITING).collect::<Vec<_>>());
        });
    }
}
