//! Tags of roles and policies.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_wire::Product;
use serde_json::{Value, json};
use support::{Bench, text};

const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::111122223333:root"}}]}"#;
const ALLOW: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;

fn bench() -> Bench {
    let bench = Bench::new();
    for (role, tags) in [("a", "[]"), ("B", r#"[{"Key":"team","Value":"ops"}]"#), ("c.d", "[]")] {
        let parameters = [("RoleName", role), ("AssumeRolePolicyDocument", TRUST), ("Tag", tags)];
        bench.ram("CreateRole", &parameters);
    }
    bench.ram("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", ALLOW)]);
    bench
}

fn tag(bench: &Bench, kind: &str, names: &str, tags: &str) -> Result<Value, String> {
    let parameters = [("ResourceType", kind), ("ResourceNames", names), ("Tag", tags)];
    bench.send_to(Product::Ram, "TagResources", &parameters)
}

fn untag(bench: &Bench, names: &str, more: &[(&str, &str)]) -> Result<Value, String> {
    let parameters = [&[("ResourceType", "role"), ("ResourceNames", names)], more].concat();
    bench.send_to(Product::Ram, "UntagResources", &parameters)
}

/// Returns the tags on all pages, each as the resource, the name and the value.
fn found(bench: &Bench, parameters: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = bench.ram("ListTagResources", &[parameters, &[("NextToken", &token)]].concat());
        for entry in page["TagResources"].as_array().unwrap() {
            let [resource, name, value] =
                ["ResourceName", "TagKey", "TagValue"].map(|field| text(&entry[field]));
            assert_eq!(entry["ResourceType"], parameters[0].1);
            found.push(format!("{resource} {name}={value}"));
        }
        token = text(&page["NextToken"]);
        if token.is_empty() {
            return found;
        }
    }
}

