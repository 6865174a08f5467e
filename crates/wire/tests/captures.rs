//! Requests of official clients, byte for byte as they came from the socket (`testdata/wire`).
//!
//! Every one parses and verifies with the secret of the captures, and does not with another secret or after a
//! change.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulla_wire::{Call, ErrorCode, HttpRequest, Product, Request, SecretText, kms};

#[test]
fn every_capture_parses_and_verifies() {
    let files = captures();
    assert_eq!(files.len(), 57, "a capture went missing or was added");
    for file in files {
        let raw = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let call = with_request(&raw, |request| Call::parse(request).1.unwrap());
        assert_eq!(call.product, Some(Product::Kms), "{name}");
        assert_eq!(call.action, name.split('.').next().unwrap());
        match call.request() {
            Ok(request) => assert_eq!(request.action(), (Product::Kms, &*call.action)),
            Err(error) => assert_eq!(error.code(), ErrorCode::InvalidActionNotFound, "{name}: {error}"),
        }
        call.signature.verify("testsecret").unwrap_or_else(|error| panic!("{name}: {error}"));
        let other = call.signature.verify("Testsecret").unwrap_err();
        assert_eq!(other.code(), ErrorCode::SignatureDoesNotMatch);
        let signer = call.signature.signer().unwrap();
        assert!(matches!(signer.access_key_id.as_str(), "testid" | "STS.testid"));
        let token = signer.security_token.as_ref().map(SecretText::expose);
        assert_eq!(token, name.contains(".sts").then_some("test/token+=="), "{name}");
    }
}

/// For signatures in the Authorization header; those in the parameters have no other parts than parameters.
#[test]
fn a_changed_capture_does_not_verify() {
    let mut schemes = BTreeMap::<String, u32>::new();
    for file in captures() {
        let raw = fs::read(&file).unwrap();
        with_request(&raw, |request| {
            let Some(authorization) = request.header("authorization").unwrap() else { return };
            let (scheme, fields) = authorization.split_once(' ').unwrap();
            *schemes.entry(scheme.to_owned()).or_default() += 1;
            assert!(verifies(request));
            check_authorization(request, scheme, fields);
            check_signed_headers(request, fields);
            check_method_query_and_body(request);
        });
    }
    let expected = [("ACS3-HMAC-SHA256", 16), ("ACS3-HMAC-SM3", 1), ("ACS4-HMAC-SHA256", 2)];
    assert_eq!(schemes, expected.map(|(scheme, count)| (scheme.to_owned(), count)).into());
}

fn verifies(request: &HttpRequest<'_>) -> bool {
    Call::parse(request).1.is_ok_and(|call| call.signature.verify("testsecret").is_ok())
}

/// Every character of the signature, the scheme, and where there is one the scope.
fn check_authorization(request: &HttpRequest<'_>, scheme: &str, fields: &str) {
    let index = request.headers.iter().position(|(name, _)| *name == "authorization").unwrap();
    let with = |text: &str| {
        let mut headers = request.headers.to_vec();
        headers[index].1 = text.as_bytes();
        verifies(&HttpRequest { headers: &headers, ..*request })
    };
    assert!(with(&format!("{scheme} {fields}")));
    let start = fields.len() - 64;
    for index in start..fields.len() {
        let digit = if fields.as_bytes()[index] == b'0' { "1" } else { "0" };
        let flipped = format!("{scheme} {}{digit}{}", &fields[..index], &fields[index + 1..]);
        assert!(!with(&flipped), "{flipped}");
    }
    for other in ["ACS3-HMAC-SHA256", "ACS3-HMAC-SM3", "ACS4-HMAC-SHA256", "ACS4-HMAC-SM3"] {
        assert_eq!(with(&format!("{other} {fields}")), other == scheme, "{scheme} as {other}");
    }
    for part in ["/20261123", "/cn-hangzhou", "/Kms", "/aliyun_v4_request"] {
        let without = fields.replacen(part, "", 1);
        assert_eq!(with(&format!("{scheme} {without}")), !fields.contains(part), "without {part}");
    }
}

