//! The second step of a sign-in: codes work once, a password alone opens nothing, and what a session by a code may do.

use std::time::{SystemTime, UNIX_EPOCH};

use bulla_wire::Parameters;

use crate::totp;
use crate::visitor::{Site, Visitor};

const PASSWORD: &str = "Correct-Horse-7";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Creates a user with a password and a device of this seed, whose codes before the next step are used up.
fn user_with_device(site: &Site, name: &str) -> String {
    user_with_password(site, name, "");
    let made = site.ram(&format!("Action=CreateVirtualMFADevice&VirtualMFADeviceName={name}"));
    let (seed, device) = (made.field("Base32StringSeed"), made.field("SerialNumber"));
    let codes = [now() - 30, now()].map(|time| totp::code(&seed, time));
    let bind = format!(
        "Action=BindMFADevice&UserName={name}&SerialNumber={device}&AuthenticationCode1={}&AuthenticationCode2={}",
        codes[0], codes[1]
    );
    assert_eq!(site.ram(&bind).status, 200);
    seed
}

fn user_with_password(site: &Site, name: &str, more: &str) {
    site.ram(&format!("Action=CreateUser&UserName={name}"));
    let profile = site.ram(&format!("Action=CreateLoginProfile&UserName={name}&Password={PASSWORD}{more}"));
    assert_eq!(profile.status, 200, "{profile:?}");
}

/// Returns the next code, which no test has used: it is valid one step early.
fn fresh(seed: &str) -> String {
    totp::code(seed, now() + 30)
}

fn give_password(visitor: &mut Visitor<'_>, name: &str) {
    let answer = visitor.send("/console/sign-in", &[("UserName", name), ("Password", PASSWORD)]);
    assert_eq!((answer.status, answer.header("location")), (303, "/console/code"), "{answer:?}");
}

fn give_code(visitor: &mut Visitor<'_>, code: &str) -> u16 {
    visitor.send("/console/code", &[("Code", code)]).status
}

#[test]
fn a_password_alone_is_no_session() {
    let site = Site::new();
    let seed = user_with_device(&site, "ann");
    let mut ann = site.visitor();
    give_password(&mut ann, "ann");
    for path in ["/console/keys", "/console/account", "/console/device", "/console/password"] {
        assert!(ann.get(path).header("location").starts_with("/console/sign-in"), "{path}");
    }
    let token = ann.token("/console/code");
    for path in ["/console/keys", "/console/device/new", "/console/device/remove", "/console/password"] {
        let answer = ann.post(path, &format!("token={token}"));
        assert!(answer.header("location").starts_with("/console/sign-in"), "{path}: {answer:?}");
    }
    assert_eq!(site.keys(), "0");
    let before = ann.cookie.clone();
    assert_eq!(give_code(&mut ann, &fresh(&seed)), 303);
    assert_ne!(ann.cookie, before, "another cookie than the one of the password");
    assert_ne!(ann.get("/console/device").header("location"), "/console/sign-in");
    let mut thief = Visitor { cookie: before, ..site.visitor() };
    assert!(thief.get("/console/device").header("location").starts_with("/console/sign-in"));
    assert_eq!(thief.get("/console/code").header("location"), "/console/sign-in");
}

#[test]
fn a_code_works_once_and_for_its_own_user() {
    let site = Site::new();
    let [ann, bob] = ["ann", "bob"].map(|name| user_with_device(&site, name));
    let code = fresh(&ann);
    let mut first = site.visitor();
    give_password(&mut first, "ann");
    assert_eq!(give_code(&mut first, &fresh(&bob)), 403);
    assert_eq!(give_code(&mut first, ""), 403);
    assert_eq!(give_code(&mut first, &code), 303);
    let mut second = site.visitor();
    give_password(&mut second, "ann");
    let answer = second.send("/console/code", &[("Code", &code)]);
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("used already"), "{}", answer.body);
    let log = site.server.log.text();
    assert!(log.contains("ann") && log.contains("by its code") && !log.contains(&code), "{log}");
}

#[test]
fn the_wait_for_a_code_ends_after_five_minutes() {
    let site = Site::new();
    let seed = user_with_device(&site, "ann");
    let mut ann = site.visitor();
    give_password(&mut ann, "ann");
    let token = ann.token("/console/code");
    site.clock.pass(5);
    let answer = ann.post("/console/code", &format!("token={token}&Code={}", fresh(&seed)));
    assert!(answer.status == 403 && answer.body.contains("took too long"), "{answer:?}");
    assert_eq!(ann.get("/console/code").header("location"), "/console/sign-in");
}

#[test]
fn after_five_wrong_codes_a_right_one_waits_for_the_next_step() {
    let site = Site::new();
    let seed = user_with_device(&site, "ann");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let mut visitor = site.visitor();
        give_password(&mut visitor, "ann");
        statuses.push(give_code(&mut visitor, "12345"));
    }
    // A step may have ended between two of them.
    assert!(statuses.ends_with(&[429]) || statuses.iter().all(|status| *status == 403 || *status == 429));
    site.clock.pass(1);
    let mut ann = site.visitor();
    give_password(&mut ann, "ann");
    assert_eq!(give_code(&mut ann, &fresh(&seed)), 303);
}

