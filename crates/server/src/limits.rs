//! Every limit of the server, with its reason. They are enforced before any part of a request is parsed.
//!
//! Memory of one connection: at most [`BODY_BYTES`] for query and body, [`HEADER_BYTES`] for the headers, twice as much
//! until a head is complete; about the same again for the decoded parameters, [`ECHO_BYTES`] or a reply of the API for
//! the answer, and 64 KiB of TLS buffers: 384 + 64 + 384 + 64 + 64 KiB, below 1 MiB. While its signature is verified,
//! which at most as many connections do as there are cores, the string to sign needs another five times the parameters.
//! An idle connection was measured to take 20 KiB, or 27 KiB with TLS. The kernel's socket buffers are not included.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::log::Log;

/// Maximum number of connections. Beyond it, a new one replaces the least active one: first among those that never had
/// an authenticated answer, the one whose last complete request is the oldest.
///
/// With the memory above, 4096 clients in the worst case stay below 4 GiB.
pub const CONNECTIONS: u32 = 4096;

/// Maximum number of connections of one address, or of one IPv6 /64. Beyond it, a new one replaces the least active one
/// of the address.
///
/// Trusted proxies are not counted.
pub const CONNECTIONS_PER_ADDRESS: u32 = share_of_one_address(CONNECTIONS);

/// Maximum number of connections to the listener of metrics, from all addresses: each Prometheus has one.
pub const METRICS_CONNECTIONS: u32 = 16;

/// Returns how many of all connections one address may have: so few that many addresses are needed to reach
/// [`FIRST_BYTE`], and even more to evict connections of others.
#[must_use]
pub const fn share_of_one_address(connections: u32) -> u32 {
    match connections / 8 {
        0 => 1,
        share => share,
    }
}

/// Connections that the kernel accepts while the server is busy. Beyond it, clients retry after a second, so a burst of
/// as many as there are places must fit. Most systems allow no more either.
pub(crate) const BACKLOG: u32 = 4096;

/// Open files beyond those of connections: store, log, certificates, and those of the runtime.
const OTHER_FILES: u64 = 256;

/// The request line: method, path, query and version. Some official clients put all parameters into the query, so it
/// may be as long as a body ([`BODY_BYTES`]).
pub const REQUEST_LINE_BYTES: usize = BODY_BYTES;

/// The request line without its query. Every path of the API is `/`.
pub const PATH_BYTES: usize = 8 * 1024;

/// All headers together. Those of official clients stay below 2 KiB, or 8 KiB with a security token.
pub const HEADER_BYTES: usize = 64 * 1024;

/// Headers of a request; official clients send up to 20. This is hyper's default, because setting it costs an
/// allocation per request; a test pins it.
pub const HEADERS: usize = 100;

/// The encoded parameters of a request, in query and body together. Percent-encoding takes three characters per byte.
///
/// The longest parameters of the API are 8192 characters of up to four bytes (encryption contexts, descriptions), or
/// 32 KiB (policies): 96 KiB; a secret of 30 KiB becomes 90 KiB, and 20 tags 60 KiB, or 80 KiB if their JSON escapes what is
/// not ASCII. The longest requests: CreateSecret with all of these (90 + 96 + 96 + 80 KiB), and ReEncrypt of an SM2
/// ciphertext with two contexts (24 + 96 + 96 KiB).
pub const BODY_BYTES: usize = 384 * 1024;

/// The longest error answer that repeats its request. A string to sign is several times as long as the signed text, and
/// a slow reader must not keep megabytes of it in memory.
pub const ECHO_BYTES: usize = 64 * 1024;

/// The stored part of a User-Agent in the audit trail: names and versions of a client and its libraries.
pub const USER_AGENT_BYTES: usize = 256;

/// A TLS handshake: two or three round trips.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// From the start of a connection to the first byte of its first request, including the TLS handshake, while at least
/// half of all connections are taken.
pub const FIRST_BYTE: Duration = Duration::from_secs(5);

/// From the first byte of a request, or from the start of a connection, to the end of its headers.
pub const HEAD: Duration = Duration::from_secs(30);

/// From the end of the headers to the end of the body: 384 KiB need 13 KB/s.
pub const BODY: Duration = Duration::from_secs(30);

/// From the answer being ready to its last byte being handed to the kernel.
pub const WRITE: Duration = Duration::from_secs(30);

/// Between an answer and the next request. Longer than the usual 60 s of load balancers, so that they close first and
/// no request meets a connection that is being closed.
pub const IDLE: Duration = Duration::from_secs(75);

/// After a body was refused: how long its sender may continue until it reads the answer. Closing at once would make the
/// kernel reset the connection and drop the answer.
pub const LINGER: Duration = Duration::from_secs(2);

