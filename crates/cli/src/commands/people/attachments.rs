//! Attaches policies to users, groups and roles, and detaches them.

use bulla_client::CallError;
use bulla_wire::ram::{
    AttachPolicyToGroup, AttachPolicyToRole, AttachPolicyToUser, DetachPolicyFromGroup, DetachPolicyFromRole,
    DetachPolicyFromUser, Done,
};

use crate::account::Account;
use crate::failure::Failure;
use crate::principals::PolicyName;
use crate::results::print;

/// An entity that has policies.
#[derive(Clone, Copy)]
pub(super) enum Entity<'a> {
    User(&'a str),
    Group(&'a str),
    Role(&'a str),
}

/// Attaches policies one after the other, up to the first refusal.
pub(super) fn attach(account: &Account, entity: Entity<'_>, policies: &[PolicyName]) -> Result<(), Failure> {
    for policy in policies {
        entity.attach(account, policy)?;
        print(format_args!("{} has {policy}", entity.name()))?;
    }
    Ok(())
}

/// Detaches policies one after the other, up to the first refusal.
pub(super) fn detach(account: &Account, entity: Entity<'_>, policies: &[PolicyName]) -> Result<(), Failure> {
    for policy in policies {
        entity.detach(account, policy)?;
        print(format_args!("{} no longer has {policy}", entity.name()))?;
    }
    Ok(())
}

impl Entity<'_> {
    fn name(self) -> String {
        match self {
            Self::User(name) => format!("user/{name}"),
            Self::Group(name) => format!("group/{name}"),
            Self::Role(name) => format!("role/{name}"),
        }
    }

    fn attach(self, account: &Account, policy: &PolicyName) -> Result<Done, CallError> {
        let policy_type = policy.kind;
        let policy_name = policy.name.clone();
        let resource_group_id = None;
        match self {
            Self::User(name) => {
                let user_name = name.to_owned();
                account.call(&AttachPolicyToUser { policy_type, policy_name, user_name, resource_group_id })
            }
            Self::Group(name) => {
                let group_name = name.to_owned();
                account.call(&AttachPolicyToGroup { policy_type, policy_name, group_name, resource_group_id })
            }
            Self::Role(name) => {
                let role_name = name.to_owned();
                account.call(&AttachPolicyToRole { policy_type, policy_name, role_name, resource_group_id })
            }
        }
    }

    fn detach(self, account: &Account, policy: &PolicyName) -> Result<Done, CallError> {
        let policy_type = policy.kind;
        let policy_name = policy.name.clone();
        let resource_group_id = None;
        match self {
            Self::User(name) => {
                let user_name = name.to_owned();
                account.call(&DetachPolicyFromUser { policy_type, policy_name, user_name, resource_group_id })
            }
            Self::Group(name) => {
                let group_name = name.to_owned();
                let request =
                    DetachPolicyFromGroup { policy_type, policy_name, group_name, resource_group_id };
                account.call(&request)
            }
            Self::Role(name) => {
                let role_name = name.to_owned();
                account.call(&DetachPolicyFromRole { policy_type, policy_name, role_name, resource_group_id })
            }
        }
    }
}
