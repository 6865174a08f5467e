//! Metrics over HTTP: what is counted, which clients may read it, and that it reveals nothing about users.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bulla_kms::{RequestLimit, RequestLimits};
use bulla_server::{Limits, TlsOptions};
use common::{Answer, ID, SECRET, Signed, TestServer};

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

/// The samples of a scrape by name and labels, as written.
struct Samples(HashMap<String, f64>);

impl Samples {
    fn of(server: &TestServer) -> Self {
        let answer = server.connect_to_metrics().send(SCRAPE);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let samples = answer.body.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self(samples.collect())
    }

    fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("{series} is not in {:#?}", self.0))
    }

    /// The newest seal, as `bulla audit verify --expect` takes it.
    fn seal(&self) -> String {
        let words = (0..8).map(|word| self.get(&format!(r#"bulla_audit_seal_hash{{word="{word}"}}"#)));
        let hash: String = words.map(|word| format!("{:08x}", word as u32)).collect();
        format!("{}:{hash}", self.get("bulla_audit_sealed_line"))
    }
}

fn plain() -> TestServer {
    TestServer::with_metrics(|_| TlsOptions::Off, Limits::default())
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn requests_commits_and_records_are_counted() {
    let server = plain();
    let key = server.create_key();
    for _ in 0..3 {
        server.call(&format!("Action=GenerateDataKey&KeyId={key}"));
    }
    server.call(&format!("Action=DisableKey&KeyId={key}"));
    let generate = format!("Action=GenerateDataKey&KeyId={key}");
    server.send(Signed::new("POST", &generate).into_query()).refused(409, "Rejected.Disabled");
    server.send(Signed::by("POST", &generate, ID, "guess", 0).into_query());
    server.send(Signed::new("POST", "Action=Nonsense").into_query());
    let samples = Samples::of(&server);
    let requests = |labels: &str| samples.get(&format!("bulla_requests_total{{{labels}}}"));
    assert_eq!(requests(r#"product="Kms",action="CreateKey",code="OK""#), 1.0);
    assert_eq!(requests(r#"product="Kms",action="GenerateDataKey",code="OK""#), 3.0);
    assert_eq!(requests(r#"product="Kms",action="GenerateDataKey",code="Rejected.*""#), 1.0);
    assert_eq!(requests(r#"product="Kms",action="GenerateDataKey",code="SignatureDoesNotMatch""#), 1.0);
    assert_eq!(requests(r#"product="Kms",action="-",code="InvalidAction.NotFound""#), 1.0);
    assert_eq!(samples.get(r#"bulla_refused_requests_total{authenticated="true"}"#), 2.0);
    assert_eq!(samples.get(r#"bulla_refused_requests_total{authenticated="false"}"#), 1.0);

    let duration = |series: &str, code: &str, le: &str| {
        let labels = format!(r#"product="Kms",action="GenerateDataKey",code="{code}"{le}"#);
        samples.get(&format!("bulla_request_duration_seconds_{series}{{{labels}}}"))
    };
    let of_codes = ["OK", "Rejected.*", "SignatureDoesNotMatch"].map(|code| duration("count", code, ""));
    assert_eq!(of_codes, [3.0, 1.0, 1.0]);
    assert_eq!(duration("bucket", "OK", r#",le="+Inf""#), 3.0);
    assert!(duration("sum", "OK", "") > 0.0);
    let bounds = ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10"];
    let buckets: Vec<_> = bounds.map(|le| duration("bucket", "OK", &format!(r#",le="{le}""#))).into();
    assert!(buckets.is_sorted(), "they are cumulative: {buckets:?}");

    let kind = |kind: &str| samples.get(&format!(r#"bulla_records{{kind="{kind}"}}"#));
    assert_eq!((kind("key"), kind("version"), kind("access-key")), (1.0, 1.0, 1.0));
    assert!(samples.get("bulla_commit_duration_seconds_count") >= 2.0);
    assert_eq!(samples.get("bulla_commit_failures_total"), 0.0);
    assert_eq!(samples.get("bulla_nonces"), 7.0, "each but the one whose signature is wrong");
    assert_eq!(samples.get("bulla_nonces_limit"), 33_554_432.0);
    assert_eq!(samples.get("bulla_store_ready"), 1.0);
    let uses =
        ["encryption", "other"].map(|kind| samples.get(&format!(r#"bulla_key_uses_total{{use="{kind}"}}"#)));
    assert_eq!(uses, [3.0, 0.0], "a key that is disabled is not used");
    assert_eq!(samples.get("bulla_log_lines_dropped_total"), 0.0);
    assert_eq!(samples.get(concat!("bulla_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}")), 1.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - samples.get("process_start_time_seconds")).abs() < 600.0);
    assert!(!samples.0.keys().any(|name| name.starts_with("bulla_certificate")), "there is none");
}

#[test]
fn throttled_requests_are_counted_by_their_limit() {
    let server = plain();
    let one = 1.try_into().unwrap();
    let limit = Some(RequestLimit { requests_per_second: one, burst: Some(one) });
    server.kms.set_request_limits(RequestLimits { access_key: limit, ..RequestLimits::default() });
    let answers = [(); 5].map(|()| server.send(Signed::new("POST", "Action=ListKeys").into_query()).status);
    let throttled = answers.iter().filter(|status| **status == 400).count();
    assert!(throttled > 0, "{answers:?}");
    let samples = Samples::of(&server);
    let counted = ["access-key", "user", "source"]
        .map(|limit| samples.get(&format!(r#"bulla_throttled_requests_total{{limit="{limit}"}}"#)));
    assert_eq!(counted, [throttled as f64, 0.0, 0.0]);
}

/// Names, ids and addresses of a request, successful or not, are no labels.
#[test]
fn a_scrape_names_no_caller() {
    let server = plain();
    let key = server.create_key();
    server.call(&format!("Action=CreateAlias&KeyId={key}&AliasName=alias%2Fhunter2"));
    server.call(&format!(
        "Action=TagResource&KeyId={key}&Tags=%5B%7B%22TagKey%22:%22hunter2%22,%22TagValue%22:%22v%22%7D%5D"
    ));
    server.call("Version=2015-05-01&Action=CreateUser&UserName=hunter2");
    for query in ["Action=hunter2", "Action=DescribeKey&KeyId=hunter2", "Action=Encrypt&Plaintext=hunter2"] {
        let answer = server.send(Signed::new("POST", query).into_query());
        assert!(answer.status >= 400, "{}", answer.body);
    }
    server.send(Signed::by("POST", "Action=ListKeys", "hunter2", SECRET, 0).into_query());
    server.send("GET /hunter2?Action=hunter2 HTTP/1.1\r\nHost: hunter2\r\nUser-Agent: hunter2\r\n\r\n");
    server.send("GET /console/hunter2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for accept in ["", "Accept: application/openmetrics-text;version=1.0.0\r\n"] {
        let answer =
            server.connect_to_metrics().send(format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{accept}\r\n"));
        for word in ["hunter2", ID, SECRET, &key, "127.0.0.1", "alias/"] {
            assert!(!answer.body.contains(word), "{word} in {}", answer.body);
        }
        assert!(answer.body.contains(r#"product="Console",action="-",code=""#), "{}", answer.body);
        assert!(answer.body.contains(r#"product="Ram",action="CreateUser",code="OK""#), "{}", answer.body);
    }
}

#[test]
fn both_formats_are_served() {
    let server = plain();
    let scrape = |accept: &str| {
        server
            .connect_to_metrics()
            .send(format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n"))
    };
    let text = scrape("text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.body.contains("# TYPE bulla_log_lines_dropped_total counter\n"), "{}", text.body);
    assert!(text.body.contains("# TYPE bulla_nonces gauge\nbulla_nonces 0"), "{}", text.body);
    assert!(!text.body.contains("# EOF"));
    // The header of Prometheus.
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let open_metrics = scrape(prometheus);
    let content_type = open_metrics.header("content-type");
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open_metrics.body.contains("# TYPE bulla_log_lines_dropped counter\n"), "{}", open_metrics.body);
    assert!(open_metrics.body.ends_with("# EOF\n"));
    assert_eq!(open_metrics.header("cache-control"), "no-store");
}

#[test]
fn the_listener_has_three_paths_to_be_read() {
    let server = plain();
    let mut client = server.connect_to_metrics();
    let mut send = |method: &str, path: &str| {
        client.write(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).unwrap();
        if method == "HEAD" { client.read_head().unwrap() } else { client.read().unwrap() }
    };
    for path in ["/metrics", "/metrics?name[]=bulla_nonces", "/healthz", "/readyz"] {
        assert_eq!(send("GET", path).status, 200, "{path}");
        let head = send("HEAD", path);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    assert_eq!(send("GET", "/readyz").body, r#"{"Status":"ok"}"#, "as on the API's port");
    for path in ["/", "/console/", "/metrics/", "/?Action=ListKeys"] {
        assert_eq!(send("GET", path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let refused = send(method, "/metrics");
        assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    let long = format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(200));
    assert_eq!(server.connect_to_metrics().send(long).status, 400);
    server.send(SCRAPE).refused(404, "InvalidAction.NotFound"); // never on the API's port
}

#[test]
fn probes_are_not_counted() {
    let server = plain();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 200);
    }
    Samples::of(&server);
    let samples = Samples::of(&server);
    assert!(!samples.0.keys().any(|name| name.starts_with("bulla_requests")), "{:?}", samples.0.keys());
}

#[test]
fn a_lost_store_shows() {
    let server = plain();
    server.create_key();
    fs::remove_file(server.data.path().join("store.redb")).unwrap();
    wait_until("the store to be missed", || Samples::of(&server).get("bulla_store_ready") == 0.0);
    let ready = server.connect_to_metrics().send("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"Status":"unavailable"}"#));
    let health = server.connect_to_metrics().send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(health.status, 200, "a restart would lose what is in memory");
    server
        .send(Signed::new("POST", "Action=CreateKey").into_query())
        .refused(503, "ServiceUnavailableTemporary");
    assert_eq!(Samples::of(&server).get("bulla_commit_failures_total"), 1.0);
}

#[test]
fn the_audit_trail_shows_how_far_it_is() {
    let server = plain();
    wait_until("the first seal", || Samples::of(&server).get("bulla_audit_lag_seconds") == 0.0);
    let before = Samples::of(&server).get("bulla_audit_sealed_line");
    server.create_key();
    wait_until("a seal over the line", || {
        let samples = Samples::of(&server);
        samples.get("bulla_audit_lag_seconds") == 0.0
            && samples.get("bulla_audit_sealed_line") >= before + 2.0
    });
    let samples = Samples::of(&server);
    let sealed = server.kms.audit_figures().unwrap().sealed;
    assert_eq!(samples.seal(), sealed.to_string(), "all of one seal, which is still the newest");
    let missed =
        |sink: &str| Samples::of(&server).get(&format!(r#"bulla_audit_lines_missed_total{{sink="{sink}"}}"#));
    assert_eq!((missed("file"), missed("other")), (0.0, 0.0));
    let lost = || Samples::of(&server).get("bulla_audit_lines_lost_total");
    assert_eq!(lost(), 0.0);

    let before_loss = Samples::of(&server).get("bulla_audit_sealed_line");
    let audit = server.data.path().join("audit");
    fs::remove_dir_all(&audit).unwrap();
    fs::write(&audit, "in the way").unwrap();
    server
        .send(Signed::new("POST", "Action=ListKeys").into_query())
        .refused(503, "ServiceUnavailableTemporary");
    wait_until("the trail to be missed", || Samples::of(&server).get("bulla_store_ready") == 0.0);
    assert!(missed("file") >= 1.0);
    let lag = || Samples::of(&server).get("bulla_audit_lag_seconds");
    let before = lag();
    wait_until("more lag", || lag() > before + 0.1);
    fs::remove_file(&audit).unwrap();
    wait_until("the trail to be back", || lag() == 0.0);
    assert!(lost() >= before_loss, "{}", lost());
}

#[test]
fn connections_are_counted_including_those_that_were_closed() {
    let limits = Limits { connections: 8, connections_per_address: 3, ..Limits::default() };
    let server = TestServer::with_metrics(|_| TlsOptions::Off, limits);
    assert_eq!(Samples::of(&server).get("bulla_connections"), 0.0);
    let open: Vec<_> = (0..5).map(|_| server.connect()).collect();
    let refused = |samples: &Samples| samples.get(r#"bulla_connections_refused_total{limit="address"}"#);
    wait_until("the connections", || refused(&Samples::of(&server)) == 2.0);
    let samples = Samples::of(&server);
    assert_eq!(samples.get(r#"bulla_connections_refused_total{limit="all"}"#), 0.0);
    assert_eq!(samples.get("bulla_connections_limit"), 8.0);
    wait_until("those to be closed", || Samples::of(&server).get("bulla_connections") == 3.0);
    drop(open);
    wait_until("the others to be closed", || Samples::of(&server).get("bulla_connections") == 0.0);
}

/// A client that opens connections to the listener of metrics, and sends nothing or never ends, takes only its 16
/// places.
#[test]
fn a_flood_of_the_listener_takes_nothing_of_the_api() {
    let limits = Limits { head: Duration::from_millis(500), ..Limits::default() };
    let server = TestServer::with_metrics(|_| TlsOptions::Off, limits);
    let mut silent: Vec<_> = (0..40).map(|_| server.connect_to_metrics()).collect();
    assert!(silent[0].is_closed(), "the first ones lose their place");
    assert_eq!(Samples::of(&server).get("bulla_connections"), 0.0);
    server.call("Action=ListKeys");
    wait_until("the log", || server.log.text().contains("metrics: "));
    let log = server.log.text();
    assert!(log.contains(r#"event="metrics: "#) && log.contains("16 connections"), "{log}");
    let mut slow = server.connect_to_metrics();
    slow.write("GET /metrics HTTP/1.1\r\n").unwrap();
    assert!(slow.is_closed(), "a request has as long as on the API's port");
    assert!(silent.last_mut().unwrap().is_closed());
}

#[test]
fn the_end_of_the_certificate_is_that_of_the_one_in_use() {
    let of_authority =
        |data: &tempfile::TempDir| TlsOptions::Authority { data: data.path().to_owned(), names: vec![] };
    let server = TestServer::with_metrics(of_authority, Limits::default());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let days = (Samples::of(&server).get("bulla_certificate_end_timestamp_seconds") - now) / 86_400.0;
    assert!((days - 90.0).abs() < 0.1, "{days}");
}

#[test]
fn without_an_address_there_are_no_metrics() {
    let server = TestServer::plain();
    assert_eq!(server.metrics, None);
    let answer: Answer = server.send(SCRAPE);
    answer.refused(404, "InvalidAction.NotFound");
}
