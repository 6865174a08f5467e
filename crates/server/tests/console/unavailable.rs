//! The console while the audit trail takes no lines: nothing changes, no user signs in, and no event says otherwise.

use std::fs;
use std::time::Duration;

use crate::answers::check_headers;
use crate::common::{Answer, ID, SECRET};
use crate::visitor::{Site, Visitor};

const PASSWORD: &str = "Correct-Horse-7";

/// Moves the trail away, and puts a file in its place, so that the engine cannot create another one.
fn take_trail(site: &Site) {
    let [trail, away] = ["audit", "away"].map(|name| site.server.data.path().join(name));
    fs::rename(&trail, away).unwrap();
    fs::write(&trail, "not a directory").unwrap();
}

fn return_trail(site: &Site) {
    let [trail, away] = ["audit", "away"].map(|name| site.server.data.path().join(name));
    fs::remove_file(&trail).unwrap();
    fs::rename(away, &trail).unwrap();
    while !site.server.kms.is_ready() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Asserts that an answer is a page of the console with the id of its request.
fn check_page(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    check_headers(what, answer);
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert!(answer.header("content-type").starts_with("text/html"), "{what}");
    assert!(answer.body.contains("Request id"), "{what}: {}", answer.body);
}

fn user_with_password(site: &Site, name: &str) {
    site.ram(&format!("Action=CreateUser&UserName={name}"));
    site.ram(&format!("Action=CreateLoginProfile&UserName={name}&Password={PASSWORD}"));
}

/// The first request after the loss learns of it only when it writes its own line.
#[test]
fn a_sign_in_without_its_line_begins_no_session_and_is_no_event() {
    for is_first in [true, false] {
        let site = Site::new();
        user_with_password(&site, "ann");
        let by_key = [("AccessKeyId", ID), ("AccessKeySecret", SECRET)];
        let by_password = [("UserName", "ann"), ("Password", PASSWORD)];
        let fields = if is_first { by_key } else { by_password };
        let mut visitor = site.visitor();
        let token = visitor.token("/console/sign-in");
        let before = visitor.cookie.clone();
        take_trail(&site);
        if !is_first {
            let mut other = site.visitor();
            check_page("the first", &other.sign_in(ID, SECRET));
        }
        let mut form = format!("token={token}");
        fields.iter().for_each(|(name, value)| form += &format!("&{name}={value}"));
        let answer = visitor.post("/console/sign-in", &form);
        check_page("the sign-in", &answer);
        assert!(answer.body.contains("could not check the sign-in"), "{}", answer.body);
        assert_eq!(answer.header("set-cookie"), "");
        assert_eq!(visitor.cookie, before);
        return_trail(&site);
        assert!(!visitor.is_signed_in());
        assert!(!site.server.log.text().contains("signed in"), "{}", site.server.log.text());
        assert_eq!(site.visitor().sign_in(ID, SECRET).status, 303);
    }
}

#[test]
fn a_wrong_secret_has_the_answer_of_a_right_one() {
    let site = Site::new();
    take_trail(&site);
    for secret in [SECRET, SECRET, "wrong"] {
        check_page(secret, &site.visitor().sign_in(ID, secret));
    }
}

#[test]
fn a_session_gets_pages_that_say_so_and_changes_nothing() {
    let site = Site::new();
    let mut root = site.root();
    user_with_password(&site, "ann");
    let mut ann = site.visitor();
    ann.send("/console/sign-in", &[("UserName", "ann"), ("Password", PASSWORD)]);
    let token = root.token("/console/do/kms/CreateKey");
    let keys = site.keys();
    take_trail(&site);
    check_page("the first", &root.get("/console/keys"));
    check_page("create", &root.post("/console/keys", &format!("token={token}")));
    for path in
        ["/console/keys", "/console/secrets", "/console/users", "/console/policies", "/console/limits"]
    {
        check_page(path, &root.get(path));
    }
    let change = [
        ("OldPassword", PASSWORD),
        ("NewPassword", "Battery-Staple-8"),
        ("NewPasswordAgain", "Battery-Staple-8"),
    ];
    check_page("password", &ann.send("/console/password", &change));
    let signed_out = root.post("/console/sign-out", &format!("token={token}"));
    assert_eq!(signed_out.status, 303);
    return_trail(&site);
    assert!(!root.is_signed_in() && ann.get("/console/password").status == 200);
    assert_eq!(site.keys(), keys);
    let mut again = site.visitor();
    again.send("/console/sign-in", &[("UserName", "ann"), ("Password", PASSWORD)]);
    assert_eq!(again.get("/console/password").status, 200, "the password is the old one");
    assert_eq!(site.server.log.text().matches("a sign-out from").count(), 1);
}

#[test]
fn a_sign_out_without_a_session_is_no_event() {
    let site = Site::new();
    let mut visitor: Visitor<'_> = site.visitor();
    let token = visitor.token("/console/sign-in");
    assert_eq!(visitor.post("/console/sign-out", &format!("token={token}")).status, 303);
    site.visitor().sign_in(ID, "wrong"); // its event follows
    let log = site.server.log.text();
    assert!(log.contains("was refused") && !log.contains("sign-out"), "{log}");
}
