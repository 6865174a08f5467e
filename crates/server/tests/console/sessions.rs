//! Sessions: they cannot be planted, and end when they must.

use crate::common::{ID, SECRET};
use crate::visitor::{Site, Visitor};

#[test]
fn signing_in_gives_another_cookie_than_the_one_that_was_planted() {
    let site = Site::new();
    let mut attacker = site.visitor();
    attacker.get("/console/sign-in");
    let planted = attacker.cookie.clone().unwrap();
    let mut victim = Visitor { cookie: Some(planted.clone()), ..site.visitor() };
    victim.sign_in(ID, SECRET);
    assert!(victim.is_signed_in());
    assert_ne!(victim.cookie.as_ref(), Some(&planted));
    assert!(!attacker.is_signed_in());
    // Nor is a session whose name occurs twice, which a program on another port of this host can cause.
    let own = victim.cookie.clone().unwrap();
    for both in [format!("{planted}; {own}"), format!("{own}; {planted}"), format!("{own}; {own}")] {
        assert!(!Visitor { cookie: Some(both), ..site.visitor() }.is_signed_in());
    }
    assert!(Visitor { cookie: Some(format!("a=b; {own}; c")), ..site.visitor() }.is_signed_in());
}

#[test]
fn signing_in_again_ends_the_session_before() {
    let site = Site::new();
    let mut root = site.root();
    let first = root.cookie.clone();
    assert_eq!(root.sign_in(ID, SECRET).status, 303);
    assert!(root.is_signed_in());
    assert!(!Visitor { cookie: first, ..site.visitor() }.is_signed_in());
}

/// Without TLS the server is on loopback, where all ports share cookies: their names contain the port.
#[test]
fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let site = Site::new();
    let mut visitor = site.visitor();
    let planted = visitor.get("/console/sign-in").header("set-cookie").to_owned();
    let begun = visitor.sign_in(ID, SECRET).header("set-cookie").to_owned();
    for line in [planted, begun] {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert_eq!(name, format!("bulla-session-{}", site.server.address.port()));
        assert_eq!(value.len(), 43, "256 bits as Base64");
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    }
}

#[test]
fn a_session_ends_after_a_quarter_of_an_hour_without_use() {
    let site = Site::new();
    let mut root = site.root();
    for _ in 0..3 {
        site.clock.pass(14);
        assert!(root.is_signed_in());
    }
    let token = root.token("/console/do/kms/CreateKey");
    let before = site.keys();
    site.clock.pass(15);
    let answer = root.post("/console/keys", &format!("token={token}"));
    assert!(answer.header("location").starts_with("/console/sign-in"), "{answer:?}");
    assert_eq!(site.keys(), before);
    assert!(!root.is_signed_in());
}

#[test]
fn a_session_ends_after_eight_hours_even_if_it_is_active() {
    let site = Site::new();
    let mut root = site.root();
    for _ in 1..48 {
        site.clock.pass(10);
        assert!(root.is_signed_in());
    }
    site.clock.pass(10);
    assert!(!root.is_signed_in());
}

#[test]
fn signing_out_ends_the_session_and_takes_a_form_of_it() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/keys");
    let cookie = root.cookie.clone();
    assert_ne!(root.get("/console/sign-out").status, 303, "a link ends no session");
    assert_eq!(root.post("/console/sign-out", "").status, 403);
    assert!(root.is_signed_in());
    let answer = root.post("/console/sign-out", &format!("token={token}"));
    assert_eq!(answer.status, 303);
    let cleared = answer.header("set-cookie");
    assert!(cleared.contains("Max-Age=0") && cleared.contains("Path=/"), "{cleared}");
    assert!(answer.header("clear-site-data").contains("\"cache\""));
    let mut thief = Visitor { cookie, ..site.visitor() };
    assert!(!thief.is_signed_in());
    assert!(thief.post("/console/keys", &format!("token={token}")).header("location").contains("sign-in"));
}

