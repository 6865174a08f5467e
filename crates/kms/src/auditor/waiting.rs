//! Lines on their way to the trail.

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

/// What waits for the thread of the trail.
pub(super) struct Waiting {
    queue: Mutex<Queue>,
    changed: Condvar,
    pub(super) health: Arc<Health>,
    started: Instant,
    /// Since when the trail is held by a thread that writes to it: milliseconds after `started`, or [`FREE`]. Not in the queue,
    /// which requests contend for.
    held_since: AtomicU64,
}

#[derive(Default)]
struct Queue {
    lines: Vec<Waiter>,
    is_closed: bool,
    /// The thread has ended, as planned or by a panic: lines are not written any more.
    has_ended: bool,
    /// There are lines that no request writes: they are for the thread.
    is_for_thread: bool,
    strangers: StrangerBudget,
    figures: Figures,
    seals: Vec<SealRequest>,
    /// Lines of requests that were refused because the thread that holds the trail does not come back.
    refused: u64,
}

/// Who waits for a seal over all lines that were there before.
pub(super) type SealRequest = oneshot::Sender<Result<Position, String>>;

/// A line, and what is to be done when it is written.
pub(super) struct Waiter {
    pub(super) members: Members,
    /// The trail has it from an earlier run.
    pub(super) is_written: bool,
    pub(super) then: Then,
}

/// What is to be done when a line is written.
pub(super) enum Then {
    /// A request is answered. If the sender is dropped instead, the request is refused.
    Answer(oneshot::Sender<()>),
    /// The outbox may forget the line once it is durable.
    Forget(OutboxNumber),
    /// Nothing: of an event, and of a request that was refused in any case.
    Nothing,
}

impl Waiting {
    /// Adds the line of a request, which the caller or the thread writes; resolves when it is written.
    pub(super) fn push(&self, members: Members, is_for_thread: bool) -> oneshot::Receiver<()> {
        let (answer, written) = oneshot::channel();
        self.add(Waiter { members, is_written: false, then: Then::Answer(answer) }, is_for_thread);
        written
    }

    /// Adds a line that nothing waits for.
    pub(super) fn push_event(&self, members: Members) {
        self.add(Waiter { members, is_written: false, then: Then::Nothing }, true);
    }

    /// Adds the line of a request without a valid signature, if strangers have lines left in this second.
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

    /// The strangers that were counted since the last call.
    pub(super) fn counted_strangers(&self) -> Vec<Strangers> {
        self.lock().strangers.counted()
    }

    /// Adds the line of a change that is durable.
    pub(super) fn push_change(&self, number: OutboxNumber, members: Members) {
        self.add(Waiter { members, is_written: false, then: Then::Forget(number) }, true);
    }

    /// Marks the lines that the trail has: the outbox kept them because the process ended before it could forget them.
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

    /// Asks for a seal over all lines so far; resolves when they are sealed, or to why they cannot be.
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

    /// A thread holds the trail from now on, or does not any more.
    pub(super) fn hold(&self, is_held: bool) {
        let since = if is_held { self.milliseconds() } else { FREE };
        self.held_since.store(since, Ordering::SeqCst);
        if !is_held {
            self.health.set_stalled(false);
        }
    }

    /// Refuses the requests that wait, if the trail has been held for too long. Who waits no more may have been answered, such as
    /// an operator's question for the status: such a line is written when the trail is free.
    pub(super) fn check_write(&self) {
        if !self.is_stalled() {
            return;
        }
        self.health.set_stalled(true);
        if !self.is_stalled() {
            return self.health.set_stalled(false); // it came back meanwhile, and may have said so too early
        }
        let mut queue = self.lock();
        let before = queue.lines.len();
        queue.lines.retain(|line| !matches!(&line.then, Then::Answer(answer) if !answer.is_canceled()));
        queue.refused += (before - queue.lines.len()) as u64;
    }

    fn is_stalled(&self) -> bool {
        let since = self.held_since.load(Ordering::SeqCst);
        since != FREE && self.milliseconds().saturating_sub(since) >= PATIENCE
    }

    /// Milliseconds since this was made.
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(FREE)
    }

    /// How many requests were refused so since the last call: their lines are missing.
    pub(super) fn take_refused(&self) -> u64 {
        mem::take(&mut self.lock().refused)
    }

    /// How far the trail is.
    pub(super) fn figures<T>(&self, look: impl FnOnce(&mut Figures) -> T) -> T {
        look(&mut self.lock().figures)
    }

    /// Waits for lines for the thread, or a request for a seal, for at most `limit`. Whether there will be no more.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let is_idle = |queue: &mut Queue| !queue.is_for_thread && !queue.is_closed;
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

    /// There will be no more lines.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The thread ends. Requests that wait are refused; the outbox keeps the lines of changes.
    pub(super) fn end(&self) {
        self.health.end();
        let mut queue = self.lock();
        queue.has_ended = true;
        queue.lines.clear();
        queue.seals.clear();
    }

    fn add(&self, waiter: Waiter, is_for_thread: bool) {
        let mut queue = self.lock();
        if queue.has_ended {
            return; // dropped, so that nothing waits for it
        }
        queue.lines.push(waiter);
        queue.figures.line_came();
        if is_for_thread {
            self.wake(queue);
        }
    }

    /// Wakes the thread, if that is not done yet.
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
            health: Arc::default(),
            started: Instant::now(),
            held_since: AtomicU64::new(FREE),
        }
    }
}

/// Milliseconds that a write may take before requests are refused.
const PATIENCE: u64 = 5_000;
/// No thread holds the trail.
const FREE: u64 = u64::MAX;
