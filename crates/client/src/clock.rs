//! The clock for signatures: this machine's, or the server's after the server refused this machine's time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_wire::Timestamp;

/// The clock of a client.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Whether the server may correct the clock.
    follows_server: bool,
    /// Seconds to add to this machine's time.
    correction: AtomicI64,
}

impl Clock {
    pub(crate) fn new(follows_server: bool) -> Self {
        Self { follows_server, correction: AtomicI64::new(0) }
    }

    /// Returns the time to sign with.
    pub(crate) fn now(&self) -> Timestamp {
        let own = now().unix();
        Timestamp::from_unix(own.saturating_add(self.correction.load(Ordering::Relaxed)))
    }

    /// Adopts the server's time, in seconds since the Unix epoch, if that is allowed.
    pub(crate) fn correct(&self, server: Option<i64>) {
        if let (true, Some(server)) = (self.follows_server, server) {
            self.correction.store(server.saturating_sub(now().unix()), Ordering::Relaxed);
        }
    }
}

/// Returns the time of this machine. A clock before 1970 counts as 1970, which the KMS refuses with the right advice.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_follows_the_server_is_corrected() {
        let server = now().unix() + 10_000;
        for (follows_server, date, is_corrected) in
            [(true, Some(server), true), (true, None, false), (false, Some(server), false)]
        {
            let clock = Clock::new(follows_server);
            clock.correct(date);
            let expected = if is_corrected { server } else { server - 10_000 };
            assert!((0..5).contains(&(clock.now().unix() - expected)), "{follows_server} {date:?}");
        }
    }
}