#[test]
fn roles_and_policies_have_tags() {
    let bench = bench();
    let tagged = tag(&bench, "role", r#"["A","c.d","a"]"#, r#"[{"Key":"team","Value":"dev"},{"Key":"x"}]"#);
    assert_eq!(tagged.unwrap(), json!({ "RequestId": "r" }));
    tag(&bench, "policy", r#"["P"]"#, r#"[{"Key":"team","Value":"dev"}]"#).unwrap();
    let all = ["a team=dev", "a x=", "B team=ops", "c.d team=dev", "c.d x="];
    assert_eq!(found(&bench, &[("ResourceType", "role")]), all);
    for size in ["1", "2", "100"] {
        assert_eq!(found(&bench, &[("ResourceType", "role"), ("PageSize", size)]), all, "{size}");
    }
    assert_eq!(found(&bench, &[("ResourceType", "policy")]), ["p team=dev"]);
    let named = [("ResourceType", "role"), ("ResourceNames", r#"["b","A","none"]"#)];
    assert_eq!(found(&bench, &named), ["a team=dev", "a x=", "B team=ops"]);
    let with = |tags| found(&bench, &[("ResourceType", "role"), ("Tag", tags)]);
    assert_eq!(with(r#"[{"Key":"team","Value":"ops"}]"#), ["B team=ops"]);
    assert_eq!(with(r#"[{"Key":"team"},{"Key":"x","Value":""}]"#), [all[0], all[1], all[3], all[4]]);
    let entry = json!({ "ResourceName": "p", "ResourceType": "policy", "TagKey": "team", "TagValue": "dev" });
    assert_eq!(
        bench.ram("ListTagResources", &[("ResourceType", "policy")]),
        json!({ "TagResources": [entry], "NextToken": "", "RequestId": "r" })
    );

    let removed = untag(&bench, r#"["A","b"]"#, &[("TagKeys", r#"["team","other"]"#)]);
    assert_eq!(removed.unwrap(), json!({ "RequestId": "r" }));
    assert_eq!(found(&bench, &[("ResourceType", "role")]), ["a x=", "c.d team=dev", "c.d x="]);
    untag(&bench, r#"["c.d"]"#, &[("All", "true")]).unwrap();
    assert_eq!(found(&bench, &[("ResourceType", "role")]), ["a x="]);
}

#[test]
fn lists_of_roles_and_policies_are_searched_by_tags() {
    let bench = bench();
    tag(&bench, "policy", r#"["p"]"#, r#"[{"Key":"team","Value":"dev"}]"#).unwrap();
    let roles = bench.ram("ListRoles", &[("Tag", r#"[{"Key":"team"}]"#)]);
    assert_eq!(roles["Roles"]["Role"].as_array().unwrap().len(), 1);
    let tags = json!({ "Tag": [{ "TagKey": "team", "TagValue": "ops" }] });
    assert_eq!(roles["Roles"]["Role"][0]["Tags"], tags);
    let policies = bench.ram("ListPolicies", &[("Tag", r#"[{"Key":"team","Value":"dev"}]"#)]);
    let policies = policies["Policies"]["Policy"].as_array().unwrap();
    let names: Vec<_> = policies.iter().map(|policy| text(&policy["PolicyName"])).collect();
    assert_eq!(names, ["p"], "system policies have no tags");
    let none = bench.ram("ListRoles", &[("Tag", r#"[{"Key":"team","Value":"dev"}]"#)]);
    assert_eq!(none["Roles"]["Role"], json!([]));
}

#[test]
fn tags_are_set_on_all_resources_or_on_none() {
    let bench = bench();
    let role = "404 EntityNotExist.Role: The role does not exist.";
    assert_eq!(tag(&bench, "role", r#"["a","none"]"#, r#"[{"Key":"x"}]"#).unwrap_err(), role);
    assert_eq!(untag(&bench, r#"["B","none"]"#, &[("All", "true")]).unwrap_err(), role);
    let policy = "404 EntityNotExist.Policy: The policy does not exist.";
    let system = tag(&bench, "policy", r#"["AdministratorAccess"]"#, r#"[{"Key":"x"}]"#);
    assert_eq!(system.unwrap_err(), policy);
    let tags = |numbers: std::ops::Range<u32>| {
        let tags: Vec<_> = numbers.map(|number| format!(r#"{{"Key":"k{number}"}}"#)).collect();
        format!("[{}]", tags.join(","))
    };
    tag(&bench, "role", r#"["a"]"#, &tags(0..20)).unwrap();
    let refused = tag(&bench, "role", r#"["B","a"]"#, r#"[{"Key":"x"}]"#).unwrap_err();
    assert!(refused.starts_with("400 InvalidParameter.Tag: "), "{refused}");
    assert_eq!(found(&bench, &[("ResourceType", "role")]).len(), 21, "nothing was changed");
}

#[test]
fn tags_that_are_not_good_are_refused() {
    let bench = bench();
    let code = |answer: Result<Value, String>| answer.unwrap_err().split(": ").next().unwrap().to_owned();
    let good = r#"[{"Key":"x"}]"#;
    let names = |count: usize| format!("[{}]", vec![r#""a""#; count].join(","));
    assert_eq!(code(tag(&bench, "user", r#"["a"]"#, good)), "400 InvalidParameter.ResourceType");
    assert_eq!(code(tag(&bench, "role", &names(51), good)), "400 InvalidParameter.ResourceNames");
    assert_eq!(code(tag(&bench, "role", "[]", good)), "400 InvalidParameter.ResourceNames");
    for tags in ["[]", "{}", r#"[{"Key":""}]"#, r#"[{"Key":"x"},{"Key":"x"}]"#, r#"[{"Key":"aliyun1"}]"#] {
        assert_eq!(code(tag(&bench, "role", r#"["a"]"#, tags)), "400 InvalidParameter.Tag", "{tags}");
    }
    let missing = untag(&bench, r#"["a"]"#, &[]).unwrap_err();
    assert_eq!(missing, "400 MissingParameter: Parameter TagKeys is required.");
    let many = format!("[{}]", vec![r#""x""#; 21].join(","));
    assert_eq!(code(untag(&bench, r#"["a"]"#, &[("TagKeys", &many)])), "400 InvalidParameter.TagKeys");
    for (name, value) in [
        ("PageSize", "0"),
        ("PageSize", "101"),
        ("NextToken", "?"),
        ("NextToken", "YQ"),
        ("ResourceNames", "[]"),
        ("Tag", "x"),
    ] {
        let refused = bench.ram_code("ListTagResources", &[("ResourceType", "role"), (name, value)]);
        assert_eq!(refused, format!("400 InvalidParameter.{name}"), "{value}");
    }
}
