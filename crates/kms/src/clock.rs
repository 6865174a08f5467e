//! Time as the engine sees it: whole seconds that never move back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Where the engine asks for the time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> SystemTime;

    /// How much time has passed since some moment, also while the machine slept, and whatever is done to the clock.
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

/// A clock with its high-water mark: a machine whose clock is set back must not accept old requests again.
pub(crate) struct SteadyClock {
    clock: Box<dyn Clock>,
    high_water: AtomicI64,
}

impl SteadyClock {
    pub(crate) fn new(clock: impl Clock) -> Self {
        Self { clock: Box::new(clock), high_water: AtomicI64::new(i64::MIN) }
    }

    /// What the clock says, marks aside.
    pub(crate) fn raw(&self) -> SystemTime {
        self.clock.now()
    }

    /// How much time has passed, whatever is done to the clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Seconds since 1970, never less than before.
    pub(crate) fn now(&self) -> i64 {
        let now = unix_seconds(self.clock.now());
        self.high_water.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// Raises the mark to a time that was seen in an earlier run.
    pub(crate) fn raise(&self, seconds: i64) {
        self.high_water.fetch_max(seconds, Ordering::Relaxed);
    }
}

/// Whole seconds since 1970; times before it count as 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn time_never_moves_back() {
        let now = Arc::new(AtomicI64::new(1000));
        let shown = Arc::clone(&now);
        let clock = SteadyClock::new(move || {
            UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::Relaxed).unsigned_abs())
        });
        assert_eq!(clock.now(), 1000);
        now.store(900, Ordering::Relaxed);
        assert_eq!(clock.now(), 1000);
        clock.raise(1500);
        assert_eq!(clock.now(), 1500);
        now.store(2000, Ordering::Relaxed);
        assert_eq!(clock.now(), 2000);
    }
}