/// The engine's own tests cover every way in which a sign-in ends; this one shows that the console checks it for every
/// request.
#[test]
fn a_session_ends_with_its_access_key_and_its_user() {
    let site = Site::new();
    for ending in [
        "Action=UpdateAccessKey&UserName={user}&UserAccessKeyId={key}&Status=Inactive",
        "Action=DeleteAccessKey&UserName={user}&UserAccessKeyId={key}",
    ] {
        let name = format!("user{}", ending.len());
        let (id, secret) = site.user(&name);
        let mut user = site.visitor();
        assert_eq!(user.sign_in(&id, &secret).status, 303);
        assert_eq!(user.get("/console/sign-out").status, 404, "signed in, and no such page");
        site.ram(&ending.replace("{user}", &name).replace("{key}", &id));
        let answer = user.get("/console/sign-out");
        assert!(answer.header("location").starts_with("/console/sign-in"), "{answer:?}");
        assert_eq!(user.sign_in(&id, &secret).status, 403);
    }
}

#[test]
fn a_caller_without_permission_sees_and_changes_nothing() {
    let site = Site::new();
    let key = site.server.create_key();
    let (id, secret) = site.user("stranger");
    let mut user = site.visitor();
    user.sign_in(&id, &secret);
    for path in ["/console/keys", &format!("/console/keys/{key}"), "/console/aliases"] {
        let answer = user.get(path);
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.body.contains("NoPermission"), "{path}: {}", answer.body);
    }
    let token = user.token("/console/do/kms/DisableKey");
    let answer = user.post("/console/do/kms/DisableKey", &format!("token={token}&KeyId={key}"));
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Forbidden.NoPermission"), "{}", answer.body);
    assert_eq!(site.server.call(&format!("Action=DescribeKey&KeyId={key}")).field("KeyState"), "Enabled");
}

#[test]
fn the_api_ignores_the_cookie() {
    let site = Site::new();
    let mut root = site.root();
    for path in
        ["/?Action=ListKeys&Version=2016-01-20", "/?Action=ListKeys&Version=2016-01-20&AccessKeyId=testid"]
    {
        let answer = root.get(path);
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.contains("Missing") || answer.body.contains("Incomplete"), "{}", answer.body);
        assert_eq!(root.post(path, "").status, 400);
    }
}

#[test]
fn a_refused_sign_in_repeats_nothing_that_was_typed() {
    let site = Site::new();
    let mut visitor = site.visitor();
    for (id, secret) in [(ID, "wrong-secret-typed"), ("unknown-name-typed", SECRET)] {
        let answer = visitor.sign_in(id, secret);
        assert_eq!(answer.status, 403);
        assert!(!answer.body.contains(secret) && !answer.body.contains(id), "{}", answer.body);
        assert!(!visitor.is_signed_in());
    }
    let answer =
        visitor.send("/console/sign-in", &[("UserName", "nobody-typed"), ("Password", "password-typed")]);
    assert_eq!(answer.status, 403);
    let log = site.server.log.text();
    for typed in ["wrong-secret-typed", "unknown-name-typed", "nobody-typed", "password-typed", SECRET] {
        assert!(!log.contains(typed), "{typed}: {log}");
    }
    assert!(log.contains("refused"), "{log}");
}

#[test]
fn the_log_names_the_user_of_each_request() {
    let site = Site::new();
    let made = site.ram("Action=CreateUser&UserName=ann");
    let id = made.field("UserId");
    site.ram("Action=CreateLoginProfile&UserName=ann&Password=Correct-horse-7");
    let mut ann = site.visitor();
    let answer = ann.send("/console/sign-in", &[("UserName", "ann"), ("Password", "Correct-horse-7")]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    ann.get("/console/keys");
    site.root().get("/console/keys");
    site.server.stopper.stop();
    let (log, ended) = site.server.join();
    assert!(ended.is_ok());
    let log = log.text();
    let is_of = |line: &&str| line.contains(&format!(" key=- user={id} action=- status=403 "));
    assert_eq!(log.lines().filter(is_of).count(), 1, "{log}");
    assert!(log.lines().any(|line| line.contains(&format!(" key={ID} action=- status=200 "))), "{log}");
}
