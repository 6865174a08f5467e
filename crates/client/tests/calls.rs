//! Calls that succeed after retries, and all ways in which a response can fail to arrive.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use bulla_client::{CallError, Client, ClientOptions, Endpoint, ResponseProblem, SetupError, TransportError};
use bulla_wire::Parameters;
use bulla_wire::kms::{Decrypt, DescribeRegions, EnableKey};
use support::{Reply, SECRET, TestKms, credentials};

const REGIONS: &str = r#"{"Regions":{"Region":[{"RegionId":"cn-hangzhou"}]},"RequestId":"r"}"#;
const BUSY: &str = r#"{"Code":"ServiceUnavailableTemporary","Message":"m","RequestId":"r"}"#;
const THROTTLED: &str = r#"{"Code":"Throttling.User","Message":"m","RequestId":"r"}"#;

fn enable_key() -> EnableKey {
    EnableKey { key_id: "key".to_owned() }
}

fn transport_error(error: CallError) -> TransportError {
    match error {
        CallError::Unreachable { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_action_by_its_name() {
    let kms = TestKms::start(vec![Reply::Json(200, REGIONS)]);
    let parameters = Parameters::from_query("A=1&B=%26").unwrap();
    let reply = kms.client().call_raw("2016-01-20", "NotYetInvented", &parameters).unwrap();
    assert_eq!(reply.expose(), REGIONS);
    let request = kms.seen().remove(0);
    assert_eq!((request.action.as_str(), request.parameters), ("NotYetInvented", parameters));
}

#[test]
fn names_that_are_invalid_in_a_header_are_not_sent() {
    let kms = TestKms::start(vec![]);
    for action in ["", "List Keys", "ListKeys\r\nx: y", "列"] {
        let error = kms.client().call_raw("2016-01-20", action, &Parameters::default()).unwrap_err();
        assert!(matches!(&error, CallError::Name(name) if name == action));
    }
}

#[test]
fn busy_then_ready() {
    let kms = TestKms::start(vec![Reply::Json(503, BUSY), Reply::Json(200, REGIONS)]);
    let reply = kms.client().call(&DescribeRegions::default()).unwrap();
    assert_eq!(reply.regions.region[0].region_id, "cn-hangzhou");
    let seen = kms.seen();
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0].nonce, seen[1].nonce, "each try has a nonce of its own");
}

#[test]
fn a_change_is_repeated_only_if_it_was_not_made() {
    let kms = TestKms::start(vec![Reply::Json(503, BUSY)]);
    assert!(matches!(kms.client().call(&enable_key()), Err(CallError::Refused(_))));
    let kms = TestKms::start(vec![Reply::Raw(vec![])]);
    assert!(matches!(kms.client().call(&enable_key()), Err(CallError::Unreachable { .. })));
    assert_eq!(kms.seen().len(), 1);
    let kms = TestKms::start(vec![
        Reply::JsonWith(400, "x-acs-retry-after: 20".to_owned(), THROTTLED),
        Reply::Json(200, r#"{"RequestId":"r"}"#),
    ]);
    kms.client().call(&enable_key()).unwrap();
    assert_eq!(kms.seen().len(), 2);
}

#[test]
fn gives_up_when_the_kms_requests_a_longer_wait_than_the_time_limit() {
    let wait = Reply::JsonWith(400, "x-acs-retry-after: 60000".to_owned(), THROTTLED);
    let kms = TestKms::start(vec![wait]);
    let error = kms.client().call(&DescribeRegions::default()).unwrap_err();
    assert!(matches!(&error, CallError::Refused(refusal) if refusal.is_throttled()));
}

#[test]
fn garbage_is_not_an_answer() {
    for (status, body, problem) in [
        (200, "<html>secret</html>", ResponseProblem::NotJson),
        (200, "", ResponseProblem::NotJson),
        (200, r#"{"Plaintext": ["secret"]}"#, ResponseProblem::OtherShape),
        (404, "not here", ResponseProblem::NoErrorCode),
        (500, "{}", ResponseProblem::NoErrorCode),
    ] {
        let tries = if status == 500 { 3 } else { 1 };
        let kms = TestKms::start((0..tries).map(|_| Reply::Json(status, body)).collect());
        let request = Decrypt {
            ciphertext_blob: "b".to_owned(),
            encryption_context: None,
            recipient: None,
            dry_run: None,
        };
        let error = kms.client().call(&request).unwrap_err();
        assert!(!format!("{error:?}{error}").contains("secret"));
        match error {
            CallError::InvalidResponse { status: found, problem: why, .. } => {
                assert_eq!((found, why), (status, problem))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_response_that_is_not_http_is_reported() {
    let kms = TestKms::start(vec![Reply::Raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec())]);
    let error = kms.client().call(&DescribeRegions::default()).unwrap_err();
    assert!(matches!(transport_error(error), TransportError::Http(_)));
}

#[test]
fn an_answer_over_the_cap_is_not_read() {
    let body = "x".repeat(2 * 1024 * 1024);
    let length = body.len();
    for head in [format!("Content-Length: {length}"), "Connection: close".to_owned()] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
        let kms = TestKms::start(vec![Reply::Raw(answer.into_bytes())]);
        let error = kms.client().call(&DescribeRegions::default()).unwrap_err();
        assert!(matches!(transport_error(error), TransportError::TooLarge), "{head}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let other = TestKms::start(vec![]);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/", other.endpoint);
        let kms = TestKms::start(vec![Reply::JsonWith(status, location, "")]);
        let error = kms.client().call(&DescribeRegions::default()).unwrap_err();
        assert!(
            matches!(error, CallError::InvalidResponse { status: found, .. } if found == status),
            "{error:?}"
        );
    }
    assert!(other.seen().is_empty());
}

#[test]
fn a_truncated_response_is_retried() {
    let cut = || Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Regions\"".to_vec());
    let kms = TestKms::start(vec![cut(), Reply::Raw(b"HTTP/1.1 20".to_vec()), Reply::Json(200, REGIONS)]);
    kms.client().call(&DescribeRegions::default()).unwrap();
    assert_eq!(kms.seen().len(), 3);

    let kms = TestKms::start(vec![cut(), cut(), cut()]);
    let error = kms.client().call(&DescribeRegions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("the KMS at {} cannot be reached", kms.endpoint));
    assert!(matches!(transport_error(error), TransportError::Io(_)));
    assert_eq!(kms.seen().len(), 3, "not more than three tries");
}

#[test]
fn silence_ends_in_time() {
    let kms = TestKms::start(vec![Reply::Silence(Duration::from_secs(5))]);
    let options = ClientOptions::new().timeout(Duration::from_millis(200));
    let error = kms.client_with(options).call(&DescribeRegions::default()).unwrap_err();
    assert!(matches!(transport_error(error), TransportError::AnswerTimeout));
}

#[test]
fn a_refused_connection_is_reported() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let client = Client::new(endpoint, credentials(SECRET), ClientOptions::default()).unwrap();
    let error = client.call(&enable_key()).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("refused"), "{error:?}");
    let TransportError::Io(refused) = transport_error(error) else { panic!() };
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn loopback_bypasses_the_proxy() {
    let kms = TestKms::start(vec![Reply::Json(200, REGIONS)]);
    let options = ClientOptions::new().proxy("http://127.0.0.1:1".to_owned());
    kms.client_with(options).call(&DescribeRegions::default()).unwrap();
}

#[test]
fn other_hosts_are_called_through_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let received = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            stream.read_line(&mut request).unwrap();
        }
        stream.get_mut().write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        request
    });
    let ca = support_ca();
    let options = ClientOptions::new().ca(ca.path()).proxy(proxy);
    let endpoint = Endpoint::parse("https://kms.invalid:8443").unwrap();
    let client = Client::new(endpoint, credentials(SECRET), options).unwrap();
    let error = client.call(&DescribeRegions::default()).unwrap_err();
    assert!(matches!(transport_error(error), TransportError::Proxy(_)));
    let received = received.join().unwrap();
    assert!(received.starts_with("CONNECT kms.invalid:8443 HTTP/1.1\r\n"), "{received}");
    assert!(!received.to_ascii_lowercase().contains("authorization"), "{received}");
}

#[test]
fn a_proxy_that_is_no_url_is_an_error() {
    let options = ClientOptions::new().proxy("gopher://user:hunter2@p".to_owned());
    let endpoint = Endpoint::parse("aliyun:cn-hangzhou").unwrap();
    let error = Client::new(endpoint, credentials(SECRET), options).unwrap_err();
    assert!(matches!(error, SetupError::Proxy));
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

/// Returns an authority, so that no test needs the system's.
fn support_ca() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let ca = rcgen::generate_simple_self_signed(["ca.invalid".to_owned()]).unwrap();
    file.write_all(ca.cert.pem().as_bytes()).unwrap();
    file
}
