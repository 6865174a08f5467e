//! The queue of lines for the trail, with the requests that wait for them.

use std::mem;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use super::figures::Figures;
use super::health::Health;
use super::strangers::StrangerBudget;
use crate::audit::{Members, Position, Strangers, Trail, TrailError};
use crate::state::OutboxNumber;

/// The lines and requests that wait for the trail.
pub(super) struct Waiting {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// The requests whose lines are being written.
    writing: Mutex<Vec<oneshot::Sender<()>>>,
    pub(super) health: Arc<Health>,
    started: Instant,
    /// Since when a thread holds the trail to write to it: milliseconds after `started`, or [`FREE`]. Outside of the queue,
    /// which requests contend for.
    held_since: AtomicU64,
}

#[derive(Default)]
struct Queue {
    lines: Vec<Waiter>,
    is_closed: bool,
    /// Whether the thread has ended, as planned or by a panic, so that lines are no longer written.
    has_ended: bool,
    /// Whether there are lines that no request writes, so that the thread must.
    is_for_thread: bool,
    strangers: StrangerBudget,
    figures: Figures,
    seals: Vec<SealRequest>,
    /// Lines of requests that were refused because the thread that holds the trail does not return.
    refused: u64,
}

/// A caller who waits for a seal over all lines so far.
pub(super) type SealRequest = oneshot::Sender<Result<Position, String>>;

/// A line, and the action to take when it is written.
pub(super) struct Waiter {
    pub(super) members: Members,
    /// Whether the trail has it from an earlier run.
    pub(super) is_written: bool,
    pub(super) then: Then,
}

/// The action to take when a line is written.
pub(super) enum Then {
    /// Answer a request. If the sender is dropped instead, the request is refused.
    Answer(oneshot::Sender<()>),
    /// Let the outbox forget the line once it is durable.
    Forget(OutboxNumber),
    /// None: for an event, and for a request that was refused in any case.
    Nothing,
}

impl Waiting {
    /// Adds the line of a request, which the caller or the thread writes. Resolves when it is written.
    pub(super) fn push(&self, members: Members, is_for_thread: bool) -> oneshot::Receiver<()> {
        let (answer, written) = oneshot::channel();
        self.add(Waiter { members, is_written: false, then: Then::Answer(answer) }, is_for_thread);
        written
    }

    /// Adds a line that nothing waits for.
    pub(super) fn push_event(&self, members: Members) {
        self.add(Waiter { members, is_written: false, then: Then::Nothing }, true);
    }

    /// Adds the line of a request without a valid signature, if the budget of this second permits one.
    pub(super) fn push_stranger(
        &self,
        now: Duration,
        source: Option<IpAddr>,
        line: impl FnOnce() -> Members,
    ) {
        let has_line = self.lock().strangers.take(now, source);
        if has_line {
            let line = line();
            self.lock().strangers.spend(line.as_str().len());
            self.push_event(line);
        }
    }

    /// Returns the requests without a signature that were only counted since the last call.
    pub(super) fn counted_strangers(&self) -> Vec<Strangers> {
        self.lock().strangers.counted()
    }

    /// Adds the line of a durable change.
    pub(super) fn push_change(&self, number: OutboxNumber, members: Members) {
        self.add(Waiter { members, is_written: false, then: Then::Forget(number) }, true);
    }

    /// Marks the lines that the trail has: the outbox kept them because the process ended before it could delete them.
    pub(super) fn mark_written(&self, trail: &Trail) -> Result<(), TrailError> {
        let mut queue = self.lock();
        if queue.lines.is_empty() {
            return Ok(());
        }
        let members: Vec<_> = queue.lines.iter().map(|line| line.members.clone()).collect();
        let written = trail.written(&members)?;
        queue.lines.iter_mut().for_each(|line| line.is_written = written.contains(line.members.as_str()));
        Ok(())
    }

    /// Requests a seal over all lines so far. Resolves when they are sealed, or to the reason why they cannot be.
    pub(super) fn request_seal(&self) -> oneshot::Receiver<Result<Position, String>> {
        let (answer, sealed) = oneshot::channel();
        let mut queue = self.lock();
        if !queue.has_ended {
            queue.seals.push(answer);
            self.wake(queue);
        }
        sealed
    }

