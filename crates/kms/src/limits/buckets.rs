//! Token buckets in bounded memory, by the generic cell rate algorithm (ITU-T I.371): it stores only the time at which the
//! bucket of an id is full again. Until then the id has a debt; after that, the entry can be dropped.
//!
//! The entries are spread over shards, so that requests hardly contend. When a shard is full of debts, the smaller half of
//! them is forgiven. So the debt of a used-up bucket is lost only if thousands of other ids have debts at the same time, and
//! then the id gains one burst. Attackers with many addresses cannot lock out new addresses.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How fast a bucket fills, and its size, in nanoseconds of elapsed time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The time between two requests.
    interval: u64,
    /// The time from empty to full.
    depth: u64,
}

/// The buckets of one limit. It stores keyed hashes instead of the ids.
#[derive(Default)]
pub(super) struct Buckets {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// When the bucket of each id is full again, in nanoseconds of elapsed time.
#[derive(Default)]
struct Shard(HashMap<u64, u64>);

impl Pace {
    pub(super) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = (SECOND / u64::from(per_second.get())).max(1);
        Self { interval, depth: interval.saturating_mul(u64::from(burst.get())) }
    }
}

impl Buckets {
    /// Takes one request from the bucket of `id`. A refused request takes nothing.
    ///
    /// # Errors
    /// How long to wait for the next one.
    pub(super) fn take(
        &self,
        id: &(impl Hash + ?Sized),
        pace: Pace,
        elapsed: Duration,
    ) -> Result<(), Duration> {
        let now = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let id = self.hasher.hash_one(id);
        let index = usize::try_from(id % SHARDS as u64).expect("less than the number of shards");
        // A panic while the lock is held loses at most one debt.
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        shard.take(id, pace, now)
    }
}

impl Shard {
    fn take(&mut self, id: u64, pace: Pace, now: u64) -> Result<(), Duration> {
        let latest = now.saturating_add(pace.depth);
        if let Some(full_at) = self.0.get_mut(&id) {
            // A debt of a larger bucket, from before a reload, is at most that of this bucket.
            *full_at = (*full_at).clamp(now, latest);
            let next = full_at.saturating_add(pace.interval);
            if next > latest {
                return Err(Duration::from_nanos(next - latest));
            }
            *full_at = next;
            return Ok(());
        }
        if self.0.len() >= PER_SHARD {
            self.make_room(now);
        }
        self.0.insert(id, now.saturating_add(pace.interval));
        Ok(())
    }

    /// Drops the entries of full buckets, and the smaller half of the debts if they alone fill more than half of the shard.
    /// So it happens at most once in thousands of requests.
    fn make_room(&mut self, now: u64) {
        self.0.retain(|_, full_at| *full_at > now);
        if self.0.len() > PER_SHARD / 2 {
            let mut debts: Vec<u64> = self.0.values().copied().collect();
            let (_, median, _) = debts.select_nth_unstable(PER_SHARD / 2);
            let median = *median;
            self.0.retain(|_, full_at| *full_at > median);
        }
    }
}

const SECOND: u64 = 1_000_000_000;
const SHARDS: usize = 16;
/// 131,072 ids in all shards, and up to 5 MiB.
const PER_SHARD: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn pace(per_second: u32, burst: u32) -> Pace {
        Pace::new(per_second.try_into().unwrap(), burst.try_into().unwrap())
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_the_rate() {
        let (buckets, pace) = (Buckets::default(), pace(10, 3));
        let take = |milliseconds| buckets.take("a", pace, at(milliseconds));
        assert_eq!([(); 5].map(|()| take(0)), [Ok(()), Ok(()), Ok(()), Err(at(100)), Err(at(100))]);
        assert_eq!(take(99), Err(at(1)), "a refused request takes nothing");
        assert_eq!([take(100), take(100)], [Ok(()), Err(at(100))]);
        assert_eq!([(); 4].map(|()| take(10_000)), [Ok(()), Ok(()), Ok(()), Err(at(100))]);
        assert_eq!(buckets.take("b", pace, at(0)), Ok(()), "another id has a bucket of its own");
    }

    #[test]
    fn a_bucket_admits_as_many_requests_as_its_rate() {
        for per_second in [1, 7, 999] {
            let (buckets, pace) = (Buckets::default(), pace(per_second, 2));
            let seconds = 100;
            // A client with 2,000 requests per second.
            let taken = (0..seconds * 2000).filter(|n| buckets.take("a", pace, at(n / 2)).is_ok()).count();
            let expected = u64::from(per_second) * seconds;
            assert!(taken as u64 <= expected + 2, "{taken} of {expected}");
            assert!(taken as u64 >= expected * 9 / 10, "{taken} of {expected}");
        }
    }

    #[test]
    fn a_bucket_that_becomes_smaller_keeps_no_debt_of_the_larger_one() {
        let buckets = Buckets::default();
        for _ in 0..1000 {
            buckets.take("a", pace(1, 1000), at(0)).unwrap();
        }
        assert_eq!(buckets.take("a", pace(10, 2), at(0)), Err(at(100)));
        assert_eq!(buckets.take("a", pace(10, 2), at(100)), Ok(()));
    }

    #[test]
    fn a_flood_of_ids_fills_no_memory_and_hides_no_large_debt() {
        let pace = pace(1, 10);
        let mut shard = Shard::default();
        let spender = 0;
        while shard.take(spender, pace, 0).is_ok() {}
        let ids = 1..100 * PER_SHARD as u64;
        for id in ids.clone() {
            assert_eq!(shard.take(id, pace, 0), Ok(()), "an id that was not seen before has its burst");
            assert!(shard.0.len() <= PER_SHARD);
        }
        assert!(shard.take(spender, pace, 0).is_err(), "one request of each of the others is a smaller debt");
        let later = 11 * SECOND;
        for id in ids.take(PER_SHARD) {
            shard.take(id, pace, later).unwrap();
        }
        assert!(!shard.0.contains_key(&spender), "a debt that is paid is dropped");
    }

    #[test]
    fn a_shard_of_equal_debts_has_room_for_new_ids() {
        let pace = pace(1, 1);
        let mut shard = Shard::default();
        for id in 0..3 * PER_SHARD as u64 {
            assert_eq!(shard.take(id, pace, id * MS / PER_SHARD as u64), Ok(()), "{id}");
        }
        assert!(shard.0.len() <= PER_SHARD);
    }

    #[test]
    fn the_largest_limits_do_not_overflow() {
        for pace in [pace(u32::MAX, u32::MAX), pace(1, u32::MAX), pace(u32::MAX, 1)] {
            assert_eq!(Buckets::default().take("a", pace, Duration::from_secs(1 << 33)), Ok(()));
        }
    }
}
