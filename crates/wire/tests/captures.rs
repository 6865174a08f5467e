//! Requests of official clients, byte for byte as they came from the socket (`testdata/wire`).
//!
//! Every one parses; every one signed by a scheme that bulla verifies must verify with the secret of the
//! captures, and must not verify with another.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use bulla_wire::signature::Signature;
use bulla_wire::{Call, ErrorCode, HttpRequest, Product, Request};

#[test]
fn every_capture_parses_and_verifies() {
    let files = captures();
    assert_eq!(files.len(), 57, "a capture went missing or was added");
    let mut verified = 0;
    for file in files {
        let raw = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let call = with_request(&raw, |request| Call::parse(request).1.unwrap());
        assert_eq!(Product::from_version(&call.version), Some(Product::Kms), "{name}");
        assert_eq!(call.action, name.split('.').next().unwrap());
        match Request::parse(Product::Kms, &call.action, &call.parameters) {
            Ok(request) => assert_eq!(request.name(), call.action),
            Err(error) => assert_eq!(error.code(), ErrorCode::InvalidActionNotFound, "{name}: {error}"),
        }
        if let Signature::Unsupported(scheme) = &call.signature {
            assert!(name.contains("SM3") || name.contains("v4"), "{name}: {scheme}");
            assert_eq!(
                call.signature.verify("testsecret").unwrap_err().code(),
                ErrorCode::IncompleteSignature
            );
            continue;
        }
        call.signature.verify("testsecret").unwrap_or_else(|error| panic!("{name}: {error}"));
        let other = call.signature.verify("Testsecret").unwrap_err();
        assert_eq!(other.code(), ErrorCode::SignatureDoesNotMatch);
        let signer = call.signature.signer().unwrap();
        assert!(matches!(signer.access_key_id.as_str(), "testid" | "STS.testid"));
        assert_eq!(signer.has_token, name.contains(".sts"), "{name}");
        verified += 1;
    }
    assert_eq!(verified, 54);
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
        match Request::parse(Product::Kms, &call.action, &call.parameters).unwrap() {
            Request::Decrypt(decrypt) => decrypt.encryption_context.unwrap().0,
            other => panic!("{}", other.name()),
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
