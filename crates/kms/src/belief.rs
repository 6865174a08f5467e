//! Whether the clock can be believed, and what the store remembers of it.
//!
//! A clock that jumped ahead would end keys that are still to be had for days. So it is compared with the time that has
//! really passed since the start, and at a start with the time that the store has seen last. The store's mark says in one
//! value how late it was and whether that was believed: nobody can write the one without the other, and a mark that could
//! not be written is an old one, which is not believed either.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Kms;
use crate::data::OpenError;
use crate::lock::Role;

pub(crate) struct Belief {
    /// A moment that was believed: what the clock said, and how much time had passed by then.
    since: Mutex<Option<(i64, Duration)>>,
    lost: AtomicBool,
    /// The time that the store knows about.
    marked: AtomicI64,
}

impl Default for Belief {
    fn default() -> Self {
        Self { since: Mutex::default(), lost: AtomicBool::default(), marked: AtomicI64::new(i64::MIN) }
    }
}

impl Kms {
    /// Looks at the clock: the time, and whether something may end by it. Without anything that will end there is
    /// nothing to lose, and whatever the clock says is believed from there on.
    pub(crate) fn look(&self) -> (i64, bool) {
        let (now, elapsed) = (self.now(), self.clock.elapsed());
        if !self.published.load().has_endings() {
            self.belief.begin(now, elapsed);
        } else if self.belief.jumped(now, elapsed) {
            self.belief.lost.store(true, Ordering::Relaxed);
        }
        (now, !self.belief.lost.load(Ordering::Relaxed))
    }

    /// Raises the clock to the time of the last use of the store, which it gives, and finds out whether it can be
    /// believed.
    pub(crate) fn resume_clock(&self, is_new: bool) -> Result<i64, OpenError> {
        let mark = self.time_mark();
        let mut last_use = i64::MIN;
        if !self.options.accept_clock {
            if let Some(Mark { time, .. }) = mark {
                let behind = time - self.now();
                if behind > MAX_STEP_BACK {
                    return Err(OpenError::ClockBehind { seconds: behind });
                }
                self.clock.raise(time);
                last_use = time;
            }
            let is_seen = |mark: Mark| mark.believed && self.now() - mark.time <= MAX_JUMP;
            let believed = is_new || mark.is_some_and(is_seen);
            self.belief.lost.store(!believed, Ordering::Relaxed);
        }
        *self.belief.since.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((self.now(), self.clock.elapsed()));
        self.mark_time();
        Ok(last_use)
    }

    /// A command whose clock is behind counts from when a server last had the store: what it plans must not end too soon.
    pub(crate) fn follow_mark(&self) {
        if let Some(Mark { time, believed: true }) = self.time_mark() {
            self.clock.raise(time);
        }
    }

    /// Lets the store know the time, at most once a minute; nobody waits for it.
    pub(crate) fn mark_time(&self) {
        let (marked, now) = (self.belief.marked.load(Ordering::Relaxed), self.now());
        let due = now >= marked.saturating_add(MARK_INTERVAL);
        let claim = || self.belief.marked.compare_exchange(marked, now, Ordering::Relaxed, Ordering::Relaxed);
        if self.options.role == Role::Server && due && claim().is_ok() {
            self.mark_time_now();
        }
    }

    pub(crate) fn mark_time_now(&self) {
        let (time, believed) = self.look();
        self.set_private_in_background(TIME_MARK, &Mark { time, believed }.to_bytes());
    }

    fn time_mark(&self) -> Option<Mark> {
        Mark::from_bytes(&self.private(TIME_MARK)?)
    }
}

impl Belief {
    /// Whether the clock has moved on by much more than the time that has passed. Many small steps are a large one.
    fn jumped(&self, now: i64, elapsed: Duration) -> bool {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|(then, elapsed_then)| {
            let passed = elapsed.saturating_sub(elapsed_then).as_secs();
            (now - then).saturating_sub_unsigned(passed) > MAX_JUMP
        })
    }

    fn begin(&self, now: i64, elapsed: Duration) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, elapsed));
        self.lost.store(false, Ordering::Relaxed);
    }
}

/// The time of the last use of a store, and whether it could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    time: i64,
    believed: bool,
}

impl Mark {
    /// Seconds since 1970 (i64be), and 1 if they are not believed.
    fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        bytes[..8].copy_from_slice(&self.time.to_be_bytes());
        bytes[8] = u8::from(!self.believed);
        bytes
    }

    /// The first version wrote the time alone.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, rest) = bytes.split_first_chunk::<8>()?;
        Some(Self { time: i64::from_be_bytes(*time), believed: matches!(rest, [] | [0]) })
    }
}

const TIME_MARK: &str = "clock/mark";
/// How far the clock may be set back between two runs, in seconds; NTP corrects less.
const MAX_STEP_BACK: i64 = 60;
/// How far the clock may have moved on unseen, in seconds.
const MAX_JUMP: i64 = 3600;
const MARK_INTERVAL: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_more_than_the_time_that_has_passed() {
        let belief = Belief::default();
        let seconds = Duration::from_secs;
        assert!(!belief.jumped(1_000_000, seconds(5)), "before the start");
        belief.begin(1_000_000, seconds(5));
        assert!(!belief.jumped(1_000_000 + 86_400, seconds(5 + 86_400)), "a day that has passed");
        assert!(!belief.jumped(1_000_000 + 86_400 + 3600, seconds(5 + 86_400)), "an hour is believed");
        assert!(belief.jumped(1_000_000 + 86_400 + 3601, seconds(5 + 86_400)), "more is not");
        assert!(belief.jumped(1_000_000 + 86_400 + 3602, seconds(6 + 86_400)), "nor in steps");
        assert!(!belief.jumped(0, seconds(7 + 86_400)), "back");
    }

    #[test]
    fn marks_come_back() {
        for mark in [Mark { time: 7, believed: true }, Mark { time: -1, believed: false }] {
            assert_eq!(Mark::from_bytes(&mark.to_bytes()), Some(mark));
        }
        assert_eq!(Mark::from_bytes(&7_i64.to_be_bytes()), Some(Mark { time: 7, believed: true }));
        assert_eq!(Mark::from_bytes(b"short"), None);
    }
}
