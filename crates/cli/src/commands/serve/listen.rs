//! The addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::args::Serve;
use crate::failure::{Exit, Failure};

/// The addresses that `--listen` and `--metrics` name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen {
    /// The host name, if `--listen` has one.
    pub(super) host: Option<String>,
    pub(super) address: SocketAddr,
    /// The address of metrics, if they are served.
    pub(super) metrics: Option<SocketAddr>,
}

impl Listen {
    pub(super) fn of(settings: &Serve) -> Result<Self, Failure> {
        let Resolved { host, address } = resolve("--listen", typed_listen(settings))?;
        Ok(Self { host, address, metrics: metrics_address(settings)? })
    }

    /// Resolves the addresses of reloaded settings. A name that has not changed is not resolved again: its address
    /// cannot change while the server runs, and the resolver may fail.
    pub(super) fn found(&self, running: &Serve, found: &Serve) -> Result<Self, Failure> {
        let mut listen = self.clone();
        if typed_listen(found) != typed_listen(running) {
            let Resolved { host, address } = resolve("--listen", typed_listen(found))?;
            (listen.host, listen.address) = (host, address);
        }
        if found.metrics != running.metrics {
            listen.metrics = metrics_address(found)?;
        }
        Ok(listen)
    }
}

/// An address to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Resolved {
    /// The host name that was resolved, if one was typed.
    pub(in crate::commands) host: Option<String>,
    /// The address; of several ones an IPv4 address, like the default, otherwise the first.
    pub(in crate::commands) address: SocketAddr,
}

fn typed_listen(settings: &Serve) -> &str {
    settings.listen.as_deref().unwrap_or(LISTEN)
}

/// Returns the address that a flag names directly or by a host name.
pub(in crate::commands) fn resolve(flag: &str, typed: &str) -> Result<Resolved, Failure> {
    if let Ok(address) = typed.parse() {
        return Ok(Resolved { host: None, address });
    }
    let host = typed.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let Some((host, _)) = host else {
        let what = format!("{flag} {typed}: not an address or host name with a port");
        return Err(Failure::new(Exit::Usage, what, "write it as HOST:PORT, such as 127.0.0.1:8443"));
    };
    let failed = |why: &str| {
        let what = format!("{flag} {typed}: {host} has no address: {why}");
        Failure::new(Exit::Other, what, "name an address of this machine, or correct the name")
    };
    let found: Vec<_> = typed.to_socket_addrs().map_err(|error| failed(&error.to_string()))?.collect();
    let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
    let address = *address.ok_or_else(|| failed("the resolver returns none"))?;
    Ok(Resolved { host: Some(host.to_owned()), address })
}

/// Parses an address or host name with a port, or a port alone, which is on loopback. The start prints the resolved
/// address, which decides who can read metrics.
fn metrics_address(settings: &Serve) -> Result<Option<SocketAddr>, Failure> {
    let Some(typed) = &settings.metrics else { return Ok(None) };
    if let Ok(port) = typed.parse::<u16>() {
        return Ok(Some((Ipv4Addr::LOCALHOST, port).into()));
    }
    let resolved = resolve("--metrics", typed).map_err(|failure| match failure.exit {
        Exit::Usage => failure.advising("write it as 127.0.0.1:9090, or 9090 for this machine alone"),
        _ => failure,
    });
    Ok(Some(resolved?.address))
}

const LISTEN: &str = "127.0.0.1:8443";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_to_listen_on() {
        for (typed, host, address) in [
            ("0.0.0.0:0", None, "0.0.0.0:0"),
            ("[::1]:8443", None, "[::1]:8443"),
            ("localhost:8443", Some("localhost"), "127.0.0.1:8443"),
        ] {
            let expected = Resolved { host: host.map(str::to_owned), address: address.parse().unwrap() };
            assert_eq!(resolve("--listen", typed).unwrap(), expected);
        }
        for typed in
            ["", "nonsense", "8443", ":8443", "localhost", "localhost:", "localhost:http", "localhost:65536"]
        {
            assert_eq!(resolve("--listen", typed).unwrap_err().exit, Exit::Usage, "{typed}");
        }
        assert_eq!(resolve("--listen", "no-such-host.invalid:8443").unwrap_err().exit, Exit::Other);
    }

    #[test]
    fn metrics_have_an_address_or_a_name_and_a_port_alone_is_of_this_machine() {
        let address = |typed: &str| {
            metrics_address(&Serve { metrics: Some(typed.into()), ..Serve::default() })
                .map(|address| address.unwrap().to_string())
        };
        for (typed, expected) in [
            ("9090", "127.0.0.1:9090"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:9090", "0.0.0.0:9090"),
            ("[::1]:9090", "[::1]:9090"),
            ("localhost:9090", "127.0.0.1:9090"),
        ] {
            assert_eq!(address(typed).unwrap(), expected);
        }
        for typed in ["", ":9090", "65536", "127.0.0.1", "localhost", "localhost:metrics"] {
            assert_eq!(address(typed).unwrap_err().exit, Exit::Usage, "{typed}");
        }
        assert_eq!(address("no-such-host.invalid:9090").unwrap_err().exit, Exit::Other);
        assert_eq!(metrics_address(&Serve::default()).unwrap(), None, "off by default");
    }
}
