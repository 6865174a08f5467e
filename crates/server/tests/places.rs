//! Which connections are evicted when there are too many, and the events in the log.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bulla_kms::SystemClock;
use bulla_server::{Limits, TlsOptions};
use common::{Client, Signed, TestServer};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn a_new_connection_takes_the_place_of_the_least_active_one() {
    let server = TestServer::with_limits(Limits { connections: 3, ..Limits::default() });
    let (mut signed, mut probed, mut trickling) = (server.connect(), server.connect(), server.connect());
    assert_eq!(signed.send(Signed::new("POST", "Action=ListKeys").into_query()).status, 200);
    assert_eq!(probed.send(HEALTH).status, 200);
    trickling.write("GET /healthz HTTP/1.1\r\nA: ").unwrap();
    thread::sleep(SHORT);
    trickling.write("a").unwrap();
    thread::sleep(SHORT);

    let mut newcomer = server.connect();
    assert_eq!(newcomer.send(HEALTH).status, 200);
    assert!(trickling.is_closed(), "it never sent a complete request");
    let mut newcomer = server.connect();
    assert_eq!(newcomer.send(HEALTH).status, 200);
    assert!(probed.is_closed(), "health checks are not authenticated");
    assert_eq!(signed.send(HEALTH).status, 200, "longest idle, but authenticated once");
    for _ in 0..20 {
        assert_eq!(server.send(HEALTH).status, 200);
    }
    assert_eq!(signed.send(HEALTH).status, 200);
}

#[test]
fn requests_that_fail_to_authenticate_protect_nothing() {
    let server = TestServer::with_limits(Limits { connections: 2, ..Limits::default() });
    let (mut wrong, mut denied) = (server.connect(), server.connect());
    let forged = Signed::by("POST", "Action=ListKeys", common::ID, "guess", 0);
    let failing = Signed::new("POST", "Action=DescribeKey&KeyId=none");
    denied.send(failing.into_query()).refused(404, "Forbidden.KeyNotFound");
    wrong.send(forged.into_query()).refused(400, "SignatureDoesNotMatch");
    assert_eq!(server.send(HEALTH).status, 200);
    assert!(wrong.is_closed());
    assert_eq!(denied.send(HEALTH).status, 200, "its caller was known");
}

/// AssumeRoleWithOIDC accepts requests without a signature, so any client can send one.
#[test]
fn a_request_without_a_signature_protects_nothing_before_its_token_is_taken() {
    let server = TestServer::with_limits(Limits { connections: 2, ..Limits::default() });
    let (mut unsigned, mut known) = (server.connect(), server.connect());
    assert_eq!(known.send(Signed::new("POST", "Action=ListKeys").into_query()).status, 200);
    let guess = "Version=2015-04-01&Action=AssumeRoleWithOIDC&RoleArn=acs:ram::1:role/a&RoleSessionName=ab\
        &OIDCProviderArn=acs:ram::1:oidc-provider/a&OIDCToken=guess";
    let guess = format!("POST /?{guess} HTTP/1.1\r\nHost: kms\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(unsigned.send(guess).status, 403);
    assert_eq!(server.send(HEALTH).status, 200);
    assert!(unsigned.is_closed());
    assert_eq!(known.send(HEALTH).status, 200, "its caller was known");
}

#[test]
fn silent_connections_are_closed_once_half_of_the_places_are_taken() {
    for tls in [false, true] {
        let limits = Limits { connections: 6, first_byte: SHORT, ..Limits::default() };
        let server = TestServer::start(
            limits,
            |data| if tls { authority(data) } else { TlsOptions::Off },
            SystemClock,
        );
        let mut silent = server.connect();
        let mut begun = server.connect();
        begun.write(if tls { &[22, 3][..] } else { b"G" }).unwrap();
        thread::sleep(Duration::from_secs(2));
        assert!(!closed_within(&mut silent, SHORT), "there is room enough");
        let _third = server.connect();
        assert!(closed_within(&mut silent, Duration::from_secs(10)));
        // A byte of a handshake is not one of a request.
        assert_eq!(closed_within(&mut begun, SHORT), tls);
    }
}

#[test]
fn a_limit_is_reported_when_it_is_reached_and_when_it_no_longer_is() {
    let limits = Limits { connections: 8, connections_per_address: 4, quiet: SHORT, ..Limits::default() };
    let server = TestServer::with_limits(limits);
    let mut open: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let events = || events(&server);
    wait_until(|| !events().is_empty());
    assert_eq!(
        events()[0],
        "127.0.0.1 has all 4 connections that one address may have; its least active ones are closed for new ones"
    );
    wait_until(|| events().len() >= 2);
    let begin = "no address has all its connections any longer; 16 were closed in ";
    assert!(events()[1].starts_with(begin), "{:?}", events());
    let closed = open.iter_mut().map(|client| closed_within(client, Duration::from_millis(1)));
    assert_eq!(closed.filter(|closed| *closed).count(), 16);

    open.extend((2..6).flat_map(|host| [(); 3].map(|()| connect_from(host, server.address))));
    wait_until(|| events().len() >= 3);
    assert_eq!(events()[2], "all 8 connections are taken; the least active ones are closed for new ones");
    wait_until(|| events().len() >= 4);
    let begin = "connections are no longer all taken; 8 were closed for new ones in ";
    assert!(events()[3].starts_with(begin), "{:?}", events());
}

#[test]
fn connections_of_trusted_proxies_are_not_counted_by_address() {
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    let networks = ["127.0.0.8/29".parse().unwrap(), "192.0.2.1".parse().unwrap()];
    let server = TestServer::behind(limits, networks.into());
    let connect = |host| (0..5).map(|_| connect_from(host, server.address)).collect::<Vec<_>>();
    let (mut proxied, mut others) = (connect(9), connect(16));
    wait_until(|| {
        others.iter_mut().map(|client| u32::from(closed_within(client, SHORT / 10))).sum::<u32>() == 3
    });
    for client in &mut proxied {
        assert_eq!(client.send(HEALTH).status, 200);
    }
}

fn authority(data: &tempfile::TempDir) -> TlsOptions {
    TlsOptions::Authority { data: data.path().to_owned(), names: Vec::new() }
}

/// Connects from 127.0.0.`host`.
fn connect_from(host: u8, server: SocketAddr) -> Client<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0)).unwrap();
    connect(&socket, &server).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Client::new(stream)
}

fn closed_within(client: &mut Client<TcpStream>, time: Duration) -> bool {
    client.set_read_timeout(time);
    let closed = client.is_closed();
    client.set_read_timeout(Duration::from_secs(20));
    closed
}

/// Returns the texts of all events in the log.
fn events(server: &TestServer) -> Vec<String> {
    let log = server.log.text();
    let events = log.lines().filter_map(|line| line.split_once(" event=\"")?.1.strip_suffix('"'));
    events.map(str::to_owned).collect()
}

#[track_caller]
fn wait_until(mut ready: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !ready() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}
