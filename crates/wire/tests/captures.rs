//! Requests of official clients, exactly as they were received: to the KMS (`testdata/wire`), to RAM and STS
//! (`testdata/wire-ram`).
//!
//! Every request parses, verifies with the secret of the captures, and fails to verify with another secret or after a change. The
//! exceptions are listed by name: one client signs incorrectly, and one action is unsigned.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulla_wire::signature::Signature;
use bulla_wire::{Call, ErrorCode, HttpRequest, JsonList, Product, Request, SecretText, kms, ram, sts};

#[test]
fn every_capture_parses_and_verifies() {
    let files = captures("wire");
    assert_eq!(files.len(), 57, "a capture went missing or was added");
    for file in files {
        let call = call_of(&file);
        let name = name(&file);
        assert_eq!(call.product, Some(Product::Kms), "{name}");
        assert_eq!(call.action, name.split('.').next().unwrap());
        match call.request() {
            Ok(request) => assert_eq!(request.action(), (Product::Kms, &*call.action)),
            Err(error) => assert_eq!(error.code(), ErrorCode::InvalidActionNotFound, "{name}: {error}"),
        }
        check_signature(&call, &name);
    }
}

#[test]
fn every_capture_of_ram_and_sts_parses_and_verifies() {
    let mut counts = BTreeMap::<&str, u32>::new();
    for file in captures("wire-ram") {
        let name = name(&file);
        let kind = if name.starts_with("imds-") || name.starts_with("credentials-uri") {
            "of another protocol"
        } else {
            check_capture(&call_of(&file), &name)
        };
        *counts.entry(kind).or_default() += 1;
    }
    let expected = [("signed", 32), ("unsigned", 4), ("wrongly signed", 1), ("of another protocol", 10)];
    assert_eq!(counts, expected.into(), "a capture went missing or was added");
}

/// Checks that the call matches the name of its capture, and returns its signature scheme.
fn check_capture(call: &Call, name: &str) -> &'static str {
    assert_eq!(call.action, name.split('.').next().unwrap(), "{name}");
    let product = match &*call.action {
        "ListKeys" => Product::Kms,
        "AssumeRole" | "AssumeRoleWithOIDC" | "GetCallerIdentity" => Product::Sts,
        _ => Product::Ram,
    };
    let request = call.request().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(request.action(), (product, &*call.action), "{name}");
    if name.contains(".unsigned") {
        assert!(matches!(call.signature, Signature::Unsigned), "{name}");
        assert!(call.signature.verify("testsecret").is_err());
        return "unsigned";
    }
    if name.contains(".client-bug") {
        let refused = call.signature.verify("testsecret").unwrap_err();
        assert_eq!(refused.code(), ErrorCode::SignatureDoesNotMatch, "{name}");
        return "wrongly signed";
    }
    check_signature(call, name);
    "signed"
}

/// Policies are received as they were written, with spaces and signs, in query and form, by GET and POST.
#[test]
fn parameters_of_ram_and_sts_captures_are_read_whole() {
    let request = |file: &str| call_of(&root("wire-ram").join(file)).request().unwrap();
    let created = request("alibabacloud_ram20150501-sts20150401/CreatePolicy.tags.http");
    let Request::Ram(ram::Request::CreatePolicy(created)) = created else { panic!("{:?}", created.action()) };
    let document: serde_json::Value = serde_json::from_str(&created.policy_document).unwrap();
    assert_eq!(document["Statement"][0]["Resource"], "acs:kms:*:1111222233334444:key/*");
    let tag = ram::Tag { key: "team".into(), value: Some("ops".into()) };
    assert_eq!(created.tag, Some(JsonList(vec![tag])));
    for client in ["credentials-go", "credentials-node", "credentials-python"] {
        let assumed = request(&format!("{client}/AssumeRole.http"));
        let Request::Sts(sts::Request::AssumeRole(assumed)) = assumed else { panic!("{client}") };
        assert_eq!(assumed.role_arn, "acs:ram::1111222233334444:role/backup", "{client}");
        assert_eq!(assumed.external_id.as_deref(), Some("ext:1"), "{client}");
        let policy: serde_json::Value = serde_json::from_str(&assumed.policy.unwrap()).unwrap();
        assert_eq!(policy["Statement"][0]["Action"], "kms:Decrypt", "{client}");
        let bearer = request(&format!("{client}/AssumeRoleWithOIDC.unsigned.http"));
        let Request::Sts(sts::Request::AssumeRoleWithOIDC(bearer)) = bearer else { panic!("{client}") };
        assert_eq!(bearer.oidc_token.expose(), "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "{client}");
        assert_eq!(bearer.duration_seconds, Some(3600), "{client}");
    }
}

fn check_signature(call: &Call, name: &str) {
    call.signature.verify("testsecret").unwrap_or_else(|error| panic!("{name}: {error}"));
    let other = call.signature.verify("Testsecret").unwrap_err();
    assert_eq!(other.code(), ErrorCode::SignatureDoesNotMatch);
    let signer = call.signature.signer().unwrap();
    assert!(matches!(signer.access_key_id.as_str(), "testid" | "STS.testid"), "{name}");
    let token = signer.security_token.as_ref().map(SecretText::expose);
    assert_eq!(token, name.contains(".sts").then_some("test/token+=="), "{name}");
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_str().unwrap().to_owned()
}

fn call_of(file: &Path) -> Call {
    let raw = fs::read(file).unwrap();
    with_request(&raw, |request| Call::parse(request).1.unwrap())
}

/// Covers signatures in the `Authorization` header; signatures in the parameters have no other parts.
#[test]
fn a_changed_capture_does_not_verify() {
    let mut schemes = BTreeMap::<String, u32>::new();
    for file in captures("wire").into_iter().chain(captures("wire-ram")) {
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
    let expected = [("ACS3-HMAC-SHA256", 25), ("ACS3-HMAC-SM3", 1), ("ACS4-HMAC-SHA256", 2)];
    assert_eq!(schemes, expected.map(|(scheme, count)| (scheme.to_owned(), count)).into());
}

fn verifies(request: &HttpRequest<'_>) -> bool {
    Call::parse(request).1.is_ok_and(|call| call.signature.verify("testsecret").is_ok())
}

/// Changes every character of the signature, the scheme, and the scope if there is one.
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
    .map(|file| match call_of(&root("wire").join(file)).request().unwrap() {
        Request::Kms(kms::Request::Decrypt(decrypt)) => decrypt.encryption_context.unwrap().0,
        other => panic!("{:?}", other.action()),
    })
    .collect();
    assert_eq!(contexts[0], contexts[1]);
    assert_eq!(contexts[0]["k 2"], "值");
}

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(folder)
}

fn captures(folder: &str) -> Vec<PathBuf> {
    let folders =
        fs::read_dir(root(folder)).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    // The captures of tls-custom-ca are named for the client too, not only for the action.
    let mut files: Vec<_> = folders
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .collect();
    files.sort();
    files
}

/// Parses a raw capture like an HTTP server, including chunked framing.
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
