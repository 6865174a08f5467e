//! The two times of the engine, in whole seconds: the wall clock, and the believed time, which does not follow jumps of the
//! wall clock (see `clock_trust.rs`). Every module reads the time here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::clock_trust::{ClockTrust, MAX_JUMP};

/// A source of time. Tests replace it.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> SystemTime;

    /// The time since some fixed moment, including sleep of the machine, and independent of changes to the clock.
    fn elapsed(&self) -> Duration {
        let passed = clock_gettime(ClockId::Boottime);
        let nanoseconds = u32::try_from(passed.tv_nsec).unwrap_or_default();
        Duration::new(passed.tv_sec.unsigned_abs(), nanoseconds)
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> SystemTime {
        self()
    }
}

/// One reading of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// The wall clock. The window for signatures follows it, ahead and back.
    pub(crate) wall: i64,
    /// The believed time, which alone decides when things expire.
    pub(crate) believed: i64,
    /// The time since some fixed moment, independent of changes to the clock.
    pub(crate) elapsed: i64,
}

impl Times {
    /// The later of the two times. Deletions are scheduled from it, so that none comes too soon whichever is right.
    pub(crate) fn latest(self) -> i64 {
        self.wall.max(self.believed)
    }

    /// By how much the wall clock is behind the believed time; 0 for less than an hour.
    pub(crate) fn behind(self) -> i64 {
        let behind = self.believed.saturating_sub(self.wall);
        if behind > MAX_JUMP { behind } else { 0 }
    }
}

/// A clock, and the trust in it.
pub(crate) struct EngineClock {
    clock: Arc<dyn Clock>,
    trust: Mutex<ClockTrust>,
    /// How far the wall clock was ahead of elapsed time, in milliseconds, at the last [`EngineClock::step`].
    last_offset: Mutex<Option<i64>>,
}

impl EngineClock {
    pub(crate) fn new(clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), trust: Mutex::default(), last_offset: Mutex::default() }
    }

    /// The time since some fixed moment, independent of changes to the clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The clock without the trust in it, for another thread.
    pub(crate) fn source(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The wall clock.
    pub(crate) fn raw(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) fn times(&self) -> Times {
        let wall = unix_seconds(self.clock.now());
        let elapsed = self.seconds_elapsed();
        Times { wall, believed: self.trust().time(wall, elapsed), elapsed }
    }

    /// The believed time.
    pub(crate) fn now(&self) -> i64 {
        self.times().believed
    }

    pub(crate) fn trust(&self) -> MutexGuard<'_, ClockTrust> {
        // A panic leaves a complete value.
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seconds_elapsed(&self) -> i64 {
        i64::try_from(self.clock.elapsed().as_secs()).unwrap_or(i64::MAX)
    }

    /// By how many seconds the wall clock was set ahead since the last call; negative if back. 0 for less than
    /// [`SMALL_STEP`], because clocks are regularly corrected by that much.
    pub(crate) fn step(&self) -> i64 {
        let before = self.clock.elapsed();
        let wall = self.clock.now();
        let after = self.clock.elapsed();
        if after.saturating_sub(before) > MAX_PAUSE {
            return 0; // this thread was suspended in between, so the two readings do not belong together
        }
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let wall = milliseconds(wall.duration_since(UNIX_EPOCH).unwrap_or_default());
        let offset = wall.saturating_sub(milliseconds(before));
        let mut last = self.last_offset.lock().unwrap_or_else(PoisonError::into_inner);
        let step = last.replace(offset).map_or(0, |last| offset.saturating_sub(last));
        if step.abs() < SMALL_STEP { 0 } else { step.signum() * ((step.abs() + 500) / 1000) }
    }
}

/// Whole seconds since 1970; times before it count as 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// In milliseconds.
const SMALL_STEP: i64 = 2000;
const MAX_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct Hands(Arc<(AtomicI64, AtomicI64)>);

    impl Clock for Hands {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0.0.load(Ordering::Relaxed).unsigned_abs())
        }

        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.1.load(Ordering::Relaxed).unsigned_abs())
        }
    }

    #[test]
    fn steps_of_the_clock_are_seen_once() {
        let hands = Arc::new((AtomicI64::new(1_000_000), AtomicI64::new(50)));
        let clock = EngineClock::new(Hands(Arc::clone(&hands)));
        assert_eq!(clock.step(), 0, "the first reading");
        for (set, passed, step) in
            [(0, 60, 0), (1, 0, 0), (3, 1, 3), (-3, 1, -3), (7200, 0, 7200), (-7200, 9, -7200)]
        {
            hands.0.fetch_add(set + passed, Ordering::Relaxed);
            hands.1.fetch_add(passed, Ordering::Relaxed);
            assert_eq!(clock.step(), step);
            assert_eq!(clock.step(), 0);
        }
    }
}
