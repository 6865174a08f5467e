//! The addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::args::Serve;
use crate::failure::{Exit, Failure};

/// What `--listen` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen {
    /// If it is a name.
    pub(super) host: Option<String>,
    /// Of several addresses an IPv4 one, as the default is, and else the first.
    pub(super) address: SocketAddr,
}

pub(super) fn typed_listen(settings: &Serve) -> &str {
    settings.listen.as_deref().unwrap_or(LISTEN)
}

pub(super) fn resolve(typed: &str) -> Result<Listen, Failure> {
    if let Ok(address) = typed.parse() {
        return Ok(Listen { host: None, address });
    }
    let host = typed.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let Some((host, _)) = host else {
        let what = format!("--listen {typed}: not an address or host name with a port");
        return Err(Failure::new(Exit::Usage, what, "write it as HOST:PORT, such as 127.0.0.1:8443"));
    };
    let failed = |why: &str| {
        let what = format!("--listen {typed}: {host} has no address: {why}");
        Failure::new(Exit::Other, what, "name an address of this machine, or correct the name")
    };
    let found: Vec<_> = typed.to_socket_addrs().map_err(|error| failed(&error.to_string()))?.collect();
    let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
    let address = *address.ok_or_else(|| failed("the resolver gives none"))?;
    Ok(Listen { host: Some(host.to_owned()), address })
}

/// Where metrics are served, if they are: an address with a port, or a port of this machine alone. No host name, because what
/// it resolves to decides who can read them.
pub(super) fn metrics_address(settings: &Serve) -> Result<Option<SocketAddr>, Failure> {
    let Some(typed) = &settings.metrics else { return Ok(None) };
    let address = match typed.parse::<u16>() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => typed.parse(),
    };
    address.map(Some).map_err(|_| {
        let what = format!("--metrics {typed}: neither an address with a port nor a port");
        Failure::new(Exit::Usage, what, "write it as 127.0.0.1:9090, or 9090 for this machine alone")
    })
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
            let expected = Listen { host: host.map(str::to_owned), address: address.parse().unwrap() };
            assert_eq!(resolve(typed).unwrap(), expected);
        }
        for typed in
            ["", "nonsense", "8443", ":8443", "localhost", "localhost:", "localhost:http", "localhost:65536"]
        {
            assert_eq!(resolve(typed).unwrap_err().exit, Exit::Usage, "{typed}");
        }
        assert_eq!(resolve("no-such-host.invalid:8443").unwrap_err().exit, Exit::Other);
    }

    #[test]
    fn a_port_alone_is_of_this_machine() {
        let address = |typed: &str| {
            metrics_address(&Serve { metrics: Some(typed.into()), ..Serve::default() })
                .map(|address| address.unwrap().to_string())
        };
        for (typed, expected) in [
            ("9090", "127.0.0.1:9090"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:9090", "0.0.0.0:9090"),
            ("[::1]:9090", "[::1]:9090"),
        ] {
            assert_eq!(address(typed).unwrap(), expected);
        }
        for typed in ["", ":9090", "65536", "127.0.0.1", "localhost:9090", "http://127.0.0.1:9090"] {
            assert_eq!(address(typed).unwrap_err().exit, Exit::Usage, "{typed}");
        }
        assert_eq!(metrics_address(&Serve::default()).unwrap(), None, "off by default");
    }
}
