//! Replay protection: the nonces of accepted requests, so that no signed request is accepted twice. Authentication records
//! each nonce here after the signature verified.
//!
//! A nonce is kept as a 64-bit keyed hash of access key and nonce, in one set for each minute of timestamps. Sets are spread
//! over shards, so that requests hardly contend. A nonce for which there is no room is refused.
//!
//! **No request is accepted twice, regardless of the wall clock.** A request has one shard, one hash and one minute,
//! because all three follow from what was signed. Accepting it puts its hash into the set of its minute. A set is dropped in
//! only one way: its minute is closed in the same critical section, and a closed minute stays closed. So from then on the
//! request is refused: because its hash is in the set, or because its minute is closed. The argument refers to no clock, so
//! no jump of a clock can break it. A restart loses the sets. The next run refuses instead all requests signed up to the last
//! use of the store (by the wall clock at that time), and all requests of later minutes that earlier runs used or refused
//! ([`Nonces::used_ahead`]). That covers every request accepted before, except those that a client signed ahead of the wall
//! clock.
//!
//! Clocks only decide when a set is dropped, so that closing its minute refuses no fresh request:
//!
//! - Usually, when both the wall clock and the believed time are past the minute by more than the window, and no nonce was
//!   added to it for a window of *elapsed* time. A clock that jumps ahead and comes back within 15 minutes finds all nonces
//!   kept and no minute closed, however far it jumped.
//! - If there is no room, as soon as both are past it, or if the wall clock is far from it on either side and no nonce was
//!   added to it for that long. So a clock that was wrong for hours may have closed minutes in the future.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Times;
use crate::minutes::Minutes;

/// Maximum distance of a timestamp from the wall clock, either way, in seconds.
pub(crate) const WINDOW: i64 = 15 * 60;

/// Maximum nonces, over all access keys: 35,000 requests per second for 15 minutes, and up to 600 MiB.
const MAX_NONCES: usize = 1 << 25;
/// Maximum nonces for one access key, so that one cannot lock out the others.
const MAX_NONCES_PER_ACCESS_KEY: usize = MAX_NONCES / 4 * 3;
const SHARDS: usize = 16;

/// Why a nonce is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    Used,
    /// The nonces of that minute were dropped.
    Closed,
    Full,
}

pub(crate) struct Nonces {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    limits: Limits,
    /// Requests signed before are refused, because an earlier run may have accepted them.
    earliest: i64,
}

#[derive(Clone, Copy)]
struct Limits {
    total: usize,
    per_access_key: usize,
}

#[derive(Default)]
struct Shard {
    minutes: BTreeMap<i64, Minute>,
    closed: Minutes,
    total: usize,
    per_access_key: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
}

#[derive(Default)]
struct Minute {
    nonces: HashSet<u64, BuildHasherDefault<Hashed>>,
    per_access_key: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    /// When a nonce was last added, in seconds of elapsed time.
    last_added: i64,
    /// The latest timestamp that was not ahead of the wall clock when it was accepted.
    latest: Option<i64>,
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits { total: MAX_NONCES, per_access_key: MAX_NONCES_PER_ACCESS_KEY })
    }

    fn with_limits(limits: Limits) -> Self {
        Self { hasher: RandomState::new(), shards: Default::default(), limits, earliest: i64::MIN }
    }

    /// Refuses requests signed before `earliest` from now on.
    pub(crate) fn refuse_before(&mut self, earliest: i64) {
        self.earliest = earliest;
    }

    /// Refuses requests of these minutes from now on: an earlier run may have accepted them.
    pub(crate) fn close(&self, minutes: &Minutes) {
        for shard in &self.shards {
            lock(shard).closed.insert_from(i64::MIN, minutes);
        }
    }

    /// Returns the maximum number of nonces.
    pub(crate) fn limit(&self) -> usize {
        self.limits.total
    }

    /// Returns the current number of nonces.
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).total).sum()
    }

    /// Records the nonce of a request whose signature verified and whose timestamp is within the window.
    pub(crate) fn record(
        &self,
        access_key_id: &str,
        nonce: &str,
        timestamp: i64,
        times: Times,
    ) -> Result<(), Replay> {
        if timestamp < self.earliest {
            return Err(Replay::Closed);
        }
        let access_key = self.hasher.hash_one(access_key_id);
        let nonce = self.hasher.hash_one((access_key_id, nonce));
        let index = usize::try_from(nonce % SHARDS as u64).expect("less than the number of shards");
        let mut shard = lock(&self.shards[index]);
        shard.drop_past(times);
        while shard.is_full(access_key, self.limits) && shard.make_room(times) {}
        shard.insert(Used { access_key, nonce, timestamp }, times, self.limits)
    }

    /// Returns the minutes from `wall` on that the next run must close: those of requests that were accepted while the wall
    /// clock was later, and those that this run refuses itself.
    pub(crate) fn used_ahead(&self, wall: i64) -> Minutes {
        let mut used = Minutes::default();
        if self.earliest > wall + 1 {
            used.insert(minute(wall), minute(self.earliest - 1));
        }
        for shard in &self.shards {
            let shard = lock(shard);
            used.insert_from(minute(wall), &shard.closed);
            for (minute, kept) in shard.minutes.range(minute(wall)..) {
                if kept.latest.is_some_and(|latest| latest > wall) {
                    used.insert(*minute, *minute);
                }
            }
        }
        used
    }
}

