//! Policies that are attached to users, groups and roles.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_kms::{Quotas, Role};
use serde_json::{Value, json};
use support::{Bench, text};

const DATE: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:00:09Z";
const ALLOW: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::111122223333:root"}}]}"#;

/// A kind of holder of policies, with the names in its actions and errors.
struct Kind {
    name: &'static str,
    parameter: &'static str,
    attach: &'static str,
    detach: &'static str,
    list: &'static str,
    missing: &'static str,
    not_attached: &'static str,
    already: &'static str,
    full: &'static str,
    conflict: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "User",
        parameter: "UserName",
        attach: "AttachPolicyToUser",
        detach: "DetachPolicyFromUser",
        list: "ListPoliciesForUser",
        missing: "404 EntityNotExist.User: The user does not exist.",
        not_attached: "404 EntityNotExist.User.Policy: The indicate policy of the user does not exist.",
        already: "409 EntityAlreadyExists.User.Policy: The user has already been attached this policy.",
        full: "409 LimitExceeded.User.Policy: \
            The policy count of the user attached policies beyond the current limits.",
        conflict: "409 DeleteConflict.Policy.User: \
            The policy CAN NOT been attached to any user while deleting the policy.",
    },
    Kind {
        name: "Group",
        parameter: "GroupName",
        attach: "AttachPolicyToGroup",
        detach: "DetachPolicyFromGroup",
        list: "ListPoliciesForGroup",
        missing: "404 EntityNotExist.Group: The group does not exist.",
        not_attached: "404 EntityNotExist.Group.Policy: \
            The indicate policy attached to the group does not exist.",
        already: "409 EntityAlreadyExists.Group.Policy: The group has already been attached this policy.",
        full: "409 LimitExceeded.Group.Policy: The policy count of the group beyond the current limits.",
        conflict: "409 DeleteConflict.Policy.Group: \
            The policy CAN NOT been attached to any group while deleting the policy.",
    },
    Kind {
        name: "Role",
        parameter: "RoleName",
        attach: "AttachPolicyToRole",
        detach: "DetachPolicyFromRole",
        list: "ListPoliciesForRole",
        missing: "404 EntityNotExist.Role: The role does not exist.",
        not_attached: "404 EntityNotExist.Role.Policy: \
            The indicate policy attached to the role does not exist.",
        already: "409 EntityAlreadyExists.Role.Policy: The role has already been attached this policy.",
        full: "409 LimitExceeded.Role.Policy: \
            The count of policies attached to the role beyond the current limits.",
        conflict: "409 DeleteConflict.Policy.Role: \
            The policy CAN NOT been attached to any role while deleting the policy.",
    },
];

fn policy(bench: &Bench, name: &str) {
    bench.ram("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", ALLOW), ("Description", "d")]);
}

fn add(bench: &Bench, kind: &Kind, name: &str) {
    let action = format!("Create{}", kind.name);
    let trust = (kind.name == "Role").then_some(("AssumeRolePolicyDocument", TRUST));
    bench.ram(&action, &[(kind.parameter, name)].into_iter().chain(trust).collect::<Vec<_>>());
}

/// A bench with a user, a group and a role, each named `Ops`, and a policy `p`.
fn bench(quotas: Quotas) -> Bench {
    let bench = Bench::with_quotas(quotas);
    policy(&bench, "P");
    KINDS.iter().for_each(|kind| add(&bench, kind, "Ops"));
    bench
}

impl Kind {
    fn call(&self, bench: &Bench, action: &str, of: &str, policy: &str) -> Result<Value, String> {
        let parameters = [("PolicyType", of), ("PolicyName", policy), (self.parameter, "ops")];
        bench.send_to(bulla_wire::Product::Ram, action, &parameters)
    }

    fn attached(&self, bench: &Bench) -> Value {
        let mut listed = bench.ram(self.list, &[(self.parameter, "OPS")]);
        listed["Policies"]["Policy"].take()
    }
}