/// How much of a refused body is discarded in that time.
pub(crate) const LINGER_BYTES: usize = 1024 * 1024;

/// How long requests in flight may take after the server is ordered to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// The interval for checking whether a certificate is due for renewal, or its file has changed.
pub const REFRESH: Duration = Duration::from_secs(5);

/// How long a limit on connections must not be reached until the log reports its end.
pub const QUIET: Duration = Duration::from_secs(10);

/// The limits that an operator sets or tests shorten.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// [`CONNECTIONS`], at least 1.
    pub connections: u32,
    /// [`CONNECTIONS_PER_ADDRESS`], at least 1.
    pub connections_per_address: u32,
    /// [`HANDSHAKE`].
    pub handshake: Duration,
    /// [`FIRST_BYTE`].
    pub first_byte: Duration,
    /// [`HEAD`].
    pub head: Duration,
    /// [`BODY`].
    pub body: Duration,
    /// [`WRITE`].
    pub write: Duration,
    /// [`IDLE`].
    pub idle: Duration,
    /// [`LINGER`].
    pub linger: Duration,
    /// [`DRAIN`].
    pub drain: Duration,
    /// [`REFRESH`].
    pub refresh: Duration,
    /// [`QUIET`].
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            handshake: HANDSHAKE,
            first_byte: FIRST_BYTE,
            head: HEAD,
            body: BODY,
            write: WRITE,
            idle: IDLE,
            linger: LINGER,
            drain: DRAIN,
            refresh: REFRESH,
            quiet: QUIET,
        }
    }
}

impl Limits {
    /// Returns the limits of the listener of metrics, with the same time limits.
    pub(crate) fn of_metrics(&self) -> Self {
        Self { connections: METRICS_CONNECTIONS, connections_per_address: METRICS_CONNECTIONS, ..*self }
    }

    /// Raises the process's limit of open files to the need of these connections. If that is not possible, lowers the
    /// number of connections and the share of an address, and reports it.
    pub(crate) fn fit_open_files(&mut self, log: &Log) {
        if let Some(possible) = self.allow_open_files() {
            self.lower_to(possible);
            log.event(format!("at most {possible} connections, because of the limit of open files"));
        }
    }

    /// Lowers the number of connections, and the share of one address in proportion.
    fn lower_to(&mut self, possible: u32) {
        let share = u64::from(self.connections_per_address);
        let all = u64::from(self.connections.max(1));
        let share = u32::try_from(share * u64::from(possible) / all).unwrap_or(u32::MAX);
        (self.connections, self.connections_per_address) = (possible, share.max(1));
    }

    /// Raises the limit as far as possible: most systems start programs with 1024 and allow more. If that is not
    /// enough, returns the possible number of connections, which leaves descriptors for the store and the log.
    fn allow_open_files(&self) -> Option<u32> {
        let needed = u64::from(self.connections) + OTHER_FILES;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let current = current.filter(|current| *current < needed)?;
        let raised = maximum.map_or(needed, |maximum| needed.min(maximum));
        let raising = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
        let allowed = if raising.is_ok() { raised } else { current };
        (allowed < needed).then(|| connections_within(allowed))
    }
}

/// Returns the number of connections for which this many open files are enough.
fn connections_within(open_files: u64) -> u32 {
    let connections = open_files.saturating_sub(OTHER_FILES).max(open_files / 2);
    u32::try_from(connections).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_for_other_files() {
        for (open_files, connections) in
            [(0, 1), (3, 1), (300, 150), (512, 256), (1024, 768), (4352, CONNECTIONS)]
        {
            assert_eq!(connections_within(open_files), connections, "{open_files}");
        }
    }

    #[test]
    fn fewer_connections_than_wanted_are_shared_in_the_same_way() {
        let lowered = |connections, connections_per_address, possible| {
            let mut limits = Limits { connections, connections_per_address, ..Limits::default() };
            limits.lower_to(possible);
            (limits.connections, limits.connections_per_address)
        };
        for possible in [1, 7, 8, 150, 768, CONNECTIONS] {
            let shared = (possible, share_of_one_address(possible));
            assert_eq!(lowered(CONNECTIONS, CONNECTIONS_PER_ADDRESS, possible), shared, "by default");
        }
        assert_eq!(lowered(1000, 600, 100), (100, 60), "as the operator shared them");
        assert_eq!(lowered(u32::MAX, u32::MAX, 768), (768, 768));
    }

    #[test]
    fn two_addresses_cannot_take_half_of_all_connections() {
        for connections in 8..10_000 {
            assert!(2 * share_of_one_address(connections) < connections / 2);
        }
        assert_eq!([0, 1, 7].map(share_of_one_address), [1; 3]);
    }
}
