//! Determines the user at the other end of a connection from this machine, from the kernel's tables of connections.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use rustix::process::geteuid;

/// Returns whether the user of this process has the other end, or the tables are unavailable: then not even the own
/// listener is in them.
pub(super) fn is_own(peer: SocketAddr, listener: SocketAddr) -> bool {
    // A table that changes while it is read may lack a line.
    (0..3).any(|_| is_of(geteuid().as_raw(), &ends(), canonical(peer), canonical(listener)))
}

fn ends() -> Vec<End> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(End::parse).collect()
}

/// One end of a connection, or a listener.
#[derive(Debug, PartialEq, Eq)]
struct End {
    local: SocketAddr,
    remote: SocketAddr,
    uid: u32,
    /// False after its process has closed it. The table then shows root, regardless of the user.
    is_open: bool,
}

/// Compares addresses, not ports alone: another user may connect from the same port of another address of this machine.
fn is_of(uid: u32, ends: &[End], peer: SocketAddr, listener: SocketAddr) -> bool {
    if !ends.iter().any(|end| end.local == listener) {
        return true;
    }
    ends.iter().any(|end| end.local == peer && end.remote == listener && end.is_open && end.uid == uid)
}

impl End {
    /// Parses a line of the table: the index, both addresses, the state, the queues, the timer, retransmissions, the
    /// user, the timeout and the inode.
    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let [_, local, remote, _, _, _, _, uid, _, inode, ..] = columns[..] else { return None };
        Some(Self {
            local: socket_address(local)?,
            remote: socket_address(remote)?,
            uid: uid.parse().ok()?,
            is_open: inode != "0",
        })
    }
}

/// Parses an address in hexadecimal, in words of this machine's byte order, and a port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words = [0, 8, 16, 24].map(|at| word(address.get(at..at + 8)?));
    let address: IpAddr = match words {
        [Some(word), None, None, None] if address.len() == 8 => word.into(),
        [Some(first), Some(second), Some(third), Some(fourth)] if address.len() == 32 => {
            let bytes: Vec<u8> = [first, second, third, fourth].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        }
        _ => return None,
    };
    Some(canonical((address, u16::from_str_radix(port, 16).ok()?).into()))
}

#[allow(clippy::host_endian_bytes, reason = "the kernel prints the bytes of an address as a number")]
fn word(hex: &str) -> Option<[u8; 4]> {
    u32::from_str_radix(hex, 16).ok().map(u32::to_ne_bytes)
}

/// Converts mapped addresses to IPv4, and removes the scope of IPv6 addresses.
fn canonical(address: SocketAddr) -> SocketAddr {
    (address.ip().to_canonical(), address.port()).into()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const OWN: u32 = 1000;
    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn end(local: &str, remote: &str, uid: u32, is_open: bool) -> End {
        End { local: address(local), remote: address(remote), uid, is_open }
    }

    #[test]
    fn only_an_open_end_of_the_user_at_this_very_address_is_ones_own() {
        let listener = || end("127.0.0.1:8080", "0.0.0.0:0", OWN, true);
        let is_own = |ends: &[End]| is_of(OWN, ends, address("127.0.0.1:9"), address("127.0.0.1:8080"));
        assert!(is_own(&[listener(), end("127.0.0.1:9", "127.0.0.1:8080", OWN, true)]));
        assert!(is_own(&[]), "the system has no tables");
        for other in [
            end("127.0.0.1:9", "127.0.0.1:8080", 7, true),
            end("127.0.0.1:9", "127.0.0.1:8080", OWN, false),
            end("127.0.0.2:9", "127.0.0.1:8080", OWN, true),
            end("127.0.0.1:10", "127.0.0.1:8080", OWN, true),
            end("127.0.0.1:9", "127.0.0.1:8081", OWN, true),
            end("127.0.0.1:9", "127.0.0.2:8080", OWN, true),
            end("127.0.0.1:8080", "127.0.0.1:9", OWN, true),
        ] {
            assert!(!is_own(&[listener(), other]));
        }
        assert!(!is_own(&[listener()]));
    }

    #[test]
    fn the_table_of_the_kernel_has_both_ends_of_a_connection() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            // A machine without IPv6 has no such connections.
            let Ok(listener) = TcpListener::bind(at) else { continue };
            let listens_at = listener.local_addr().unwrap();
            let stream = TcpStream::connect(listens_at).unwrap();
            let peer = stream.local_addr().unwrap();
            assert!(is_own(peer, listens_at), "{at}");
            assert!(!is_own(listens_at, listens_at), "{at}");
            assert!(!is_own(address("127.0.0.2:9"), listens_at), "{at}");
            drop(stream);
            assert!(!is_own(peer, listens_at), "{at}: it is closed");
        }
    }

    #[test]
    fn a_line_that_is_no_connection_is_none() {
        for line in [HEAD, "", "1: 2: 3", "0: zz:1 0:0 01 0 0 0 0 0 1"] {
            assert_eq!(End::parse(line), None, "{line}");
        }
    }
}
