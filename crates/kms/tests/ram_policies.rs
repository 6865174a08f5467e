//! Policies of the account, system policies, and their versions.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::Role;
use serde_json::{Value, json};
use support::{Bench, text};

const NEVER: &str = "400 InvalidParameter";
const DATE: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:00:09Z";
const NO_POLICY: &str = "404 EntityNotExist.Policy: The policy does not exist.";
const NO_VERSION: &str = "404 EntityNotExist.Policy.Version: The policy version does not exist.";

/// Returns a document that differs from those of other numbers.
fn document(number: u32) -> String {
    format!(
        r#"{{"Version": "1", "Statement": [{{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "acs:kms:*:*:key/{number}"}}]}}"#
    )
}

fn create(bench: &Bench, name: &str) -> Value {
    bench.ram("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", &document(1))])
}

fn add_version(bench: &Bench, number: u32, more: &[(&str, &str)]) -> Result<Value, String> {
    let document = document(number);
    let parameters = [&[("PolicyName", "ops"), ("PolicyDocument", &document)], more].concat();
    bench.send_to(bulla_wire::Product::Ram, "CreatePolicyVersion", &parameters)
}

fn version_ids(bench: &Bench) -> Vec<String> {
    let listed = bench.ram("ListPolicyVersions", &[("PolicyType", "Custom"), ("PolicyName", "ops")]);
    let versions = listed["PolicyVersions"]["PolicyVersion"].as_array().unwrap();
    versions.iter().map(|version| text(&version["VersionId"])).collect()
}

fn default_version(bench: &Bench) -> String {
    let policy = bench.ram("GetPolicy", &[("PolicyType", "Custom"), ("PolicyName", "ops")]);
    assert_eq!(policy["Policy"]["DefaultVersion"], policy["DefaultPolicyVersion"]["VersionId"]);
    text(&policy["Policy"]["DefaultVersion"])
}

#[test]
fn a_policy_is_created_described_and_deleted() {
    let bench = Bench::new();
    let tags = r#"[{"Key":"team","Value":"ops"}]"#;
    let parameters = [
        ("PolicyName", "Ops-Team"),
        ("PolicyDocument", &*document(1)),
        ("Description", "What ops does"),
        ("Tag", tags),
    ];
    assert_eq!(
        bench.ram("CreatePolicy", &parameters),
        json!({
            "Policy": {
                "PolicyName": "Ops-Team",
                "PolicyType": "Custom",
                "Description": "What ops does",
                "DefaultVersion": "v1",
                "CreateDate": DATE,
            },
            "RequestId": "r",
        })
    );
    bench.clock.pass(9);
    let named = [("PolicyName", "ops-team"), ("NewDescription", "库")];
    let updated = json!({
        "PolicyName": "Ops-Team",
        "PolicyType": "Custom",
        "Description": "库",
        "DefaultVersion": "v1",
        "CreateDate": DATE,
        "UpdateDate": LATER,
    });
    let reply = bench.ram("UpdatePolicyDescription", &named);
    assert_eq!(reply, json!({ "Policy": updated, "RequestId": "r" }));
    bench.clock.pass(9);
    bench.ram("UpdatePolicyDescription", &named); // changes nothing

    let bench = bench.restarted(Role::Command, false);
    let policy = bench.ram("GetPolicy", &[("PolicyType", "Custom"), ("PolicyName", "OPS-TEAM")]);
    let mut described = updated;
    described["AttachmentCount"] = json!(0);
    let version = json!({
        "VersionId": "v1",
        "IsDefaultVersion": true,
        "PolicyDocument": document(1),
        "CreateDate": DATE,
    });
    assert_eq!(policy, json!({ "Policy": described, "DefaultPolicyVersion": version, "RequestId": "r" }));
    assert_eq!(bench.ram("DeletePolicy", &[("PolicyName", "OPS-team")]), json!({ "RequestId": "r" }));
    assert_eq!(bench.ram_error("DeletePolicy", &[("PolicyName", "Ops-Team")]), NO_POLICY);
    create(&bench, "ops-team");
}

