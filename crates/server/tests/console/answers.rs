//! The headers of every answer, and the answers to strange paths and methods.

use crate::common::{Answer, ID, TestServer};
use crate::visitor::{Site, Visitor};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
];

#[test]
fn every_answer_carries_the_headers_of_security() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let mut answers = Vec::new();
    for (path, status) in [
        ("/console/", 200),
        ("/console", 200),
        ("/console/keys", 200),
        ("/console/do/kms/CreateKey", 200),
        ("/console/sign-in", 200),
        ("/console/keys/none", 404),
        ("/console/nothing", 404),
        ("/console//", 404),
        ("/console/assets/none/style.css", 404),
        ("/console/language?to=zh", 303),
    ] {
        answers.push((format!("GET {path}"), root.get(path), status));
    }
    let form = |more: &str| format!("token={token}{more}");
    answers.push(("made".into(), root.post("/console/keys", &form("")), 303));
    answers.push(("refused".into(), root.post("/console/keys", &form("&KeySpec=none")), 400));
    answers.push(("forged".into(), root.post("/console/keys", ""), 403));
    answers.push(("no such form".into(), root.post("/console/nothing", &form("")), 404));
    answers.push(("PUT".into(), root.exchange("PUT", "/console/keys", "", b""), 405));
    answers.push(("wrong".into(), site.visitor().sign_in(ID, "wrong"), 403));
    answers.push(("nobody".into(), site.visitor().get("/console/keys"), 303));
    let mut elsewhere = Visitor { host: "evil.example".into(), ..site.visitor() };
    answers.push(("another name".into(), elsewhere.get("/console/"), 421));
    answers.push(("signed out".into(), root.post("/console/sign-out", &form("")), 303));
    for (what, answer, status) in &answers {
        assert_eq!(answer.status, *status, "{what}: {answer:?}");
        check_headers(what, answer);
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
        assert_eq!(answer.header("content-encoding"), "", "{what}: a length would tell of secrets");
    }
}

pub(crate) fn check_headers(what: &str, answer: &Answer) {
    for (name, value) in HEADERS {
        assert_eq!(answer.header(name), value, "{what}: {name}");
        assert_eq!(answer.headers.iter().filter(|(known, _)| known == name).count(), 1, "{what}: {name}");
    }
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{what}");
}

/// Every page links all assets; only they may be cached.
#[test]
fn assets_are_small_and_all_that_caches_keep() {
    let site = Site::new();
    let page = site.visitor().get("/console/sign-in").body;
    let mut total = 0;
    let assets: Vec<_> = page.split('"').filter(|part| part.starts_with("/console/assets/")).collect();
    assert_eq!(assets.len(), 3, "{assets:?}");
    for path in assets {
        let answer = site.visitor().get(path);
        assert_eq!(answer.status, 200);
        check_headers(path, &answer);
        assert_eq!(answer.header("set-cookie"), "");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        total += answer.body.len();
    }
    assert!(total < 100 * 1024, "{total} bytes");
}

/// A page has no inline script or style, which its policy would not allow.
#[test]
fn pages_hold_no_script_and_no_style() {
    let site = Site::new();
    site.server.create_key();
    let mut root = site.root();
    for path in
        ["/console/", "/console/keys", "/console/aliases", "/console/do/kms/CreateKey", "/console/nothing"]
    {
        let page = root.get(path).body;
        for part in
            [" style=", "<style", " onclick=", " onload=", " onsubmit=", "javascript:", "http://", "https://"]
        {
            assert!(!page.contains(part), "{path}: {part}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/console/assets/").count());
    }
}

