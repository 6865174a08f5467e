//! The activity of a connection, which decides whether it is evicted for a new one.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The activity of one connection. Shared by its task, which reports, and by the places, which decide.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    evicted: Notify,
}

/// The priority of a connection; the lowest one is evicted first. The rank of a connection never falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Whether it ever had an answer to an authenticated request.
    authenticated: bool,
    /// When its last complete request arrived or was answered, or else when it was accepted. Bytes of an incomplete
    /// request do not count.
    last_request: Instant,
}

/// The outcome of an attempt to evict a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Evicted,
    /// A request is being answered.
    Answering,
    /// The rank was out of date; this is the current one.
    Outranked(Rank),
}

/// The connection was evicted: no further request may begin on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evicted;

#[derive(Debug)]
struct State {
    rank: Rank,
    /// Whether any byte of a request has arrived.
    heard: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Answering,
    Evicted,
}

impl Activity {
    /// Returns the activity of a connection that was just accepted.
    pub(super) fn new(now: Instant) -> Self {
        let rank = Rank { authenticated: false, last_request: now };
        let state = State { rank, heard: false, phase: Phase::Waiting };
        Self { state: Mutex::new(state), evicted: Notify::new() }
    }

    pub(super) fn rank(&self) -> Rank {
        self.state().rank
    }

    /// Records that a byte of a request has arrived.
    pub(super) fn heard(&self) {
        self.state().heard = true;
    }

    /// Records that a request is complete. The connection is not evicted until it is answered.
    pub(super) fn begin_answer(&self, now: Instant) -> Result<(), Evicted> {
        let mut state = self.state();
        if state.phase == Phase::Evicted {
            return Err(Evicted);
        }
        state.phase = Phase::Answering;
        state.rank.last_request = now;
        Ok(())
    }

    /// Records an answer, and whether its request was authenticated.
    pub(super) fn end_answer(&self, authenticated: bool, now: Instant) {
        let mut state = self.state();
        state.phase = Phase::Waiting;
        state.rank.authenticated |= authenticated;
        state.rank.last_request = now;
    }

    /// Evicts the connection if it still has this rank.
    pub(super) fn evict(&self, rank: Rank) -> Attempt {
        let mut state = self.state();
        if state.phase == Phase::Answering {
            return Attempt::Answering;
        }
        if state.rank != rank {
            return Attempt::Outranked(state.rank);
        }
        state.phase = Phase::Evicted;
        self.evicted.notify_one();
        Attempt::Evicted
    }

    /// Returns whether no byte of a request has arrived for `limit`.
    pub(super) fn is_silent_for(&self, limit: Duration, now: Instant) -> bool {
        let state = self.state();
        !state.heard && now.saturating_duration_since(state.rank.last_request) >= limit
    }

    /// Resolves when the connection is evicted. Only one task may wait for this.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the lock")
    }
}