#[test]
fn policies_are_attached_listed_and_detached() {
    let bench = bench(Quotas::default());
    for kind in &KINDS {
        assert_eq!(
            bench.ram(kind.list, &[(kind.parameter, "Ops")]),
            json!({ "Policies": { "Policy": [] }, "RequestId": "r" })
        );
        let done = json!({ "RequestId": "r" });
        assert_eq!(kind.call(&bench, kind.attach, "Custom", "p").unwrap(), done);
        assert_eq!(kind.call(&bench, kind.attach, "Custom", "P").unwrap_err(), kind.already);
    }
    bench.clock.pass(9);
    for kind in &KINDS {
        kind.call(&bench, kind.attach, "System", "aliyunkmsreadonlyaccess").unwrap();
    }
    let bench = bench.restarted(Role::Command, false);
    for kind in &KINDS {
        let system =
            bench.ram("GetPolicy", &[("PolicyType", "System"), ("PolicyName", "AliyunKMSReadOnlyAccess")]);
        let attached = json!([
            {
                "PolicyName": "P",
                "PolicyType": "Custom",
                "Description": "d",
                "DefaultVersion": "v1",
                "AttachDate": DATE,
            },
            {
                "PolicyName": "AliyunKMSReadOnlyAccess",
                "PolicyType": "System",
                "Description": system["Policy"]["Description"],
                "DefaultVersion": system["Policy"]["DefaultVersion"],
                "AttachDate": LATER,
            },
        ]);
        assert_eq!(kind.attached(&bench), attached, "{}", kind.name);
    }
    let count = |of, name| {
        bench.ram("GetPolicy", &[("PolicyType", of), ("PolicyName", name)])["Policy"]["AttachmentCount"]
            .clone()
    };
    assert_eq!((count("Custom", "p"), count("System", "AliyunKMSReadOnlyAccess")), (json!(3), json!(3)));
    for kind in &KINDS {
        assert_eq!(bench.ram_error("DeletePolicy", &[("PolicyName", "p")]), kind.conflict);
        assert_eq!(kind.call(&bench, kind.detach, "Custom", "P").unwrap(), json!({ "RequestId": "r" }));
        assert_eq!(kind.call(&bench, kind.detach, "Custom", "p").unwrap_err(), kind.not_attached);
    }
    bench.ram("DeletePolicy", &[("PolicyName", "p")]);
    assert_eq!(kind_names(&bench, &KINDS[2]), ["AliyunKMSReadOnlyAccess"]);
}

fn kind_names(bench: &Bench, kind: &Kind) -> Vec<String> {
    let attached = kind.attached(bench);
    attached.as_array().unwrap().iter().map(|policy| text(&policy["PolicyName"])).collect()
}

#[test]
fn a_policy_lists_what_it_is_attached_to() {
    let bench = bench(Quotas::default());
    let entities = |of, name| bench.ram("ListEntitiesForPolicy", &[("PolicyType", of), ("PolicyName", name)]);
    let none = json!({
        "Users": { "User": [] },
        "Groups": { "Group": [] },
        "Roles": { "Role": [] },
        "RequestId": "r",
    });
    assert_eq!(entities("Custom", "p"), none);
    bench.ram("CreateUser", &[("UserName", "al"), ("DisplayName", "Al")]);
    bench.ram("AttachPolicyToUser", &[("PolicyType", "Custom"), ("PolicyName", "p"), ("UserName", "al")]);
    bench.clock.pass(9);
    for kind in &KINDS {
        kind.call(&bench, kind.attach, "Custom", "p").unwrap();
    }
    let user = |name| bench.ram("GetUser", &[("UserName", name)])["User"]["UserId"].clone();
    let role = bench.ram("GetRole", &[("RoleName", "ops")])["Role"].clone();
    assert_eq!(
        entities("Custom", "P"),
        json!({
            "Users": { "User": [
                { "UserId": user("al"), "UserName": "al", "DisplayName": "Al", "AttachDate": DATE },
                { "UserId": user("ops"), "UserName": "Ops", "DisplayName": "", "AttachDate": LATER },
            ] },
            "Groups": { "Group": [{ "GroupName": "Ops", "Comments": "", "AttachDate": LATER }] },
            "Roles": { "Role": [{
                "RoleId": role["RoleId"],
                "RoleName": "Ops",
                "Arn": "acs:ram::111122223333:role/ops",
                "Description": "",
                "AttachDate": LATER,
            }] },
            "RequestId": "r",
        })
    );
    assert_eq!(entities("System", "AdministratorAccess"), none);
    // A renamed user keeps its policies.
    bench.ram("UpdateUser", &[("UserName", "ops"), ("NewUserName", "Dev")]);
    let renamed = &entities("Custom", "P")["Users"]["User"][1];
    assert_eq!((&renamed["UserName"], &renamed["UserId"]), (&json!("Dev"), &user("dev")));
}