#[test]
fn a_system_policy_is_read_and_never_changed() {
    let bench = Bench::new();
    let named = ("PolicyName", "aliyunkmsfullaccess");
    let policy = bench.ram("GetPolicy", &[("PolicyType", "System"), named]);
    assert_eq!(policy["Policy"]["PolicyName"], "AliyunKMSFullAccess");
    assert_eq!(policy["Policy"]["PolicyType"], "System");
    assert_eq!(policy["Policy"]["CreateDate"], "2018-03-09T07:41:38Z");
    assert_eq!(policy["Policy"]["AttachmentCount"], 0);
    let version = &policy["DefaultPolicyVersion"];
    assert_eq!((&version["VersionId"], &version["IsDefaultVersion"]), (&json!("v3"), &json!(true)));
    assert!(text(&version["PolicyDocument"]).contains("kms:*"));
    let one = [("PolicyType", "System"), named, ("VersionId", "v3")];
    assert_eq!(bench.ram("GetPolicyVersion", &one)["PolicyVersion"], *version);
    let listed = bench.ram("ListPolicyVersions", &one[..2]);
    assert_eq!(listed["PolicyVersions"]["PolicyVersion"], json!([version]));
    let other = [("PolicyType", "System"), named, ("VersionId", "v1")];
    assert_eq!(bench.ram_error("GetPolicyVersion", &other), NO_VERSION);

    for (action, more) in [
        ("DeletePolicy", vec![]),
        ("UpdatePolicyDescription", vec![("NewDescription", "x")]),
        ("CreatePolicyVersion", vec![("PolicyDocument", "{}")]),
        ("DeletePolicyVersion", vec![("VersionId", "v3")]),
        ("SetDefaultPolicyVersion", vec![("VersionId", "v3")]),
    ] {
        assert_eq!(bench.ram_error(action, &[&[named], &more[..]].concat()), NO_POLICY, "{action}");
    }
    assert_eq!(bench.ram_error("GetPolicy", &[("PolicyType", "Custom"), named]), NO_POLICY);
    create(&bench, "AliyunKMSFullAccess"); // a policy is found by its type and name
    let custom = bench.ram("GetPolicy", &[("PolicyType", "Custom"), named]);
    assert_eq!(custom["DefaultPolicyVersion"]["PolicyDocument"], document(1));
    let system = bench.ram("GetPolicy", &[("PolicyType", "System"), named]);
    assert_eq!(system["DefaultPolicyVersion"], *version);
}

