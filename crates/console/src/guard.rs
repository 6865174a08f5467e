//! Whether a request comes from a page of this console: its Host, and for a change its Origin and its Sec-Fetch-Site.
//!
//! A page of another site can make a browser send requests here. It cannot choose these headers, nor read the token that a
//! form carries. A name that an attacker points at this address (DNS rebinding) is no name of the server.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::header::{HOST, HeaderName, ORIGIN};

use crate::http::Request;

/// The host names of the server, in lower case. Any IP address is accepted too: DNS has no part in it.
pub(crate) struct Hosts(BTreeSet<String>);

impl Hosts {
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether the request is for this server.
    pub(crate) fn admit(&self, request: &Request<'_>) -> bool {
        request.header(&HOST).is_some_and(|host| {
            let name = without_port(host).to_ascii_lowercase();
            self.0.contains(&name) || is_address(&name)
        })
    }
}

/// Whether a POST was sent by a page of this host.
pub(crate) fn is_same_origin(request: &Request<'_>) -> bool {
    let site = request.header(&SEC_FETCH_SITE);
    let Some(host) = request.header(&HOST) else { return false };
    match request.header(&ORIGIN) {
        // A page that sends no referrer names no origin either; the other header decides.
        Some("null") => site == Some("same-origin"),
        Some(origin) => {
            site.is_none_or(|site| site == "same-origin") && is_of(origin, host, request.connection.tls)
        }
        None => false,
    }
}

/// Whether an origin is that of the host. Behind a proxy that ends TLS the scheme is its own.
fn is_of(origin: &str, host: &str, tls: bool) -> bool {
    let authority = match origin.split_once("://") {
        Some(("https", authority)) => authority,
        Some(("http", authority)) if !tls => authority,
        _ => return false,
    };
    authority.eq_ignore_ascii_case(host)
}

/// The name or address in a Host header.
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
