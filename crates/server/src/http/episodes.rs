//! Limits that are reached repeatedly: one event when that begins, and one after it has stopped for a while.

use std::time::{Duration, Instant};

/// A resource that can run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Connections,
    ConnectionsOfOneAddress,
    Descriptors,
    /// Connections cannot be accepted for another reason.
    Accepting,
}

impl Limit {
    /// The limits for which connections are closed. They must be the first ones.
    const CLOSING: [Self; 3] = [Self::Connections, Self::ConnectionsOfOneAddress, Self::Descriptors];

    /// Returns its name in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "all",
            Self::ConnectionsOfOneAddress => "address",
            Self::Descriptors => "descriptors",
            Self::Accepting => "accept",
        }
    }
}

/// The limits that are being reached.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    lasting: Vec<Episode>,
    /// The number of connections closed for each limit since the start.
    closed: [u64; Limit::CLOSING.len() + 1],
}

/// A period in which a limit was reached repeatedly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Episode {
    pub(super) limit: Limit,
    /// The number of connections closed to make room.
    pub(super) closed: u64,
    begin: Instant,
    last: Instant,
}

impl Episodes {
    /// Records that a limit was reached, and whether a connection was closed for it. Returns whether an episode begins.
    pub(super) fn reached(&mut self, limit: Limit, closed: bool, now: Instant) -> bool {
        let closed = u64::from(closed);
        self.closed[limit as usize] += closed;
        match self.lasting.iter_mut().find(|episode| episode.limit == limit) {
            Some(episode) => {
                episode.closed += closed;
                episode.last = now;
                false
            }
            None => {
                self.lasting.push(Episode { limit, closed, begin: now, last: now });
                true
            }
        }
    }

    /// Removes and returns the episodes whose limit was not reached for `quiet`.
    pub(super) fn ended(&mut self, quiet: Duration, now: Instant) -> Vec<Episode> {
        let has_ended = |episode: &mut Episode| now.saturating_duration_since(episode.last) >= quiet;
        self.lasting.extract_if(.., has_ended).collect()
    }

    /// Returns the number of connections closed for each limit since the start.
    pub(super) fn closed(&self) -> impl Iterator<Item = (Limit, u64)> {
        Limit::CLOSING.into_iter().zip(self.closed)
    }
}

impl Episode {
    /// Returns the time from the first to the last time that the limit was reached.
    pub(super) fn duration(&self) -> Duration {
        self.last - self.begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flapping_is_one_episode() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let mut episodes = Episodes::default();
        assert!(episodes.reached(Limit::Connections, true, begin));
        for round in 1..100 {
            let now = begin + second * 9 * round;
            assert_eq!(episodes.ended(second * 10, now), [], "it pauses, but not for long enough");
            assert!(!episodes.reached(Limit::Connections, round % 2 == 0, now));
        }
        assert!(episodes.reached(Limit::Descriptors, false, begin), "limits are apart");
        let last = begin + second * 9 * 99;
        let ended = episodes.ended(second * 10, last + second * 9);
        assert_eq!(ended.iter().map(|episode| episode.limit).collect::<Vec<_>>(), [Limit::Descriptors]);
        let ended = episodes.ended(second * 10, last + second * 10);
        assert_eq!((ended[0].limit, ended[0].closed), (Limit::Connections, 50));
        assert_eq!(ended[0].duration(), second * 9 * 99);
        let closed: Vec<_> = episodes.closed().map(|(limit, closed)| (limit.name(), closed)).collect();
        let expected = [("all", 50), ("address", 0), ("descriptors", 0)];
        assert_eq!(closed, expected, "it counts on beyond the end of an episode");
        assert_eq!(episodes.ended(second * 10, last + second * 20), []);
        assert!(
            episodes.reached(Limit::Connections, false, last + second * 20),
            "the next one is another one"
        );
    }
}
