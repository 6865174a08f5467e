//! The alias of the account.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::Role;
use serde_json::json;
use support::Bench;

fn alias(bench: &Bench) -> String {
    support::text(&bench.ram("GetAccountAlias", &[])["AccountAlias"])
}

#[test]
fn the_account_has_an_alias_until_it_is_cleared() {
    let bench = Bench::new();
    assert_eq!(bench.ram("GetAccountAlias", &[]), json!({ "AccountAlias": "", "RequestId": "r" }));
    let set = |alias| bench.ram("SetAccountAlias", &[("AccountAlias", alias)]);
    assert_eq!(set("my-team"), json!({ "RequestId": "r" }));
    assert_eq!(alias(&bench), "my-team");
    set("my-team");
    set("other");
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(alias(&bench), "other");
    assert_eq!(bench.ram("ClearAccountAlias", &[]), json!({ "RequestId": "r" }));
    bench.ram("ClearAccountAlias", &[]);
    assert_eq!(alias(&bench), "");
}

#[test]
fn an_alias_of_the_account_that_is_not_good_is_refused() {
    let bench = Bench::new();
    let refused = |alias: &str| bench.ram_error("SetAccountAlias", &[("AccountAlias", alias)]);
    let length = "400 InvalidParameter.AccountAlias.Length: \
        The parameter - \"AccountAlias\" beyond the length limit.";
    assert_eq!(refused("ab"), length);
    assert_eq!(refused(&"a".repeat(33)), length);
    let format = "400 InvalidParameter.AccountAlias.Format: \
        The format of the parameter - \"AccountAlias\" is incorrect.";
    for alias in ["-ab", "ab-", "a--b", "Abc", "a_b"] {
        assert_eq!(refused(alias), format, "{alias}");
    }
    assert_eq!(refused(""), "400 MissingParameter: Parameter AccountAlias is required.");
    assert_eq!(alias(&bench), "");
}
