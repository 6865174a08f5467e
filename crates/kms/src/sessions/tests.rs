//! Requests signed with access keys and with temporary credentials, from the bytes of HTTP to the reply. Users and roles are
//! written without the actions that create them.

mod chains;
mod clock;
mod limits;
mod oidc;
mod quotas;
mod races;
mod set_ups;
pub(crate) mod world;

use serde_json::Value;

use self::world::{Credentials, EVERYTHING, World, trusting};

#[test]
fn a_user_gets_credentials_of_a_role_and_acts_with_its_rights() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    let role = world.role("Ops", &trusting("root", ""), EVERYTHING);
    let parameters = [("SourceIdentity", "alice-ext")];
    let answer = world.assume_with(&alice, "acs:ram::111122223333:role/oPS", &parameters).unwrap();
    assert_eq!(answer["AssumedRoleUser"]["Arn"], "acs:ram::111122223333:role/ops/job");
    assert_eq!(answer["AssumedRoleUser"]["AssumedRoleId"], format!("{role}:job"));
    assert_eq!(answer["SourceIdentity"], "alice-ext");
    assert_eq!(answer["Credentials"]["Expiration"], world.time(3600));
    let session = Credentials::of(&answer);
    assert!(session.id.starts_with("STS.") && session.id.len() == 24);
    assert_eq!(session.secret.len(), 30);
    world.kms(&session, "CreateKey", &[]).unwrap();
}

#[test]
fn callers_learn_who_they_are_without_a_permission() {
    let world = World::new();
    let alice = world.user("Alice", "");
    let role = world.role("Ops", &trusting("user/Alice", ""), "");
    let helper = world.user("helper", EVERYTHING);
    let id = |name| world.user_id(name).to_string();
    let expected = |kind: &str, principal: &str, arn: &str| {
        (kind.to_owned(), "111122223333".to_owned(), principal.to_owned(), arn.to_owned())
    };
    let identity = |by: &Credentials| {
        let answer = world.sts(by, "GetCallerIdentity", &[]).unwrap();
        let text = |name| answer[name].as_str().unwrap().to_owned();
        let ids = (answer["UserId"].clone(), answer["RoleId"].clone());
        ((text("IdentityType"), text("AccountId"), text("PrincipalId"), text("Arn")), ids)
    };
    let root = expected("Account", "111122223333", "acs:ram::111122223333:root");
    assert_eq!(identity(&world.root()), (root, ("111122223333".into(), Value::Null)));
    let user = expected("RAMUser", &id("alice"), "acs:ram::111122223333:user/Alice");
    assert_eq!(identity(&alice), (user, (id("alice").into(), Value::Null)));

    world.allow_user("alice", EVERYTHING);
    let session = world.assume(&alice, "ops").unwrap();
    let arn = "acs:ram::111122223333:assumed-role/ops/job";
    let of_session = expected("AssumedRoleUser", &format!("{role}:job"), arn);
    assert_eq!(identity(&session), (of_session, (Value::Null, role.to_string().into())));
    assert!(world.assume(&helper, "ops").is_err());
}

/// Otherwise a caller without rights could find out which roles exist, and whom they trust.
#[test]
fn a_role_that_is_missing_does_not_trust_or_is_not_permitted_is_one_answer() {
    let world = World::new();
    let may = world.user("may", EVERYTHING);
    let may_not = world.user("may-not", "");
    let denied = world.user("denied", EVERYTHING);
    world.allow_user("denied", r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"acs:ram:*:*:role/open"}]}"#);
    world.role("open", &trusting("root", ""), EVERYTHING);
    world.role("closed", &trusting("user/denied", ""), EVERYTHING);
    assert!(world.assume(&may, "open").is_ok());
    let answers: Vec<_> = [
        (&may, "acs:ram::111122223333:role/missing"),
        (&may, "acs:ram::111122223333:role/closed"),
        (&may, "acs:ram::999988887777:role/open"),
        (&may_not, "acs:ram::111122223333:role/open"),
        (&may_not, "acs:ram::111122223333:role/missing"),
        (&denied, "acs:ram::111122223333:role/open"),
    ]
    .into_iter()
    .map(|(by, arn)| world.rendered(&world.assume_with(by, arn, &[]).unwrap_err()))
    .collect();
    assert!(answers[0].contains(r#""Code":"NoPermission""#), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[test]
fn root_assumes_no_role() {
    let world = World::new();
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let error = world.assume_with(&world.root(), "acs:ram::111122223333:role/ops", &[]).unwrap_err();
    assert_eq!(error.to_string(), "NoPermission: Roles may not be assumed by root accounts.");
}

#[test]
fn in_a_second_roles_are_assumed_a_hundred_times_and_denied_callers_do_not_count() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    let bob = world.user("bob", "");
    world.role("ops", &trusting("root", ""), "");
    for second in 0..2 {
        world.pass(second);
        for _ in 0..100 {
            assert_eq!(world.assume(&bob, "ops").unwrap_err(), "NoPermission");
            world.assume(&alice, "ops").unwrap();
        }
        let error = world.assume_with(&alice, "acs:ram::111122223333:role/ops", &[]).unwrap_err();
        assert_eq!(error.to_string(), "Throttling.User: Request was denied due to user flow control.");
        assert_eq!(world.assume(&bob, "ops").unwrap_err(), "NoPermission", "as before");
    }
}

#[test]
fn a_session_does_not_exceed_its_policy() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let policy = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#;
    let session = world.assume_where(&alice, "ops", &[("Policy", policy)]).unwrap();
    world.kms(&session, "ListKeys", &[]).unwrap();
    assert_eq!(world.kms_code(&session, "CreateKey", &[]), "Forbidden.NoPermission");
    world.sts(&session, "GetCallerIdentity", &[]).unwrap();
    for (policy, code) in
        [("{}", "InvalidParameter.PolicyGrammar"), (&*" ".repeat(2049), "InvalidParameter.PolicySize")]
    {
        assert_eq!(world.assume_where(&alice, "ops", &[("Policy", policy)]).unwrap_err(), code);
    }
}

