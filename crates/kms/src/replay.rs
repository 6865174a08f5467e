//! Signature nonces that were used, so that no signed request is taken twice.
//!
//! A nonce is kept as a 64-bit keyed hash of access key and nonce, in one set per minute of its timestamp,
//! until the timestamp is too old to be accepted anyway. Sets are spread over shards so that requests hardly
//! wait for each other. What does not fit is refused; nothing is evicted, because an evicted nonce could be
//! used again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// How far a timestamp may be from the server's time, either way, in seconds.
pub(crate) const WINDOW: i64 = 15 * 60;

/// Nonces kept at a time, over all access keys: 35,000 requests a second for 15 minutes, and up to 600 MiB.
const MAX_NONCES: usize = 1 << 25;
/// Nonces kept for one access key, so that one cannot lock out the others.
const MAX_NONCES_PER_ACCESS_KEY: usize = MAX_NONCES / 4 * 3;
const SHARDS: usize = 16;

/// Why a nonce is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    Used,
    Full,
}

pub(crate) struct Nonces {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    limits: Limits,
}

#[derive(Clone, Copy)]
struct Limits {
    total: usize,
    per_access_key: usize,
}

#[derive(Default)]
struct Shard {
    minutes: BTreeMap<i64, Minute>,
    total: usize,
}

#[derive(Default)]
struct Minute {
    nonces: HashSet<u64, BuildHasherDefault<Hashed>>,
    per_access_key: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits { total: MAX_NONCES, per_access_key: MAX_NONCES_PER_ACCESS_KEY })
    }

    fn with_limits(limits: Limits) -> Self {
        Self { hasher: RandomState::new(), shards: Default::default(), limits }
    }

    /// Records a nonce of a request whose signature verified, signed at `timestamp`, at the time `now`.
    pub(crate) fn record(
        &self,
        access_key_id: &str,
        nonce: &str,
        timestamp: i64,
        now: i64,
    ) -> Result<(), Replay> {
        let access_key = self.hasher.hash_one(access_key_id);
        let nonce = self.hasher.hash_one((access_key_id, nonce));
        let index = usize::try_from(nonce % SHARDS as u64).expect("less than the number of shards");
        // A panic while holding the lock leaves a set that is at worst too full.
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        // One minute late: a request may have been checked just before a minute ended that ends here.
        shard.forget_before(minute(now - WINDOW) - 1);
        shard.insert(access_key, nonce, minute(timestamp), self.limits)
    }
}

impl Shard {
    fn forget_before(&mut self, first: i64) {
        while let Some(oldest) = self.minutes.first_entry().filter(|entry| *entry.key() < first) {
            self.total -= oldest.remove().nonces.len();
        }
    }

    fn insert(&mut self, access_key: u64, nonce: u64, minute: i64, limits: Limits) -> Result<(), Replay> {
        if self.minutes.get(&minute).is_some_and(|kept| kept.nonces.contains(&nonce)) {
            return Err(Replay::Used);
        }
        let of_key: usize =
            self.minutes.values().filter_map(|kept| kept.per_access_key.get(&access_key)).sum();
        if self.total >= limits.total / SHARDS || of_key >= limits.per_access_key / SHARDS {
            return Err(Replay::Full);
        }
        let kept = self.minutes.entry(minute).or_default();
        kept.nonces.insert(nonce);
        *kept.per_access_key.entry(access_key).or_default() += 1;
        self.total += 1;
        Ok(())
    }
}

fn minute(seconds: i64) -> i64 {
    seconds.div_euclid(60)
}

/// The entries are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        // The low bits choose the shard, so they say little within one.
        self.0 = hash.rotate_right(8);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_nonce_is_taken_once_per_access_key() {
        let nonces = Nonces::new();
        assert_eq!(nonces.record("a", "n", NOW, NOW), Ok(()));
        assert_eq!(nonces.record("a", "n", NOW, NOW + 10), Err(Replay::Used));
        assert_eq!(nonces.record("b", "n", NOW, NOW), Ok(()));
        assert_eq!(nonces.record("a", "m", NOW, NOW), Ok(()));
    }

    #[test]
    fn a_nonce_is_kept_as_long_as_its_timestamp_is_accepted() {
        let nonces = Nonces::new();
        for timestamp in [NOW - WINDOW, NOW, NOW + WINDOW] {
            nonces.record("a", "n", timestamp, NOW).unwrap();
            for now in NOW..=timestamp + WINDOW {
                assert_eq!(
                    nonces.record("a", "n", timestamp, now),
                    Err(Replay::Used),
                    "{timestamp} at {now}"
                );
            }
        }
    }

    #[test]
    fn full_is_refused_and_time_makes_room() {
        let limits = Limits { total: 64 * SHARDS, per_access_key: 32 * SHARDS };
        let nonces = Nonces::with_limits(limits);
        let fill = |access_key: &str, now: i64| {
            (0..10_000).filter(|n| nonces.record(access_key, &n.to_string(), now, now).is_ok()).count()
        };
        assert_eq!(fill("a", NOW), limits.per_access_key);
        assert_eq!(fill("b", NOW), limits.per_access_key, "another access key still has room");
        assert_eq!(fill("c", NOW), 0, "but not a third");
        assert_eq!(nonces.record("a", "0", NOW, NOW), Err(Replay::Used), "what was taken is not forgotten");
        assert_eq!(fill("c", NOW + 2 * WINDOW), limits.per_access_key);
    }
}
