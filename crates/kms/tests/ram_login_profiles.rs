//! Login profiles: the passwords of users for the console.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::Role;
use serde_json::{Value, json};
use support::Bench;

const ALICE: (&str, &str) = ("UserName", "alice");
const PASSWORD: (&str, &str) = ("Password", "abcDEF-12");

fn profile(bench: &Bench) -> Value {
    bench.ram("GetLoginProfile", &[ALICE])["LoginProfile"].clone()
}

#[test]
fn a_user_has_one_login_profile() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[("UserName", "Alice")]);
    let none = "404 EntityNotExist.User.LoginProfile: The user login profile does not exist.";
    for action in ["GetLoginProfile", "UpdateLoginProfile", "DeleteLoginProfile"] {
        assert_eq!(bench.ram_error(action, &[ALICE]), none, "{action}");
        assert_eq!(bench.ram_code(action, &[("UserName", "bob")]), "404 EntityNotExist.User", "{action}");
    }
    let created = bench.ram("CreateLoginProfile", &[ALICE, PASSWORD]);
    let mut expected = json!({
        "UserName": "Alice",
        "PasswordResetRequired": false,
        "MFABindRequired": false,
        "CreateDate": "2026-01-01T00:00:00Z",
    });
    assert_eq!(created, json!({ "LoginProfile": expected, "RequestId": "r" }));
    assert_eq!(
        bench.ram_error("CreateLoginProfile", &[ALICE, PASSWORD]),
        "409 EntityAlreadyExists.User.LoginProfile: The user login profile does already EXIST."
    );
    bench.clock.pass(60);
    let changes = [ALICE, ("PasswordResetRequired", "true"), ("MFABindRequired", "True")];
    assert_eq!(bench.ram("UpdateLoginProfile", &changes), json!({ "RequestId": "r" }));
    expected["PasswordResetRequired"] = json!(true);
    expected["MFABindRequired"] = json!(true);
    bench.ram("UpdateLoginProfile", &[ALICE, ("Password", "other-Words 9")]);
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(profile(&bench), expected);
    assert_eq!(
        bench.ram_error("DeleteUser", &[ALICE]),
        "409 DeleteConflict.User.LoginProfile: The user CAN NOT has any login profile while deleting the user."
    );
    assert_eq!(bench.ram("DeleteLoginProfile", &[ALICE]), json!({ "RequestId": "r" }));
    bench.ram("DeleteUser", &[ALICE]);
}

#[test]
fn a_password_that_is_not_good_is_refused() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[ALICE]);
    let long = "aB3-".repeat(33);
    let weak = "400 InvalidParameter.Password.TooWeak: \
        The parameter - \"Password\" is not compliant with the password policy.";
    let refused = |action: &str, password: &str| bench.ram_error(action, &[ALICE, ("Password", password)]);
    for action in ["CreateLoginProfile", "UpdateLoginProfile"] {
        for password in ["aB3-", "abcdefgh", "Abcdefgh", "Alice-1234"] {
            assert_eq!(refused(action, password), weak, "{action} {password}");
        }
        assert!(refused(action, &long).starts_with("400 InvalidParameter.Password.Length: "));
        assert!(refused(action, "äbcDEF-12").starts_with("400 InvalidParameter.Password.InvalidChars: "));
    }
    let missing = bench.ram_error("CreateLoginProfile", &[ALICE]);
    assert_eq!(missing, "400 MissingParameter: Parameter Password is required.");
    assert_eq!(bench.ram_code("GetLoginProfile", &[ALICE]), "404 EntityNotExist.User.LoginProfile");
}
