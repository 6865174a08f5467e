//! Limits on requests over HTTP: the answers, and whose limit a request consumes.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::{Duration, SystemTime};

use bulla_kms::{Clock, RequestLimit, RequestLimits};
use bulla_server::{Limits, TlsOptions};
use common::{ID, Signed, TestServer};

/// A clock whose elapsed time does not move, so that no bucket fills during a test.
struct Still;

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(1000)
    }
}

fn server(limits: RequestLimits) -> TestServer {
    let server = TestServer::start(Limits::default(), |_| TlsOptions::Off, Still);
    server.kms.set_request_limits(limits);
    server
}

fn limit(requests_per_second: u32, burst: u32) -> Option<RequestLimit> {
    let burst = Some(burst.try_into().unwrap());
    Some(RequestLimit { requests_per_second: requests_per_second.try_into().unwrap(), burst })
}

fn list_keys() -> String {
    Signed::new("POST", "Action=ListKeys").into_query()
}

#[test]
fn a_throttled_client_gets_retry_after() {
    let server =
        server(RequestLimits { access_key: limit(4, 2), user: limit(1, 10), ..RequestLimits::default() });
    assert_eq!([(); 2].map(|()| server.send(list_keys()).status), [200, 200]);
    let answer = server.send(list_keys());
    assert_eq!(answer.refused(400, "Throttling.User"), "Request was denied due to request throttling.");
    assert_eq!(answer.header("retry-after"), "1", "250 ms, rounded up");
    assert_eq!(answer.header("x-acs-retry-after"), "250");
    server.kms.set_request_limits(RequestLimits { user: limit(1, 2), ..RequestLimits::default() });
    let answer = server.send(list_keys());
    answer.refused(400, "Throttling.User");
    assert_eq!(answer.header("retry-after"), "1");
    server.kms.set_request_limits(RequestLimits::default());
    let answer = server.send(list_keys());
    assert_eq!((answer.status, answer.header("retry-after")), (200, ""));

    server.stopper.stop();
    let log = server.join().0.text();
    assert_eq!(
        log.matches("key=testid action=ListKeys status=400 code=Throttling.User ").count(),
        2,
        "{log}"
    );
}

#[test]
fn a_stranger_throttles_no_access_key() {
    let server = server(RequestLimits { access_key: limit(1, 2), user: limit(1, 2), source: None });
    for _ in 0..10 {
        let forged = Signed::by("POST", "Action=ListKeys", ID, "guess", 0);
        server.send(forged.into_query()).refused(400, "SignatureDoesNotMatch");
    }
    assert_eq!(server.send(list_keys()).status, 200);
}

/// Before any part of a request is trusted; and unverified text is not logged.
#[test]
fn a_source_is_limited_regardless_of_what_it_sends() {
    let server = server(RequestLimits { source: limit(1, 3), ..RequestLimits::default() });
    server.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").refused(400, "MissingAccessKeyId");
    let forged = Signed::by("POST", "Action=ListKeys", ID, "guess", 0);
    server.send(forged.into_query()).refused(400, "SignatureDoesNotMatch");
    assert_eq!(server.send(list_keys()).status, 200);
    let answer = server.send(Signed::by("POST", "Action=ListKeys", "stranger", "guess", 0).into_query());
    answer.refused(400, "Throttling.User");
    assert_eq!(answer.header("retry-after"), "1");
    for path in ["/healthz", "/readyz"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(server.send(request).status, 200, "what watches the server is not counted");
    }
    server.stopper.stop();
    let log = server.join().0.text();
    assert!(!log.contains("stranger"), "{log}");
}

#[test]
fn the_clients_of_a_trusted_proxy_are_counted_apart() {
    let server = TestServer::behind(Limits::default(), vec!["127.0.0.1".parse().unwrap()]);
    server.kms.set_request_limits(RequestLimits { source: limit(1, 1), ..RequestLimits::default() });
    let from = |address: &str| {
        let forwarded = format!("\r\nX-Forwarded-For: {address}\r\nContent-Length");
        server.send(list_keys().replacen("\r\nContent-Length", &forwarded, 1)).status
    };
    let statuses: Vec<_> = (1..20).map(|last| from(&format!("203.0.113.{last}"))).collect();
    assert_eq!(statuses, [200; 19]);
}