#[test]
fn answers_of_the_api_are_not_sniffed() {
    let server = TestServer::plain();
    for answer in [
        server.call("Action=ListKeys"),
        server.send("GET /?Action=ListKeys HTTP/1.1\r\nHost: a\r\n\r\n"),
        server.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
        server.send("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"),
        server.send("GET /console/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
    }
}

/// Without a console, its paths are unknown like those of no action.
#[test]
fn a_server_without_a_console_shows_no_page() {
    let server = TestServer::plain();
    for path in ["/console/", "/console", "/console/sign-in", "/"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n\r\n", server.address);
        let answer = server.send(request);
        assert!(matches!(answer.status, 400 | 404), "{answer:?}");
        assert!(
            answer.header("content-type").starts_with("application/json")
                || answer.header("content-type").starts_with("text/xml")
        );
    }
}

#[test]
fn a_browser_that_opens_the_address_is_led_to_the_console() {
    let site = Site::new();
    let accepts = "Accept: text/html,application/xhtml+xml\r\n";
    for path in ["/", "/?utm=1", "/?a=Action&actions=%zz"] {
        let answer = site.visitor().exchange("GET", path, accepts, b"");
        assert_eq!((answer.status, answer.header("location")), (303, "/console/"), "{path}");
        check_headers(path, &answer);
    }
    let v3 = format!("{accepts}x-acs-action: ListKeys\r\n");
    for (path, headers) in [
        ("/", ""),
        ("/", "Accept: application/json\r\n"),
        ("/?Action=ListKeys", accepts),
        ("/?a=b&Action=ListKeys", accepts),
        ("/keys?Action=ListKeys", accepts),
        ("/", &v3),
    ] {
        let answer = site.visitor().exchange("GET", path, headers, b"");
        assert!(answer.status >= 400 && answer.header("location").is_empty(), "{answer:?}");
        assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    }
    for path in ["/healthz", "/readyz"] {
        let answer = site.visitor().exchange("GET", path, accepts, b"");
        assert_eq!((answer.status, &*answer.body), (200, r#"{"Status":"ok"}"#), "{path}");
    }
}

/// Returns the status of a page, after checking that it is one, in this language and with the id of its request.
fn page_in(language: &str, answer: &Answer) -> u16 {
    let (tag, id) =
        if language == "zh" { ("lang=\"zh-CN\"", "请求 ID") } else { ("lang=\"en\"", "Request id") };
    check_headers(language, answer);
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    assert!(answer.body.contains(tag) && answer.body.contains(id), "{answer:?}");
    answer.status
}

#[test]
fn a_browser_gets_a_page_at_every_path_and_under_every_name() {
    let site = Site::new();
    for language in ["en", "zh"] {
        let accepts = format!("Accept: text/html\r\nAccept-Language: {language}\r\n");
        for path in ["/keys", "/favicon.ico", "/consoles/", "/Console/", "/index.html?a=b"] {
            let answer = site.visitor().exchange("GET", path, &accepts, b"");
            assert_eq!(page_in(language, &answer), 404, "{path}");
            assert!(answer.body.contains("href=\"/console/\""), "{path}");
        }
        let mut elsewhere = Visitor { host: "evil.example".into(), ..site.visitor() };
        for path in ["/", "/?utm=1", "/keys", "/console/", "/console/assets/none.css"] {
            let answer = elsewhere.exchange("GET", path, &accepts, b"");
            assert_eq!(page_in(language, &answer), 421, "{path}");
            assert_eq!(answer.header("location"), "", "{path}");
        }
    }
}

#[test]
fn a_form_that_is_too_large_gets_a_page() {
    let site = Site::new();
    for (language, host, status) in [("en", None, 413), ("zh", None, 413), ("zh", Some("evil.example"), 421)]
    {
        let host = host.map_or_else(|| site.host(), str::to_owned);
        let request = format!(
            "POST /console/keys HTTP/1.1\r\nHost: {host}\r\nAccept-Language: {language}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 400000\r\n\r\ntoken="
        );
        assert_eq!(page_in(language, &site.server.send(request)), status);
    }
    // The page for a request of no host, or of two, is an answer to invalid HTTP.
    let request = "GET /console/ HTTP/1.1\r\nAccept-Language: zh\r\n\r\n";
    assert_eq!(page_in("zh", &site.server.send(request)), 400);
}

#[test]
fn no_trick_in_a_path_leads_past_the_sign_in() {
    let site = Site::new();
    let key = site.server.create_key();
    for path in [
        "/console/../",
        "/console/./keys",
        "/console/%2e%2e/",
        "/console/%2e%2e%2fhealthz",
        "/console/..%2f..%2fetc%2fpasswd",
        "/console/%252e%252e/",
        "/console//keys",
        "/console/keys/",
        "/console/keys//",
        "/console/keys;a=b",
        "/console/keys%00",
        "/console/keys/%ff%fe",
        "/console/keys/%zz",
        "/console/assets/../keys",
        "/console/assets/style.css",
        "/console/assets/%2e%2e/keys",
        "/console/sign-in/../keys",
        "/console/sign-in/keys",
        "/console/sign-in%2fkeys",
        "/console/language/../keys",
        "/console/language/keys",
        "/console/KEYS",
        "/Console/keys",
        "//console/keys",
        "/console\\keys",
        "/console/keys%3f",
        "/consoles/keys",
        "/console-keys",
    ] {
        let answer = site.visitor().get(path);
        assert!(matches!(answer.status, 303 | 400 | 404), "{path}: {answer:?}");
        assert!(!answer.body.contains(&key), "{path}");
        let signed_in = site.root().get(path);
        assert!(matches!(signed_in.status, 303 | 400 | 404), "{path}: {}", signed_in.status);
    }
}

/// The target of a link or a sign-in is a page of the console.
#[test]
fn nothing_redirects_to_another_site() {
    let site = Site::new();
    for then in [
        "https%3A%2F%2Fevil.example%2F",
        "%2F%2Fevil.example%2F",
        "%2Fconsole",
        "%2F%5Cevil.example",
        "javascript%3Aalert(1)",
        "%2Fconsole%2F%0D%0ASet-Cookie%3A%20a%3Db",
        "%2Fconsole%2F%5C%5Cevil.example",
        "evil.example",
        "",
    ] {
        let mut visitor = site.visitor();
        let answer = visitor.get(&format!("/console/language?to=zh&then={then}"));
        assert_eq!(answer.header("location"), "/console/", "{then}");
        let token = visitor.token("/console/sign-in");
        let form = format!("token={token}&AccessKeyId={ID}&AccessKeySecret=testsecret&then={then}");
        let answer = visitor.post("/console/sign-in", &form);
        assert_eq!(answer.header("location"), "/console/", "{then}: {answer:?}");
        assert_eq!(answer.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 1);
    }
    let there = site.visitor().get("/console/keys?state=Enabled").header("location").to_owned();
    let mut visitor = site.visitor();
    let token = visitor.token(&there);
    let form = format!(
        "token={token}&AccessKeyId={ID}&AccessKeySecret=testsecret&then=%2Fconsole%2Fkeys%3Fstate%3DEnabled"
    );
    assert_eq!(visitor.post("/console/sign-in", &form).header("location"), "/console/keys?state=Enabled");
}

#[test]
fn other_methods_are_refused_and_head_is_get_without_the_page() {
    let site = Site::new();
    let mut root = site.root();
    let before = site.keys();
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"] {
        let answer = root.exchange(method, "/console/keys", "", b"");
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, POST"), "{method}");
        assert!(!answer.body.contains("bulla-session"), "{method} repeats the cookie");
    }
    assert_eq!(site.keys(), before);
    for path in ["/console/", "/console/keys", "/console/nothing", "/console/language?to=en"] {
        let get = root.get(path);
        let head = root.exchange("HEAD", path, "", b"");
        assert_eq!(get.status, head.status, "{path}");
        // hyper omits the length of an empty body.
        let names = |answer: &Answer| {
            let names = answer.headers.iter().map(|(name, _)| name.clone());
            names.filter(|name| name != "content-length").collect::<Vec<_>>()
        };
        assert_eq!(names(&get), names(&head), "{path}");
    }
}
