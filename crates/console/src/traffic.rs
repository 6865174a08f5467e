//! Counts of the API's requests and errors in each minute of the last hour.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The counts, one atomic number a minute, so that counting a request never blocks.
pub struct Traffic([AtomicU64; MINUTES]);

/// The counts of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

/// How many minutes are kept.
pub(crate) const MINUTES: usize = 60;

impl Traffic {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; MINUTES])
    }

    /// Counts a request that was answered at `now`, a time of [`Clock::elapsed`](bulla_kms::Clock::elapsed).
    pub fn count(&self, now: Duration, is_error: bool) {
        let minute = minute(now);
        let add = |packed| {
            let before = unpack(packed, minute).unwrap_or_default();
            let errors = before.errors + u64::from(is_error);
            Some(pack(minute, Minute { requests: before.requests + 1, errors }))
        };
        // Always succeeds, because `add` never returns `None`.
        let _ = self.slot(minute).fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Returns the minutes up to that of `now`, oldest first.
    pub(crate) fn last_hour(&self, now: Duration) -> [Minute; MINUTES] {
        let last = minute(now);
        std::array::from_fn(|index| {
            let back = (MINUTES - 1 - index) as u64;
            let found = last
                .checked_sub(back)
                .and_then(|minute| unpack(self.slot(minute).load(Ordering::Relaxed), minute));
            found.unwrap_or_default()
        })
    }

    fn slot(&self, minute: u64) -> &AtomicU64 {
        &self.0[(minute % MINUTES as u64) as usize]
    }
}

fn minute(now: Duration) -> u64 {
    now.as_secs() / 60
}

/// Packs the low 16 bits of the minute, 24 bits of requests and 24 bits of errors. More than 16 million requests a minute are
/// counted as 16 million. With 60 slots, the low 16 bits repeat in the same slot after 983 040 minutes (682 days) only.
const fn pack(minute: u64, counts: Minute) -> u64 {
    let requests = if counts.requests > MOST { MOST } else { counts.requests };
    let errors = if counts.errors > MOST { MOST } else { counts.errors };
    minute << 48 | requests << 24 | errors
}

/// Returns the counts if they are of this minute.
fn unpack(packed: u64, minute: u64) -> Option<Minute> {
    let is_of_minute = packed >> 48 == minute & 0xffff;
    is_of_minute.then_some(Minute { requests: packed >> 24 & MOST, errors: packed & MOST })
}

const MOST: u64 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_minute_by_minute() {
        let traffic = Traffic::new();
        let at = |minutes: u64| Duration::from_secs(60 * minutes + 7);
        assert_eq!(traffic.last_hour(at(0)), [Minute::default(); MINUTES]);
        traffic.count(at(0), false);
        traffic.count(at(5), true);
        traffic.count(at(5), false);
        let hour = traffic.last_hour(at(5));
        assert_eq!(hour[MINUTES - 1], Minute { requests: 2, errors: 1 });
        assert_eq!(hour[MINUTES - 6], Minute { requests: 1, errors: 0 });
        assert_eq!(traffic.last_hour(at(60))[4], Minute { requests: 2, errors: 1 });
        traffic.count(at(65), false);
        let hour = traffic.last_hour(at(65));
        assert_eq!(hour.iter().map(|minute| minute.requests).sum::<u64>(), 1);
    }

    #[test]
    fn threads_lose_no_count_and_numbers_do_not_overflow() {
        let traffic = Traffic::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| traffic.count(Duration::ZERO, true)));
            }
        });
        assert_eq!(traffic.last_hour(Duration::ZERO)[MINUTES - 1], Minute { requests: 4000, errors: 4000 });
        let full = Minute { requests: MOST + 1, errors: MOST };
        assert_eq!(unpack(pack(70_000, full), 70_000), Some(Minute { requests: MOST, errors: MOST }));
    }
}
