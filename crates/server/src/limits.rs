//! Every limit of the server, with its reason. They hold before anything of a request is parsed.
//!
//! Memory of one connection: at most [`HEAD_BYTES`] for the head, [`BODY_BYTES`] for the body, about as much
//! again for the decoded parameters, [`ECHO_BYTES`] or a reply of the API for the answer, and 64 KiB of TLS
//! buffers: below 1 MiB. While its signature is checked, which as many do at a time as there are cores, five times
//! the parameters come on top for the string to sign. An idle one was measured to take 20 KiB, or 27 KiB with TLS.
//! The kernel's socket buffers come on top.

use std::time::Duration;

/// Connections served at the same time; further ones wait in the backlog until one ends.
///
/// With the memory above, 4096 clients that all do their worst stay below 4 GiB.
pub const CONNECTIONS: u32 = 4096;

/// Connections of one address, so that one client cannot take them all; further ones are closed at once. A
/// balancer or proxy in front counts as one client.
pub const CONNECTIONS_PER_ADDRESS: u32 = CONNECTIONS / 2;

/// Connections that the kernel accepts for us while all are taken or we are busy.
pub(crate) const BACKLOG: u32 = 1024;

/// Open files beyond those of connections: store, log, certificates, the runtime's own.
const OTHER_FILES: u64 = 256;

/// Request line and headers together. The whole request may stand in the query, and official clients put a
/// ciphertext of 6 KiB there, percent-encoded; hyper's own limit of 64 KiB holds for the request line.
pub const HEAD_BYTES: usize = 100 * 1024;

/// Headers of a request; official clients send up to 20. This is hyper's default, kept because setting it
/// costs an allocation per request; a test pins it.
pub const HEADERS: usize = 100;

/// The body of a request. The largest one of the API is a secret of 30 KiB, percent-encoded three times that.
pub const BODY_BYTES: usize = 256 * 1024;

/// The longest error answer that echoes its request. A string to sign is several times as long as what was
/// signed, and nobody who reads slowly may make us keep megabytes of it.
pub const ECHO_BYTES: usize = 64 * 1024;

/// A TLS handshake: two or three round trips.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// From the first byte of a request, or from the start of a connection, to the end of its headers.
pub const HEAD: Duration = Duration::from_secs(30);

/// From the end of the headers to the end of the body: 256 KiB need 9 KB/s.
pub const BODY: Duration = Duration::from_secs(30);

/// From the answer being ready to its last byte being handed to the kernel.
pub const WRITE: Duration = Duration::from_secs(30);

/// Between an answer and the next request. Longer than the 60 s after which load balancers usually give up,
/// so that they close first and no request meets a connection that is being closed.
pub const IDLE: Duration = Duration::from_secs(75);

/// After a body was refused: how long its sender may go on sending until it reads the answer. Closing at once
/// would make the kernel reset the connection and with it the answer.
pub const LINGER: Duration = Duration::from_secs(2);

/// How much of a refused body is thrown away in that time.
pub(crate) const LINGER_BYTES: usize = 1024 * 1024;

/// How long requests in flight may take once the server was told to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// How often to look whether a certificate is due to be renewed, or its file has changed.
pub const REFRESH: Duration = Duration::from_secs(5);

/// The limits that tests shorten.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// [`CONNECTIONS`], at least 1.
    pub connections: u32,
    /// [`CONNECTIONS_PER_ADDRESS`].
    pub connections_per_address: u32,
    /// [`HANDSHAKE`].
    pub handshake: Duration,
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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            handshake: HANDSHAKE,
            head: HEAD,
            body: BODY,
            write: WRITE,
            idle: IDLE,
            linger: LINGER,
            drain: DRAIN,
            refresh: REFRESH,
        }
    }
}

impl Limits {
    /// Raises the process's limit of open files to what these connections need, as far as it may: most
    /// systems start programs with 1024 and let them have more.
    pub(crate) fn allow_open_files(&self) {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let wanted = u64::from(self.connections) + OTHER_FILES;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some_and(|current| current < wanted) {
            let raised = maximum.map_or(wanted, |maximum| wanted.min(maximum));
            // Without it the accept loop waits for a free descriptor instead.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
        }
    }
}
