//! The cases of `ram.rs` for the actions on policies, attachments, roles and tags: each is a request, with the resources
//! whose permission it needs.

use super::ram_subjects::People;
use super::*;

/// Returns a case for each action, about one set of people.
pub(super) fn cases(p: &People) -> Vec<Case> {
    [policies(p), attachments(p), roles(p), tags(p)].concat()
}

fn case(action: &'static str, parameters: &[(&'static str, &str)], resources: &[&str]) -> Case {
    let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let queries = resources.iter().map(|resource| format!("{action} {resource}")).collect();
    Case { product: Product::Ram, action, parameters, queries }
}

/// A policy of either type, by its name and as the resource.
fn both(p: &People) -> [([(&'static str, &str); 2], &str); 2] {
    [
        ([("PolicyType", "Custom"), ("PolicyName", &p.policy)], &p.policy_resource),
        ([("PolicyType", "System"), ("PolicyName", &p.system_policy)], &p.system_policy_resource),
    ]
}

fn policies(p: &People) -> Vec<Case> {
    let create = [("PolicyName", "taken"), ("PolicyDocument", DOCUMENT)];
    let policy = ("PolicyName", &*p.policy);
    let version = ("VersionId", "v1");
    let mut cases = vec![
        case("CreatePolicy", &create, &["policy/*"]),
        case("ListPolicies", &[], &["policy/*"]),
        case("ListPolicies", &[("PolicyType", "System")], &["policy/*"]),
    ];
    let changes: [(_, &[_]); 6] = [
        ("UpdatePolicyDescription", &[policy, ("NewDescription", "other")]),
        ("CreatePolicyVersion", &[policy, create[1]]),
        ("SetDefaultPolicyVersion", &[policy, version]),
        ("SetDefaultPolicyVersion", &[policy, ("VersionId", "v9")]),
        ("DeletePolicyVersion", &[policy, version]),
        ("DeletePolicy", &[policy]),
    ];
    cases.extend(changes.map(|(action, parameters)| case(action, parameters, &[&p.policy_resource])));
    for (policy, resource) in both(p) {
        for action in ["GetPolicy", "ListPolicyVersions", "ListEntitiesForPolicy"] {
            cases.push(case(action, &policy, &[resource]));
        }
        cases.push(case("GetPolicyVersion", &[policy[0], policy[1], version], &[resource]));
    }
    cases
}

fn attachments(p: &People) -> Vec<Case> {
    let mut cases = Vec::new();
    for (attach, detach, list, entity, resource) in [
        (
            "AttachPolicyToUser",
            "DetachPolicyFromUser",
            "ListPoliciesForUser",
            ("UserName", &*p.user),
            &*p.user_resource,
        ),
        (
            "AttachPolicyToGroup",
            "DetachPolicyFromGroup",
            "ListPoliciesForGroup",
            ("GroupName", &p.group),
            &p.group_resource,
        ),
        (
            "AttachPolicyToRole",
            "DetachPolicyFromRole",
            "ListPoliciesForRole",
            ("RoleName", &p.role),
            &p.role_resource,
        ),
    ] {
        for (policy, of_policy) in both(p) {
            for action in [attach, detach] {
                cases.push(case(action, &[policy[0], policy[1], entity], &[resource, of_policy]));
            }
        }
        cases.push(case(list, &[entity], &[resource]));
    }
    cases
}

fn roles(p: &People) -> Vec<Case> {
    let role = ("RoleName", &*p.role);
    let resource = &*p.role_resource;
    let unknown = TRUST.replace(":root", ":user/nobody");
    vec![
        case("CreateRole", &[("RoleName", "taken"), ("AssumeRolePolicyDocument", TRUST)], &["role/*"]),
        case("CreateRole", &[("RoleName", "new"), ("AssumeRolePolicyDocument", &unknown)], &["role/*"]),
        case("ListRoles", &[], &["role/*"]),
        case("GetRole", &[role], &[resource]),
        case("UpdateRole", &[role, ("NewDescription", "other")], &[resource]),
        case("UpdateRole", &[role, ("NewAssumeRolePolicyDocument", &unknown)], &[resource]),
        case("DeleteRole", &[role], &[resource]),
    ]
}

fn tags(p: &People) -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, name, resource) in
        [("role", &p.role, &p.role_resource), ("policy", &p.policy, &p.policy_resource)]
    {
        let kind_only = ("ResourceType", kind);
        let names = format!("[{name:?},\"other\"]");
        let resources = [&**resource, &format!("{kind}/other")];
        let names = ("ResourceNames", &*names);
        let tag = ("Tag", r#"[{"Key":"a","Value":"b"}]"#);
        cases.push(case("TagResources", &[kind_only, names, tag], &resources));
        let one = format!("[{name:?}]");
        cases.push(case("TagResources", &[kind_only, ("ResourceNames", &one), tag], &resources[..1]));
        cases.push(case("UntagResources", &[kind_only, names, ("TagKeys", r#"["a"]"#)], &resources));
        cases.push(case("ListTagResources", &[kind_only, names], &resources));
        cases.push(case("ListTagResources", &[kind_only], &[&format!("{kind}/*")]));
    }
    cases
}

const DOCUMENT: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::111122223333:root"}}]}"#;
