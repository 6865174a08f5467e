//! `bulla role`: roles, which users and programs assume temporarily.

use bulla_wire::ram::{
    AttachedPolicy, CreateRole, DeleteRole, GetRole, ListPoliciesForRole, ListRoles, UpdateRole,
};
use serde::Serialize;

use super::attachments::{Entity, attach, detach};
use super::{NOT_YOURS_TO_SEE, assume, changed, document, joined, unless_denied};
use crate::account::Account;
use crate::args::{KmsFlags, Role};
use crate::commands::pages::{MAX_ITEMS, all};
use crate::failure::Failure;
use crate::results::{Table, print, print_field, print_json, print_lines};

pub(crate) fn run(kms: &KmsFlags, command: Role) -> Result<(), Failure> {
    let account = Account::connect(kms)?;
    match command {
        Role::Create { role, trust, description, max_session, output } => {
            let request = CreateRole {
                role_name: role,
                assume_role_policy_document: document(&trust)?,
                description,
                max_session_duration: max_session,
                allow_console_login: None,
                tag: None,
            };
            let role = account.call(&request)?.role;
            if output.json { print_json(&role) } else { print(format_args!("{} is created", role.arn)) }
        }
        Role::List { output } => list(&account, output.json),
        Role::Show { role, output } => show(&account, &role, output.json),
        Role::Update { role, trust, description, max_session } => {
            let request = UpdateRole {
                role_name: role,
                new_assume_role_policy_document: trust.as_ref().map(document).transpose()?,
                new_description: changed(description),
                new_max_session_duration: max_session,
                new_allow_console_login: None,
                end_sessions: None,
            };
            print(format_args!("{} is updated", account.call(&request)?.role.role_name))
        }
        Role::Delete { role } => {
            account.call(&DeleteRole { role_name: role.clone() })?;
            print(format_args!("{role} is deleted"))
        }
        Role::EndSessions { role } => {
            let request = UpdateRole {
                role_name: role,
                new_assume_role_policy_document: None,
                new_description: None,
                new_max_session_duration: None,
                new_allow_console_login: None,
                end_sessions: Some(true),
            };
            let role = account.call(&request)?.role.role_name;
            print(format_args!("the sessions of {role} are ended"))
        }
        Role::Attach { role, policies } => attach(&account, Entity::Role(&role), &policies),
        Role::Detach { role, policies } => detach(&account, Entity::Role(&role), &policies),
        Role::Assume(assume) => assume::run(&account, assume),
    }
}

fn list(account: &Account, json: bool) -> Result<(), Failure> {
    let roles = all(|marker| {
        let page = account.call(&ListRoles { marker, max_items: Some(MAX_ITEMS), tag: None })?;
        Ok((page.roles.role, page.marker.filter(|_| page.is_truncated)))
    })?;
    if json {
        return print_json(&roles);
    }
    let mut table = Table::new(["ROLE", "ID", "CREATED", "DESCRIPTION"]);
    for role in roles {
        table.push([role.role_name, role.role_id, role.create_date.to_string(), role.description]);
    }
    table.print()
}

/// A role with its policies; `None` where the caller may not see them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    role: bulla_wire::ram::Role,
    policies: Option<Vec<AttachedPolicy>>,
}

fn show(account: &Account, name: &str, json: bool) -> Result<(), Failure> {
    let role = account.call(&GetRole { role_name: name.to_owned() })?.role;
    let policies = account.call(&ListPoliciesForRole { role_name: name.to_owned() });
    let policies = unless_denied(policies.map(|reply| reply.policies.policy))?;
    let shown = Shown { role, policies };
    if json { print_json(&shown) } else { shown.print() }
}

impl Shown {
    fn print(&self) -> Result<(), Failure> {
        let Self { role, policies } = self;
        print_field("Role", &role.role_name)?;
        print_field("ID", &role.role_id)?;
        print_field("ARN", &role.arn)?;
        print_field("Description", &role.description)?;
        print_field("Created", role.create_date)?;
        print_field("Longest session", format_args!("{} seconds", role.max_session_duration))?;
        let policies = policies.as_ref().map(|policies| {
            joined(policies.iter().map(|policy| (policy.policy_type, policy.policy_name.as_str())))
        });
        print_field("Policies", policies.as_deref().unwrap_or(NOT_YOURS_TO_SEE))?;
        match &role.assume_role_policy_document {
            Some(trust) => print_lines(&format!("Trust policy\n{trust}")),
            None => Ok(()),
        }
    }
}
