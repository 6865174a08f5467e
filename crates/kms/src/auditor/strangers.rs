//! Limits the lines about requests without a valid signature, because an attacker can send any number of them.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use crate::audit::Strangers;

/// The number of requests without a signature that get their own lines in each second; further ones are only counted.
#[derive(Default)]
pub(super) struct StrangerBudget {
    second: u64,
    lines: u32,
    bytes: usize,
    counted: HashMap<IpAddr, u64>,
    /// The count for addresses beyond [`SOURCES`], and for requests without an address.
    others: u64,
}

impl StrangerBudget {
    /// Counts one request at this time. Returns whether it gets its own line.
    pub(super) fn take(&mut self, now: Duration, source: Option<IpAddr>) -> bool {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.lines = 0;
            self.bytes = 0;
        }
        if self.lines < LINES && self.bytes < BYTES {
            self.lines += 1;
            return true;
        }
        match source {
            Some(source) if self.counted.contains_key(&source) || self.counted.len() < SOURCES => {
                *self.counted.entry(source).or_default() += 1;
            }
            _ => self.others += 1,
        }
        false
    }

    /// Subtracts the length of a line from the budget.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Returns the counts since the last call.
    pub(super) fn counted(&mut self) -> Vec<Strangers> {
        let of_sources = mem::take(&mut self.counted).into_iter();
        let mut counted: Vec<_> =
            of_sources.map(|(source, requests)| Strangers { source: Some(source), requests }).collect();
        counted.sort_by_key(|strangers| strangers.source);
        let others = mem::take(&mut self.others);
        counted.extend((others > 0).then_some(Strangers { source: None, requests: others }));
        counted
    }
}

/// Maximum lines in each second.
const LINES: u32 = 100;
/// Bytes of lines in each second, after which no further one is begun.
const BYTES: usize = 40 << 10;
/// Maximum sources that are counted separately in each second.
const SOURCES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: usize) -> Option<IpAddr> {
        Some(IpAddr::from(u32::try_from(number).unwrap().to_be_bytes()))
    }

    #[test]
    fn beyond_a_hundred_lines_a_second_strangers_are_counted_by_source() {
        let mut budget = StrangerBudget::default();
        let second = Duration::from_secs(7);
        let lines = (0..1000).filter(|number| budget.take(second, source(number % 2))).count();
        assert_eq!(lines, 100);
        let [one, other] = budget.counted().try_into().unwrap();
        assert_eq!([one.source, other.source], [source(0), source(1)]);
        assert_eq!(one.requests + other.requests, 900);
        assert!(budget.counted().is_empty());
        assert!(budget.take(second + Duration::from_secs(1), None));
    }

    #[test]
    fn long_lines_are_fewer() {
        let mut budget = StrangerBudget::default();
        let mut lines = 0;
        while budget.take(Duration::ZERO, None) {
            budget.spend(1000);
            lines += 1;
        }
        assert_eq!(lines, 41);
        assert!(budget.take(Duration::from_secs(1), None));
    }

    #[test]
    fn any_number_of_sources_takes_a_limited_number_of_lines() {
        let mut budget = StrangerBudget::default();
        let lines = (0..10_000).filter(|number| budget.take(Duration::ZERO, source(*number))).count();
        let counted = budget.counted();
        assert_eq!((lines, counted.len()), (100, 65));
        assert_eq!(counted.iter().map(|strangers| strangers.requests).sum::<u64>(), 9900);
        assert_eq!(counted.last().unwrap().source, None);
    }
}
