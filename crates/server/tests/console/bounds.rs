//! Requests larger or stranger than any browser sends: each is refused, and the next visitor gets a page.

use crate::common::Answer;
use crate::visitor::{Site, Visitor};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// Asserts that nothing changed, the answer reveals nothing about keys, and the server still answers.
fn check_refused(site: &Site, what: &str, answer: &Answer, statuses: &[u16], before: &str) {
    assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert!(!answer.body.contains("Description"), "{what}: {}", answer.body);
    assert_eq!(site.keys(), before, "{what}");
    assert_eq!(site.visitor().get("/console/sign-in").status, 200, "{what}");
}

#[test]
fn what_is_too_large_is_refused() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let before = site.keys();
    let long = |length: usize| "a".repeat(length);
    for (what, path) in [
        ("a long path", format!("/console/keys/{}", long(5_000))),
        ("a longer path", format!("/console/{}", long(70_000))),
        ("many segments", format!("/console{}", "/a".repeat(3_000))),
        ("a long escaped path", format!("/console/keys/{}", "%41".repeat(5_000))),
        ("a long query", format!("/console/keys?text={}", long(500_000))),
    ] {
        let answer = root.get(&path);
        check_refused(&site, what, &answer, &[400, 404, 413, 414, 431], &before);
    }
    for (what, headers) in [
        ("a long cookie", format!("Cookie: bulla-session-1={}\r\n", long(100_000))),
        ("many headers", (0..500).map(|number| format!("X-{number}: a\r\n")).collect()),
        ("a long language", format!("Accept-Language: {}\r\n", long(100_000))),
    ] {
        let answer = root.exchange("GET", "/console/keys", &headers, b"");
        check_refused(&site, what, &answer, &[400, 431], &before);
    }
    for (what, form) in [
        ("a huge field", format!("token={token}&Description={}", long(5 << 20))),
        ("a huge name", format!("token={token}&{}=a", long(5 << 20))),
    ] {
        let answer = posted_early(&mut root, &form);
        check_refused(&site, what, &answer, &[400, 413], &before);
    }
    assert!(root.is_signed_in());
}

/// Announces a form and sends a part of it: one that is too large is refused before it arrives.
fn posted_early(root: &mut Visitor<'_>, form: &str) -> Answer {
    let cookie = root.cookie.clone().unwrap();
    let request = format!(
        "POST /console/keys HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n{}{FORM}Content-Length: {}\r\n\r\n{}",
        root.host,
        root.headers,
        form.len(),
        &form[..1000]
    );
    root.site.server.send(request)
}

#[test]
fn what_no_field_can_hold_is_refused_in_words() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let before = site.keys();
    for (what, fields) in [
        ("NUL where none may be", "Description=a&AliasName=alias/a%00b&KeySpec=x%00"),
        ("a line end", "Description=a%0D%0Ab&KeySpec=x"),
        ("a field twice", "Description=a&Description=b"),
        ("a token twice", "token=a"),
        ("no text", "Description=%C3%28"),
        ("half of a pair", "Description=%ED%A0%80"),
        ("an escaped name", "%00=a&KeySpec=none"),
    ] {
        let form = format!("token={token}&{fields}");
        for path in ["/console/keys", "/console/do/kms/CreateKey"] {
            let answer = root.post(path, &form);
            assert!(matches!(answer.status, 400 | 403), "{what}: {answer:?}");
            assert!(answer.header("content-type").starts_with("text/html"), "{what}");
            assert_eq!(site.keys(), before, "{what}");
        }
    }
    // A description may contain it, and is displayed with its code.
    let made = root.post("/console/keys", &format!("token={token}&Description=a%00b"));
    let page = root.get(made.header("location")).body;
    assert!(page.contains("a<span class=\"code-point\">U+0000</span>b") && !page.contains('\0'), "{page}");
}

