//! Changes by RAM are in force for the very next request.

use super::people::{Account, EVERYTHING, allowing, attach, by, by_session};
use super::races::race;
use super::*;
use crate::origin::Origin;
use crate::people::{Group, NameKey, PolicyRef, Role};
use crate::state::Write;

impl Account {
    fn ram(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.call_to(Product::Ram, &self.kms.owner(), action, parameters);
        serde_json::to_value(answer.unwrap_or_else(|error| panic!("{action}: {error}"))).unwrap()
    }

    fn call_to(
        &self,
        product: Product,
        origin: &Origin,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        pollster::block_on(self.kms.call(request_to(product, action, parameters), origin))
    }

    /// Attaches a policy that need not exist.
    fn attach_to(&self, kind: &str, name: &str, policy: &PolicyRef) {
        let published = self.kms.state.published();
        let key = NameKey::of(name);
        match kind {
            "User" => self.change_user(name, |user| attach(&mut user.policies, policy)),
            "Group" => {
                let row = published.get::<Group>(&key).unwrap();
                let mut group = Group::clone(&row.record);
                attach(&mut group.policies, policy);
                self.write([(Write::Group(group), row.revision)]);
            }
            _ => {
                let row = published.get::<Role>(&key).unwrap();
                let mut role = Role::clone(&row.record);
                attach(&mut role.policies, policy);
                self.write([(Write::Role(role), row.revision)]);
            }
        }
    }

    /// Returns the code of the error of a request to RAM.
    fn ram_code(&self, origin: &Origin, action: &str, parameters: &[(&str, &str)]) -> String {
        self.call_to(Product::Ram, origin, action, parameters).map(drop).unwrap_err().code_text()
    }
}

fn deny(action: &str) -> String {
    EVERYTHING.replace("Allow", "Deny").replace(r#""Action":"*""#, &format!(r#""Action":"{action}""#))
}

const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::111122223333:root"}}]}"#;

#[test]
fn attaching_and_detaching_are_in_force_for_the_next_request() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    let key = account.key();
    account.ram("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", EVERYTHING)]);
    account.ram("CreateGroup", &[("GroupName", "ops")]);
    account.ram("AddUserToGroup", &[("GroupName", "ops"), ("UserName", "alice")]);
    let session = by_session(account.role("job", None), None);
    let policy = [("PolicyType", "Custom"), ("PolicyName", "p")];
    for (kind, entity, origin) in [
        ("User", ("UserName", "alice"), &alice),
        ("Group", ("GroupName", "OPS"), &alice),
        ("Role", ("RoleName", "job"), &session),
    ] {
        let parameters = [policy[0], policy[1], entity];
        let attach = || drop(account.ram(&format!("AttachPolicyTo{kind}"), &parameters));
        let detach = || drop(account.ram(&format!("DetachPolicyFrom{kind}"), &parameters));
        race(&account, origin, &key, attach, detach);
        detach();
    }
}

/// It may have contained a Deny. Root lists and detaches it by its name.
#[test]
fn a_system_policy_that_is_no_longer_known_denies_everything_until_it_is_detached() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    let session = by_session(account.role("job", Some(EVERYTHING)), None);
    account.allow("alice", EVERYTHING);
    account.group("ops", "alice", EVERYTHING);
    let missing = PolicyRef::System(NameKey::of("Gone"));
    let parameters =
        |entity: (&'static str, &'static str)| [("PolicyType", "System"), ("PolicyName", "GONE"), entity];
    for (kind, entity, origin) in [
        ("User", ("UserName", "alice"), &alice),
        ("Group", ("GroupName", "ops"), &alice),
        ("Role", ("RoleName", "job"), &session),
    ] {
        let may = || account.is_allowed(origin, "ListKeys", &[]);
        assert!(may());
        account.attach_to(kind, entity.1, &missing);
        assert!(!may(), "{kind}");
        let listed = account.ram(&format!("ListPoliciesFor{kind}"), &[entity]);
        let listed = listed["Policies"]["Policy"].as_array().unwrap().last().unwrap();
        assert_eq!((&listed["PolicyName"], &listed["PolicyType"]), (&"gone".into(), &"System".into()));
        let owner = account.kms.owner();
        let attach = format!("AttachPolicyTo{kind}");
        assert_eq!(account.ram_code(&owner, &attach, &parameters(entity)), "EntityNotExist.Policy");
        let detach = format!("DetachPolicyFrom{kind}");
        account.ram(&detach, &parameters(entity));
        assert!(may(), "{kind}");
        assert_eq!(account.ram_code(&owner, &detach, &parameters(entity)), "EntityNotExist.Policy");
    }
}