#[test]
fn a_trust_policy_may_ask_for_an_external_id() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    let condition = r#","Condition":{"StringEquals":{"sts:ExternalId":"shared-1"}}"#;
    world.role("ops", &trusting("root", condition), EVERYTHING);
    let assume = |parameters: &[(&str, &str)]| world.assume_where(&alice, "ops", parameters).map(drop);
    assert_eq!(assume(&[("ExternalId", "shared-1")]), Ok(()));
    assert_eq!(assume(&[("ExternalId", "shared-2")]), Err("NoPermission".into()));
    assert_eq!(assume(&[]), Err("NoPermission".into()));
    assert_eq!(assume(&[("ExternalId", "a b")]), Err("InvalidParameter.ExternalId".into()));
}

#[test]
fn sessions_last_as_long_as_the_role_lets_them() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let for_seconds =
        |seconds: i64| world.assume_where(&alice, "ops", &[("DurationSeconds", &seconds.to_string())]);
    let hour = for_seconds(3600).unwrap();
    let quarter = for_seconds(900).unwrap();
    for seconds in [899, 3601, 43_201] {
        assert_eq!(for_seconds(seconds).unwrap_err(), "InvalidParameter.DurationSeconds");
    }
    world.change_role("ops", |role| role.max_session = 7200);
    let two_hours = for_seconds(7200).unwrap();
    for (passed, live) in [(899, 3), (1, 2), (2699, 2), (1, 1), (3599, 1), (1, 0)] {
        world.pass(passed);
        let answers =
            [&two_hours, &hour, &quarter].map(|session| world.sts(session, "GetCallerIdentity", &[]));
        let codes: Vec<_> =
            answers.iter().map(|answer| answer.as_ref().map(drop).map_err(|e| e.code_text())).collect();
        assert_eq!(codes.iter().filter(|code| code.is_ok()).count(), live);
        assert!(
            codes[live..].iter().all(|code| *code == Err("InvalidSecurityToken.Expired".into())),
            "{codes:?}"
        );
    }
}

#[test]
fn a_token_is_good_for_its_own_access_key_and_secret_only() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let one = world.assume(&alice, "ops").unwrap();
    let other = world.assume(&alice, "ops").unwrap();
    let code = |credentials: &Credentials| world.kms_code(credentials, "ListKeys", &[]);
    let with_token = |token: Option<String>| Credentials { token, ..one.clone() };
    assert_eq!(code(&with_token(None)), "MissingSecurityToken");
    assert_eq!(code(&with_token(Some("garbage".into()))), "InvalidSecurityToken.Malformed");
    assert_eq!(code(&with_token(other.token.clone())), "InvalidSecurityToken.MismatchWithAccessKey");
    let mut edited = one.token.clone().unwrap();
    let last = edited.pop().unwrap();
    edited.push(if last == 'A' { 'B' } else { 'A' });
    assert_eq!(code(&with_token(Some(edited))), "InvalidSecurityToken.Malformed");
    let of_other = Credentials { secret: other.secret, ..one.clone() };
    assert_eq!(code(&of_other), "SignatureDoesNotMatch");
    let unknown = Credentials { id: "STS.unknown".into(), ..one.clone() };
    assert_eq!(code(&unknown), "InvalidSecurityToken.MismatchWithAccessKey");
    let lasting = Credentials { token: one.token.clone(), ..alice };
    assert_eq!(code(&lasting), "InvalidSecurityToken.MismatchWithAccessKey");
    let elsewhere = World::new();
    elsewhere.user("alice", EVERYTHING);
    assert_eq!(elsewhere.kms_code(&one, "ListKeys", &[]), "InvalidSecurityToken.Malformed");
    // The secret is checked before the time: only its owner learns that a session has expired.
    world.pass(3600);
    assert_eq!(code(&of_other), "SignatureDoesNotMatch");
    assert_eq!(code(&one), "InvalidSecurityToken.Expired");
}

#[test]
fn a_session_outlives_a_restart() {
    let mut world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let session = world.assume(&alice, "ops").unwrap();
    world.restart();
    world.kms(&session, "ListKeys", &[]).unwrap();
}
