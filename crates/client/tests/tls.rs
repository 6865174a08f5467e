//! TLS with a private authority: which servers the client trusts, and its errors about the others.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use bulla_client::{
    CallError, CertificateProblem, Client, ClientOptions, Endpoint, RootsError, SetupError, TransportError,
};
use bulla_wire::kms::DescribeRegions;
use rustls::ServerConfig;
use support::authority::Authority;
use support::{Reply, SECRET, TestKms, credentials};

const REGIONS: &str = r#"{"Regions":{"Region":[]},"RequestId":"r"}"#;

fn start(config: ServerConfig) -> TestKms {
    TestKms::start_tls(config, vec![Reply::Json(200, REGIONS)])
}

/// Returns what is wrong with the certificate of the server.
fn problem(kms: &TestKms, options: ClientOptions) -> CertificateProblem {
    let error = kms.client_with(options).call(&DescribeRegions::default()).unwrap_err();
    assert!(kms.seen().is_empty(), "nothing is sent to whom one does not trust");
    match error {
        CallError::Unreachable { source: TransportError::Certificate { problem, .. }, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_right_authority_is_trusted() {
    let authority = Authority::new();
    let kms = start(authority.server(&["127.0.0.1"], |_| ()));
    kms.client_with(authority.options()).call(&DescribeRegions::default()).unwrap();
    assert_eq!(kms.seen().len(), 1);
}

#[test]
fn another_authority_is_not() {
    let kms = start(Authority::new().server(&["127.0.0.1"], |_| ()));
    let other = Authority::new(); // with the same name, as authorities of two servers have
    assert_eq!(problem(&kms, other.options()), CertificateProblem::Untrusted);
    let error = kms.client_with(other.options()).call(&DescribeRegions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("the KMS at {} cannot be reached", kms.endpoint));
    assert_eq!(error.source().unwrap().to_string(), "its certificate is not signed by a trusted authority");
}

/// The system does not trust the private authority, or (in a bare container) any authority.
#[test]
fn without_an_authority_the_system_decides() {
    let kms = start(Authority::new().server(&["127.0.0.1"], |_| ()));
    match Client::new(kms.endpoint.clone(), credentials(SECRET), ClientOptions::default()) {
        Ok(_) => assert_eq!(problem(&kms, ClientOptions::default()), CertificateProblem::Untrusted),
        Err(error) => assert!(matches!(error, SetupError::Roots(RootsError::NoSystemRoots))),
    }
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let kms = start(authority.server(&["kms.example"], |_| ()));
    assert_eq!(problem(&kms, authority.options()), CertificateProblem::OtherHost);
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let config = authority.server(&["127.0.0.1"], |params| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    assert_eq!(problem(&start(config), authority.options()), CertificateProblem::NotNow);
}

#[test]
fn a_wrong_scheme_is_reported() {
    let authority = Authority::new();
    let kms = start(authority.server(&["127.0.0.1"], |_| ()));
    let tls_as_http = Endpoint::parse(&format!("http://{}", kms.endpoint.host_header())).unwrap();
    let http_as_tls = Endpoint::parse(&format!("https://{}", http_server())).unwrap();
    for endpoint in [tls_as_http, http_as_tls] {
        let client = Client::new(endpoint, credentials(SECRET), authority.options()).unwrap();
        let error = client.call(&DescribeRegions::default()).unwrap_err();
        let CallError::Unreachable { source, .. } = error else { panic!("{error:?}") };
        assert!(matches!(source, TransportError::Tls(_) | TransportError::Http(_)), "{source:?}");
    }
}

/// Returns the address of a server that replies to everything with an error in plain HTTP.
fn http_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut hello = [0; 16];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()) // kept open until the client has read the response
    });
    address
}

#[test]
fn a_missing_authority_is_reported_before_any_call() {
    let endpoint = Endpoint::parse("https://127.0.0.1:1").unwrap();
    let options = ClientOptions::new().ca("/nonexistent/ca.pem");
    let error = Client::new(endpoint, credentials(SECRET), options).unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent/ca.pem cannot be read");
    assert!(error.source().is_some());
    assert!(matches!(error, SetupError::Roots(RootsError::Read { .. })));
}

const TOO_LATE: &str = r#"{"Code":"InvalidTimeStamp.Expired","Message":"m","RequestId":"r"}"#;

/// Returns the times at which two requests were signed: before and after the server refused the first and sent its own time.
fn signed_at(kms: &TestKms, options: ClientOptions) -> [String; 2] {
    kms.client_with(options).call(&DescribeRegions::default()).unwrap();
    let dates =
        kms.seen().iter().map(|seen| seen.header("x-acs-date").unwrap().to_owned()).collect::<Vec<_>>();
    dates.try_into().unwrap()
}

fn refused_then_answered() -> Vec<Reply> {
    let date = "Date: Sun, 09 Sep 2001 01:46:40 GMT".to_owned();
    vec![Reply::JsonWith(400, date, TOO_LATE), Reply::Json(200, REGIONS)]
}

#[test]
fn a_client_that_follows_the_clock_of_its_server_signs_with_its_time() {
    let authority = Authority::new();
    let start = || TestKms::start_tls(authority.server(&["127.0.0.1"], |_| ()), refused_then_answered());
    let [first, second] = signed_at(&start(), authority.options().follow_server_clock(true));
    assert!(!first.starts_with("2001"), "{first}");
    assert!(second.starts_with("2001-09-09T01:46:4"), "{second}");

    let [_, second] = signed_at(&start(), authority.options());
    assert!(!second.starts_with("2001"), "{second}");
}

#[test]
fn an_answer_over_plain_http_does_not_set_the_clock_of_a_client() {
    let kms = TestKms::start(refused_then_answered());
    let [_, second] = signed_at(&kms, ClientOptions::new().follow_server_clock(true));
    assert!(!second.starts_with("2001"), "{second}");
}