    /// Takes the requests for a seal.
    pub(super) fn take_seals(&self) -> Vec<SealRequest> {
        mem::take(&mut self.lock().seals)
    }

    /// Records whether a thread holds the trail.
    pub(super) fn hold(&self, is_held: bool) {
        let since = if is_held { self.milliseconds() } else { FREE };
        self.held_since.store(since, Ordering::SeqCst);
        if !is_held {
            self.health.set_stalled(false);
        }
    }

    /// Keeps the requests whose lines are about to be written, so that they are refused if the write does not return.
    pub(super) fn begin_write(&self, requests: Vec<oneshot::Sender<()>>) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = requests;
    }

    /// Returns those of these requests that still wait.
    pub(super) fn end_write(&self) -> Vec<oneshot::Sender<()>> {
        mem::take(&mut self.writing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses the waiting requests, if the trail has been held for too long. The line of a request that no longer waits,
    /// such as an operator's request for the status, is written when the trail is free, and so may be a line that is being
    /// written.
    pub(super) fn check_write(&self) {
        if !self.is_stalled() {
            return;
        }
        self.health.set_stalled(true);
        if !self.is_stalled() {
            return self.health.set_stalled(false); // it returned meanwhile, and may have been recorded as stalled after that
        }
        drop(self.end_write());
        let mut queue = self.lock();
        let before = queue.lines.len();
        queue.lines.retain(|line| !matches!(&line.then, Then::Answer(answer) if !answer.is_canceled()));
        queue.refused += (before - queue.lines.len()) as u64;
    }

    fn is_stalled(&self) -> bool {
        let since = self.held_since.load(Ordering::SeqCst);
        since != FREE && self.milliseconds().saturating_sub(since) >= PATIENCE
    }

    /// Milliseconds since this was created.
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(FREE)
    }

    /// Returns the number of requests that were refused in this way since the last call: their lines are missing.
    pub(super) fn take_refused(&self) -> u64 {
        mem::take(&mut self.lock().refused)
    }

    /// Reads or updates the progress of the trail.
    pub(super) fn figures<T>(&self, look: impl FnOnce(&mut Figures) -> T) -> T {
        look(&mut self.lock().figures)
    }

    /// Waits for lines for the thread, or a request for a seal, for at most `limit`. Returns whether the queue is closed.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let is_idle = |queue: &mut Queue| !queue.is_for_thread && queue.seals.is_empty() && !queue.is_closed;
        let waited = self.changed.wait_timeout_while(self.lock(), limit, is_idle);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Takes all lines.
    pub(super) fn take(&self) -> Vec<Waiter> {
        let mut queue = self.lock();
        queue.is_for_thread = false;
        queue.figures.lines_taken();
        mem::take(&mut queue.lines)
    }

    /// Whether no line waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().lines.is_empty()
    }

    /// Leaves the waiting lines to the thread of the trail, if there are any.
    pub(super) fn leave_to_thread(&self) {
        let queue = self.lock();
        if !queue.lines.is_empty() {
            self.wake(queue);
        }
    }

    /// Closes the queue.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Ends the thread's part. Waiting requests are refused; the outbox keeps the lines of changes.
    pub(super) fn end(&self) {
        self.health.end();
        drop(self.end_write()); // left by a panic
        let mut queue = self.lock();
        queue.has_ended = true;
        queue.lines.clear();
        queue.seals.clear();
    }

    fn add(&self, waiter: Waiter, is_for_thread: bool) {
        let mut queue = self.lock();
        if queue.has_ended {
            return; // dropped, so that no request waits for it
        }
        queue.lines.push(waiter);
        queue.figures.line_came();
        if is_for_thread {
            self.wake(queue);
        }
    }

    /// Wakes the thread, if that was not done already.
    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        if !mem::replace(&mut queue.is_for_thread, true) {
            drop(queue);
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            queue: Mutex::default(),
            changed: Condvar::new(),
            writing: Mutex::default(),
            health: Arc::default(),
            started: Instant::now(),
            held_since: AtomicU64::new(FREE),
        }
    }
}

/// Milliseconds that a write may take before requests are refused.
const PATIENCE: u64 = 5_000;
/// The value while no thread holds the trail.
const FREE: u64 = u64::MAX;