/// A panic while the lock is held leaves at worst too many nonces.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Used {
    access_key: u64,
    nonce: u64,
    timestamp: i64,
}

impl Shard {
    /// Drops the sets of minutes that are past and got no nonce for a window of elapsed time.
    fn drop_past(&mut self, times: Times) {
        while let Some(oldest) = self.minutes.first_entry()
            && is_past(*oldest.key(), times)
            && oldest.get().is_at_rest(times)
        {
            let minute = *oldest.key();
            self.close(minute);
        }
    }

    /// Drops the set that is needed least; false if none can be dropped.
    fn make_room(&mut self, times: Times) -> bool {
        let unreachable =
            |minute: i64| minute < first_reachable(times.wall) || minute > last_reachable(times.wall);
        let spare = self.minutes.iter().find(|(minute, kept)| {
            is_past(**minute, times) || unreachable(**minute) && kept.is_at_rest(times)
        });
        let spare = spare.map(|(minute, _)| *minute);
        spare.inspect(|minute| self.close(*minute)).is_some()
    }

    /// The only way to drop nonces.
    fn close(&mut self, minute: i64) {
        self.closed.insert(minute, minute);
        let Some(dropped) = self.minutes.remove(&minute) else { return };
        self.total -= dropped.nonces.len();
        for (access_key, count) in dropped.per_access_key {
            if let Some(total) = self.per_access_key.get_mut(&access_key) {
                *total -= count;
            }
        }
        self.per_access_key.retain(|_, total| *total > 0);
    }

    fn is_full(&self, access_key: u64, limits: Limits) -> bool {
        let of_key = self.per_access_key.get(&access_key).copied().unwrap_or_default();
        self.total >= limits.total / SHARDS || of_key >= limits.per_access_key / SHARDS
    }

    fn insert(&mut self, used: Used, times: Times, limits: Limits) -> Result<(), Replay> {
        let minute = minute(used.timestamp);
        if self.closed.contains(minute) {
            return Err(Replay::Closed);
        }
        if self.minutes.get(&minute).is_some_and(|kept| kept.nonces.contains(&used.nonce)) {
            return Err(Replay::Used);
        }
        if self.is_full(used.access_key, limits) {
            return Err(Replay::Full);
        }
        let kept = self.minutes.entry(minute).or_default();
        kept.nonces.insert(used.nonce);
        kept.last_added = kept.last_added.max(times.elapsed);
        if used.timestamp <= times.wall {
            kept.latest = kept.latest.max(Some(used.timestamp));
        }
        *kept.per_access_key.entry(used.access_key).or_default() += 1;
        *self.per_access_key.entry(used.access_key).or_default() += 1;
        self.total += 1;
        Ok(())
    }
}

impl Minute {
    /// Whether no nonce was added for a window of elapsed time.
    fn is_at_rest(&self, times: Times) -> bool {
        times.elapsed - self.last_added >= WINDOW
    }
}

