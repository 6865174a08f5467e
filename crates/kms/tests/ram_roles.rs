//! Roles, with their trust policies.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::{Quotas, Role};
use serde_json::{Value, json};
use support::{Bench, text};

const DATE: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:00:09Z";
const NO_ROLE: &str = "404 EntityNotExist.Role: The role does not exist.";

/// Returns a trust policy for one principal of the account.
fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version": "1", "Statement": [{{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {{"RAM": "acs:ram::111122223333:{principal}"}}}}]}}"#
    )
}

fn create(bench: &Bench, name: &str) -> Value {
    let trust = trust("root");
    bench.ram("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)])["Role"].clone()
}

fn get(bench: &Bench, name: &str) -> Value {
    bench.ram("GetRole", &[("RoleName", name)])["Role"].clone()
}

fn incorrect(parameter: &str) -> String {
    format!("400 InvalidParameter.{parameter}: The parameter - \"{parameter}\" is incorrect.")
}

fn too_long(parameter: &str) -> String {
    format!(
        "400 InvalidParameter.{parameter}.Length: The parameter - \"{parameter}\" beyond the length limit."
    )
}

#[test]
fn a_role_is_created_changed_and_deleted() {
    let bench = Bench::new();
    let trusting = trust("root");
    let parameters = [
        ("RoleName", "CI.Job"),
        ("AssumeRolePolicyDocument", &*trusting),
        ("Description", "What the job may do"),
        ("MaxSessionDuration", "43200"),
        ("AllowConsoleLogin", "false"),
        ("Tag", r#"[{"Key":"team","Value":"ops"}]"#),
    ];
    let created = bench.ram("CreateRole", &parameters);
    let id = text(&created["Role"]["RoleId"]);
    assert!(id.len() == 18 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let mut role = json!({
        "RoleId": id,
        "RoleName": "CI.Job",
        "Arn": "acs:ram::111122223333:role/ci.job",
        "Description": "What the job may do",
        "AssumeRolePolicyDocument": trusting,
        "MaxSessionDuration": 43200,
        "CreateDate": DATE,
    });
    assert_eq!(created, json!({ "Role": role, "RequestId": "r" }));
    create(&bench, "other");

    bench.clock.pass(9);
    let changed = trust("role/other");
    let update = [
        ("RoleName", "ci.JOB"),
        ("NewAssumeRolePolicyDocument", &*changed),
        ("NewDescription", ""),
        ("NewMaxSessionDuration", "3600"),
    ];
    role["AssumeRolePolicyDocument"] = json!(changed);
    role["Description"] = json!("");
    role["MaxSessionDuration"] = json!(3600);
    role["UpdateDate"] = json!(LATER);
    assert_eq!(bench.ram("UpdateRole", &update), json!({ "Role": role, "RequestId": "r" }));
    bench.clock.pass(9);
    bench.ram("UpdateRole", &update);
    bench.ram("UpdateRole", &update[..1]); // neither changes anything

    let bench = bench.restarted(Role::Command, false);
    role["IsServiceLinkedRole"] = json!(false);
    assert_eq!(get(&bench, "CI.JOB"), role);
    assert_eq!(bench.ram("DeleteRole", &[("RoleName", "CI.JOB")]), json!({ "RequestId": "r" }));
    for action in ["GetRole", "UpdateRole", "DeleteRole"] {
        assert_eq!(bench.ram_error(action, &[("RoleName", "CI.Job")]), NO_ROLE, "{action}");
    }
    assert_ne!(create(&bench, "ci.job")["RoleId"], role["RoleId"], "an id is never used twice");
}

#[test]
fn a_role_that_is_not_good_is_refused() {
    let bench = Bench::new();
    let trusting = &*trust("root");
    let refused = |name: &str, document: &str, more: &[(&str, &str)]| {
        let parameters = [&[("RoleName", name), ("AssumeRolePolicyDocument", document)], more].concat();
        bench.ram_error("CreateRole", &parameters)
    };
    let chars =
        "400 InvalidParameter.RoleName.InvalidChars: The parameter - \"RoleName\" contains invalid chars.";
    assert_eq!(refused("a_b", trusting, &[]), chars);
    assert_eq!(refused(&"a".repeat(65), trusting, &[]), too_long("RoleName"));
    assert_eq!(refused("a", &" ".repeat(6145), &[]), too_long("AssumeRolePolicyDocument"));
    assert_eq!(refused("a", trusting, &[("Description", &"a".repeat(1025))]), too_long("Description"));
    assert_eq!(refused("", trusting, &[]), "400 MissingParameter: Parameter RoleName is required.");
    let document = "400 MissingParameter: Parameter AssumeRolePolicyDocument is required.";
    assert_eq!(refused("a", "", &[]), document);
    for (name, value) in [
        ("MaxSessionDuration", "3599"),
        ("MaxSessionDuration", "43201"),
        ("MaxSessionDuration", "x"),
        ("AllowConsoleLogin", "true"),
        ("Tag", r#"[{"Key":"a"},{"Key":"a"}]"#),
    ] {
        assert_eq!(refused("a", trusting, &[(name, value)]), incorrect(name), "{value}");
    }
    create(&bench, "Job");
    assert_eq!(refused("job", trusting, &[]), "409 EntityAlreadyExists.Role: The role does already EXIST.");
    let update =
        |name: &str, value: &str| bench.ram_error("UpdateRole", &[("RoleName", "job"), (name, value)]);
    assert_eq!(update("NewMaxSessionDuration", "1"), incorrect("NewMaxSessionDuration"));
    assert_eq!(update("NewAllowConsoleLogin", "true"), incorrect("NewAllowConsoleLogin"));
    assert_eq!(update("NewDescription", &"a".repeat(1025)), too_long("NewDescription"));
    let document = "NewAssumeRolePolicyDocument";
    assert_eq!(update(document, &" ".repeat(6145)), too_long(document));
    assert!(update(document, "{").starts_with("400 MalformedPolicyDocument: line 1, column "));
    assert!(get(&bench, "job")["UpdateDate"] == DATE);
}

#[test]
fn a_trust_policy_names_principals_that_exist_and_conditions_on_tokens() {
    let bench = Bench::new();
    let create = |document: &str| {
        let parameters = [("RoleName", "job"), ("AssumeRolePolicyDocument", document)];
        bench.send_to(bulla_wire::Product::Ram, "CreateRole", &parameters).map(drop)
    };
    let malformed = |document: &str, what: &str| {
        let error = create(document).unwrap_err();
        assert!(error.starts_with("400 MalformedPolicyDocument: line 1, column "), "{error}");
        assert!(error.contains(what), "{error}");
    };
    malformed(&trust("user/nobody"), "Statement[0].Principal.RAM: there is no user/nobody");
    malformed(&trust("role/nothing"), "there is no role/nothing");
    malformed(&trust("role/job"), "there is no role/job"); // not created yet
    malformed(&trust("user/*"), "is no principal");
    malformed(&trust("root").replace("1111", "2222"), "belongs to another account");
    malformed(&trust("root").replace("sts:AssumeRole", "kms:Encrypt"), "kms:Encrypt");
    let resource = trust("root").replace(r#""Action""#, r#""Resource": "*", "Action""#);
    malformed(&resource, "Resource is not allowed");
    let provider = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": "acs:ram::111122223333:oidc-provider/ci"}, "Condition": {"StringEquals": {"oidc:aud": "a"}, "StringLike": {"oidc:sub": "SUB"}}}]}"#;
    malformed(&provider.replace("SUB", "*"), "oidc:sub");
    malformed(&provider.replace("oidc:aud", "oidc:iss"), "oidc:aud");
    create(&provider.replace("SUB", "repo:a/*")).unwrap();
    // A role may trust itself, once it exists.
    bench.ram("UpdateRole", &[("RoleName", "job"), ("NewAssumeRolePolicyDocument", &trust("role/Job"))]);
    assert_eq!(get(&bench, "job")["AssumeRolePolicyDocument"], trust("role/Job"));
}

/// Returns all pages of the list of roles, each as its names.
fn pages(bench: &Bench, parameters: &[(&str, &str)]) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut marker = None::<String>;
    loop {
        let more = marker.as_deref().map(|marker| ("Marker", marker));
        let page = bench.ram("ListRoles", &parameters.iter().copied().chain(more).collect::<Vec<_>>());
        let roles = page["Roles"]["Role"].as_array().unwrap();
        pages.push(roles.iter().map(|role| text(&role["RoleName"])).collect());
        assert_eq!(page["IsTruncated"], page.get("Marker").is_some());
        match page.get("Marker") {
            Some(next) => marker = Some(text(next)),
            None => return pages,
        }
    }
}

#[test]
fn roles_are_listed_a_page_at_a_time() {
    let bench = Bench::new();
    assert_eq!(
        bench.ram("ListRoles", &[]),
        json!({ "Roles": { "Role": [] }, "IsTruncated": false, "RequestId": "r" })
    );
    for name in ["b", "C", "a"] {
        create(&bench, name);
    }
    for (size, expected) in
        [("1", vec![vec!["a"], vec!["b"], vec!["C"]]), ("2", vec![vec!["a", "b"], vec!["C"]])]
    {
        assert_eq!(pages(&bench, &[("MaxItems", size)]), expected);
    }
    let first = bench.ram("ListRoles", &[("MaxItems", "2")]);
    bench.ram("DeleteRole", &[("RoleName", "b")]);
    let last = bench.ram("ListRoles", &[("Marker", &text(&first["Marker"]))]);
    let role = get(&bench, "c");
    assert_eq!(
        last,
        json!({
            "Roles": { "Role": [{
                "RoleId": role["RoleId"],
                "RoleName": "C",
                "Arn": "acs:ram::111122223333:role/c",
                "Description": "",
                "MaxSessionDuration": 3600,
                "CreateDate": DATE,
                "UpdateDate": DATE,
                "Tags": { "Tag": [] },
            }] },
            "IsTruncated": false,
            "RequestId": "r",
        })
    );
    for (name, value) in [("Marker", "?"), ("MaxItems", "0"), ("MaxItems", "1001")] {
        assert_eq!(bench.ram_error("ListRoles", &[(name, value)]), incorrect(name));
    }
}

#[test]
fn an_account_has_as_many_roles_as_the_quota_allows() {
    let bench = Bench::with_quotas(Quotas { roles: 1, ..Quotas::default() });
    create(&bench, "a");
    let trusting = trust("root");
    let second = [("RoleName", "b"), ("AssumeRolePolicyDocument", &*trusting)];
    let full = "409 LimitExceeded.Role: The count of roles beyond the current limits.";
    assert_eq!(bench.ram_error("CreateRole", &second), full);
    bench.ram("DeleteRole", &[("RoleName", "a")]);
    create(&bench, "b");
}
