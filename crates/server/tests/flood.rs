//! Clients that connect, send nothing or little, and connect again when the server closes their connection.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bulla_kms::SystemClock;
use bulla_server::{Limits, TlsOptions};
use common::{Signed, TestServer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// The bound that clients can rely on.
const BOUND: Duration = Duration::from_secs(1);

/// The case at its real size: as many silent connections as the server accepts, from two addresses, each opened again
/// half a second after the server closed it.
#[test]
fn silent_connections_from_two_addresses_shut_out_no_client() {
    let pause = Duration::from_millis(500);
    let flood = Flood { first: 2, addresses: 2, each: 2048, pause, trickles: false };
    let log = withstands(flood, Limits::default());
    assert_eq!(log.matches("has all 512 connections that one address may have").count(), 1, "{log}");
    assert!(!log.contains("connections are taken"), "two addresses cannot take all: {log}");
}

/// So many addresses that none reaches its share: only eviction makes room.
#[test]
fn silent_connections_from_many_addresses_shut_out_no_client() {
    from_many_addresses(false);
}

/// The same with a byte of a request or handshake now and then.
#[test]
fn slow_connections_from_many_addresses_shut_out_no_client() {
    from_many_addresses(true);
}

fn from_many_addresses(trickles: bool) {
    let flood = Flood { first: 2, addresses: 20, each: 100, pause: Duration::from_secs(1), trickles };
    let limits = Limits { connections: 1024, connections_per_address: 128, ..Limits::default() };
    let log = withstands(flood, limits);
    assert_eq!(log.matches("all 1024 connections are taken").count(), 1, "{log}");
    assert!(!log.contains("that one address may have"), "{log}");
}

/// As behind one NAT: the flood has the client's own address.
#[test]
fn silent_connections_from_its_own_address_shut_out_no_client() {
    let pause = Duration::from_secs(1);
    let flood = Flood { first: 1, addresses: 1, each: 1024, pause, trickles: false };
    let log = withstands(flood, Limits::default());
    assert_eq!(log.matches("127.0.0.1 has all 512 connections").count(), 1, "{log}");
}

/// Runs the flood, over HTTP and HTTPS, and asserts that clients are answered. Returns the log of both.
fn withstands(flood: Flood, limits: Limits) -> String {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let count = u64::from(flood.addresses * flood.each);
    raise_open_files(2 * count + 1024);
    let mut logs = String::new();
    for tls in [false, true] {
        let server = start(limits, tls);
        let running = flood.start(server.address, tls);
        assert_answered(&server, tls, Duration::from_secs(5));
        assert!(running.opened() > count, "{} connections were opened", running.opened());
        drop(running);
        server.stopper.stop();
        let log = server.join().0.text();
        if !tls {
            logs = log;
            continue;
        }
        assert_eq!(event_count(&log), event_count(&logs), "{log}");
    }
    logs
}

fn event_count(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" event=")).count()
}

fn start(limits: Limits, tls: bool) -> TestServer {
    let options = move |data: &tempfile::TempDir| {
        if tls {
            TlsOptions::Authority { data: data.path().to_owned(), names: Vec::new() }
        } else {
            TlsOptions::Off
        }
    };
    TestServer::start(limits, options, SystemClock)
}

/// Asserts that requests on new connections are answered within [`BOUND`], one after the other for `duration`.
///
/// A thread that only sleeps measures how long the machine runs no thread; that time is added to the bound.
fn assert_answered(server: &TestServer, tls: bool, duration: Duration) {
    let end = Instant::now() + duration;
    let bystander = thread::spawn(move || longest_stall(end));
    let mut times = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        assert_eq!(call(server, tls), 200);
        times.push(begin.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    let (slowest, stall) = (times.iter().max().unwrap(), bystander.join().unwrap());
    assert!(*slowest <= BOUND + stall, "{slowest:?}, while the machine stalled for {stall:?}: {times:?}");
}

/// Sends a signed request over a new connection. Returns its status.
fn call(server: &TestServer, tls: bool) -> u16 {
    let request = Signed::new("POST", "Action=ListKeys").into_query();
    if !tls {
        return server.send(request).status;
    }
    let mut roots = RootCertStore::empty();
    let ca = server.data.path().join("tls/ca.pem");
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    common::Client::new(StreamOwned::new(connection, server.tcp())).send(request).status
}

fn longest_stall(end: Instant) -> Duration {
    let mut longest = Duration::ZERO;
    while Instant::now() < end {
        let (begin, nap) = (Instant::now(), Duration::from_millis(5));
        thread::sleep(nap);
        longest = longest.max(begin.elapsed().saturating_sub(nap));
    }
    longest
}

/// Silent connections, each opened again when the server closes it.
#[derive(Clone, Copy)]
struct Flood {
    /// The number of the first address: 2 for 127.0.0.2.
    first: u32,
    addresses: u32,
    /// Connections of each address.
    each: u32,
    /// The time until a closed connection is opened again.
    pause: Duration,
    /// Whether each sends the beginning of a request or handshake, and a byte more every quarter of a second.
    trickles: bool,
}

/// A running flood; all its connections are closed on drop.
struct Running {
    opened: Arc<AtomicU64>,
    runtime: Option<Runtime>,
}

impl Flood {
    /// Starts it and waits until each connection was opened once.
    fn start(self, server: SocketAddr, tls: bool) -> Running {
        // A head that does not end, and a record of 512 bytes.
        let beginning: &[u8] = if tls { &[22, 3, 1, 2, 0] } else { b"GET / HTTP/1.1\r\nA: " };
        let beginning = self.trickles.then_some(beginning);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let opened = Arc::new(AtomicU64::new(0));
        for number in (self.first..).take(self.addresses as usize) {
            let source = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) + number);
            for _ in 0..self.each {
                runtime.spawn(occupy(server, source, self.pause, beginning, Arc::clone(&opened)));
            }
        }
        let running = Running { opened, runtime: Some(runtime) };
        let begin = Instant::now();
        while running.opened() < u64::from(self.addresses * self.each) {
            assert!(begin.elapsed() < Duration::from_secs(60), "the flood does not come");
            thread::sleep(Duration::from_millis(5));
        }
        running
    }
}

impl Running {
    /// Returns how many connections were opened so far.
    fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(10));
    }
}

/// Holds a connection open, and opens it again after it was closed.
async fn occupy(
    server: SocketAddr,
    source: Ipv4Addr,
    pause: Duration,
    beginning: Option<&'static [u8]>,
    opened: Arc<AtomicU64>,
) {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        if socket.bind((source, 0).into()).is_ok()
            && let Ok(stream) = socket.connect(server).await
        {
            opened.fetch_add(1, Ordering::Relaxed);
            let mut bytes = beginning;
            // The server sends nothing, so the connection is readable when it is closed.
            while timeout(TRICKLE, stream.readable()).await.is_err() {
                let _ = bytes.map(|bytes| stream.try_write(bytes));
                bytes = beginning.map(|_| &b"a"[..]);
            }
        }
        sleep(pause).await;
    }
}

const TRICKLE: Duration = Duration::from_millis(250);

/// Two floods at once would test the machine, not the server.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn raise_open_files(wanted: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: maximum.map(|maximum| maximum.max(wanted)) };
        setrlimit(Resource::Nofile, raised).expect("this test needs that many open files");
    }
}
