//! Rate limits: requests per second for each access key, user and source address.
//!
//! The server counts each request for its source before it reads any of it ([`Kms::admit`]). The engine counts it for its
//! access key and user only after the signature verified, so that an outsider cannot use up another caller's limit. Requests
//! of a session count for the caller who began its chain: a thousand sessions of one user get no more than the user does.

mod buckets;

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arc_swap::ArcSwap;
use bulla_wire::{Error, ErrorCode};
use serde::Deserialize;

use self::buckets::{Buckets, Pace};
use crate::Kms;
use crate::origin::{Caller, Principal};

/// Limits on requests per second; an absent limit is unlimited. Configuration files name the fields with hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RequestLimits {
    /// Requests of one access key, including its sessions.
    pub access_key: Option<RequestLimit>,
    /// Requests of one user: by all of its access keys, by its sessions, and in the console. The root of the account counts
    /// as one user, and so does each subject of an OIDC provider.
    pub user: Option<RequestLimit>,
    /// Requests from one IPv4 address, or from one IPv6 /64, by any caller, signed or not.
    pub source: Option<RequestLimit>,
}

/// A rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RequestLimit {
    /// Requests per second, on average.
    pub requests_per_second: NonZeroU32,
    /// Maximum requests at once after a pause. Default: those of one second.
    pub burst: Option<NonZeroU32>,
}

/// The current limits, and their usage.
#[derive(Default)]
pub(crate) struct Limiter {
    limits: ArcSwap<RequestLimits>,
    access_keys: Buckets,
    users: Buckets,
    sources: Buckets,
    throttled: Throttled,
}

/// The number of refused requests since the start.
#[derive(Default)]
struct Throttled {
    access_key: AtomicU64,
    user: AtomicU64,
    source: AtomicU64,
}

/// The number of requests that each limit refused since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottledRequests {
    /// By the limit on access keys.
    pub access_key: u64,
    /// By the limit on users.
    pub user: u64,
    /// By the limit on sources.
    pub source: u64,
}

impl Kms {
    /// Replaces the limits. Previous usage still counts.
    pub fn set_request_limits(&self, limits: RequestLimits) {
        self.limiter.limits.store(limits.into());
    }

    /// Returns the current limits.
    #[must_use]
    pub fn request_limits(&self) -> RequestLimits {
        **self.limiter.limits.load()
    }

    /// Returns the number of requests that each limit refused since the start.
    #[must_use]
    pub fn throttled_requests(&self) -> ThrottledRequests {
        let Throttled { access_key, user, source } = &self.limiter.throttled;
        ThrottledRequests {
            access_key: access_key.load(Relaxed),
            user: user.load(Relaxed),
            source: source.load(Relaxed),
        }
    }

    /// Counts a request from this address, before any part of it is trusted. A request without a known address is not
    /// counted.
    ///
    /// # Errors
    /// Throttling.User, which names the time to wait.
    pub fn admit(&self, source: Option<IpAddr>) -> Result<(), Error> {
        let limit = self.limiter.limits.load().source;
        if let (Some(limit), Some(source)) = (limit, source) {
            let Limiter { sources, throttled, .. } = &self.limiter;
            let taken = sources.take(&counted_as(source), limit.pace(), self.clock.elapsed());
            taken.map_err(|wait| refused(&throttled.source, wait))?;
        }
        Ok(())
    }

    /// Counts a request whose caller is known: first for the access key, so that requests beyond its limit do not
    /// count against the user's other access keys.
    ///
    /// # Errors
    /// Throttling.User, which names the time to wait.
    pub(crate) fn count(&self, caller: &Caller) -> Result<(), Error> {
        let RequestLimits { access_key, user, .. } = **self.limiter.limits.load();
        let Limiter { access_keys, users, throttled, .. } = &self.limiter;
        if let (Some(limit), Some(id)) = (access_key, caller.first_access_key()) {
            let taken = access_keys.take(id, limit.pace(), self.clock.elapsed());
            taken.map_err(|wait| refused(&throttled.access_key, wait))?;
        }
        if let (Some(limit), Some(principal)) = (user, Principal::of(caller)) {
            let taken = users.take(&principal, limit.pace(), self.clock.elapsed());
            taken.map_err(|wait| refused(&throttled.user, wait))?;
        }
        Ok(())
    }
}

impl Limiter {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self { limits: ArcSwap::from_pointee(limits), ..Self::default() }
    }
}

impl RequestLimit {
    fn pace(self) -> Pace {
        let burst = self.burst.unwrap_or(self.requests_per_second);
        Pace::new(self.requests_per_second, burst)
    }
}

/// Counts a refused request, and returns its error.
fn refused(count: &AtomicU64, wait: Duration) -> Error {
    count.fetch_add(1, Relaxed);
    Error::throttled(ErrorCode::ThrottlingUser, wait)
}

/// Returns the address by which requests, connections and failures are counted: for IPv6 its /64, because one host may use
/// any address in it.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_by_host() {
        let counted = |text: &str| counted_as(text.parse().unwrap()).to_string();
        assert_eq!(counted("192.0.2.7"), "192.0.2.7");
        assert_eq!(counted("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:2:ffff::"), counted("2001:db8:1:2::1"));
        assert_ne!(counted("2001:db8:1:3::1"), counted("2001:db8:1:2::1"));
    }
}
