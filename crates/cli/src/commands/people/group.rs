//! `bulla group`: groups, whose policies apply to their users.

use bulla_wire::ram::{
    AddUserToGroup, AttachedPolicy, CreateGroup, DeleteGroup, GetGroup, ListGroups, ListPoliciesForGroup,
    ListUsersForGroup, Member, RemoveUserFromGroup, UpdateGroup,
};
use serde::Serialize;

use super::attachments::{Entity, attach, detach};
use super::{NOT_YOURS_TO_SEE, changed, joined, unless_denied};
use crate::account::Account;
use crate::args::{Group, KmsFlags};
use crate::commands::pages::{MAX_ITEMS, all};
use crate::failure::Failure;
use crate::results::{Table, print, print_field, print_json};

pub(crate) fn run(kms: &KmsFlags, command: Group) -> Result<(), Failure> {
    let account = Account::connect(kms)?;
    match command {
        Group::Create { group, comments, output } => {
            let group = account.call(&CreateGroup { group_name: group, comments })?.group;
            if output.json {
                print_json(&group)
            } else {
                print(format_args!("{} is created", group.group_name))
            }
        }
        Group::List { output } => list(&account, output.json),
        Group::Show { group, output } => show(&account, &group, output.json),
        Group::Update { group, rename, comments } => {
            let new_comments = changed(comments);
            let request = UpdateGroup { group_name: group, new_group_name: rename, new_comments };
            print(format_args!("{} is updated", account.call(&request)?.group.group_name))
        }
        Group::Delete { group } => {
            account.call(&DeleteGroup { group_name: group.clone() })?;
            print(format_args!("{group} is deleted"))
        }
        Group::Add { group, users } => users.into_iter().try_for_each(|user_name| {
            account.call(&AddUserToGroup { user_name: user_name.clone(), group_name: group.clone() })?;
            print(format_args!("{user_name} is in {group}"))
        }),
        Group::Remove { group, users } => users.into_iter().try_for_each(|user_name| {
            account.call(&RemoveUserFromGroup { user_name: user_name.clone(), group_name: group.clone() })?;
            print(format_args!("{user_name} is no longer in {group}"))
        }),
        Group::Attach { group, policies } => attach(&account, Entity::Group(&group), &policies),
        Group::Detach { group, policies } => detach(&account, Entity::Group(&group), &policies),
    }
}

fn list(account: &Account, json: bool) -> Result<(), Failure> {
    let groups = all(|marker| {
        let page = account.call(&ListGroups { marker, max_items: Some(MAX_ITEMS) })?;
        Ok((page.groups.group, page.marker.filter(|_| page.is_truncated)))
    })?;
    if json {
        return print_json(&groups);
    }
    let mut table = Table::new(["GROUP", "ID", "CREATED", "COMMENTS"]);
    for group in groups {
        table.push([group.group_name, group.group_id, group.create_date.to_string(), group.comments]);
    }
    table.print()
}

/// Returns the users of a group.
pub(in crate::commands) fn members(
    account: &Account,
    group: &str,
) -> Result<Vec<Member>, bulla_client::CallError> {
    all(|marker| {
        let group_name = group.to_owned();
        let page = account.call(&ListUsersForGroup { group_name, marker, max_items: Some(MAX_ITEMS) })?;
        Ok((page.users.user, page.marker.filter(|_| page.is_truncated)))
    })
}

/// A group with its users and policies; `None` where the caller may not see them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    group: bulla_wire::ram::Group,
    users: Option<Vec<Member>>,
    policies: Option<Vec<AttachedPolicy>>,
}

fn show(account: &Account, name: &str, json: bool) -> Result<(), Failure> {
    let group = account.call(&GetGroup { group_name: name.to_owned() })?.group;
    let policies = account.call(&ListPoliciesForGroup { group_name: name.to_owned() });
    let shown = Shown {
        group,
        users: unless_denied(members(account, name))?,
        policies: unless_denied(policies.map(|reply| reply.policies.policy))?,
    };
    if json { print_json(&shown) } else { shown.print() }
}

impl Shown {
    fn print(&self) -> Result<(), Failure> {
        let Self { group, users, policies } = self;
        print_field("Group", &group.group_name)?;
        print_field("ID", &group.group_id)?;
        print_field("Comments", &group.comments)?;
        print_field("Created", group.create_date)?;
        let users = users
            .as_ref()
            .map(|users| users.iter().map(|user| user.user_name.as_str()).collect::<Vec<_>>().join(", "));
        let policies = policies.as_ref().map(|policies| {
            joined(policies.iter().map(|policy| (policy.policy_type, policy.policy_name.as_str())))
        });
        print_field("Users", users.as_deref().unwrap_or(NOT_YOURS_TO_SEE))?;
        print_field("Policies", policies.as_deref().unwrap_or(NOT_YOURS_TO_SEE))
    }
}
