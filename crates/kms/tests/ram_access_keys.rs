//! Access keys of users.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::{Quotas, Role};
use serde_json::{Value, json};
use support::{Bench, text};

const ALICE: (&str, &str) = ("UserName", "alice");

fn create(bench: &Bench) -> String {
    text(&bench.ram("CreateAccessKey", &[ALICE])["AccessKey"]["AccessKeyId"])
}

fn listed(bench: &Bench) -> Value {
    bench.ram("ListAccessKeys", &[ALICE])
}

#[test]
fn an_access_key_of_a_user_has_a_secret_that_is_shown_once() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[ALICE]);
    let mut created = bench.ram("CreateAccessKey", &[("UserName", "ALICE")]);
    let id = text(&created["AccessKey"]["AccessKeyId"]);
    assert!(id.starts_with("BULLA") && id.len() == 21, "{id}");
    assert_eq!(text(&created["AccessKey"]["AccessKeySecret"]).len(), 30);
    created["AccessKey"]["AccessKeySecret"].take();
    let key = json!({ "AccessKeyId": id, "Status": "Active", "CreateDate": "2026-01-01T00:00:00Z" });
    let mut expected = json!({ "AccessKey": key, "RequestId": "r" });
    expected["AccessKey"]["AccessKeySecret"] = Value::Null;
    assert_eq!(created, expected);
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(listed(&bench), json!({ "AccessKeys": { "AccessKey": [key] }, "RequestId": "r" }));
    let last_used = bench.ram("GetAccessKeyLastUsed", &[ALICE, ("UserAccessKeyId", &id)]);
    assert_eq!(last_used, json!({ "AccessKeyLastUsed": { "LastUsedDate": "" }, "RequestId": "r" }));
}

#[test]
fn an_access_key_is_deactivated_activated_and_deleted_in_any_status() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[ALICE]);
    let id = create(&bench);
    let key = ("UserAccessKeyId", &*id);
    let status = || listed(&bench)["AccessKeys"]["AccessKey"][0]["Status"].clone();
    for next in ["Active", "Inactive", "Inactive", "Active"] {
        let updated = bench.ram("UpdateAccessKey", &[ALICE, key, ("Status", next)]);
        assert_eq!((updated, status()), (json!({ "RequestId": "r" }), json!(next)));
    }
    assert_eq!(
        bench.ram_error("DeleteUser", &[ALICE]),
        "409 DeleteConflict.User.AccessKey: The user CAN NOT has any access key while deleting the user."
    );
    assert_eq!(bench.ram("DeleteAccessKey", &[ALICE, key]), json!({ "RequestId": "r" }));
    assert_eq!(listed(&bench)["AccessKeys"]["AccessKey"], json!([]));
    bench.ram("DeleteUser", &[ALICE]);
}

#[test]
fn a_user_has_as_many_access_keys_as_the_quota_allows() {
    let bench = Bench::with_quotas(Quotas { access_keys_per_user: 2, ..Quotas::default() });
    bench.ram("CreateUser", &[ALICE]);
    let first = create(&bench);
    bench.clock.pass(60);
    let second = create(&bench);
    assert_eq!(
        bench.ram_error("CreateAccessKey", &[ALICE]),
        "409 LimitExceeded.User.AccessKey: \
            The access key count of the user access keys beyond the current limits."
    );
    let ids = listed(&bench)["AccessKeys"]["AccessKey"].clone();
    assert_eq!([&ids[0]["AccessKeyId"], &ids[1]["AccessKeyId"]], [&json!(first), &json!(second)]);
    bench.ram("DeleteAccessKey", &[ALICE, ("UserAccessKeyId", &first)]);
    create(&bench);
}

#[test]
fn access_keys_are_found_by_their_user_alone() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[ALICE]);
    bench.ram("CreateUser", &[("UserName", "bob")]);
    let id = create(&bench);
    let status = ("Status", "Inactive");
    for (action, more) in
        [("GetAccessKeyLastUsed", None), ("UpdateAccessKey", Some(status)), ("DeleteAccessKey", None)]
    {
        let error = |user, id| {
            let parameters = [("UserName", user), ("UserAccessKeyId", id)];
            bench.ram_error(action, &[&parameters[..], more.as_slice()].concat())
        };
        let no_key = "404 EntityNotExist.User.AccessKey: The user access key does not exist.";
        assert_eq!(error("bob", &id), no_key, "{action}");
        assert_eq!(error("alice", "BULLAnone"), no_key, "{action}");
        assert_eq!(error("nobody", &id), "404 EntityNotExist.User: The user does not exist.", "{action}");
        assert_eq!(
            bench.ram_error(action, &[ALICE]),
            "400 MissingParameter: Parameter UserAccessKeyId is required.",
            "{action}"
        );
    }
    for action in ["CreateAccessKey", "ListAccessKeys"] {
        assert_eq!(bench.ram_code(action, &[("UserName", "nobody")]), "404 EntityNotExist.User");
    }
    let key = ("UserAccessKeyId", &*id);
    assert_eq!(bench.ram_code("UpdateAccessKey", &[ALICE, key]), "400 MissingParameter");
    for status in ["active", "Disabled"] {
        let refused = bench.ram_code("UpdateAccessKey", &[ALICE, key, ("Status", status)]);
        assert_eq!(refused, "400 InvalidParameter.Status");
    }
    bench.ram("UpdateUser", &[ALICE, ("NewUserName", "carol")]);
    bench.ram("DeleteAccessKey", &[("UserName", "carol"), key]);
}
