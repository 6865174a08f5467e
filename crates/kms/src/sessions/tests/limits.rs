//! Limits on requests: which caller a request counts for.

use std::net::IpAddr;
use std::time::Duration;

use super::oidc::Setup;
use super::world::{Credentials, EVERYTHING, World, trusting};
use crate::{Quotas, RequestLimit, RequestLimits};

fn limit(per_second: u32) -> Option<RequestLimit> {
    Some(RequestLimit { requests_per_second: per_second.try_into().unwrap(), burst: None })
}

fn limit_users(world: &World, per_second: u32) {
    world.kms_ref().set_request_limits(RequestLimits { user: limit(per_second), ..RequestLimits::default() });
}

/// Returns how many of these requests are answered.
fn answered<'c>(world: &World, by: impl IntoIterator<Item = &'c Credentials>) -> usize {
    let is_answered = |by: &&Credentials| match world.kms(by, "ListKeys", &[]) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code_text(), "Throttling.User");
            assert!(error.retry_after().is_some_and(|wait| wait > Duration::ZERO));
            false
        }
    };
    by.into_iter().filter(is_answered).count()
}

#[test]
fn a_thousand_sessions_of_a_user_get_no_more_than_one() {
    let world = World::new();
    world.kms_ref().set_quotas(Quotas { assume_roles_per_second: usize::MAX, ..Quotas::default() });
    let alice = world.user("alice", EVERYTHING);
    let bob = world.user("bob", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let mut sessions: Vec<_> = (0..999).map(|_| world.assume(&alice, "ops").unwrap()).collect();
    sessions.push(world.assume(&sessions[0], "ops").unwrap()); // a chain of two roles
    let of_bob = world.assume(&bob, "ops").unwrap();

    limit_users(&world, 7);
    assert_eq!(answered(&world, sessions.iter().rev()), 7);
    assert_eq!(answered(&world, [&alice]), 0, "they belonged to the user");
    assert_eq!(answered(&world, [&of_bob; 10]), 7);
    world.pass(1);
    assert_eq!(answered(&world, [&sessions[0]; 10]), 7);
    world.pass(3600);
    assert_eq!(answered(&world, [&alice; 10]), 7, "nothing is saved up");
    world.kms_ref().set_request_limits(RequestLimits::default());
    assert_eq!(answered(&world, [&alice; 10]), 10);
}

#[test]
fn sessions_count_for_the_subject_of_the_token_that_began_them() {
    let setup = Setup::new();
    let session = |subject: &str| {
        let token = setup.token(serde_json::json!({ "sub": subject }));
        Credentials::of(&setup.assume(&token, &[]).unwrap())
    };
    let of_app = [session("repo:team/app"), session("repo:team/app")];
    let of_other = session("repo:team/other");
    limit_users(&setup.world, 3);
    assert_eq!(answered(&setup.world, of_app.iter().cycle().take(10)), 3);
    assert_eq!(answered(&setup.world, [&of_other; 10]), 3);
}

#[test]
fn an_access_key_has_a_limit_of_its_own_which_its_sessions_share() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let session = world.assume(&alice, "ops").unwrap();
    let second = world.ram(&world.root(), "CreateAccessKey", &[("UserName", "alice")]).unwrap();
    let text = |name| second["AccessKey"][name].as_str().unwrap().to_owned();
    let second = Credentials { id: text("AccessKeyId"), secret: text("AccessKeySecret"), token: None };

    let limits = RequestLimits { access_key: limit(4), user: limit(6), source: None };
    world.kms_ref().set_request_limits(limits);
    assert_eq!(answered(&world, [&alice, &session, &session, &session, &session, &alice]), 4);
    assert_eq!(
        answered(&world, [&second; 10]),
        2,
        "what was refused for one access key costs the user nothing"
    );
}

#[test]
fn strangers_and_replays_use_up_nothing_of_a_user() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    let stranger = Credentials { secret: "guessed".into(), ..alice.clone() };
    let limits = RequestLimits { access_key: limit(2), user: limit(2), source: None };
    world.kms_ref().set_request_limits(limits);
    for _ in 0..10 {
        assert_eq!(world.kms_code(&stranger, "ListKeys", &[]), "SignatureDoesNotMatch");
    }
    let captured = world.signed_to_kms(&alice, "ListKeys");
    assert!(world.send_again(&captured).is_ok());
    for _ in 0..10 {
        assert_eq!(world.send_again(&captured).unwrap_err().code_text(), "SignatureNonceUsed");
    }
    assert_eq!(answered(&world, [&alice; 5]), 1);
}

#[test]
fn a_denied_caller_is_throttled_as_others_are() {
    let world = World::new();
    let unprivileged = world.user("nobody", "");
    limit_users(&world, 2);
    let codes = [(); 3].map(|()| world.kms_code(&unprivileged, "CreateKey", &[]));
    assert_eq!(codes, ["Forbidden.NoPermission", "Forbidden.NoPermission", "Throttling.User"]);
}

#[test]
fn a_source_is_counted_for_every_caller_and_an_unknown_one_is_not() {
    let world = World::new();
    let limits = RequestLimits { source: limit(2), ..RequestLimits::default() };
    world.kms_ref().set_request_limits(limits);
    let admitted = |address: &str| {
        let address: Option<IpAddr> = Some(address.parse().unwrap());
        (0..5).filter(|_| world.kms_ref().admit(address).is_ok()).count()
    };
    assert_eq!([admitted("192.0.2.1"), admitted("192.0.2.2"), admitted("::ffff:192.0.2.1")], [2, 2, 0]);
    assert_eq!([admitted("2001:db8::1"), admitted("2001:db8::2"), admitted("2001:db8:0:1::")], [2, 0, 2]);
    assert!((0..5).all(|_| world.kms_ref().admit(None).is_ok()));
}