fn is_past(minute: i64, times: Times) -> bool {
    minute < first_reachable(times.wall.min(times.believed))
}

/// One minute early: a request may have been checked just before the minute ended.
fn first_reachable(now: i64) -> i64 {
    minute(now.saturating_sub(WINDOW)) - 1
}

fn last_reachable(now: i64) -> i64 {
    minute(now.saturating_add(WINDOW)) + 1
}

fn minute(seconds: i64) -> i64 {
    seconds.div_euclid(60)
}

/// The keys are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        // The low bits choose the shard, so they hardly differ within one.
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

    /// The times of a clock that was never set: `now` is the wall clock and the believed time, and elapsed since 1970.
    fn at(now: i64) -> Times {
        Times { wall: now, believed: now, elapsed: now }
    }

    #[test]
    fn a_nonce_is_taken_once_per_access_key() {
        let nonces = Nonces::new();
        assert_eq!(nonces.record("a", "n", NOW, at(NOW)), Ok(()));
        assert_eq!(nonces.record("a", "n", NOW, at(NOW + 10)), Err(Replay::Used));
        assert_eq!(nonces.record("b", "n", NOW, at(NOW)), Ok(()));
        assert_eq!(nonces.record("a", "m", NOW, at(NOW)), Ok(()));
        assert_eq!(nonces.count(), 3, "a refused one is there already");
    }

    #[test]
    fn a_nonce_is_kept_as_long_as_its_timestamp_is_accepted() {
        let nonces = Nonces::new();
        for timestamp in [NOW - WINDOW, NOW, NOW + WINDOW] {
            nonces.record("a", "n", timestamp, at(NOW)).unwrap();
            for now in NOW..=timestamp + WINDOW {
                assert_eq!(
                    nonces.record("a", "n", timestamp, at(now)),
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
        let fill = |access_key: &str, times: Times| {
            let taken = |n: &u32| nonces.record(access_key, &n.to_string(), times.wall, times).is_ok();
            (0..10_000).filter(taken).count()
        };
        assert_eq!(fill("a", at(NOW)), limits.per_access_key);
        assert_eq!(fill("b", at(NOW)), limits.per_access_key, "another access key still has room");
        assert_eq!(fill("c", at(NOW)), 0, "but not a third");
        assert_eq!(
            nonces.record("a", "0", NOW, at(NOW)),
            Err(Replay::Used),
            "what was taken is not forgotten"
        );
        let jumped = Times { wall: NOW + 7200, believed: NOW, elapsed: NOW };
        assert_eq!(fill("c", jumped), 0, "a jump makes no room");
        let corrected = Times { wall: NOW + 7200, believed: NOW + 3600, elapsed: NOW };
        assert_eq!(fill("c", corrected), limits.per_access_key, "what is past by both clocks does");
        let later = Times { wall: NOW + 7200 + WINDOW, believed: NOW, elapsed: NOW + WINDOW };
        assert_eq!(fill("d", later), limits.per_access_key, "and what rests far from the wall clock");
    }

    #[test]
    fn nothing_is_closed_while_a_clock_is_ahead_for_less_than_a_window() {
        for jump in [3, 20 * 60, 2 * 3600, 10 * 365 * 86_400] {
            let nonces = Nonces::new();
            for second in 0..2 * WINDOW {
                let ahead = if second > WINDOW && second < 2 * WINDOW - 60 { jump } else { 0 };
                let wall = NOW + second + ahead;
                let believed = if ahead > 3600 { NOW + second } else { wall };
                let times = Times { wall, believed, elapsed: second };
                let nonce = second.to_string();
                let outcome = nonces.record("a", &nonce, wall, times);
                assert_eq!(outcome, Ok(()), "jump of {jump}, second {second}");
                assert_eq!(nonces.record("a", &nonce, wall, times), Err(Replay::Used));
            }
        }
    }

    /// In every shard, and with fresh requests of the minute in which the jump began.
    #[test]
    fn a_clock_that_is_ahead_for_seconds_closes_nothing() {
        for jump in [3, 20 * 60, 3600] {
            let nonces = Nonces::new();
            for (passed, ahead) in [(0, 0), (1, jump), (3, jump), (4, 0), (WINDOW, jump), (WINDOW + 1, 0)] {
                let (wall, elapsed) = (NOW + passed + ahead, passed);
                let times = Times { wall, believed: wall, elapsed };
                for nonce in 0..20 * SHARDS {
                    let nonce = format!("{passed} {nonce}");
                    assert_eq!(nonces.record("a", &nonce, wall, times), Ok(()), "{jump}: {nonce}");
                    assert_eq!(nonces.record("a", &nonce, wall, times), Err(Replay::Used));
                }
            }
        }
    }

    /// Random walks of a clock that jumps anywhere, with an unrelated believed time and little memory: the argument of this
    /// module depends on none of them.
    #[test]
    fn no_request_is_accepted_twice_on_any_walk_of_the_clock() {
        let limits = Limits { total: 4 * SHARDS, per_access_key: 3 * SHARDS };
        for seed in 0..50 {
            let mut random = Lcg(seed);
            let (nonces, mut accepted) = (Nonces::with_limits(limits), HashSet::new());
            let mut times = at(NOW);
            for _ in 0..2000 {
                times = random.walk(times);
                // Few distinct nonces, and timestamps near the clock, so that many requests are replays.
                let timestamp = times.wall + random.between(-WINDOW - 60, WINDOW + 60) / 300 * 300;
                let (access_key, nonce) = (["a", "b"][random.index(2)], random.index(3).to_string());
                if (timestamp - times.wall).abs() > WINDOW {
                    continue;
                }
                if nonces.record(access_key, &nonce, timestamp, times).is_ok() {
                    let request = (access_key, nonce, timestamp);
                    assert!(accepted.insert(request.clone()), "seed {seed}: {request:?} twice");
                }
                for shard in &nonces.shards {
                    let shard = lock(shard);
                    let kept: usize = shard.minutes.values().map(|minute| minute.nonces.len()).sum();
                    let of_keys: usize = shard.per_access_key.values().sum();
                    assert!(kept <= limits.total / SHARDS && kept == shard.total && kept == of_keys);
                }
            }
            assert!(accepted.len() > 100, "seed {seed}: {} accepted", accepted.len());
        }
    }

    /// As above, across restarts: a later run refuses requests signed up to the last use, and starts with the minutes that
    /// were used ahead. Requests that a client signed ahead of the wall clock are the documented gap, and left out.
    #[test]
    fn no_request_is_accepted_twice_across_restarts() {
        for seed in 0..50 {
            let mut random = Lcg(seed + 1_000_000);
            let mut accepted = HashSet::new();
            let (mut nonces, mut times) = (Nonces::new(), at(NOW));
            for _ in 0..2000 {
                times = random.walk(times);
                if random.index(50) == 0 {
                    let ahead = nonces.used_ahead(times.wall);
                    nonces = Nonces::new();
                    nonces.refuse_before(times.wall + 1);
                    nonces.close(&ahead);
                }
                let timestamp = times.wall - random.between(0, WINDOW) / 60 * 60;
                let nonce = random.index(2).to_string();
                if nonces.record("a", &nonce, timestamp, times).is_ok() {
                    assert!(accepted.insert((nonce, timestamp)), "seed {seed}: {timestamp} twice");
                }
            }
            assert!(accepted.len() > 20, "seed {seed}: {} accepted", accepted.len());
        }
    }

    struct Lcg(u64);

    impl Lcg {
        fn between(&mut self, low: i64, high: i64) -> i64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + (self.0 >> 33).cast_signed() % (high - low + 1)
        }

        fn index(&mut self, count: i64) -> usize {
            usize::try_from(self.between(0, count - 1)).unwrap()
        }

        /// Advances the time, and sometimes sets the clock: to an earlier time, or to any time.
        fn walk(&mut self, times: Times) -> Times {
            let passed = self.between(0, 120);
            let wall = match self.index(20) {
                0 => NOW + self.between(-7200, 7200),
                1 => times.wall + self.between(-400_000_000, 400_000_000),
                2 => NOW,
                _ => times.wall + passed,
            };
            Times { wall, believed: wall + self.between(-7200, 7200), elapsed: times.elapsed + passed }
        }
    }
}
