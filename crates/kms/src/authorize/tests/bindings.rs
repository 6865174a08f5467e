//! Policies grant rights to the users and roles that their names referred to when they were written.

use super::people::{Account, EVERYTHING, by, by_session, of_resource};
use super::*;

fn shared_with(account: &Account, principal: &str) -> String {
    let key = account.key();
    let policy = of_resource("Allow", principal, r#""kms:*""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &policy)]);
    let create = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x"), ("Policy", &*policy)];
    account.do_it("CreateSecret", &create);
    key
}

fn uses(account: &Account, key: &str, origin: &Origin) -> [bool; 2] {
    let key = account.is_allowed(origin, "GenerateDataKey", &[("KeyId", key)]);
    [key, account.is_allowed(origin, "GetSecretValue", &[("SecretName", "s")])]
}

#[test]
fn a_user_that_is_made_again_or_renamed_gets_nothing_of_another_one() {
    let account = Account::new();
    let alice = account.user("alice");
    let key = shared_with(&account, "user/Alice");
    account.allow("alice", EVERYTHING);
    assert_eq!(uses(&account, &key, &by(alice)), [true; 2]);
    // A renamed user keeps its rights, and the next user with the name gets none.
    account.change_user("alice", |user| {
        user.name = "carol".parse().unwrap();
        user.policies = Default::default();
    });
    let second = account.user("alice");
    assert_eq!(uses(&account, &key, &by(alice)), [true; 2]);
    assert_eq!(uses(&account, &key, &by(second)), [false; 2]);
    account.delete_user("alice");
    account.delete_user("carol");
    assert_eq!(uses(&account, &key, &by(alice)), [false; 2], "a user that is deleted");
    let third = account.user("alice");
    assert_eq!(uses(&account, &key, &by(third)), [false; 2]);
    // A policy that is read and written again refers to the current user of the name.
    let policy = account.do_it("GetKeyPolicy", &[("KeyId", &key)]);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", policy["Policy"].as_str().unwrap())]);
    assert_eq!(uses(&account, &key, &by(third)), [true, false]);
}

#[test]
fn a_role_that_is_made_again_gets_nothing_of_another_one() {
    let account = Account::new();
    let first = account.role("Job", None);
    let key = shared_with(&account, "role/job");
    assert_eq!(uses(&account, &key, &by_session(first, None)), [true; 2]);
    account.delete_role("job");
    assert_eq!(uses(&account, &key, &by_session(first, None)), [false; 2], "a role that is deleted");
    let second = account.role("job", None);
    assert_eq!(uses(&account, &key, &by_session(second, None)), [false; 2]);
    assert_eq!(uses(&account, &key, &by(second)), [false; 2], "a role is no user");
}

#[test]
fn a_group_that_is_made_again_or_renamed_has_no_members_of_another_one() {
    let account = Account::new();
    let key = account.key();
    let alice = by(account.user("alice"));
    let group = account.group("ops", "alice", EVERYTHING);
    let may_use = || account.is_allowed(&alice, "GenerateDataKey", &[("KeyId", &key)]);
    assert!(may_use());
    account.rename_group("ops", "dev");
    assert!(may_use());
    account.user("bob");
    let other = account.group("ops", "bob", EVERYTHING);
    assert_ne!(group, other);
    account.change_user("alice", |user| assert!(user.leave(group)));
    assert!(!may_use(), "a group with the name of the former one");
}

#[test]
fn a_policy_rests_on_the_users_that_it_names() {
    let account = Account::new();
    account.user("alice");
    let key = account.key();
    let policy = of_resource("Allow", "user/alice", r#""kms:*""#);
    account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &policy)]);
    account.delete_user("alice");
    let refused =
        account.refusal(&account.kms.owner(), "SetKeyPolicy", &[("KeyId", &key), ("Policy", &policy)]);
    assert_eq!(refused.code_text(), "InvalidParameter");
}
