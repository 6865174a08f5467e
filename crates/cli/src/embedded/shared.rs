//! A resource that one process can use at a time, opened once for consecutive calls.
//!
//! All threads share it, so a process never competes with itself. It is closed after [`LINGER`] without a call. While
//! calls continue, it is closed after each [`STRETCH`] if another process waits for it, and opened again when that
//! process releases it.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A resource that one process can open at a time.
pub(super) trait Exclusive: Send + Sync + 'static {
    /// Returns whether another process waits for it.
    fn is_awaited(&self) -> bool;
}

/// An exclusive resource, shared by the threads of this process. Dropping this closes it.
pub(super) struct Shared<T: Exclusive> {
    core: Arc<Core<T>>,
    /// The thread that closes the resource when it is due; `None` until the first opening, or if no thread could be
    /// started.
    closer: Mutex<Option<JoinHandle<()>>>,
}

/// A call in progress, during which the resource stays open.
pub(super) struct Lease<'a, T: Exclusive> {
    core: &'a Core<T>,
    /// `None` only while the lease is dropped.
    resource: Option<Arc<T>>,
}

struct Core<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    phase: Phase<T>,
    /// The number of calls in progress.
    calls: usize,
    /// The start of the stretch.
    since: Instant,
    last_call: Instant,
    /// Whether another process waits: calls in progress finish, and no new one begins until the resource was closed.
    yielding: bool,
    /// Whether the closer runs; otherwise the last call closes the resource.
    has_closer: bool,
    /// When the closer wakes up; `None` if only a notification wakes it.
    wakes_at: Option<Instant>,
    ended: bool,
    /// The number of attempts to open it, and the last failed attempt, if none succeeded since.
    tries: u64,
    failed: Option<u64>,
}

enum Phase<T> {
    Closed,
    /// A thread is opening or closing it, without holding the state.
    Changing,
    Open(Arc<T>),
}

impl<T: Exclusive> Shared<T> {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let state = State {
            phase: Phase::Closed,
            calls: 0,
            since: now,
            last_call: now,
            yielding: false,
            has_closer: false,
            wakes_at: None,
            ended: false,
            tries: 0,
            failed: None,
        };
        let core = Arc::new(Core { state: Mutex::new(state), changed: Condvar::new() });
        Self { core, closer: Mutex::default() }
    }

    /// Keeps the resource open until the lease is dropped, opening it if it is closed. Threads that wait for the same
    /// `open` share its failure; `again` returns a copy of it.
    pub(super) fn lease<E>(
        &self,
        open: impl FnOnce() -> Result<T, E>,
        again: impl FnOnce() -> E,
    ) -> Result<Lease<'_, T>, E> {
        let mut state = self.core.lock();
        loop {
            match &state.phase {
                Phase::Open(resource) if !state.yielding => {
                    let resource = Arc::clone(resource);
                    state.calls += 1;
                    return Ok(Lease { core: &self.core, resource: Some(resource) });
                }
                Phase::Closed => return self.open(state, open),
                Phase::Open(_) | Phase::Changing => {
                    let current = state.tries;
                    state = self.core.wait(state);
                    let has_failed = state.failed.is_some_and(|failed| failed >= current);
                    if has_failed && matches!(state.phase, Phase::Closed) {
                        return Err(again());
                    } // otherwise another thread has opened it meanwhile, or is about to
                }
            }
        }
    }

    fn open<E>(
        &self,
        mut state: MutexGuard<'_, State<T>>,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<Lease<'_, T>, E> {
        state.tries += 1;
        state.phase = Phase::Changing;
        let opening = Opening { core: &self.core, number: state.tries };
        drop(state);
        let resource = Arc::new(open()?);
        opening.succeed(Arc::clone(&resource), self.has_closer());
        Ok(Lease { core: &self.core, resource: Some(resource) })
    }

    fn has_closer(&self) -> bool {
        let mut closer = self.closer.lock().unwrap_or_else(PoisonError::into_inner);
        if closer.is_none() {
            let core = Arc::clone(&self.core);
            *closer = thread::Builder::new().name("closer".into()).spawn(move || core.close_in_time()).ok();
        }
        closer.is_some()
    }
}

