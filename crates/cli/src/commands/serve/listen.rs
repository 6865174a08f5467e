//! The address to listen on.

use std::net::{SocketAddr, ToSocketAddrs};

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
}