/// The policy requires a second factor, or forbids one.
#[test]
fn policies_see_whether_this_sign_in_had_a_code() {
    let site = Site::new();
    for (name, has_device, needed) in
        [("ann", true, "true"), ("bob", true, "false"), ("carol", false, "true"), ("dan", false, "false")]
    {
        let mut visitor = site.visitor();
        if has_device {
            let seed = user_with_device(&site, name);
            give_password(&mut visitor, name);
            assert_eq!(give_code(&mut visitor, &fresh(&seed)), 303);
        } else {
            user_with_password(&site, name, "");
            visitor.send("/console/sign-in", &[("UserName", name), ("Password", PASSWORD)]);
        }
        let document = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{{"Bool":{{"acs:MFAPresent":"{needed}"}}}}}}]}}"#
        );
        let mut create = Parameters::default();
        for (field, value) in
            [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", &document)]
        {
            create.set(field, value);
        }
        assert_eq!(site.ram(&create.encode()).status, 200);
        let attach = format!("Action=AttachPolicyToUser&PolicyType=Custom&PolicyName={name}&UserName={name}");
        assert_eq!(site.ram(&attach).status, 200);
        let expected = if has_device == (needed == "true") { 200 } else { 403 };
        assert_eq!(visitor.get("/console/keys").status, expected, "{name} {needed}");
    }
}

#[test]
fn a_session_by_a_code_ends_when_the_device_is_unbound() {
    let site = Site::new();
    let seed = user_with_device(&site, "ann");
    let mut ann = site.visitor();
    give_password(&mut ann, "ann");
    assert_eq!(give_code(&mut ann, &fresh(&seed)), 303);
    assert_eq!(ann.get("/console/device").status, 200);
    assert_eq!(site.ram("Action=UnbindMFADevice&UserName=ann").status, 200);
    assert!(ann.get("/console/keys").header("location").starts_with("/console/sign-in"));
}

/// Returns the seed that a page shows.
fn seed(page: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let is_seed = |text: &&str| text.len() == 32 && text.bytes().all(|byte| letters.contains(&byte));
    page.split(['<', '>']).find(is_seed).unwrap_or_else(|| panic!("no seed: {page}")).to_owned()
}

#[test]
fn a_user_who_has_to_bind_a_device_does_it_at_the_sign_in() {
    let site = Site::new();
    user_with_password(&site, "ann", "&MFABindRequired=true");
    let mut ann = site.visitor();
    let answer = ann.send("/console/sign-in", &[("UserName", "ann"), ("Password", PASSWORD)]);
    assert_eq!(answer.header("location"), "/console/");
    for path in ["/console/keys", "/console/account", "/console/do/kms/CreateKey"] {
        assert_eq!(ann.get(path).header("location"), "/console/device", "{path}");
    }
    let token = ann.token("/console/device");
    assert_eq!(ann.post("/console/keys", &format!("token={token}")).header("location"), "/console/device");
    assert_eq!(site.keys(), "0");

    let page = ann.post("/console/device/new", &format!("token={token}"));
    assert!(page.status == 200 && page.body.contains("<svg class=\"qr\""), "{page:?}");
    let seed = seed(&page.body);
    assert!(!ann.get("/console/device").body.contains(&seed), "it is shown as the answer to a POST only");
    let bind = |codes: [String; 2]| format!("token={token}&Code1={}&Code2={}", codes[0], codes[1]);
    let wrong = ann.post("/console/device/bind", &bind([totp::code(&seed, now()), "000000".into()]));
    assert!(wrong.status == 400 && wrong.body.contains(&seed), "{wrong:?}");
    let codes = [now() - 30, now()].map(|time| totp::code(&seed, time));
    let bound = ann.post("/console/device/bind", &bind(codes.clone()));
    assert_eq!((bound.status, bound.header("location")), (303, "/console/"), "{bound:?}");
    assert_eq!(ann.get("/console/keys").status, 403, "signed in, without a permission");
    assert!(ann.get("/console/account").body.contains("/console/device"));

    let mut again = site.visitor();
    give_password(&mut again, "ann");
    assert_eq!(give_code(&mut again, &codes[1]), 403, "a code that bound the device");
    assert_eq!(give_code(&mut again, &fresh(&seed)), 303);
}

#[test]
fn a_device_is_not_bound_or_removed_by_a_forged_form() {
    let site = Site::new();
    let seed = user_with_device(&site, "ann");
    let mut ann = site.visitor();
    give_password(&mut ann, "ann");
    assert_eq!(give_code(&mut ann, &fresh(&seed)), 303);
    for path in ["/console/device/remove", "/console/device/new", "/console/code"] {
        assert_eq!(ann.post(path, "Code=123456").status, 403, "{path}");
    }
    let token = ann.token("/console/device");
    assert_eq!(ann.post("/console/device/remove", &format!("token={token}&Code=000000")).status, 400);
    assert_eq!(site.ram("Action=GetUserMFAInfo&UserName=ann").status, 200);
}
