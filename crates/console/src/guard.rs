//! Checks that a request comes from a page of this console: its `Host`, and for a POST its `Origin` and `Sec-Fetch-Site`.
//!
//! A page of another site can make a browser send requests here. It cannot set these headers, and cannot read the token in a
//! form. A name that an attacker points at this address (DNS rebinding) is not a name of the server.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use http::header::{HOST, HeaderName, ORIGIN};

use crate::http::Request;

/// The host names of the server, in lower case. A reload replaces them.
pub(crate) struct Hosts {
    names: RwLock<BTreeSet<String>>,
    /// Whether every IP address is accepted too, which DNS rebinding cannot misuse.
    addresses: bool,
}

impl Hosts {
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: RwLock::new(in_lower_case(names)), addresses: true }
    }

    /// Accepts one name and no IP address.
    pub(crate) fn only(name: &str) -> Self {
        Self { names: RwLock::new(in_lower_case([name.to_owned()])), addresses: false }
    }

    pub(crate) fn replace(&self, names: impl IntoIterator<Item = String>) {
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = in_lower_case(names);
    }

    /// Whether the request is for this server.
    pub(crate) fn admit(&self, request: &Request<'_>) -> bool {
        request.header(&HOST).is_some_and(|host| {
            let name = without_port(host).to_ascii_lowercase();
            self.has(&name) || self.addresses && is_address(&name)
        })
    }

    fn has(&self, name: &str) -> bool {
        self.names.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

fn in_lower_case(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Whether a page of this host sent a POST.
pub(crate) fn is_same_origin(request: &Request<'_>) -> bool {
    let site = request.header(&SEC_FETCH_SITE);
    // This rejects a repeated header too.
    if site != Some("same-origin") && request.headers.contains_key(&SEC_FETCH_SITE) {
        return false;
    }
    let Some(host) = request.header(&HOST) else { return false };
    match request.header(&ORIGIN) {
        // A page without a referrer has no origin either; the other header decides.
        Some("null") => site.is_some(),
        Some(origin) => is_of(origin, host, request.connection.tls),
        None => false,
    }
}

/// Whether an origin is that of the host. Behind a proxy that terminates TLS, the scheme is that of the proxy.
fn is_of(origin: &str, host: &str, tls: bool) -> bool {
    let authority = match origin.split_once("://") {
        Some(("https", authority)) => authority,
        Some(("http", authority)) if !tls => authority,
        _ => return false,
    };
    authority.eq_ignore_ascii_case(host)
}

/// Returns the name or address in a `Host` header.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    inner.parse::<IpAddr>().is_ok()
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_the_name() {
        for (host, name) in [
            ("a", "a"),
            ("a:1", "a"),
            ("[::1]:8443", "[::1]"),
            ("[::1]", "[::1]"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("a:", "a"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn an_origin_is_the_host_by_its_scheme() {
        for (origin, host, tls, expected) in [
            ("https://a:8443", "a:8443", true, true),
            ("https://A:8443", "a:8443", true, true),
            ("http://a:8443", "a:8443", true, false),
            ("http://a:8443", "a:8443", false, true),
            ("https://a", "a", false, true),
            ("https://a.evil", "a", true, false),
            ("https://a:8443", "a:8444", true, false),
            ("a", "a", true, false),
        ] {
            assert_eq!(is_of(origin, host, tls), expected, "{origin} {host} {tls}");
        }
    }
}
