//! HTTP/1.1 over TCP or TLS: accepts connections, enforces their limits, and stops.
//!
//! A [`Handler`] gives requests a meaning: the KMS has one, and so has the benchmark that measures this module alone
//! (`examples/hello.rs`).

mod accept;
mod activity;
mod body;
mod connection;
mod connections;
mod episodes;
mod head;
mod intake;
mod pace;
mod places;
mod progress;
pub(crate) mod rpc;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::USER_AGENT;
use hyper::http::request::Parts;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use self::accept::accept;
pub use self::body::Body;
use self::connection::converse;
pub(crate) use self::connections::ConnectionCounts;
pub use self::connections::Connections;
use self::connections::Place;
pub(crate) use self::progress::Progress;
use crate::limits::{Limits, USER_AGENT_BYTES};

/// Converts requests into answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Requests of one connection are sequential, others concurrent.
    fn answer(&self, request: Received) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// A request with its body.
pub struct Received {
    /// Method, path and headers. If the head was refused, those of a substitute.
    pub head: Parts,
    /// The query, without the question mark.
    pub query: Zeroizing<String>,
    /// The body, unless the request was refused. In that case the connection is closed.
    pub body: Result<Body, Refused>,
    /// The client.
    pub peer: Peer,
}

impl Received {
    /// Returns the User-Agent, truncated as in the audit trail.
    pub(crate) fn user_agent(&self) -> Option<Arc<str>> {
        let sent = self.head.headers.get(USER_AGENT)?.as_bytes();
        let kept = &sent[..sent.len().min(USER_AGENT_BYTES)];
        Some(String::from_utf8_lossy(kept).into())
    }
}

/// Why a request was refused before it was read in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The request line is longer than [`limits::REQUEST_LINE_BYTES`](crate::limits::REQUEST_LINE_BYTES), or its path
    /// than [`limits::PATH_BYTES`](crate::limits::PATH_BYTES).
    LongLine,
    /// The headers are longer than [`limits::HEADER_BYTES`](crate::limits::HEADER_BYTES), or more than
    /// [`limits::HEADERS`](crate::limits::HEADERS).
    LongHeaders,
    /// The query has an invalid character, or the request does not name exactly one host.
    Malformed,
    /// Query and body together are larger than [`limits::BODY_BYTES`](crate::limits::BODY_BYTES).
    LongBody,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; IPv4 addresses are never mapped to IPv6.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// Marks an answer, among its extensions, whose request was authenticated. Connections that never had one are the first
/// to be closed when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticated;

/// The parts of a server beside its handler.
pub struct Setup {
    /// The listener for connections.
    pub listener: TcpListener,
    /// The TLS acceptor; without it, connections are not encrypted.
    pub tls: Option<TlsAcceptor>,
    /// The limits of connections, and those that are open.
    pub connections: Arc<Connections>,
    /// Becomes true when the server must stop.
    pub stop: watch::Receiver<bool>,
}

/// Serves connections until `setup.stop`, then finishes the requests in flight and returns. It waits for them without a
/// limit: dropping the runtime cuts them off.
pub async fn serve<H: Handler>(setup: Setup, handler: Arc<H>) {
    let Setup { listener, tls, connections, mut stop } = setup;
    let (close_connections, closing) = watch::channel(false);
    let accepting = async {
        loop {
            let (stream, address) = accept(&listener, &connections).await;
            let Some(place) = connections.place(address.ip()).await else { continue };
            let handler = Arc::clone(&handler);
            let tls = tls.clone();
            let stop = closing.clone();
            let limits = connections.limits();
            tokio::spawn(async move {
                tokio::select! {
                    () = attend(stream, address, tls, &handler, limits, &place, stop) => {}
                    () = place.activity.evicted() => {}
                }
                drop(place); // after the socket
            });
        }
    };
    tokio::select! {
        () = stopped(&mut stop) => {}
        () = accepting => {}
        () = connections.watch() => {}
    }
    drop(listener); // the next server may use the address while this one finishes
    close_connections.send_replace(true); // a client that reconnects no longer reaches this server
    connections.all_closed().await;
}

/// Serves one connection, after the handshake if it is encrypted.
async fn attend<H: Handler>(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    handler: &Arc<H>,
    limits: Limits,
    place: &Place,
    mut stop: watch::Receiver<bool>,
) {
    let activity = &place.activity;
    let Some(acceptor) = tls else {
        let peer = Peer { address: address.ip(), port: address.port(), tls: false };
        return converse(stream, peer, handler, limits, activity, stopped(&mut stop)).await;
    };
    let handshake = timeout(limits.handshake, acceptor.accept(stream));
    let encrypted = tokio::select! {
        encrypted = handshake => encrypted,
        () = stopped(&mut stop) => return,
    };
    if let Ok(Ok(stream)) = encrypted {
        let peer = Peer { address: address.ip(), port: address.port(), tls: true };
        converse(stream, peer, handler, limits, activity, stopped(&mut stop)).await;
    }
}

/// Resolves when the server must stop, or the sender is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