#[test]
fn the_default_version_of_a_policy_is_in_force_for_the_next_request_and_no_other_version_counts() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    let key = account.key();
    account.ram("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", EVERYTHING)]);
    let parameters = [("PolicyType", "Custom"), ("PolicyName", "P"), ("UserName", "alice")];
    account.ram("AttachPolicyToUser", &parameters);
    account.ram("CreatePolicyVersion", &[("PolicyName", "p"), ("PolicyDocument", &deny("kms:Decrypt"))]);
    let set = |version| {
        drop(account.ram("SetDefaultPolicyVersion", &[("PolicyName", "p"), ("VersionId", version)]))
    };
    race(&account, &alice, &key, || set("v1"), || set("v2"));
    // A version that is created as the default one is in force at once as well.
    let described = [("KeyId", &*key)];
    assert!(account.is_allowed(&alice, "DescribeKey", &described));
    let document = deny("kms:DescribeKey");
    let version = [("PolicyName", "p"), ("PolicyDocument", &*document), ("SetAsDefault", "true")];
    account.ram("CreatePolicyVersion", &version);
    assert!(!account.is_allowed(&alice, "DescribeKey", &described));
}

#[test]
fn a_role_is_trusted_and_exists_as_of_the_next_request() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    account.allow("alice", EVERYTHING);
    account.user("bob");
    account.ram("CreateRole", &[("RoleName", "Job"), ("AssumeRolePolicyDocument", TRUST)]);
    let assume = [("RoleArn", "acs:ram::111122223333:role/job"), ("RoleSessionName", "alice")];
    let code = || {
        let answer = account.call_to(Product::Sts, &alice, "AssumeRole", &assume);
        answer.map(drop).map_err(|error| error.code_text())
    };
    let denied = Err("NoPermission".to_owned());
    assert_eq!(code(), Ok(()));
    let of_bob = TRUST.replace(":root", ":user/bob");
    let trust = |document: &str| {
        account.ram("UpdateRole", &[("RoleName", "job"), ("NewAssumeRolePolicyDocument", document)]);
    };
    trust(&of_bob);
    assert_eq!(code(), denied);
    trust(&of_bob.replace("bob", "ALICE")); // names ignore case
    assert_eq!(code(), Ok(()));
    // The trust policy refers to the id that the name had, not to the name.
    account.ram("UpdateUser", &[("UserName", "alice"), ("NewUserName", "al")]);
    assert_eq!(code(), Ok(()));
    account.ram("UpdateUser", &[("UserName", "bob"), ("NewUserName", "alice")]);
    trust(&of_bob.replace("bob", "alice"));
    assert_eq!(code(), denied);
    account.ram("DeleteRole", &[("RoleName", "job")]);
    assert_eq!(code(), denied);
}

