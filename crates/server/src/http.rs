//! HTTP/1.1 over TCP or TLS: accepting connections, their limits, and the stop.
//!
//! What a request means is a [`Handler`]'s business: the KMS has one, and so has the benchmark that measures
//! this module alone (`examples/hello.rs`).

mod addresses;
mod body;
mod connection;
mod head;
mod intake;
mod pace;
pub(crate) mod rpc;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use self::addresses::Addresses;
pub use self::body::Body;
use self::connection::converse;
use crate::limits::Limits;
use crate::log::Log;

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
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// What a server needs beside its handler.
pub struct Setup {
    /// Where connections come in.
    pub listener: TcpListener,
    /// Without it, connections are not encrypted.
    pub tls: Option<TlsAcceptor>,
    /// What each connection may take.
    pub limits: Limits,
    /// Where trouble with accepting connections goes.
    pub log: Arc<Log>,
    /// Becomes true when the server is to stop.
    pub stop: watch::Receiver<bool>,
}

/// Serves connections until `setup.stop`, then finishes the requests in flight and returns. It waits for them
/// without a limit: dropping the runtime cuts them off.
pub async fn serve<H: Handler>(setup: Setup, handler: Arc<H>) {
    let Setup { listener, tls, limits, log, mut stop } = setup;
    let slots = Arc::new(Semaphore::new(limits.connections as usize));
    let addresses = Arc::new(Addresses::new(limits.connections_per_address));
    let stop_of_connections = stop.clone();
    let accepting = async {
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("nobody closes the semaphore");
            let (stream, address) = accept(&listener, &log).await;
            let Some(share) = Addresses::take(&addresses, address) else { continue };
            let (handler, tls, stop) = (Arc::clone(&handler), tls.clone(), stop_of_connections.clone());
            tokio::spawn(async move {
                attend(stream, address, tls, &handler, limits, stop).await;
                drop((share, slot));
            });
        }
    };
    tokio::select! {
        () = stopped(&mut stop) => {}
        () = accepting => {}
    }
    drop(listener); // the next server may have the address while we finish
    let _all_ended = slots.acquire_many(limits.connections).await;
}

/// The next connection. When none can be had, mostly for want of descriptors, it tries again after a while:
/// those that are open will end.
async fn accept(listener: &TcpListener, log: &Log) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Small answers must not wait for acknowledgements; without it they are only slower.
                let _ = stream.set_nodelay(true);
                return (stream, address.ip().to_canonical());
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                log.event(format!("cannot accept connections: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection, after the handshake if it is encrypted.
async fn attend<H: Handler>(
    stream: TcpStream,
    address: IpAddr,
    tls: Option<TlsAcceptor>,
    handler: &Arc<H>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let Some(acceptor) = tls else {
        let peer = Peer { address, tls: false };
        return converse(stream, peer, handler, limits, stopped(&mut stop)).await;
    };
    let handshake = timeout(limits.handshake, acceptor.accept(stream));
    let encrypted = tokio::select! {
        encrypted = handshake => encrypted,
        () = stopped(&mut stop) => return,
    };
    if let Ok(Ok(stream)) = encrypted {
        converse(stream, Peer { address, tls: true }, handler, limits, stopped(&mut stop)).await;
    }
}

/// Ready once the server is to stop; also if whoever would say so is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// How long to wait for a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