fn check_signed_headers(request: &HttpRequest<'_>, fields: &str) {
    let signed = fields.split(',').nth(1).unwrap().strip_prefix("SignedHeaders=").unwrap();
    for signed in signed.split(';') {
        let index = request.headers.iter().position(|(name, _)| *name == signed).unwrap();
        let mut headers = request.headers.to_vec();
        let changed = [headers[index].1, b"0"].concat();
        headers[index].1 = &changed;
        assert!(!verifies(&HttpRequest { headers: &headers, ..*request }), "{signed} changed");
        headers.remove(index);
        assert!(!verifies(&HttpRequest { headers: &headers, ..*request }), "{signed} removed");
    }
}

fn check_method_query_and_body(request: &HttpRequest<'_>) {
    let method = if request.method == "GET" { "POST" } else { "GET" };
    assert!(!verifies(&HttpRequest { method, ..*request }));
    let with_query = |query: &str| verifies(&HttpRequest { query, ..*request });
    assert!(!with_query(&format!("{}&More=1", request.query)));
    for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
        assert!(!with_query(&request.query.replace(pair, &format!("{pair}0"))), "{pair} changed");
        assert!(!with_query(&request.query.replace(pair, "")), "{pair} removed");
    }
    let longer = [request.body, b"&More=1"].concat();
    for body in [&longer, &request.body[..request.body.len().saturating_sub(1)]] {
        assert!(body == request.body || !verifies(&HttpRequest { body, ..*request }), "{body:?}");
    }
}

#[test]
fn encryption_contexts_of_all_clients_mean_the_same() {
    let contexts: Vec<_> = [
        "alibabacloud_kms20160120/Decrypt.encryption-context.http",
        "node-kms20160120/Decrypt.encryption-context-dotted.http",
    ]
    .iter()
    .map(|file| {
        let raw = fs::read(root().join(file)).unwrap();
        let call = with_request(&raw, |request| Call::parse(request).1.unwrap());
        match call.request().unwrap() {
            Request::Kms(kms::Request::Decrypt(decrypt)) => decrypt.encryption_context.unwrap().0,
            other => panic!("{:?}", other.action()),
        }
    })
    .collect();
    assert_eq!(contexts[0], contexts[1]);
    assert_eq!(contexts[0]["k 2"], "值");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/wire")
}

fn captures() -> Vec<PathBuf> {
    let folders =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    // The captures of tls-custom-ca are named for the client, not only for the action.
    let mut files: Vec<_> = folders
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .collect();
    files.sort();
    files
}

/// Takes a raw capture apart as an HTTP server would, chunk framing included.
fn with_request<T>(raw: &[u8], check: impl FnOnce(&HttpRequest<'_>) -> T) -> T {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let start = parsed.parse(raw).unwrap().unwrap();
    let names: Vec<String> = parsed.headers.iter().map(|header| header.name.to_ascii_lowercase()).collect();
    let headers: Vec<(&str, &[u8])> =
        names.iter().zip(&*parsed.headers).map(|(name, header)| (name.as_str(), header.value)).collect();
    let chunked = headers.contains(&("transfer-encoding", b"chunked"));
    let body = if chunked { unchunk(&raw[start..]) } else { raw[start..].to_vec() };
    let (path, query) = parsed.path.unwrap().split_once('?').unwrap_or((parsed.path.unwrap(), ""));
    check(&HttpRequest { method: parsed.method.unwrap(), path, query, headers: &headers, body: &body })
}

fn unchunk(mut framed: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let httparse::Status::Complete((start, length)) = httparse::parse_chunk_size(framed).unwrap() {
        let end = start + usize::try_from(length).unwrap();
        if length == 0 {
            break;
        }
        body.extend_from_slice(&framed[start..end]);
        framed = &framed[end + 2..];
    }
    body
}
