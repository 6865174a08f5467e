//! How many requests a second are answered for one access key, one user and one source address.
//!
//! A source is counted for every request, before anything of it is believed ([`Kms::admit`]). An access key and a user are
//! counted for requests whose signature verified, so that no stranger can use up what they have. The requests of a session
//! count for the caller who began its chain: a thousand sessions of one user get no more than the user does.

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

/// Limits on requests per second; without one, there is no limit. A configuration names the fields with hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RequestLimits {
    /// Requests of one access key, with those of the sessions that it began.
    pub access_key: Option<RequestLimit>,
    /// Requests of one user, by all of its access keys, by its sessions, and in the console. The root of the account is one
    /// user, and so is each subject of an OIDC provider.
    pub user: Option<RequestLimit>,
    /// Requests from one IPv4 address, or from one IPv6 /64, by any caller, signed or not.
    pub source: Option<RequestLimit>,
}

/// How many requests a second there may be, for long and at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RequestLimit {
    /// Requests per second, on average.
    pub requests_per_second: NonZeroU32,
    /// Requests at once after a pause; as many as in a second, if absent.
    pub burst: Option<NonZeroU32>,
}

/// The limits in force, and what was used of them.
#[derive(Default)]
pub(crate) struct Limiter {
    limits: ArcSwap<RequestLimits>,
    access_keys: Buckets,
    users: Buckets,
    sources: Buckets,
    throttled: Throttled,
}

/// How many requests were refused since the start.
#[derive(Default)]
struct Throttled {
    access_key: AtomicU64,
    user: AtomicU64,
    source: AtomicU64,
}

/// How many requests each limit has refused since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottledRequests {
    /// By the limit of an access key.
    pub access_key: u64,
    /// By the limit of a user.
    pub user: u64,
    /// By the limit of a source.
    pub source: u64,
}

impl Kms {
    /// Replaces the limits. What was used so far still counts.
    pub fn set_request_limits(&self, limits: RequestLimits) {
        self.limiter.limits.store(limits.into());
    }

    /// The limits in force.
    #[must_use]
    pub fn request_limits(&self) -> RequestLimits {
        **self.limiter.limits.load()
    }

    /// How many requests the limits have refused since the start.
    #[must_use]
    pub fn throttled_requests(&self) -> ThrottledRequests {
        let Throttled { access_key, user, source } = &self.limiter.throttled;
        ThrottledRequests {
            access_key: access_key.load(Relaxed),
            user: user.load(Relaxed),
            source: source.load(Relaxed),
        }
    }

    /// Counts a request from this address, before anything of it is believed. One whose address is not known is not counted.
    ///
    /// # Errors
    /// Throttling.User, which tells how long to wait.
    pub fn admit(&self, source: Option<IpAddr>) -> Result<(), Error> {
        let limit = self.limiter.limits.load().source;
        if let (Some(limit), Some(source)) = (limit, source) {
            let Limiter { sources, throttled, .. } = &self.limiter;
            let taken = sources.take(&counted_as(source), limit.pace(), self.clock.elapsed());
            taken.map_err(|wait| refused(&throttled.source, wait))?;
        }
        Ok(())
    }

    /// Counts a request whose caller is known: first for the access key, so that one which is used up costs the user's other
    /// access keys nothing.
    ///
    /// # Errors
    /// Throttling.User, which tells how long to wait.
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

/// Counts a request that is refused.
fn refused(count: &AtomicU64, wait: Duration) -> Error {
    count.fetch_add(1, Relaxed);
    Error::throttled(ErrorCode::ThrottlingUser, wait)
}

/// The address that requests, connections and failures are counted by: IPv6 by its /64, because one host has as many
/// addresses as it likes in there.
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