#[test]
fn missing_resources_are_reported_in_order() {
    let bench = bench(Quotas::default());
    let policy = "404 EntityNotExist.Policy: The policy does not exist.";
    for kind in &KINDS {
        for action in [kind.attach, kind.detach] {
            let refused = |of, policy, name| {
                let parameters = [("PolicyType", of), ("PolicyName", policy), (kind.parameter, name)];
                bench.ram_error(action, &parameters)
            };
            assert_eq!(refused("Custom", "none", "none"), kind.missing);
            assert_eq!(refused("Custom", "none", "ops"), policy);
            assert_eq!(refused("System", "p", "ops"), policy);
            assert_eq!(refused("Custom", "AdministratorAccess", "ops"), policy);
            let of = "400 InvalidParameter.PolicyType: The parameter - \"PolicyType\" is incorrect.";
            assert_eq!(refused("system", "p", "ops"), of);
        }
        assert_eq!(bench.ram_error(kind.list, &[(kind.parameter, "none")]), kind.missing);
        let missing = format!("400 MissingParameter: Parameter {} is required.", kind.parameter);
        assert_eq!(bench.ram_error(kind.list, &[]), missing);
        assert_eq!(
            kind.call(&bench, kind.detach, "System", "AdministratorAccess").unwrap_err(),
            kind.not_attached
        );
        for action in [kind.attach, kind.detach] {
            let named = [("PolicyType", "Custom"), ("PolicyName", "p"), (kind.parameter, "ops")];
            let group = ("ResourceGroupId", "rg-1");
            let refused = bench.ram_error(action, &[&named[..], &[group]].concat());
            let incorrect =
                "400 InvalidParameter.ResourceGroupId: The parameter - \"ResourceGroupId\" is incorrect.";
            assert_eq!(refused, incorrect);
        }
    }
    let named = [("PolicyType", "Custom"), ("PolicyName", "none")];
    assert_eq!(bench.ram_error("ListEntitiesForPolicy", &named), policy);
}

#[test]
fn each_kind_has_its_quota_of_each_type() {
    let quotas = Quotas {
        system_policies_attached: 1,
        policies_per_user: 2,
        policies_per_group: 2,
        policies_per_role: 2,
        ..Quotas::default()
    };
    let bench = bench(quotas);
    policy(&bench, "q");
    policy(&bench, "third");
    for kind in &KINDS {
        kind.call(&bench, kind.attach, "Custom", "p").unwrap();
        kind.call(&bench, kind.attach, "Custom", "q").unwrap();
        assert_eq!(kind.call(&bench, kind.attach, "Custom", "third").unwrap_err(), kind.full);
        kind.call(&bench, kind.attach, "System", "ReadOnlyAccess").unwrap();
        assert_eq!(kind.call(&bench, kind.attach, "System", "AdministratorAccess").unwrap_err(), kind.full);
        assert_eq!(kind.call(&bench, kind.attach, "System", "ReadOnlyAccess").unwrap_err(), kind.already);
        kind.call(&bench, kind.detach, "Custom", "q").unwrap();
        kind.call(&bench, kind.attach, "Custom", "third").unwrap();
        assert_eq!(kind_names(&bench, kind), ["P", "ReadOnlyAccess", "third"]);
    }
}

#[test]
fn a_role_with_a_policy_is_not_deleted() {
    let bench = bench(Quotas::default());
    let role = &KINDS[2];
    role.call(&bench, role.attach, "System", "ReadOnlyAccess").unwrap();
    let conflict = "409 DeleteConflict.Role.Policy: \
        The role CAN NOT has any attached policy while deleting the role.";
    assert_eq!(bench.ram_error("DeleteRole", &[("RoleName", "ops")]), conflict);
    role.call(&bench, role.detach, "System", "ReadOnlyAccess").unwrap();
    bench.ram("DeleteRole", &[("RoleName", "ops")]);
}