#[test]
fn a_session_of_a_role_ends_with_the_role() {
    let account = Account::new();
    let created = account.ram("CreateRole", &[("RoleName", "job"), ("AssumeRolePolicyDocument", TRUST)]);
    let id = created["Role"]["RoleId"].as_str().unwrap().parse::<u64>().unwrap().try_into().unwrap();
    let attached = [("PolicyType", "System"), ("PolicyName", "AdministratorAccess"), ("RoleName", "job")];
    account.ram("AttachPolicyToRole", &attached);
    let session = by_session(id, None);
    let listed = || account.is_allowed(&session, "ListKeys", &[]);
    assert!(listed());
    account.ram("DetachPolicyFromRole", &attached);
    account.ram("DeleteRole", &[("RoleName", "job")]);
    account.ram("CreateRole", &[("RoleName", "job"), ("AssumeRolePolicyDocument", TRUST)]);
    account.ram("AttachPolicyToRole", &attached);
    assert!(!listed(), "the new role of the name is another one");
}

/// Membership and attachments need the permission for both sides: neither alone is enough to grant rights.
#[test]
fn a_policy_is_attached_by_a_caller_who_may_use_both_sides() {
    let account = Account::new();
    account.user("bob");
    account.ram("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", EVERYTHING)]);
    let parameters = [("PolicyType", "Custom"), ("PolicyName", "p"), ("UserName", "bob")];
    for (number, resource, expected) in [
        (0, r#""acs:ram:*:*:user/bob""#, Some("NoPermission")),
        (1, r#""acs:ram:*:*:policy/p""#, Some("NoPermission")),
        (2, r#"["acs:ram:*:system:policy/p", "acs:ram:*:*:user/bob"]"#, Some("NoPermission")),
        (3, r#"["acs:ram::111122223333:policy/p", "acs:ram:*:*:user/bob"]"#, None),
    ] {
        let name = format!("caller{number}");
        let caller = by(account.user(&name));
        account.allow(&name, &allowing(r#""ram:*""#, resource, ""));
        let answer = account.call_to(Product::Ram, &caller, "AttachPolicyToUser", &parameters);
        assert_eq!(
            answer.map(drop).map_err(|error| error.code_text()).err().as_deref(),
            expected,
            "{resource}"
        );
    }
}

#[test]
fn tags_of_roles_and_policies_are_seen_by_conditions_as_they_are_before_the_change() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    let protect = r#"{"Effect":"Deny","Action":"ram:*","Resource":"*","Condition":{"StringEquals":{"acs:ResourceTag/protected":"yes"}}}"#;
    let guard = r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"acs:RequestTag/protected":"no"}}}"#;
    let statements = format!(r#""Statement":[{protect},{guard},"#);
    account.allow("alice", &EVERYTHING.replace(r#""Statement":["#, &statements));
    let tags = ("Tag", r#"[{"Key":"protected","Value":"yes"}]"#);
    account.ram("CreateRole", &[("RoleName", "job"), ("AssumeRolePolicyDocument", TRUST), tags]);
    account.ram("CreateRole", &[("RoleName", "other"), ("AssumeRolePolicyDocument", TRUST)]);
    account.ram("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", EVERYTHING), tags]);
    let code = |action: &str, parameters: &[(&str, &str)]| account.ram_code(&alice, action, parameters);
    assert_eq!(code("DeleteRole", &[("RoleName", "JOB")]), "NoPermission");
    assert_eq!(code("DeletePolicy", &[("PolicyName", "p")]), "NoPermission");
    let named = |kind, names| [("ResourceType", kind), ("ResourceNames", names)];
    let untag = [&named("role", r#"["job"]"#)[..], &[("All", "true")]].concat();
    assert_eq!(code("UntagResources", &untag), "NoPermission");
    let tag =
        [&named("role", r#"["other"]"#)[..], &[("Tag", r#"[{"Key":"protected","Value":"no"}]"#)]].concat();
    assert_eq!(code("TagResources", &tag), "NoPermission");
    let create = [("RoleName", "new"), ("AssumeRolePolicyDocument", TRUST), tag[2]];
    assert_eq!(code("CreateRole", &create), "NoPermission");
    let protect = [&named("role", r#"["other"]"#)[..], &[tags]].concat();
    account.call_to(Product::Ram, &alice, "TagResources", &protect).unwrap();
    assert_eq!(code("DeleteRole", &[("RoleName", "other")]), "NoPermission");
}