/// Other headers that name the server are ignored, and a request with no host or two is invalid.
#[test]
fn a_request_is_for_the_host_that_its_one_host_header_names() {
    let site = Site::new();
    let root = site.root();
    let cookie = root.cookie.unwrap();
    let host = site.host();
    let port = site.server.address.port();
    for (target, headers, statuses) in [
        ("/console/keys", String::new(), &[400][..]),
        ("/console/keys", "Host:\r\n".to_owned(), &[400, 421]),
        ("/console/keys", format!("Host: {host}\r\nHost: {host}\r\n"), &[400]),
        ("/console/keys", format!("Host: {host}\r\nHost: evil.example\r\n"), &[400]),
        ("/console/keys", format!("Host: {host} evil.example\r\n"), &[400, 421]),
        ("/console/keys", format!("Host: {host},evil.example\r\n"), &[400, 421]),
        ("/console/keys", format!("Host: user@{host}\r\n"), &[400, 421]),
        ("/console/keys", format!("Host: evil.example\r\nX-Forwarded-Host: {host}\r\n"), &[421]),
        ("/console/keys", format!("Host: evil.example\r\nForwarded: host={host}\r\n"), &[421]),
        ("/console/keys", "Host: 127.0.0.1.\r\n".to_owned(), &[400, 421]),
        ("/console/keys", format!("Host: 0x7f000001:{port}\r\n"), &[400, 421]),
        (&*format!("http://{host}/console/keys"), "Host: evil.example\r\n".to_owned(), &[421]),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{headers}Cookie: {cookie}\r\n\r\n");
        let answer = site.server.send(request);
        assert!(statuses.contains(&answer.status), "{target} {headers}: {answer:?}");
        assert!(!answer.body.contains("<table"), "{target} {headers}");
    }
    // An allowed address reaches the page, so the host was the reason of the refusal.
    let request = format!("GET /console/keys HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
    assert_eq!(site.server.send(request).status, 200);
}

/// A method in a header or a field is ignored, and assets and sign-in pages accept only their own methods.
#[test]
fn no_header_and_no_field_changes_the_method() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let page = root.get("/console/sign-in").body + &root.get("/console/keys").body;
    let asset = page.split('"').find(|part| part.starts_with("/console/assets/")).unwrap().to_owned();
    let before = site.keys();
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let headers = format!("{}{name}: POST\r\n{FORM}", root.headers);
        let answer = root.exchange("GET", "/console/keys", &headers, format!("token={token}").as_bytes());
        assert!(matches!(answer.status, 200 | 400), "{answer:?}");
    }
    assert_eq!(root.post("/console/keys?_method=POST", "_method=POST").status, 403);
    for method in ["PUT", "DELETE", "OPTIONS"] {
        for path in
            ["/console/sign-in", "/console/sign-out", "/console/do/kms/CreateKey", "/console/language"]
        {
            let answer = root.exchange(method, path, "", b"");
            assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, POST"), "{method} {path}");
        }
    }
    for method in ["POST", "PUT", "OPTIONS"] {
        let answer = root.exchange(method, &asset, "", b"");
        assert!(matches!(answer.status, 200 | 403 | 405), "{method}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(site.keys(), before);
}

/// Concurrent guesses from many connections lock no user out, and none of them is logged.
#[test]
fn the_right_secret_enters_while_others_guess() {
    use crate::common::{ID, SECRET};

    let site = Site::new();
    std::thread::scope(|scope| {
        for guess in 0..12 {
            let site = &site;
            scope.spawn(move || {
                let wrong = format!("guess-number-{guess}");
                assert_eq!(site.visitor().sign_in(ID, &wrong).status, 403);
            });
        }
        let mut root = site.visitor();
        assert_eq!(root.sign_in(ID, SECRET).status, 303);
        assert!(root.is_signed_in());
    });
    let log = site.server.log.text();
    assert_eq!(log.matches("a sign-in from 127.0.0.1 was refused").count(), 12, "{log}");
    assert!(!log.contains("guess-number"), "{log}");
}
