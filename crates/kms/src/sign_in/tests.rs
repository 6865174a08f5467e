//! Signing in to an engine: the credentials, what a sign-in permits, and what ends it.

mod endings;
mod mfa;

use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use bulla_wire::Request;
use bulla_wire::kms::CreateKey;
use bulla_wire::ram::ListAccessKeys;
use bulla_wire::sts::{AssumeRole, GetCallerIdentity};
use serde_json::Value;

use super::*;
use crate::password::cheap_hash;
use crate::people::{LoginProfile, NameKey, PasswordFault};
use crate::sessions::tests::world::{EVERYTHING, World, trusting};
use crate::state::Write;

const PASSWORD: &str = "abcDEF-12";

fn text(text: &str) -> SecretText {
    text.to_owned().into()
}

fn connection() -> Connection {
    Connection { source: None, tls: true, request_id: "r".into(), user_agent: None }
}

fn change_user(world: &World, name: &str, edit: impl FnOnce(&mut User)) {
    let row = world.kms_ref().state.published().get::<User>(&NameKey::of(name)).unwrap().clone();
    let mut user = User::clone(&row.record);
    edit(&mut user);
    world.write([(Write::User(user), row.revision)]);
}

/// A profile with a password whose hash takes no time.
fn profile(password: &str) -> LoginProfile {
    let password_hash = cheap_hash(password);
    LoginProfile { password_hash, reset_required: false, mfa_required: false, created: 0, updated: 0 }
}

/// An account with the user alice, who has a password.
fn world() -> World {
    let world = World::new();
    world.user("Alice", EVERYTHING);
    change_user(&world, "alice", |user| user.login_profile = Some(profile(PASSWORD)));
    world
}

fn by_password(world: &World, name: &str, password: &str) -> Result<SignedIn, SignInRefusal> {
    match first_factor(world, name, password)? {
        FirstFactor::Enough(signed_in) => Ok(signed_in),
        FirstFactor::CodeNeeded(half) => panic!("{half:?}"),
    }
}

fn first_factor(world: &World, name: &str, password: &str) -> Result<FirstFactor, SignInRefusal> {
    pollster::block_on(world.kms_ref().sign_in_by_password(name, &text(password), None, None))
}

fn choose(world: &World, by: &SignedIn, old: Option<&str>, new: &str) -> Result<SignedIn, PasswordRefusal> {
    let old = old.map(text);
    pollster::block_on(world.kms_ref().choose_password(by, old.as_ref(), &text(new)))
}

fn has_ended(world: &World, signed_in: &SignedIn) -> bool {
    matches!(world.kms_ref().origin_of(signed_in, connection()), Err(SignInEnded::Ended))
}

/// Returns the reply to a request of a signed-in caller.
fn call(world: &World, by: &SignedIn, request: Request) -> Result<Value, String> {
    let origin = world.kms_ref().origin_of(by, connection()).unwrap();
    let reply = pollster::block_on(world.kms_ref().call(request, &origin));
    reply.map(|reply| serde_json::to_value(reply).unwrap()).map_err(|error| error.code_text())
}

fn assume(role: &str) -> Request {
    AssumeRole {
        role_arn: format!("acs:ram::111122223333:role/{role}"),
        role_session_name: "job".into(),
        duration_seconds: None,
        policy: None,
        external_id: None,
        source_identity: None,
    }
    .into()
}

