//! Failed sign-ins, and the delay of the response to each. The delay locks no user out: a right password is answered immediately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bulla_kms::counted_as;

/// Recent failures.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Table>);

#[derive(Default)]
struct Table {
    places: HashMap<AttemptKey, Failures>,
    /// When old places were last removed.
    tidied: Duration,
}

/// What failures are counted for: an address, or a name that was tried from an address.
#[derive(PartialEq, Eq, Hash)]
struct AttemptKey {
    address: Option<IpAddr>,
    /// A hash, because the entered name may be a password.
    name: Option<[u8; 32]>,
}

struct Failures {
    count: u32,
    last: Duration,
}

impl Attempts {
    /// Counts a failure at `now`, and returns the delay of its response.
    pub(crate) fn fail(&self, name: &str, address: Option<IpAddr>, now: Duration) -> Duration {
        let address = address.map(counted_as);
        let name = digest(&SHA256, name.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.tidy(now);
        let places = [AttemptKey { address, name: Some(name) }, AttemptKey { address, name: None }];
        let counts = places.map(|place| {
            if table.places.len() >= MAX && !table.places.contains_key(&place) {
                return u32::MAX; // a flood: new places get the longest delay
            }
            let failures = table.places.entry(place).or_insert(Failures { count: 0, last: now });
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
            failures.count
        });
        let delay = counts.map(|count| SHORTEST.saturating_mul(1 << count.saturating_sub(1).min(10)));
        delay.into_iter().max().unwrap_or_default().min(LONGEST)
    }

    /// Removes the failures of a name that signed in from an address.
    pub(crate) fn succeed(&self, name: &str, address: Option<IpAddr>) {
        let name = digest(&SHA256, name.as_bytes()).as_ref().try_into().ok();
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.places.remove(&AttemptKey { address: address.map(counted_as), name });
    }
}

impl Table {
    /// Removes old places. It checks all of them, so it runs at most once a minute.
    fn tidy(&mut self, now: Duration) {
        if now.saturating_sub(self.tidied) >= Duration::from_secs(60) {
            self.places.retain(|_, failures| now.saturating_sub(failures.last) < FORGOTTEN);
            self.tidied = now;
        }
    }
}

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
const MAX: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn failures_double_the_delay_to_two_seconds_and_are_forgotten() {
        let attempts = Attempts::default();
        let mut delays = Vec::new();
        for second in 0..7 {
            delays.push(attempts.fail("ann", address("10.0.0.1"), Duration::from_secs(second)).as_millis());
        }
        assert_eq!(delays, [100, 200, 400, 800, 1600, 2000, 2000]);
        let elsewhere = attempts.fail("ann", address("10.0.0.2"), Duration::from_secs(7));
        assert_eq!(elsewhere, SHORTEST);
        let later = Duration::from_secs(7 + 15 * 60);
        assert_eq!(attempts.fail("ann", address("10.0.0.1"), later), SHORTEST);
    }

    #[test]
    fn names_of_one_network_are_counted_together() {
        let attempts = Attempts::default();
        attempts.fail("ann", address("2001:db8::1"), Duration::ZERO);
        assert_eq!(attempts.fail("bob", address("2001:db8::2"), Duration::ZERO), SHORTEST * 2);
        assert_eq!(attempts.fail("bob", address("2001:db8:0:1::2"), Duration::ZERO), SHORTEST);
        attempts.fail("eve", address("10.0.0.1"), Duration::ZERO);
        assert_eq!(attempts.fail("eve", address("::ffff:10.0.0.1"), Duration::ZERO), SHORTEST * 2);
    }

    #[test]
    fn a_flood_fills_no_memory() {
        let attempts = Attempts::default();
        for number in 0..20_000_u32 {
            attempts.fail("ann", Some(IpAddr::V4(number.into())), Duration::ZERO);
        }
        assert!(attempts.0.lock().unwrap().places.len() <= MAX);
        assert_eq!(attempts.fail("ann", address("250.0.0.1"), Duration::ZERO), LONGEST);
    }
}
