//! HTTP/1.1 over TCP or TLS: accepting connections, their limits, and the stop.
//!
//! What a request means is a [`Handler`]'s business: the KMS has one, and so has the benchmark that measures
//! this module alone (`examples/hello.rs`).

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

/// Turns requests into answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Requests of one connection come one after the other, others at the same time.
    fn answer(&self, request: Received) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// A request with its body.
pub struct Received {
    /// Method, path and headers. If the request was refused for its head, those of an empty one.
    pub head: Parts,
    /// The query, without the question mark.
    pub query: Zeroizing<String>,
    /// The body, unless the request was refused. The connection is closed then.
    pub body: Result<Body, Refused>,
    /// Who sent it.
    pub peer: Peer,
}

impl Received {
    /// What the client calls itself, as far as the audit trail keeps it.
    pub(crate) fn user_agent(&self) -> Option<Arc<str>> {
        let sent = self.head.headers.get(USER_AGENT)?.as_bytes();
        let kept = &sent[..sent.len().min(USER_AGENT_BYTES)];
        Some(String::from_utf8_lossy(kept).into())
    }
}

/// Why a request was refused before all of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The request line is longer than [`limits::REQUEST_LINE_BYTES`](crate::limits::REQUEST_LINE_BYTES), or its path
    /// than [`limits::PATH_BYTES`](crate::limits::PATH_BYTES).
    LongLine,
    /// The headers are longer than [`limits::HEADER_BYTES`](crate::limits::HEADER_BYTES), or more than
    /// [`limits::HEADERS`](crate::limits::HEADERS).
    LongHeaders,
    /// The query holds what no query may hold, or the request is not for exactly one host.
    Malformed,
    /// Query and body together are larger than [`limits::BODY_BYTES`](crate::limits::BODY_BYTES).
    LongBody,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; an IPv4 address is always written as one.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// Marks an answer, among its extensions, whose request was authenticated. Connections that never had one are the
/// first to be closed when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticated;

/// What a server needs beside its handler.
pub struct Setup {
    /// Where connections come in.
    pub listener: TcpListener,
    /// Without it, connections are not encrypted.
    pub tls: Option<TlsAcceptor>,
    /// How many connections there may be, and what each may take.
    pub connections: Arc<Connections>,
    /// Becomes true when the server is to stop.
    pub stop: watch::Receiver<bool>,
}

/// Serves connections until `setup.stop`, then finishes the requests in flight and returns. It waits for them
/// without a limit: dropping the runtime cuts them off.
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
    drop(listener); // the next server may have the address while this one finishes
    close_connections.send_replace(true); // now that a client which connects again does not come here
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

/// Ready once the server is to stop, and when the sender is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