#[test]
fn root_and_users_sign_in_by_access_keys_and_act_as_by_their_signatures() {
    let world = world();
    let kms = world.kms_ref();
    let root = kms.sign_in_by_access_key("rootkey", &text("rootsecret")).unwrap();
    assert!(root.is_root() && !root.must_choose_password());
    assert_eq!((kms.name_of(&root), root.user_id()), ("root".into(), None));
    let origin = kms.origin_of(&root, connection()).unwrap();
    assert_eq!(*origin.caller(), crate::Caller::Root { access_key_id: "rootkey".into() });

    let alice = kms.sign_in_by_access_key("BULLAAlice", &text("secret-of-Alice")).unwrap();
    assert_eq!((kms.name_of(&alice), alice.user_id()), ("Alice".into(), Some(world.user_id("alice"))));
    assert_eq!(format!("{alice:?}"), r#"SignedIn { access_key_id: "BULLAAlice", .. }"#);
    let identity = call(&world, &alice, GetCallerIdentity {}.into()).unwrap();
    assert_eq!(identity["Arn"], "acs:ram::111122223333:user/Alice");
    world.role("ops", &trusting("root", ""), EVERYTHING);
    call(&world, &alice, assume("ops")).unwrap();
    assert_eq!(kms.uses.take().len(), 2, "both access keys were used");
}

#[test]
fn every_fault_of_an_access_key_gets_the_same_refusal() {
    let world = world();
    let kms = world.kms_ref();
    let inactive = world.user("inactive", "");
    world.set_access_key(&inactive, false);
    let deleted = world.user("deleted", "");
    world.delete_user("deleted");
    world.role("ops", &trusting("root", ""), "");
    let root = world.user("bob", EVERYTHING);
    let session = world.assume(&root, "ops").unwrap();
    kms.uses.take();
    for (id, secret) in [
        ("rootkey", "rootsecreT"),
        ("rootkey", ""),
        ("rootke", "rootsecret"),
        ("", ""),
        ("unknown", &*"0".repeat(30)),
        (&*inactive.id, &*inactive.secret),
        (&*deleted.id, &*deleted.secret),
        (&*session.id, &*session.secret),
    ] {
        let refused = kms.sign_in_by_access_key(id, &text(secret));
        assert!(matches!(refused, Err(SignInRefusal::Wrong)), "{id} {secret}");
    }
    assert!(kms.uses.take().is_empty());
}

#[test]
fn a_server_that_takes_signatures_of_version_3_only_takes_no_secret() {
    let data = tempfile::tempdir().unwrap();
    let options =
        crate::Options { accept_v1: false, ..crate::Options::new(data.path(), crate::Role::Server) };
    let kms = Kms::open(&options, crate::SystemClock).unwrap();
    let access_key = ("rootkey".to_owned(), text("rootsecret"));
    pollster::block_on(kms.ensure_access_key(Some(access_key))).unwrap();
    for (id, secret) in [("rootkey", "rootsecret"), ("rootkey", "x"), ("unknown", "x")] {
        let refused = kms.sign_in_by_access_key(id, &text(secret));
        assert!(matches!(refused, Err(SignInRefusal::NoSecretsHere)), "{id}");
    }
}

#[test]
fn a_user_signs_in_by_the_password_of_the_login_profile() {
    let world = World::new();
    world.user("Alice", EVERYTHING);
    let root = world.root();
    let parameters = [("UserName", "alice"), ("Password", PASSWORD)];
    world.ram(&root, "CreateLoginProfile", &parameters).unwrap();
    world.ram(&root, "SetAccountAlias", &[("AccountAlias", "my-team")]).unwrap();
    let last_login =
        || world.ram(&root, "GetUser", &[("UserName", "alice")]).unwrap()["User"]["LastLoginDate"].clone();
    assert_eq!(last_login(), "");
    world.pass(60);
    let alice = by_password(&world, "ALICE@my-team.onaliyun.com", PASSWORD).unwrap();
    assert_eq!(last_login(), world.time(0));
    assert!(!alice.is_root() && !alice.must_choose_password() && alice.access_key_id().is_none());
    assert_eq!(format!("{alice:?}"), format!("SignedIn {{ user_id: {:?}, .. }}", world.user_id("alice")));
    world.ram(&root, "UpdateUser", &[("UserName", "alice"), ("NewUserName", "Ali")]).unwrap();
    assert_eq!(world.kms_ref().name_of(&alice), "Ali");
    let identity = call(&world, &alice, GetCallerIdentity {}.into()).unwrap();
    assert_eq!(
        (&identity["IdentityType"], &identity["Arn"]),
        (&"RAMUser".into(), &"acs:ram::111122223333:user/Ali".into())
    );
    call(&world, &alice, CreateKey::default().into()).unwrap();
    let own = call(&world, &alice, ListAccessKeys::default().into()).unwrap();
    assert_eq!(own["AccessKeys"]["AccessKey"][0]["AccessKeyId"], "BULLAAlice");
    assert_eq!(
        world
            .ram(&root, "GetAccessKeyLastUsed", &[("UserName", "ali"), ("UserAccessKeyId", "BULLAAlice")])
            .unwrap()["AccessKeyLastUsed"]["LastUsedDate"],
        ""
    );
}

#[test]
fn a_user_who_signed_in_by_password_assumes_no_role() {
    let world = world();
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let alice = by_password(&world, "alice", PASSWORD).unwrap();
    let refused = call(&world, &alice, assume("ops"));
    assert_eq!(refused, Err("NoPermission".into()));
}

/// Each refusal takes one hash, so the time does not reveal which names exist.
#[test]
fn every_fault_of_a_password_gets_the_same_refusal_after_the_same_work() {
    let world = world();
    world.user("bob", "");
    world.user("carol", "");
    let with_mfa = LoginProfile { mfa_required: true, ..profile(PASSWORD) };
    change_user(&world, "carol", |user| user.login_profile = Some(with_mfa));
    let long = "x".repeat(1000);
    let checks = || world.kms_ref().hasher.checks.swap(0, Ordering::SeqCst);
    for (name, password) in [
        ("alice", "abcDEF-13"),
        ("alice", ""),
        ("alice", &*long),
        ("alice@999988887777", PASSWORD),
        ("alice@", PASSWORD),
        ("bob", PASSWORD),
        ("bob", ""),
        ("carol", "abcDEF-13"),
        ("unknown", PASSWORD),
        ("root", "rootsecret"),
        ("", ""),
        (&*long, &*long),
    ] {
        let refused = by_password(&world, name, password);
        assert!(matches!(refused, Err(SignInRefusal::Wrong)), "{name} {password}: {refused:?}");
        assert_eq!(checks(), 1, "{name} {password}");
    }
    let right = by_password(&world, "carol", PASSWORD);
    assert!(right.unwrap().must_bind_device());
    assert_eq!(checks(), 1);
    by_password(&world, "alice@111122223333", PASSWORD).unwrap();
    assert_eq!(checks(), 1);
}

#[test]
fn a_user_who_has_to_choose_a_password_does_nothing_else_before() {
    let world = world();
    let due = LoginProfile { reset_required: true, ..profile(PASSWORD) };
    change_user(&world, "alice", |user| user.login_profile = Some(due));
    let alice = by_password(&world, "alice", PASSWORD).unwrap();
    let other = by_password(&world, "alice", PASSWORD).unwrap();
    assert!(alice.must_choose_password());
    let origin = world.kms_ref().origin_of(&alice, connection());
    assert!(matches!(origin, Err(SignInEnded::PasswordDue)));
    assert!(matches!(choose(&world, &alice, None, PASSWORD), Err(PasswordRefusal::Same)));
    for (new, fault) in [
        ("short", PasswordFault::TooWeak),
        ("123-ALICE-abc", PasswordFault::TooWeak),
        ("abcDEF-12\u{e4}", PasswordFault::InvalidChars),
        (&*"aB3-".repeat(33), PasswordFault::Length),
    ] {
        let refused = choose(&world, &alice, None, new);
        assert!(
            matches!(refused, Err(PasswordRefusal::Unfit(found)) if found == fault),
            "{new}: {refused:?}"
        );
    }
    let chosen = choose(&world, &alice, None, "other-Words 9").unwrap();
    assert!(!chosen.must_choose_password() && chosen.user_id() == alice.user_id());
    world.kms_ref().origin_of(&chosen, connection()).unwrap();
    assert!(has_ended(&world, &alice) && has_ended(&world, &other));
    assert!(matches!(choose(&world, &other, None, "more-Words 9"), Err(PasswordRefusal::Ended)));
    assert!(matches!(by_password(&world, "alice", PASSWORD), Err(SignInRefusal::Wrong)));
    assert_eq!(by_password(&world, "alice", "other-Words 9").unwrap(), chosen);
}

#[test]
fn a_user_changes_the_password_by_the_old_one_and_ends_all_other_sign_ins() {
    let world = world();
    let alice = by_password(&world, "alice", PASSWORD).unwrap();
    let other = by_password(&world, "alice", PASSWORD).unwrap();
    for old in [None, Some(""), Some("abcDEF-13")] {
        assert!(matches!(choose(&world, &alice, old, "other-Words 9"), Err(PasswordRefusal::WrongOld)));
    }
    assert!(matches!(choose(&world, &alice, Some(PASSWORD), PASSWORD), Err(PasswordRefusal::Same)));
    assert!(!has_ended(&world, &other));
    let chosen = choose(&world, &alice, Some(PASSWORD), "other-Words 9").unwrap();
    assert!(has_ended(&world, &alice) && has_ended(&world, &other) && !has_ended(&world, &chosen));

    let by_key = world.kms_ref().sign_in_by_access_key("BULLAAlice", &text("secret-of-Alice")).unwrap();
    let refused = choose(&world, &by_key, Some("other-Words 9"), "more-Words 9");
    assert!(matches!(refused, Err(PasswordRefusal::Ended)));
}

#[test]
fn a_flood_from_one_address_delays_no_other_address_and_no_user_known_at_that_address() {
    let world = world();
    world.user("Bob", EVERYTHING);
    change_user(&world, "bob", |user| user.login_profile = Some(profile(PASSWORD)));
    let kms = world.kms_ref();
    let from = |number: u8| Some(IpAddr::from([192, 0, 2, number]));
    let alice = by_password(&world, "alice", PASSWORD).unwrap().user_id();
    let held = pollster::block_on(kms.hasher.held());
    let mut context = Context::from_waker(Waker::noop());
    let wrong = text("abcDEF-13");
    let right = text(PASSWORD);
    let mut flood: Vec<_> =
        (0..20).map(|_| Box::pin(kms.sign_in_by_password("unknown", &wrong, from(1), None))).collect();
    flood.retain_mut(|sign_in| match sign_in.as_mut().poll(&mut context) {
        Poll::Pending => true,
        Poll::Ready(refused) => !matches!(refused, Err(SignInRefusal::Busy)),
    });
    assert_eq!(flood.len(), 8);
    let mut sign_in = |name, from, returning_user| {
        let mut sign_in = Box::pin(kms.sign_in_by_password(name, &right, from, returning_user));
        sign_in.as_mut().poll(&mut context).is_pending().then_some(sign_in)
    };
    assert!(sign_in("alice", from(1), None).is_none());
    assert!(sign_in("bob", from(1), alice).is_none(), "known is another user");
    let admitted = [sign_in("alice", from(2), None), sign_in("ALICE", from(1), alice)];
    drop(held);
    let checks = kms.hasher.checks.load(Ordering::SeqCst);
    thread::scope(|scope| {
        flood.into_iter().for_each(|sign_in| drop(scope.spawn(|| pollster::block_on(sign_in))));
        let admitted = admitted.map(|sign_in| scope.spawn(|| pollster::block_on(sign_in.unwrap())));
        admitted.into_iter().for_each(|sign_in| drop(sign_in.join().unwrap().unwrap()));
    });
    assert_eq!(kms.hasher.checks.load(Ordering::SeqCst) - checks, 8 + 2);
}

/// The profile exists when its password is read, and is deleted when its check ends.
#[test]
fn a_profile_that_is_deleted_while_its_password_is_hashed_signs_no_user_in() {
    let world = world();
    let password = text(PASSWORD);
    let mut sign_in = Box::pin(world.kms_ref().sign_in_by_password("alice", &password, None, None));
    let held = pollster::block_on(world.kms_ref().hasher.held());
    assert!(sign_in.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    world.ram(&world.root(), "DeleteLoginProfile", &[("UserName", "alice")]).unwrap();
    drop(held);
    assert!(matches!(pollster::block_on(sign_in), Err(SignInRefusal::Wrong)));
}

#[test]
fn a_sign_in_has_ended_for_the_request_after_the_answer_that_ends_it() {
    let world = world();
    let kms = world.kms_ref();
    let signed_in = [
        by_password(&world, "alice", PASSWORD).unwrap(),
        kms.sign_in_by_access_key("BULLAAlice", &text("secret-of-Alice")).unwrap(),
    ];
    let endings: [(&str, &[(&str, &str)]); 2] = [
        ("DeleteLoginProfile", &[("UserName", "alice")]),
        (
            "UpdateAccessKey",
            &[("UserName", "alice"), ("UserAccessKeyId", "BULLAAlice"), ("Status", "Inactive")],
        ),
    ];
    for (signed_in, (action, parameters)) in signed_in.iter().zip(endings) {
        let is_ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_ended.load(Ordering::SeqCst) {
                    let _ = kms.origin_of(signed_in, connection());
                }
                assert!(has_ended(&world, signed_in), "{action}");
            });
            world.ram(&world.root(), action, parameters).unwrap();
            is_ended.store(true, Ordering::SeqCst);
        });
    }
}