#[test]
fn a_policy_that_is_not_good_is_refused() {
    let bench = Bench::new();
    let refused = |name: &str, document: &str, more: &[(&str, &str)]| {
        let parameters = [&[("PolicyName", name), ("PolicyDocument", document)], more].concat();
        bench.ram_error("CreatePolicy", &parameters)
    };
    let good = &*document(1);
    let chars = "The parameter - \"PolicyName\" contains invalid chars.";
    assert_eq!(refused("a_b", good, &[]), format!("{NEVER}.PolicyName.InvalidChars: {chars}"));
    let length = |parameter| {
        format!("{NEVER}.{parameter}.Length: The parameter - \"{parameter}\" beyond the length limit.")
    };
    assert_eq!(refused(&"a".repeat(129), good, &[]), length("PolicyName"));
    assert_eq!(refused("a", &" ".repeat(6145), &[]), length("PolicyDocument"));
    assert_eq!(refused("a", good, &[("Description", &"a".repeat(1025))]), length("Description"));
    assert_eq!(refused("", good, &[]), "400 MissingParameter: Parameter PolicyName is required.");
    assert_eq!(refused("a", "", &[]), "400 MissingParameter: Parameter PolicyDocument is required.");
    assert_eq!(
        refused("a", r#"{"Version": "1", "Statement": {}}"#, &[]),
        "400 MalformedPolicyDocument: line 1, column 31, Statement: expected a list"
    );
    let principal = good.replace(r#""Resource""#, r#""Principal": {"RAM": "*"}, "Resource""#);
    assert!(refused("a", &principal, &[]).contains("Statement[0].Principal"));
    let incorrect = "The parameter - \"Tag\" is incorrect.";
    let twice = r#"[{"Key":"a"},{"Key":"a"}]"#;
    for tags in ["x", "{}", r#"[{"Key":""}]"#, r#"[{"Key":"acs:a"}]"#, twice] {
        assert_eq!(refused("a", good, &[("Tag", tags)]), format!("{NEVER}.Tag: {incorrect}"), "{tags}");
    }
    create(&bench, "Ops");
    assert_eq!(refused("ops", good, &[]), "409 EntityAlreadyExists.Policy: The policy does already EXIST.");
    let unknown = bench.ram_error("GetPolicy", &[("PolicyType", "Other"), ("PolicyName", "Ops")]);
    assert_eq!(unknown, format!("{NEVER}.PolicyType: The parameter - \"PolicyType\" is incorrect."));
    let long = [("PolicyName", "Ops"), ("NewDescription", &*"a".repeat(1025))];
    assert_eq!(bench.ram_error("UpdatePolicyDescription", &long), length("NewDescription"));
}

#[test]
fn a_policy_has_as_many_versions_as_the_quota_allows_and_their_ids_are_never_used_twice() {
    let bench = Bench::new();
    create(&bench, "ops");
    bench.clock.pass(9);
    let added = add_version(&bench, 2, &[]).unwrap();
    let version = json!({
        "VersionId": "v2",
        "IsDefaultVersion": false,
        "PolicyDocument": document(2),
        "CreateDate": LATER,
    });
    assert_eq!(added, json!({ "PolicyVersion": version, "RequestId": "r" }));
    let named = [("PolicyType", "Custom"), ("PolicyName", "ops"), ("VersionId", "v2")];
    assert_eq!(bench.ram("GetPolicyVersion", &named)["PolicyVersion"], version);
    bench.ram("DeletePolicyVersion", &named[1..]);
    for number in 3..=6 {
        add_version(&bench, number, &[("SetAsDefault", "false"), ("RotateStrategy", "None")]).unwrap();
    }
    assert_eq!(version_ids(&bench), ["v1", "v3", "v4", "v5", "v6"]);
    let full = "409 LimitExceeded.Policy.Version: The count of policy version beyond the current limits.";
    assert_eq!(add_version(&bench, 7, &[]).unwrap_err(), full);
    let rotating = ("RotateStrategy", "DeleteOldestNonDefaultVersionWhenLimitExceeded");
    add_version(&bench, 7, &[rotating]).unwrap();
    assert_eq!(version_ids(&bench), ["v1", "v4", "v5", "v6", "v7"], "v1 is the default one");
    let added = add_version(&bench, 8, &[rotating, ("SetAsDefault", "true")]).unwrap();
    assert_eq!(added["PolicyVersion"]["IsDefaultVersion"], true);
    assert_eq!((version_ids(&bench).len(), &*default_version(&bench)), (5, "v8"));
    add_version(&bench, 9, &[rotating]).unwrap();
    assert_eq!(version_ids(&bench), ["v5", "v6", "v7", "v8", "v9"], "v1 no longer counts");
    let malformed = [("PolicyName", "ops"), ("PolicyDocument", "{"), rotating];
    assert!(bench.ram_error("CreatePolicyVersion", &malformed).starts_with("400 MalformedPolicyDocument: "));
    let unknown = add_version(&bench, 9, &[("RotateStrategy", "Other")]).unwrap_err();
    assert!(unknown.starts_with(&format!("{NEVER}.RotateStrategy: ")), "{unknown}");
    assert_eq!(version_ids(&bench).len(), 5);
}

#[test]
fn the_default_version_is_another_one_or_stays() {
    let bench = Bench::new();
    create(&bench, "ops");
    add_version(&bench, 2, &[]).unwrap();
    let version = |id| [("PolicyName", "OPS"), ("VersionId", id)];
    assert_eq!(bench.ram("SetDefaultPolicyVersion", &version("v2")), json!({ "RequestId": "r" }));
    assert_eq!(default_version(&bench), "v2");
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(default_version(&bench), "v2");
    let default = "409 DeleteConflict.Policy.Version.Default: \
        The default policy version CAN NOT been deleted directly.";
    assert_eq!(bench.ram_error("DeletePolicyVersion", &version("v2")), default);
    let format =
        format!("{NEVER}.VersionId.Format: The format of the parameter - \"VersionId\" is incorrect.");
    let get =
        |id| bench.ram_error("GetPolicyVersion", &[&[("PolicyType", "Custom")], &version(id)[..]].concat());
    for id in ["2", "v", "v02", "V2", "v2 ", "vv"] {
        assert_eq!(bench.ram_error("SetDefaultPolicyVersion", &version(id)), format, "{id}");
        assert_eq!(bench.ram_error("DeletePolicyVersion", &version(id)), format, "{id}");
        assert_eq!(get(id), format, "{id}");
    }
    assert_eq!(bench.ram_error("SetDefaultPolicyVersion", &version("v3")), NO_VERSION);
    assert_eq!(bench.ram_error("DeletePolicyVersion", &version("v3")), NO_VERSION);
    assert_eq!(get("v3"), NO_VERSION);
    let versions = "409 DeleteConflict.Policy.Version: \
        The policy CAN NOT has any version except the default version.";
    assert_eq!(bench.ram_error("DeletePolicy", &[("PolicyName", "ops")]), versions);
    let cascading = [("PolicyName", "ops"), ("CascadingDelete", "true")];
    bench.ram("DeletePolicy", &cascading);
    assert_eq!(bench.ram_error("DeletePolicy", &cascading), NO_POLICY);
}

/// Returns all pages of a list of policies, each as its names.
fn pages(bench: &Bench, parameters: &[(&str, &str)]) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut marker = None::<String>;
    loop {
        let more = marker.as_deref().map(|marker| ("Marker", marker));
        let page = bench.ram("ListPolicies", &parameters.iter().copied().chain(more).collect::<Vec<_>>());
        let policies = page["Policies"]["Policy"].as_array().unwrap();
        pages.push(policies.iter().map(|policy| text(&policy["PolicyName"])).collect());
        assert_eq!(page["IsTruncated"], page.get("Marker").is_some());
        match page.get("Marker") {
            Some(next) => marker = Some(text(next)),
            None => return pages,
        }
    }
}

#[test]
fn policies_are_listed_a_page_at_a_time() {
    let bench = Bench::new();
    for name in ["b", "C", "a"] {
        create(&bench, name);
    }
    let custom = ("PolicyType", "Custom");
    assert_eq!(pages(&bench, &[custom]), [["a", "b", "C"]]);
    assert_eq!(pages(&bench, &[custom, ("MaxItems", "2")]), [vec!["a", "b"], vec!["C"]]);
    let system = pages(&bench, &[("PolicyType", "System")]).concat();
    assert!(system.contains(&"AdministratorAccess".into()) && !system.contains(&"a".into()));
    let all = pages(&bench, &[]).concat();
    assert_eq!(all, [&["a".to_owned(), "b".into(), "C".into()], &system[..]].concat());
    for size in ["1", "2", "3", "4", "1000"] {
        assert_eq!(pages(&bench, &[("MaxItems", size)]).concat(), all, "{size}");
    }
    let first = bench.ram("ListPolicies", &[custom, ("MaxItems", "2")]);
    bench.ram("DeletePolicy", &[("PolicyName", "b")]);
    let marker = text(&first["Marker"]);
    assert_eq!(
        bench.ram("ListPolicies", &[custom, ("Marker", &marker)]),
        json!({
            "Policies": { "Policy": [{
                "PolicyName": "C",
                "PolicyType": "Custom",
                "Description": "",
                "DefaultVersion": "v1",
                "CreateDate": DATE,
                "UpdateDate": DATE,
                "AttachmentCount": 0,
                "Tags": { "Tag": [] },
            }] },
            "IsTruncated": false,
            "RequestId": "r",
        })
    );
    for (name, value) in [("Marker", "?"), ("Marker", "YWJj"), ("MaxItems", "0"), ("MaxItems", "1001")] {
        let refused = bench.ram_error("ListPolicies", &[(name, value)]);
        assert_eq!(refused, format!("{NEVER}.{name}: The parameter - \"{name}\" is incorrect."));
    }
}

#[test]
fn an_account_has_as_many_policies_as_the_quota_allows() {
    let quotas = bulla_kms::Quotas { policies: 2, ..bulla_kms::Quotas::default() };
    let bench = Bench::with_quotas(quotas);
    create(&bench, "a");
    create(&bench, "b");
    let full = "409 LimitExceeded.Policy: The count of policy beyond the current limits.";
    let third = [("PolicyName", "c"), ("PolicyDocument", &*document(1))];
    assert_eq!(bench.ram_error("CreatePolicy", &third), full);
    let taken = bench.ram_error("CreatePolicy", &[("PolicyName", "A"), third[1]]);
    assert!(taken.starts_with("409 EntityAlreadyExists.Policy: "));
    bench.ram("DeletePolicy", &[("PolicyName", "a")]);
    create(&bench, "c");
}
