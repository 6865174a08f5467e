//! Requests that a page of another site makes a browser send, and names that an attacker points at the server.

use crate::common::{ID, SECRET};
use crate::visitor::{Site, Visitor};

/// Every way in which a form is not of this session, as a change of the visitor and of the form.
#[test]
fn a_form_of_another_page_changes_nothing() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let host = site.host();
    let port = site.server.address.port();
    let before = site.keys();
    for headers in [
        String::new(),
        "Sec-Fetch-Site: same-origin\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        "Origin: null\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
        "Origin: null\r\nSec-Fetch-Site: none\r\n".to_owned(),
        "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
        "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n".to_owned(),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: same-site\r\n"),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: none\r\n"),
        format!("Origin: http://{host}.evil.example\r\n"),
        format!("Origin: http://evil.example#{host}\r\n"),
        format!("Origin: http://evil.example@{host}\r\n"),
        format!("Origin: http://127.0.0.1:{}\r\n", port ^ 1),
        "Origin: http://127.0.0.1\r\n".to_owned(),
        format!("Origin: http://localhost:{port}\r\n"),
        format!("Origin: ftp://{host}\r\n"),
        format!("Origin: {host}\r\n"),
        format!("Origin: http://{host}\r\nOrigin: https://evil.example\r\n"),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Site: same-origin\r\n"),
    ] {
        root.headers = headers;
        let answer = root.post("/console/keys", &format!("token={token}"));
        assert_eq!(answer.status, 403, "{:?}", root.headers);
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(site.keys(), before);
}

#[test]
fn a_form_without_the_token_of_its_session_changes_nothing() {
    let site = Site::new();
    let mut root = site.root();
    let own = root.token("/console/do/kms/CreateKey");
    let another = site.root().token("/console/do/kms/CreateKey");
    let before_sign_in = site.visitor().token("/console/sign-in");
    let before = site.keys();
    for form in [
        String::new(),
        "token=".to_owned(),
        format!("token={another}"),
        format!("token={before_sign_in}"),
        format!("token={}", &own[1..]),
        format!("token={own}A"),
        format!("Token={own}"),
        format!("token={own}&token={own}"),
    ] {
        assert_eq!(root.post("/console/keys", &form).status, 403, "{form}");
        assert_eq!(root.post("/console/do/kms/CreateKey", &form).status, 403, "{form}");
    }
    // A token in the query, which other sites can see, is not accepted.
    assert_eq!(root.post(&format!("/console/keys?token={own}"), "").status, 403);
    assert_eq!(site.keys(), before);
    assert_eq!(root.post("/console/keys", &format!("token={own}")).status, 303);
    assert_ne!(site.keys(), before);
}

/// A victim who is signed in as the attacker would disclose secrets.
#[test]
fn a_forged_form_signs_no_visitor_in() {
    let site = Site::new();
    let form = |token: &str| format!("token={token}&AccessKeyId={ID}&AccessKeySecret={SECRET}");
    let mut attacker = site.visitor();
    let planted = attacker.token("/console/sign-in");
    let mut victim = site.visitor();
    assert_eq!(victim.post("/console/sign-in", &form(&planted)).status, 403, "no cookie");
    let own = victim.token("/console/sign-in");
    assert_eq!(victim.post("/console/sign-in", &form(&planted)).status, 403, "the token of another cookie");
    victim.headers = "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n".to_owned();
    assert_eq!(victim.post("/console/sign-in", &form(&own)).status, 403, "another site");
    assert!(!victim.is_signed_in());
}

#[test]
fn a_name_that_an_attacker_points_at_the_server_is_none_of_its_names() {
    let site = Site::new();
    let root = site.root();
    let port = site.server.address.port();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("xlocalhost:{port}"),
        format!("localhost.:{port}"),
        "kms.example.com.evil.example".to_owned(),
    ] {
        let mut rebound = Visitor { cookie: root.cookie.clone(), host: host.clone(), ..site.visitor() };
        for path in ["/console/", "/console/keys", "/console/sign-in", "/console/language?to=zh"] {
            let answer = rebound.get(path);
            assert_eq!((answer.status, answer.header("set-cookie")), (421, ""), "{host} {path}");
        }
        rebound.headers = format!("Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        assert_eq!(rebound.post("/console/keys", "token=x").status, 421, "{host}");
    }
    for host in [format!("localhost:{port}"), "KMS.example.com".to_owned(), format!("[::1]:{port}")] {
        let mut visitor = Visitor { host, ..site.visitor() };
        assert_eq!(visitor.get("/console/sign-in").status, 200, "{}", visitor.host);
    }
}

/// The action of a form is in its path; further fields are not part of the request.
#[test]
fn a_form_does_the_action_in_its_path_and_nothing_else() {
    let site = Site::new();
    let mut root = site.root();
    let key = site.server.create_key();
    let token = root.token("/console/do/kms/CreateKey");
    let fields = format!("token={token}&KeyId={key}&Action=DisableKey&Version=2016-01-20&AccessKeyId=x");
    let answer = root.post("/console/do/kms/EnableKey", &fields);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(site.server.call(&format!("Action=DescribeKey&KeyId={key}")).field("KeyState"), "Enabled");
    for path in [
        "/console/do/kms/NoSuchAction",
        "/console/do/ram/CreateKey",
        "/console/do/sts/AssumeRole",
        "/console/do/kms",
        "/console/do/nothing/CreateKey",
        "/console/do/kms/CreateKey/more",
        "/console/nothing",
        "/console/",
    ] {
        assert_eq!(root.post(path, &fields).status, 404, "{path}");
    }
}