impl<T: Exclusive> Drop for Shared<T> {
    fn drop(&mut self) {
        let mut state = self.core.lock(); // leases borrow this, so no call is in progress
        state.ended = true;
        drop(self.core.close(state));
        self.core.changed.notify_all();
        if let Some(closer) = self.closer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = closer.join(); // a panic was printed
        }
    }
}

impl<T: Exclusive> Deref for Lease<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.resource.as_deref().expect("a lease has its resource until it is dropped")
    }
}

impl<T: Exclusive> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        drop(self.resource.take()); // before the count decreases: the thread that closes the resource must hold the last reference
        let mut state = self.core.lock();
        state.calls -= 1;
        state.last_call = Instant::now();
        if state.calls > 0 {
            return;
        }
        if !state.has_closer {
            drop(self.core.close(state));
        } else if state.wakes_at.is_none_or(|at| at > state.idle_end()) {
            self.core.changed.notify_all();
        }
    }
}

/// An attempt to open the resource. If it is dropped without success, also by a panic, the resource stays closed.
struct Opening<'a, T: Exclusive> {
    core: &'a Core<T>,
    number: u64,
}

impl<T: Exclusive> Opening<'_, T> {
    /// Publishes the resource, leased to the caller that opened it.
    fn succeed(self, resource: Arc<T>, has_closer: bool) {
        let mut state = self.core.lock();
        state.phase = Phase::Open(resource);
        state.since = Instant::now();
        state.calls = 1;
        state.has_closer = has_closer;
        state.failed = None;
    }
}

impl<T: Exclusive> Drop for Opening<'_, T> {
    fn drop(&mut self) {
        let mut state = self.core.lock();
        if matches!(state.phase, Phase::Changing) {
            state.phase = Phase::Closed;
            state.failed = Some(self.number);
        }
        self.core.changed.notify_all();
    }
}

impl<T: Exclusive> Core<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the resource whenever that is due, until [`Shared`] is dropped.
    fn close_in_time(&self) {
        let mut state = self.lock();
        while !state.ended {
            let now = Instant::now();
            state.wakes_at = state.next_event(now);
            state = match state.wakes_at {
                None => self.wait(state),
                Some(at) if at > now => {
                    let waited = self.changed.wait_timeout(state, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) if state.calls == 0 && (state.yielding || state.idle_end() <= now) => {
                    self.close(state)
                }
                Some(_) => {
                    state.end_stretch(now);
                    state
                }
            };
        }
    }

    /// Closes the resource if it is open, without holding the state meanwhile.
    fn close<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        if let Phase::Open(resource) = std::mem::replace(&mut state.phase, Phase::Changing) {
            drop(state);
            drop(resource); // the last reference: no call is in progress
            state = self.lock();
        }
        state.phase = Phase::Closed;
        state.yielding = false;
        self.changed.notify_all();
        state
    }
}

impl<T: Exclusive> State<T> {
    /// Returns when the closer must act next; `None` if that depends on a call.
    fn next_event(&self, now: Instant) -> Option<Instant> {
        match &self.phase {
            Phase::Closed | Phase::Changing => None,
            Phase::Open(_) if self.yielding => (self.calls == 0).then_some(now),
            Phase::Open(_) if self.calls == 0 => Some(self.idle_end().min(self.since + STRETCH)),
            Phase::Open(_) => Some(self.since + STRETCH),
        }
    }

    fn idle_end(&self) -> Instant {
        self.last_call + LINGER
    }

    /// Yields the resource if another process waits for it; otherwise begins another stretch.
    fn end_stretch(&mut self, now: Instant) {
        let Phase::Open(resource) = &self.phase else { return };
        self.yielding = resource.is_awaited();
        self.since = now;
    }
}

/// The minimum time that the resource stays open while other processes wait and calls continue.
const STRETCH: Duration = Duration::from_secs(1);
/// The time that it stays open after a call, because another call may follow.
const LINGER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
