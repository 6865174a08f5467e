//! The limits of one client: bytes, headers, time, connections.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::io::{ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

use bulla_server::Limits;
use bulla_server::limits::{BODY_BYTES, HEADER_BYTES, HEADERS, PATH_BYTES, REQUEST_LINE_BYTES};
use common::{Answer, Signed, TestServer};

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
fn a_client_that_sent_slightly_too_much_can_read_the_error() {
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
    let with = |headers: &str| server.send(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
    let refused = |status: u16, answer: Answer| {
        answer.refused(status, "ParseRequestParameterException");
        assert_eq!(answer.header("connection"), "close");
    };
    let sized = |length: usize| format!("A: {}\r\n", "a".repeat(length - "Host: a\r\nA: \r\n\r\n".len()));
    assert_eq!(with(&sized(HEADER_BYTES)).status, 200);
    refused(431, with(&sized(HEADER_BYTES + 1)));
    assert_eq!(with(&"A: a\r\n".repeat(HEADERS - 1)).status, 200);
    refused(431, with(&"A: a\r\n".repeat(HEADERS)));
    let path = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length - 16));
    server.send(path(PATH_BYTES)).refused(404, "InvalidAction.NotFound");
    refused(414, server.send(path(PATH_BYTES + 1)));
    // The rest is not parsed as a request.
    let mut client = server.connect();
    refused(414, client.send(format!("{}{HEALTH}", path(REQUEST_LINE_BYTES * 2))));
    assert!(client.is_closed());
}

