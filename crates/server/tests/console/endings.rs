//! Everything that ends a session: afterwards its cookie signs no user in, and its forms change nothing.

use crate::common::{ID, SECRET};
use crate::visitor::{Site, Visitor};

const PASSWORD: &str = "Correct-horse-7";
const OTHER_PASSWORD: &str = "Battery-staple-8";

/// A way to end a session.
struct Ending {
    what: &'static str,
    by: By,
    /// The calls of RAM; `{user}` and `{key}` are those of the session.
    calls: &'static [&'static str],
    /// A further action.
    act: fn(&Site, &mut Visitor<'_>, &str),
}

/// The kind of sign-in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    AccessKey,
    Password,
}

const fn nothing(_: &Site, _: &mut Visitor<'_>, _: &str) {}

const INACTIVE: &str = "Action=UpdateAccessKey&UserName={user}&UserAccessKeyId={key}&Status=Inactive";
const ACTIVE: &str = "Action=UpdateAccessKey&UserName={user}&UserAccessKeyId={key}&Status=Active";
const DELETE_KEY: &str = "Action=DeleteAccessKey&UserName={user}&UserAccessKeyId={key}";
const CHANGE: &str = "Action=UpdateLoginProfile&UserName={user}&Password=Battery-staple-8";
const SAME_AGAIN: &str = "Action=UpdateLoginProfile&UserName={user}&Password=Correct-horse-7";
const RESET: &str = "Action=UpdateLoginProfile&UserName={user}&PasswordResetRequired=true";
const SECOND_FACTOR: &str = "Action=UpdateLoginProfile&UserName={user}&MFABindRequired=true";
const DELETE_PROFILE: &str = "Action=DeleteLoginProfile&UserName={user}";
const CREATE_PROFILE: &str = "Action=CreateLoginProfile&UserName={user}&Password=Correct-horse-7";
const DETACH: &str =
    "Action=DetachPolicyFromUser&UserName={user}&PolicyType=System&PolicyName=AdministratorAccess";
const ATTACH: &str =
    "Action=AttachPolicyToUser&UserName={user}&PolicyType=System&PolicyName=AdministratorAccess";
const DELETE_USER: &str = "Action=DeleteUser&UserName={user}";
const CREATE_USER: &str = "Action=CreateUser&UserName={user}";

const ENDINGS: &[Ending] = &[
    Ending { what: "the key is disabled", by: By::AccessKey, calls: &[INACTIVE], act: nothing },
    Ending { what: "it is enabled again", by: By::AccessKey, calls: &[INACTIVE, ACTIVE], act: nothing },
    Ending { what: "the key is deleted", by: By::AccessKey, calls: &[DELETE_KEY], act: nothing },
    Ending {
        what: "the user of the key is deleted",
        by: By::AccessKey,
        calls: &[DELETE_KEY, DELETE_PROFILE, DETACH, DELETE_USER],
        act: nothing,
    },
    Ending { what: "root changes the password", by: By::Password, calls: &[CHANGE], act: nothing },
    Ending { what: "root sets the same one", by: By::Password, calls: &[SAME_AGAIN], act: nothing },
    Ending { what: "another password is due", by: By::Password, calls: &[RESET], act: nothing },
    Ending { what: "a second factor is due", by: By::Password, calls: &[SECOND_FACTOR], act: nothing },
    Ending { what: "the profile is removed", by: By::Password, calls: &[DELETE_PROFILE], act: nothing },
    Ending {
        what: "the profile is made again",
        by: By::Password,
        calls: &[DELETE_PROFILE, CREATE_PROFILE],
        act: nothing,
    },
    Ending {
        what: "the user is deleted and made again",
        by: By::Password,
        calls: &[DELETE_PROFILE, DELETE_KEY, DETACH, DELETE_USER, CREATE_USER, CREATE_PROFILE, ATTACH],
        act: nothing,
    },
    Ending { what: "the user changes it elsewhere", by: By::Password, calls: &[], act: change_elsewhere },
    Ending { what: "the user changes it here", by: By::Password, calls: &[], act: change_here },
    Ending { what: "the user signs out", by: By::Password, calls: &[], act: sign_out },
    Ending { what: "somebody signs in here", by: By::AccessKey, calls: &[], act: sign_in_again },
    Ending { what: "15 minutes pass", by: By::Password, calls: &[], act: |site, _, _| site.clock.pass(15) },
    Ending { what: "8 hours pass in use", by: By::AccessKey, calls: &[], act: stay_for_eight_hours },
];

#[test]
fn every_ending_takes_the_cookie_and_the_forms_of_the_session() {
    let site = Site::new();
    for (number, ending) in ENDINGS.iter().enumerate() {
        let what = ending.what;
        let user = format!("user{number}");
        let (key, secret) = employ(&site, &user);
        let mut visitor = site.visitor();
        let answer = match ending.by {
            By::AccessKey => visitor.sign_in(&key, &secret),
            By::Password => by_password(&mut visitor, &user, PASSWORD),
        };
        assert_eq!(answer.status, 303, "{what}: {}", answer.body);
        assert!(visitor.is_signed_in(), "{what}");
        let token = visitor.token("/console/do/kms/CreateKey");
        let mut thief = Visitor { cookie: visitor.cookie.clone(), ..site.visitor() };
        for call in ending.calls {
            site.ram(&call.replace("{user}", &user).replace("{key}", &key));
        }
        (ending.act)(&site, &mut visitor, &user);
        check_ended(&site, &mut thief, &token, what);
    }
}

#[test]
fn a_restart_ends_every_session_and_the_form_before_it() {
    let site = Site::new();
    let mut root = site.root();
    let token = root.token("/console/do/kms/CreateKey");
    let cookie = root.cookie.clone().unwrap();
    let (_, value) = cookie.split_once('=').unwrap();
    let value = value.to_owned();
    let site = site.restart();
    let cookie = format!("bulla-session-{}={value}", site.server.address.port());
    let mut thief = Visitor { cookie: Some(cookie), ..site.visitor() };
    let before = site.keys();
    assert!(!thief.is_signed_in());
    // The key of the tokens is another one, too.
    assert_eq!(thief.post("/console/keys", &format!("token={token}")).status, 403);
    assert_eq!(site.keys(), before);
    assert!(site.root().is_signed_in());
}

/// Creates a user who may do everything, with a password. Returns the id and secret of an access key.
fn employ(site: &Site, user: &str) -> (String, String) {
    let made = site.user(user);
    for call in [CREATE_PROFILE, ATTACH] {
        site.ram(&call.replace("{user}", user));
    }
    made
}

/// Asserts that the cookie is invalid for all requests.
fn check_ended(site: &Site, thief: &mut Visitor<'_>, token: &str, what: &str) {
    let before = site.keys();
    for path in ["/console/", "/console/keys", "/console/password", "/console/do/kms/CreateKey"] {
        let answer = thief.get(path);
        let leads_to = answer.header("location");
        assert!(leads_to.starts_with("/console/sign-in"), "{what}: {path}: {answer:?}");
    }
    for path in ["/console/keys", "/console/do/kms/CreateKey", "/console/password"] {
        let answer = thief.post(path, &format!("token={token}&NewPassword={OTHER_PASSWORD}"));
        let leads_to = answer.header("location");
        assert!(leads_to.starts_with("/console/sign-in"), "{what}: {path}: {answer:?}");
    }
    assert_eq!(site.keys(), before, "{what}");
}

fn by_password(visitor: &mut Visitor<'_>, user: &str, password: &str) -> crate::common::Answer {
    visitor.send("/console/sign-in", &[("UserName", user), ("Password", password)])
}

/// The user changes the password in the session of `visitor`.
fn change(visitor: &mut Visitor<'_>) {
    let fields =
        [("OldPassword", PASSWORD), ("NewPassword", OTHER_PASSWORD), ("NewPasswordAgain", OTHER_PASSWORD)];
    let answer = visitor.send("/console/password", &fields);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(visitor.is_signed_in(), "who changes it stays");
}

fn change_here(_: &Site, visitor: &mut Visitor<'_>, _: &str) {
    change(visitor);
}

fn change_elsewhere(site: &Site, _: &mut Visitor<'_>, user: &str) {
    let mut elsewhere = site.visitor();
    assert_eq!(by_password(&mut elsewhere, user, PASSWORD).status, 303);
    change(&mut elsewhere);
    assert_eq!(by_password(&mut site.visitor(), user, PASSWORD).status, 403);
}

fn sign_out(_: &Site, visitor: &mut Visitor<'_>, _: &str) {
    let token = visitor.token("/console/keys");
    assert_eq!(visitor.post("/console/sign-out", &format!("token={token}")).status, 303);
}

fn sign_in_again(_: &Site, visitor: &mut Visitor<'_>, _: &str) {
    assert_eq!(visitor.sign_in(ID, SECRET).status, 303);
    assert!(visitor.is_signed_in());
}

fn stay_for_eight_hours(site: &Site, visitor: &mut Visitor<'_>, _: &str) {
    for _ in 0..47 {
        site.clock.pass(10);
        assert!(visitor.is_signed_in());
    }
    site.clock.pass(10);
}
