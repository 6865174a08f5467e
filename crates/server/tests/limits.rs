//! What one client may take: bytes, headers, time, connections.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::io::{ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

use bulla_server::Limits;
use bulla_server::limits::{BODY_BYTES, HEAD_BYTES, HEADERS};
use common::{Signed, TestServer};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn a_huge_body_is_refused_before_it_is_sent() {
    let server = TestServer::plain();
    let announced = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n";
    assert_eq!(server.send(announced).status, 413, "nothing of the body was sent yet");
    let waiting = announced.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let answer = server.send(waiting);
    answer.refused(413, "ParseRequestParameterException");
    assert_eq!(answer.header("connection"), "close");

    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (head, piece) in [(announced, vec![b'a'; 65536]), (chunked, chunk(65536))] {
        let mut stream = server.tcp();
        stream.write_all(head.as_bytes()).unwrap();
        let pieces = (0..1600).take_while(|_| stream.write_all(&piece).is_ok()).count();
        assert!(pieces * piece.len() < 16 << 20, "{pieces} pieces of a body of 100 MiB were taken");
    }
}

#[test]
fn whoever_sent_somewhat_too_much_can_read_why() {
    let server = TestServer::plain();
    for size in [BODY_BYTES + 1, 3 * BODY_BYTES] {
        let body = "a".repeat(size);
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{body}");
        server.send(request).refused(413, "ParseRequestParameterException");
    }
    let body = "a".repeat(BODY_BYTES);
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY_BYTES}\r\n\r\n{body}");
    server.send(request).refused(400, "ParseRequestParameterException");
}

#[test]
fn a_huge_head_is_refused() {
    let server = TestServer::plain();
    let with = |header: &str| server.send(format!("GET /healthz HTTP/1.1\r\n{header}\r\n")).status;
    assert_eq!(with(&format!("A: {}\r\n", "a".repeat(HEAD_BYTES / 2))), 200);
    assert_eq!(with(&format!("A: {}\r\n", "a".repeat(HEAD_BYTES))), 431);
    assert_eq!(with(&"A: a\r\n".repeat(HEADERS)), 200);
    assert_eq!(with(&"A: a\r\n".repeat(HEADERS + 1)), 431);
    let long = format!("GET /?{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
    assert_eq!(server.send(long).status, 414);
}

#[test]
fn echoes_are_not_longer_than_they_need_be() {
    let server = TestServer::plain();
    let mut request = Signed::by("POST", "Action=ListKeys", common::ID, "guess", 0);
    request.parameters.set("Filler", "/".repeat(60_000));
    let answer = server.send(request.into_form());
    answer.refused(400, "SignatureDoesNotMatch");
    assert!(answer.body.len() < 1000);
}

#[test]
fn slow_requests_are_cut_off() {
    let limits = Limits { head: SHORT, body: SHORT, idle: SHORT * 20, ..Limits::default() };
    let server = TestServer::with_limits(limits);
    let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    for start in ["", "G", "GET / HTTP/1.1\r\n", body, &format!("{HEALTH}GET")] {
        let mut client = server.connect();
        let begin = Instant::now();
        client.write(start).unwrap();
        if start.starts_with(HEALTH) {
            client.read().unwrap();
            client.write("X").unwrap(); // the rest of a head that began with the last request
        }
        // A byte now and then helps as little as none.
        while begin.elapsed() < SHORT / 2 {
            thread::sleep(SHORT / 8);
            if !start.is_empty() {
                client.write("a").unwrap();
            }
        }
        assert!(client.is_closed(), "{start:?}");
        assert!(begin.elapsed() < SHORT * 10, "{start:?} took {:?}", begin.elapsed());
    }
}

#[test]
fn idle_connections_last_longer_than_slow_heads() {
    let limits = Limits { head: SHORT, idle: SHORT * 4, ..Limits::default() };
    let server = TestServer::with_limits(limits);
    let mut client = server.connect();
    assert_eq!(client.send(HEALTH).status, 200);
    thread::sleep(SHORT * 2);
    assert_eq!(client.send(HEALTH).status, 200, "still open");
    let begin = Instant::now();
    assert!(client.is_closed());
    assert!(begin.elapsed() > SHORT * 2);
}

#[test]
fn whoever_does_not_read_is_cut_off() {
    let server = TestServer::with_limits(Limits { write: SHORT, ..Limits::default() });
    let mut stream = server.tcp();
    let begin = Instant::now();
    let requests = HEALTH.repeat(1000);
    let error = loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            break error;
        }
        assert!(begin.elapsed() < Duration::from_secs(15), "answers went into nowhere");
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

#[test]
fn many_slow_clients_hold_nobody_up() {
    let server = TestServer::plain();
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut client = server.connect();
            client.write("GET / HTTP/1.1\r\nA: ").unwrap();
            client
        })
        .collect();
    let begin = Instant::now();
    assert_eq!(server.send(HEALTH).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(2));
    drop(slow);
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let server = TestServer::with_limits(Limits { connections: 2, ..Limits::default() });
    let (mut first, mut second, mut third) = (server.connect(), server.connect(), server.connect());
    assert_eq!(first.send(HEALTH).status, 200);
    assert_eq!(second.send(HEALTH).status, 200);
    third.write(HEALTH).unwrap();
    thread::sleep(SHORT);
    drop(first);
    assert_eq!(third.read().unwrap().status, 200);
}

#[test]
fn keep_alive_pipelined_and_half_closed() {
    let server = TestServer::plain();
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.send(Signed::new("POST", "Action=ListKeys").into_query()).status, 200);
    }
    let many: String = (0..50).map(|_| Signed::new("POST", "Action=ListKeys").into_form()).collect();
    client.write(many).unwrap();
    for _ in 0..50 {
        assert_eq!(client.read().unwrap().status, 200);
    }
    client.write(HEALTH).unwrap();
    client.finish_sending();
    assert_eq!(client.read().unwrap().status, 200, "a request that came whole is answered");
    assert!(client.is_closed());
}

#[test]
fn broken_framing_ends_the_connection() {
    let server = TestServer::plain();
    let mut client = server.connect();
    client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").unwrap();
    assert!(client.is_closed());
    assert_eq!(server.send("nonsense\r\n\r\n").status, 400);
}

fn chunk(size: usize) -> Vec<u8> {
    let mut chunk = format!("{size:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + size, b'a');
    chunk.extend_from_slice(b"\r\n");
    chunk
}
