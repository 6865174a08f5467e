//! What the log contains, and what it never contains.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use bulla_server::Limits;
use common::{ID, SECRET, Signed, TestServer};

#[test]
fn nothing_of_a_request_or_an_answer_reaches_the_log() {
    let server = TestServer::plain();
    let key = server.create_key();
    let data_key = server.call(&format!("Action=GenerateDataKey&KeyId={key}")).field("Plaintext");
    server.call(&format!(
        "Action=Encrypt&KeyId={key}&Plaintext=hunter2&EncryptionContext=%7B%22a%22:%22ctx%22%7D"
    ));
    // Secret and id swapped: the secret is sent as the id.
    let swapped = Signed::by("POST", "Action=ListKeys", SECRET, ID, 0);
    server.send(swapped.into_query()).refused(404, "InvalidAccessKeyId.NotFound");
    let wrong = Signed::by("POST", "Action=ListKeys", ID, "guess", 0);
    server.send(wrong.into_query()).refused(400, "SignatureDoesNotMatch");
    let forged = Signed::new("POST", "Action=ListKeys%0Atime=1%20request=forged");
    server.send(forged.into_query()).refused(404, "InvalidAction.NotFound");
    server.send(
        "GET /secret?Action=ListKeys&Plaintext=hunter2 HTTP/1.1\r\nHost: a\r\nUser-Agent: agent\r\n\r\n",
    );

    server.stopper.stop();
    let (log, result) = server.join();
    result.unwrap();
    let text = log.text();
    for word in [
        SECRET, &data_key, "hunter2", "ctx", "guess", "forged", "Action=", "sign", "nonce", "secret?",
        "agent",
    ] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert_eq!(text.matches(&format!("resources=key/{key}@")).count(), 2, "but the key is named: {text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 7, "{text}");
    assert!(lines[0].contains(" from=127.0.0.1 key=testid action=CreateKey status=200 code=- us="), "{text}");
    assert!(
        lines[3].contains(" key=- action=ListKeys status=404 code=InvalidAccessKeyId.NotFound "),
        "{text}"
    );
    assert!(
        lines[4].contains(" key=testid action=ListKeys status=400 code=SignatureDoesNotMatch "),
        "{text}"
    );
    assert!(lines[5].contains(" key=testid action=- status=404 code=InvalidAction.NotFound "), "{text}");
    assert!(lines[6].contains(" key=- action=- status=404 "), "{text}");
}

/// Policies and the log use the address of the client; a client that is not a proxy cannot name another one.
#[test]
fn only_a_trusted_proxy_sets_the_client_address() {
    for (trusted, source) in [(vec!["127.0.0.1".parse().unwrap()], "203.0.113.7"), (vec![], "127.0.0.1")] {
        let server = TestServer::behind(Limits::default(), trusted);
        let forwarded = "\r\nX-Forwarded-For: 198.51.100.1, 203.0.113.7\r\nx-acs-source-ip: 198.51.100.2\r\n";
        let claims = Signed::new("POST", "Action=ListKeys&SourceIp=198.51.100.3&SecureTransport=true");
        assert_eq!(server.send(claims.into_query().replacen("\r\n", forwarded, 1)).status, 200);
        server.stopper.stop();
        let (log, result) = server.join();
        result.unwrap();
        assert!(
            log.text().contains(&format!(" from={source} key=testid action=ListKeys ")),
            "{}",
            log.text()
        );
    }
}
