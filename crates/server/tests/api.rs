//! Requests and answers as clients see them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use bulla_server::{Limits, TlsOptions};
use bulla_wire::Timestamp;
use common::{Answer, Signed, TestServer, acs3_request};

#[test]
fn health_needs_no_signature() {
    let answer = TestServer::plain().send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"Status":"ok"}"#));
    assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
}

#[test]
fn head_is_get_without_the_body() {
    let server = TestServer::plain();
    let request = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    for path in ["/healthz", "/healthz?from=probe", "/readyz", "/readyz?from=probe"] {
        let mut client = server.connect();
        let get = client.send(request("GET", path));
        client.write(request("HEAD", path)).unwrap();
        let head = client.read_head().unwrap();
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        let fixed = |answer: &Answer| {
            let changes = |name: &str| matches!(name, "date" | "x-acs-request-id");
            answer.headers.iter().filter(|(name, _)| !changes(name)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(fixed(&get), fixed(&head), "{path}");
        assert_eq!(head.header("content-length"), "15");
        assert_eq!(client.send(request("GET", path)).status, 200, "nothing of a body was sent");
    }
    // The API has GET and POST only, as in the cloud.
    let mut client = server.connect();
    client.write(Signed::new("HEAD", "Action=ListKeys").into_query()).unwrap();
    assert_eq!(client.read_head().unwrap().status, 403);
    for path in ["/healthz", "/readyz"] {
        server.send(request("POST", path)).refused(404, "InvalidAction.NotFound");
        server.send(request("DELETE", path)).refused(403, "UnsupportedHTTPMethod");
    }
}

#[test]
fn get_and_post_query_and_form_json_and_xml() {
    let server = TestServer::plain();
    let key = server.create_key();
    let wanted = format!("Action=GenerateDataKey&KeyId={key}");
    for request in [
        Signed::new("GET", &wanted).into_query(),
        Signed::new("POST", &wanted).into_query(),
        Signed::new("POST", &wanted).into_form(),
        Signed::new("POST", &wanted).into_chunks(),
        acs3_request("kms", "GenerateDataKey", &format!("KeyId={key}")),
    ] {
        let answer = server.send(request);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.field("KeyId"), key);
        assert_eq!(answer.field("Plaintext").len(), 44);
        assert_eq!(answer.field("RequestId"), answer.header("x-acs-request-id"));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
    }
    let answer = server.call("Action=ListKeys&Format=XML");
    assert_eq!(answer.header("content-type"), "text/xml;charset=utf-8");
    assert!(answer.body.starts_with("<ListKeysResponse>"), "{}", answer.body);
    let answer = server.send(Signed::new("POST", "Action=DescribeKey&KeyId=none&Format=XML").into_query());
    assert_eq!(answer.status, 404);
    assert!(answer.body.starts_with("<Error><RequestId>"), "{}", answer.body);
}

#[test]
fn unauthenticated_requests_are_refused_with_the_gateways_words() {
    let server = TestServer::plain();
    let unsigned = "GET /?Action=ListKeys&Version=2016-01-20 HTTP/1.1\r\nHost: a\r\n\r\n";
    server.send(unsigned).refused(400, "MissingAccessKeyId");

    let wrong_secret = Signed::by("POST", "Action=ListKeys", common::ID, "guess", 0);
    let message = server.send(wrong_secret.into_query()).refused(400, "SignatureDoesNotMatch");
    assert!(message.contains("server string to sign is:POST&%2F&AccessKeyId"), "{message}");

    let unknown = Signed::by("POST", "Action=ListKeys", "nobody", common::SECRET, 0);
    server.send(unknown.into_query()).refused(404, "InvalidAccessKeyId.NotFound");

    for offset in [-3600, 3600] {
        let off = Signed::by("POST", "Action=ListKeys", common::ID, common::SECRET, offset);
        server.send(off.into_query()).refused(400, "InvalidTimeStamp.Expired");
    }
    let once = Signed::new("POST", "Action=ListKeys");
    assert_eq!(server.send(once.clone().into_query()).status, 200);
    server.send(once.into_query()).refused(400, "SignatureNonceUsed");
}

#[test]
fn requests_that_mean_nothing_are_refused() {
    let server = TestServer::plain();
    let put = Signed::new("PUT", "Action=ListKeys").into_query();
    server.send(put).refused(403, "UnsupportedHTTPMethod");
    let elsewhere = Signed::new("POST", "Action=ListKeys").into_query().replace("/?", "/v1?");
    server.send(elsewhere).refused(404, "InvalidAction.NotFound");
    let unknown = Signed::new("POST", "Action=MakeCoffee").into_query();
    server.send(unknown).refused(404, "InvalidAction.NotFound");
    let version = Signed::new("POST", "Action=ListKeys&Version=2017-01-01").into_query();
    server.send(version).refused(400, "InvalidVersion");

    let repeated = Signed::new("POST", "Action=ListKeys").into_query().replace("/?", "/?Action=ListKeys&");
    server.send(repeated).refused(400, "InvalidParameter");
    let in_both =
        Signed::new("POST", "Action=ListKeys").into_form().replace("POST / ", "POST /?Action=ListKeys ");
    server.send(in_both).refused(400, "InvalidParameter");

    let many: String = (0..10_000).map(|i| format!("&p{i}=")).collect();
    let many = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{many}", many.len());
    let many = many.replace("Host: a", "Content-Type: application/x-www-form-urlencoded");
    server.send(many).refused(400, "ParseRequestParameterException");

    let both = acs3_request("kms", "ListKeys", "").replace("POST / ", "POST /?Signature=c2ln ");
    server.send(both).refused(400, "IncompleteSignature");
}

#[test]
fn requests_of_official_clients_are_served_byte_for_byte() {
    for capture in [
        "alibabacloud_kms20160120/ListKeys.http",
        "alibabacloud_kms20160120/ListKeys.ACS3-HMAC-SM3.http",
        "alibabacloud_kms20160120/ListKeys.signature_version-v4.http",
        "aliyun-python-sdk/ListKeys.http",
        "node-kms20160120/ListKeys.http",
        "node-pop-core/ListKeys.get.http",
        "tls-custom-ca/ListKeys.node-kms.http",
        "tls-custom-ca/ListKeys.old-sdk.http",
        "tls-custom-ca/ListKeys.pop-core.http",
        "tls-custom-ca/ListKeys.tea-https-prefix-in-host.http",
        "tls-custom-ca/ListKeys.tea.http",
    ] {
        let raw = read_capture(capture);
        let answer = server_at(signed_at(&raw)).send(raw);
        assert_eq!(answer.status, 200, "{capture}: {}", answer.body);
    }
}

#[test]
fn every_scheme_of_the_authorization_header_is_checked_alike() {
    for scheme in ["", ".ACS3-HMAC-SM3", ".signature_version-v4"] {
        let raw = read_capture(&format!("alibabacloud_kms20160120/ListKeys{scheme}.http"));
        let late = server_at(signed_at(&raw) + 901);
        late.send(&raw).refused(400, "InvalidTimeStamp.Expired");

        let server = server_at(signed_at(&raw));
        let unknown_key = raw.replace("Credential=testid", "Credential=nobody");
        server.send(unknown_key).refused(404, "InvalidAccessKeyId.NotFound");
        let changed = server.send(raw.replace("PageNumber=1", "PageNumber=2"));
        let message = changed.refused(400, "SignatureDoesNotMatch");
        assert!(message.contains("CanonicalRequest is:[POST\\n/\\nPageNumber=2"), "{message}");
        assert_eq!(server.send(&raw).status, 200, "{scheme}");
        server.send(&raw).refused(400, "SignatureNonceUsed");
    }
}

fn read_capture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/wire");
    fs::read_to_string(root.join(name)).unwrap()
}

/// A server whose clock does not move.
fn server_at(seconds: u64) -> TestServer {
    let time = Duration::from_secs(seconds);
    TestServer::start(Limits::default(), |_| TlsOptions::Off, move || UNIX_EPOCH + time)
}

/// Returns the time of a capture: its first timestamp.
fn signed_at(raw: &str) -> u64 {
    let text = raw.replace("%3A", ":");
    let found = (0..text.len() - 20).find_map(|start| Timestamp::parse(text.get(start..start + 20)?));
    found.unwrap().unix().unsigned_abs()
}
