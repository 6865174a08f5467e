//! `bulla user`: users of a server.

use bulla_wire::ram::{
    AccessKeyEntry, AttachedPolicy, CreateUser, DeleteUser, GetUser, JoinedGroup, ListAccessKeys,
    ListGroupsForUser, ListPoliciesForUser, ListUsers, UpdateUser,
};
use serde::Serialize;

use super::attachments::{Entity, attach, detach};
use super::{NOT_YOURS_TO_SEE, changed, joined, unless_denied};
use crate::account::Account;
use crate::args::{KmsFlags, User, UserFields};
use crate::commands::pages::{MAX_ITEMS, all};
use crate::failure::Failure;
use crate::results::{Table, print, print_field, print_json};

pub(crate) fn run(kms: &KmsFlags, command: User) -> Result<(), Failure> {
    let account = Account::connect(kms)?;
    match command {
        User::Create { user, fields, output } => {
            let UserFields { display_name, email, mobile_phone, comments } = fields;
            let request = CreateUser { user_name: user, display_name, email, mobile_phone, comments };
            let user = account.call(&request)?.user;
            if output.json { print_json(&user) } else { print(format_args!("{} is created", user.user_name)) }
        }
        User::List { output } => list(&account, output.json),
        User::Show { user, output } => show(&account, &user, output.json),
        User::Update { user, rename, fields } => {
            let request = UpdateUser {
                user_name: user,
                new_user_name: rename,
                new_display_name: fields.display_name,
                new_mobile_phone: changed(fields.mobile_phone),
                new_email: changed(fields.email),
                new_comments: changed(fields.comments),
            };
            print(format_args!("{} is updated", account.call(&request)?.user.user_name))
        }
        User::Delete { user } => {
            account.call(&DeleteUser { user_name: user.clone() })?;
            print(format_args!("{user} is deleted"))
        }
        User::Attach { user, policies } => attach(&account, Entity::User(&user), &policies),
        User::Detach { user, policies } => detach(&account, Entity::User(&user), &policies),
    }
}

fn list(account: &Account, json: bool) -> Result<(), Failure> {
    let users = all(|marker| {
        let page = account.call(&ListUsers { marker, max_items: Some(MAX_ITEMS) })?;
        Ok((page.users.user, page.marker.filter(|_| page.is_truncated)))
    })?;
    if json {
        return print_json(&users);
    }
    let mut table = Table::new(["USER", "ID", "CREATED", "DISPLAY NAME"]);
    for user in users {
        table.push([user.user_name, user.user_id, user.create_date.to_string(), user.display_name]);
    }
    table.print()
}

/// A user with its groups, policies and access keys; `None` where the caller may not see them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    user: bulla_wire::ram::User,
    groups: Option<Vec<JoinedGroup>>,
    policies: Option<Vec<AttachedPolicy>>,
    access_keys: Option<Vec<AccessKeyEntry>>,
}

fn show(account: &Account, name: &str, json: bool) -> Result<(), Failure> {
    let user_name = || name.to_owned();
    let user = account.call(&GetUser { user_name: user_name() })?.user;
    let groups = account.call(&ListGroupsForUser { user_name: user_name() });
    let policies = account.call(&ListPoliciesForUser { user_name: user_name() });
    let keys = account.call(&ListAccessKeys { user_name: Some(user_name()) });
    let shown = Shown {
        user,
        groups: unless_denied(groups.map(|reply| reply.groups.group))?,
        policies: unless_denied(policies.map(|reply| reply.policies.policy))?,
        access_keys: unless_denied(keys.map(|reply| reply.access_keys.access_key))?,
    };
    if json { print_json(&shown) } else { shown.print() }
}

impl Shown {
    fn print(&self) -> Result<(), Failure> {
        let Self { user, groups, policies, access_keys } = self;
        print_field("User", &user.user_name)?;
        print_field("ID", &user.user_id)?;
        print_field("Display name", &user.display_name)?;
        print_field("E-mail", &user.email)?;
        print_field("Phone", &user.mobile_phone)?;
        print_field("Comments", &user.comments)?;
        print_field("Created", user.create_date)?;
        print_field("Last sign-in", user.last_login_date.as_deref().unwrap_or_default())?;
        let groups = groups.as_ref().map(|groups| {
            let names = groups.iter().map(|group| group.group_name.as_str());
            names.collect::<Vec<_>>().join(", ")
        });
        let policies = policies.as_ref().map(|policies| {
            joined(policies.iter().map(|policy| (policy.policy_type, policy.policy_name.as_str())))
        });
        let keys = access_keys.as_ref().map(|keys| {
            let keys = keys.iter().map(|key| format!("{} ({:?})", key.access_key_id, key.status));
            keys.collect::<Vec<_>>().join(", ")
        });
        for (name, value) in [("Groups", groups), ("Policies", policies), ("Access keys", keys)] {
            print_field(name, value.as_deref().unwrap_or(NOT_YOURS_TO_SEE))?;
        }
        Ok(())
    }
}
