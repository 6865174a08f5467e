//! Trusted proxies: networks whose connections are not counted by address, and whose X-Forwarded-For names the client.

use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};

use crate::networks::Network;

/// The networks, which a reload replaces.
pub(crate) struct Proxies(RwLock<Vec<Network>>);

impl Proxies {
    pub(crate) fn new(networks: Vec<Network>) -> Self {
        Self(RwLock::new(networks))
    }

    pub(crate) fn replace(&self, networks: Vec<Network>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = networks;
    }

    /// Returns whether an address, which must not be a mapped one, is that of a proxy.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let networks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        networks.iter().any(|network| network.contains(address))
    }

    /// Returns the address of the client of a request from `peer` with these values of X-Forwarded-For, in their order.
    ///
    /// Each proxy appends the address that called it, so only the last hop that is not itself a trusted proxy can be
    /// trusted; the client may have invented the hops before it. Returns the peer if it is not a proxy or names no
    /// other address, and `None` if the last hop before the proxies is not an address.
    pub(crate) fn client<'h>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
    ) -> Option<IpAddr> {
        if !self.contains(peer) {
            return Some(peer);
        }
        let hops = forwarded.rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            let address = address(hop)?;
            if !self.contains(address) {
                return Some(address);
            }
        }
        Some(peer)
    }
}

/// Parses an address; some proxies append a port, and write an IPv6 address in brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> Option<String> {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
        let proxies = Proxies::new(networks.into());
        let values = forwarded.iter().map(|value| value.as_bytes());
        proxies.client(peer.parse().unwrap(), values).map(|address| address.to_string())
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_no_trusted_proxy() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["198.51.100.1"][..], "192.0.2.1"), // not a proxy: a claim of the client
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1,10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.9", " 10.0.0.2 "], "203.0.113.9"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &["unknown, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("2001:db8::1", &["[2001:db9::1]:80"], "2001:db9::1"),
            ("2001:db8::1", &["[2001:db9::1]"], "2001:db9::1"),
            ("10.0.0.1", &["198.51.100.1,"], "198.51.100.1"),
        ] {
            assert_eq!(client(peer, forwarded).as_deref(), Some(expected), "{peer} {forwarded:?}");
        }
    }

    /// Otherwise a condition on the address would apply to the proxy, which may be in an allowed network.
    #[test]
    fn a_hop_that_is_no_address_is_an_unknown_client() {
        for hop in ["unknown", "_hidden", "198.51.100.1, unknown", "10.0.0.2/8", "\u{e9}"] {
            assert_eq!(client("10.0.0.1", &[hop]), None, "{hop}");
        }
    }

    #[test]
    fn a_reload_replaces_the_networks() {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        proxies.replace(vec!["192.0.2.1".parse().unwrap()]);
        assert!(!proxies.contains("10.0.0.1".parse().unwrap()));
        assert!(proxies.contains("192.0.2.1".parse().unwrap()));
    }
}