#[test]
fn every_parameter_of_the_api_may_be_in_the_query() {
    let server = TestServer::plain();
    let (secret, description) = ("密".repeat(10_240), "密".repeat(8192));
    let mut client = server.connect();
    for name in ["one", "two"] {
        let more = [("SecretName", name), ("SecretData", &secret), ("Description", &description)];
        let create = Signed::with("GET", "Action=CreateSecret&VersionId=v1", &more).into_query();
        assert!(create.len() > 160_000);
        let answer = client.send(create);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let read = format!("Action=GetSecretValue&SecretName={name}");
        assert_eq!(client.send(Signed::new("GET", &read).into_query()).field("SecretData"), secret);
    }
    let longest = longest_secret();
    let longest = longest.each_ref().map(|(name, value)| (*name, value.as_str()));
    let create = Signed::with("GET", "Action=CreateSecret&VersionId=v1", &longest).into_query();
    assert!(create.len() > 360 * 1024, "{}", create.len());
    let answer = client.send(create);
    assert_eq!(answer.status, 200, "{}", answer.body);
    // Contexts in characters of four bytes.
    let key = server.create_key();
    let context = format!(r#"{{"a":"{}"}}"#, "𝒌".repeat(8192 - 8));
    let encrypt = format!("Action=Encrypt&KeyId={key}&Plaintext=p");
    let encrypt = Signed::with("POST", &encrypt, &[("EncryptionContext", &context)]);
    let blob = client.send(encrypt.into_query()).field("CiphertextBlob");
    let again = format!("Action=ReEncrypt&DestinationKeyId={key}");
    let more = [
        ("CiphertextBlob", blob.as_str()),
        ("SourceEncryptionContext", &context),
        ("DestinationEncryptionContext", &context),
    ];
    let answer = client.send(Signed::with("POST", &again, &more).into_query());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Returns the longest parameters of a secret, in characters of four bytes. The JSON of the tags escapes them, as that
/// of many clients does.
fn longest_secret() -> [(&'static str, String); 5] {
    let letters = |count| "𝒌".repeat(count);
    let tag = |number| {
        let letters = |count| r"\ud835\udc8c".repeat(count);
        format!(r#"{{"TagKey":"{number:02}{}","TagValue":"{}"}}"#, letters(126), letters(128))
    };
    let tags: Vec<_> = (0..20).map(tag).collect();
    let policy = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Principal":
        {"RAM":["acs:ram::111122223333:*"]}}]}"#;
    let policy = format!("{policy}{}", " ".repeat(32_768 - policy.len()));
    [
        ("SecretName", "longest".into()),
        ("SecretData", letters(30_720 / 4)),
        ("Description", letters(8192)),
        ("Tags", format!("[{}]", tags.join(","))),
        ("Policy", policy),
    ]
}

#[test]
fn query_and_body_share_a_limit() {
    let server = TestServer::plain();
    let request = |query: usize, body: usize| {
        let (query, body) = ("a".repeat(query), "b".repeat(body));
        format!("POST /?{query} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let longest = REQUEST_LINE_BYTES - "POST /? HTTP/1.1\r\n".len();
    let code = "ParseRequestParameterException";
    server.send(request(longest, 0)).refused(400, "MissingAccessKeyId");
    server.send(request(longest + 1, 0)).refused(414, code);
    server.send(request(BODY_BYTES / 2, BODY_BYTES / 2)).refused(400, code); // not a form
    server.send(request(BODY_BYTES / 2, BODY_BYTES / 2 + 1)).refused(413, code);
}

#[test]
fn long_queries_are_served_before_and_after_any_other_request() {
    let server = TestServer::plain();
    let filler = "密".repeat(20_000);
    let long = || Signed::with("POST", "Action=ListKeys", &[("Filler", &filler)]).into_query();
    let form = || Signed::new("POST", "Action=ListKeys").into_form();
    let chunks = || Signed::new("POST", "Action=ListKeys").into_chunks();
    let empty_lines = || "\r\n\n".to_owned();
    let health = || HEALTH.to_owned();
    let all: [&dyn Fn() -> String; 11] =
        [&long, &form, &long, &chunks, &long, &health, &empty_lines, &long, &chunks, &form, &long];
    // At once, and in pieces that end anywhere.
    for piece in [usize::MAX, 1000, 4099, 8192] {
        let stream: String = all.iter().map(|request| request()).collect();
        let mut client = server.connect();
        for piece in stream.as_bytes().chunks(piece) {
            client.write(piece).unwrap();
        }
        client.finish_sending();
        for _ in 0..all.len() - 1 {
            let answer = client.read().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        assert!(client.is_closed());
    }
}

#[test]
fn a_body_is_no_request() {
    let server = TestServer::plain();
    let long = format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100_000));
    let body = format!("\r\n\r\n{HEALTH}\n\n{long}{HEALTH}0\r\n\r\n");
    let sized = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = format!("{head}{:x}\r\n{body}\r\n0\r\nA: {HEALTH}", body.len()); // the end is a trailer
    for request in [sized, chunked] {
        let mut client = server.connect();
        client.write(format!("{request}{HEALTH}{long}")).unwrap();
        client.finish_sending();
        client.read().unwrap().refused(400, "ParseRequestParameterException"); // not a form
        assert_eq!(client.read().unwrap().body, r#"{"Status":"ok"}"#);
        client.read().unwrap().refused(400, "MissingAccessKeyId");
        assert!(client.is_closed());
    }
    // Two lengths of a body: for either of them, no part of it is a request.
    let both = format!("{}5\r\n{HEALTH}", head.replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\n"));
    let mut client = server.connect();
    client.write(both).unwrap();
    client.finish_sending();
    assert!(client.read().map_or(true, |answer| answer.status == 400));
}

#[test]
fn slow_senders_of_long_queries_are_cut_off() {
    let limits = Limits { head: SHORT, idle: SHORT * 100, ..Limits::default() };
    let server = TestServer::with_limits(limits);
    for start in ["", HEALTH] {
        let mut client = server.connect();
        client.write(start).unwrap();
        if !start.is_empty() {
            assert_eq!(client.read().unwrap().status, 200);
        }
        let begin = Instant::now();
        let _ = client.write(format!("GET /?{}", "a".repeat(100_000))); // it may be cut off already
        assert!(client.is_closed(), "{start:?}");
        assert!(begin.elapsed() < SHORT * 50, "{start:?} took {:?}", begin.elapsed());
    }
}

#[test]
fn a_request_names_its_host_once() {
    let server = TestServer::plain();
    let code = "ParseRequestParameterException";
    let with = |version: &str, hosts: &str| {
        let answer = server.send(format!("GET /healthz HTTP/{version}\r\n{hosts}\r\n"));
        if answer.status == 400 {
            answer.refused(400, code);
            assert_eq!(answer.header("connection"), "close");
        }
        answer.status
    };
    assert_eq!(with("1.1", "Host: a\r\n"), 200);
    assert_eq!(with("1.1", "HOST:\r\n"), 200);
    assert_eq!(with("1.0", ""), 200);
    assert_eq!(with("1.0", "Host: a\r\n"), 200);
    assert_eq!(with("1.1", ""), 400);
    for version in ["1.1", "1.0"] {
        assert_eq!(with(version, "Host: a\r\nHost: a\r\n"), 400, "{version}");
        assert_eq!(with(version, "Host: a\r\nA: b\r\nhost: b\r\n"), 400, "{version}");
    }
    let signed = Signed::new("POST", "Action=ListKeys").into_query();
    server.send(signed.replace("Host: kms\r\n", "")).refused(400, code);
    server.send(signed.replace("Host: kms\r\n", "Host: kms\r\nHost: kms\r\n")).refused(400, code);
    assert_eq!(server.send(signed).status, 200, "its nonce was not used up");
    server.send("GET /?a#b HTTP/1.1\r\nHost: a\r\n\r\n").refused(400, code);
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
    let limits = Limits { head: SHORT, body: SHORT, idle: SHORT * 100, ..Limits::default() };
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
        // A byte now and then is no better than none.
        while begin.elapsed() < SHORT / 2 {
            thread::sleep(SHORT / 8);
            if !start.is_empty() {
                client.write("a").unwrap();
            }
        }
        assert!(client.is_closed(), "{start:?}");
        assert!(begin.elapsed() < SHORT * 50, "{start:?} took {:?}", begin.elapsed());
    }
}

#[test]
fn idle_connections_last_longer_than_slow_heads() {
    let limits = Limits { head: SHORT, idle: SHORT * 8, ..Limits::default() };
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
fn a_client_that_does_not_read_is_disconnected() {
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
fn many_slow_clients_delay_no_other_client() {
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
    assert!(begin.elapsed() < Duration::from_secs(15));
    drop(slow);
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
