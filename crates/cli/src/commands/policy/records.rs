//! `bulla policy create`, `list`, `show` and the rest: policies of the account, and their versions.

use bulla_wire::ram::{
    CreatePolicy, CreatePolicyVersion, DeletePolicy, DeletePolicyVersion, GetPolicy, GetPolicyVersion,
    ListEntitiesForPolicy, ListEntitiesForPolicyReply, ListPolicies, ListPolicyVersions, PolicyType,
    PolicyVersion, RotateStrategy, SetDefaultPolicyVersion, UpdatePolicyDescription,
};
use serde::Serialize;

use crate::account::Account;
use crate::args::Policy;
use crate::commands::pages::{MAX_ITEMS, all};
use crate::commands::people::{NOT_YOURS_TO_SEE, document, unless_denied};
use crate::failure::Failure;
use crate::principals::{PolicyName, type_name};
use crate::results::{Table, print, print_field, print_json, print_lines};

pub(super) fn run(account: &Account, command: Policy) -> Result<(), Failure> {
    match command {
        Policy::Create { policy, document: source, description, output } => {
            let policy_document = document(&source)?;
            let request = CreatePolicy { policy_name: policy, policy_document, description, tag: None };
            let policy = account.call(&request)?.policy;
            if output.json {
                print_json(&policy)
            } else {
                print(format_args!("custom/{} is created", policy.policy_name))
            }
        }
        Policy::List { only, output } => list(account, only.map(Into::into), output.json),
        Policy::Show { policy, version_id, output } => show(account, policy, version_id, output.json),
        Policy::Update { policy, document: source, keep_default, drop_oldest } => {
            let oldest = RotateStrategy::DeleteOldestNonDefaultVersionWhenLimitExceeded;
            let request = CreatePolicyVersion {
                policy_name: policy.clone(),
                policy_document: document(&source)?,
                set_as_default: Some(!keep_default),
                rotate_strategy: drop_oldest.then_some(oldest),
            };
            let version = account.call(&request)?.policy_version;
            let state = if version.is_default_version { "in force" } else { "not in force" };
            print(format_args!("custom/{policy} has the new version {}, {state}", version.version_id))
        }
        Policy::Describe { policy, description } => {
            account.call(&UpdatePolicyDescription {
                policy_name: policy.clone(),
                new_description: description,
            })?;
            print(format_args!("custom/{policy} is updated"))
        }
        Policy::Delete { policy, versions } => {
            let cascading_delete = versions.then_some(true);
            account.call(&DeletePolicy { policy_name: policy.clone(), cascading_delete })?;
            print(format_args!("custom/{policy} is deleted"))
        }
        Policy::Versions { policy, output } => versions(account, policy, output.json),
        Policy::SetDefault { policy, version_id } => {
            let request =
                SetDefaultPolicyVersion { policy_name: policy.clone(), version_id: version_id.clone() };
            account.call(&request)?;
            print(format_args!("{version_id} of custom/{policy} is in force"))
        }
        Policy::DeleteVersion { policy, version_id } => {
            let request = DeletePolicyVersion { policy_name: policy.clone(), version_id: version_id.clone() };
            account.call(&request)?;
            print(format_args!("{version_id} of custom/{policy} is deleted"))
        }
        Policy::Check(_) | Policy::Explain { .. } | Policy::WhoCan { .. } => {
            unreachable!("they have modules of their own")
        }
    }
}

/// Returns all policies of the account.
pub(super) fn all_policies(
    account: &Account,
    policy_type: Option<PolicyType>,
) -> Result<Vec<bulla_wire::ram::Policy>, bulla_client::CallError> {
    all(|marker| {
        let request = ListPolicies { policy_type, marker, max_items: Some(MAX_ITEMS), tag: None };
        let page = account.call(&request)?;
        Ok((page.policies.policy, page.marker.filter(|_| page.is_truncated)))
    })
}

fn list(account: &Account, only: Option<PolicyType>, json: bool) -> Result<(), Failure> {
    let policies = all_policies(account, only)?;
    if json {
        return print_json(&policies);
    }
    let mut table = Table::new(["POLICY", "VERSION", "ATTACHED", "DESCRIPTION"]);
    for policy in policies {
        let name = format!("{}/{}", type_name(policy.policy_type), policy.policy_name);
        let attached = policy.attachment_count.map(|count| count.to_string()).unwrap_or_default();
        table.push([name, policy.default_version, attached, policy.description]);
    }
    table.print()
}

fn versions(account: &Account, policy: PolicyName, json: bool) -> Result<(), Failure> {
    let request = ListPolicyVersions { policy_type: policy.kind, policy_name: policy.name };
    let versions = account.call(&request)?.policy_versions.policy_version;
    if json {
        return print_json(&versions);
    }
    let mut table = Table::new(["VERSION", "CREATED", "IN FORCE"]);
    for version in versions {
        let in_force = if version.is_default_version { "yes" } else { "no" };
        table.push([version.version_id, version.create_date.to_string(), in_force.to_owned()]);
    }
    table.print()
}

/// A policy with a version and the entities that have it; `None` where the caller may not see them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    policy: bulla_wire::ram::Policy,
    policy_version: PolicyVersion,
    entities: Option<ListEntitiesForPolicyReply>,
}

fn show(account: &Account, policy: PolicyName, version: Option<String>, json: bool) -> Result<(), Failure> {
    let PolicyName { kind: policy_type, name: policy_name } = policy;
    let found = account.call(&GetPolicy { policy_type, policy_name: policy_name.clone() })?;
    let policy_version = match version {
        None => found.default_policy_version,
        Some(version_id) => {
            let policy_name = policy_name.clone();
            account.call(&GetPolicyVersion { policy_type, policy_name, version_id })?.policy_version
        }
    };
    let entities = unless_denied(account.call(&ListEntitiesForPolicy { policy_type, policy_name }))?;
    let shown = Shown { policy: found.policy, policy_version, entities };
    if json { print_json(&shown) } else { shown.print() }
}

impl Shown {
    fn print(&self) -> Result<(), Failure> {
        let Self { policy, policy_version, entities } = self;
        print_field("Policy", format_args!("{}/{}", type_name(policy.policy_type), policy.policy_name))?;
        print_field("Description", &policy.description)?;
        print_field("Created", policy.create_date)?;
        print_field("In force", &policy.default_version)?;
        match entities {
            None => print_field("Attached to", NOT_YOURS_TO_SEE)?,
            Some(entities) => print_field("Attached to", names(entities).join(", "))?,
        }
        print_lines(&format!("Document of {}\n{}", policy_version.version_id, policy_version.policy_document))
    }
}

fn names(entities: &ListEntitiesForPolicyReply) -> Vec<String> {
    let users = entities.users.user.iter().map(|user| format!("user/{}", user.user_name));
    let groups = entities.groups.group.iter().map(|group| format!("group/{}", group.group_name));
    let roles = entities.roles.role.iter().map(|role| format!("role/{}", role.role_name));
    users.chain(groups).chain(roles).collect()
}
