//! How many of everything an account may have.

use serde::Deserialize;

use super::attachments::AttachmentLimits;

/// How many users, policies and so on an account may have. What is there already stays when a quota is lowered. A
/// configuration names the fields with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Quotas {
    /// Users of the account.
    pub users: usize,
    /// Groups of the account.
    pub groups: usize,
    /// Roles of the account.
    pub roles: usize,
    /// Virtual MFA devices of the account.
    pub mfa_devices: usize,
    /// Policies of the account, without the system policies.
    pub policies: usize,
    /// Versions of a policy.
    pub policy_versions: usize,
    /// Groups that a user is in.
    pub groups_per_user: usize,
    /// Access keys of a user, or of the root of the account.
    pub access_keys_per_user: usize,
    /// System policies that are attached to a user, group or role.
    pub system_policies_attached: usize,
    /// Policies of the account that are attached to a user.
    pub policies_per_user: usize,
    /// Policies of the account that are attached to a group.
    pub policies_per_group: usize,
    /// Policies of the account that are attached to a role.
    pub policies_per_role: usize,
    /// AssumeRole in a second, of all callers together.
    pub assume_roles_per_second: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            users: 10_000,
            groups: 50,
            roles: 1000,
            mfa_devices: 10_000,
            policies: 1500,
            policy_versions: 5,
            groups_per_user: 5,
            access_keys_per_user: 2,
            system_policies_attached: 20,
            policies_per_user: 10,
            policies_per_group: 5,
            policies_per_role: 5,
            assume_roles_per_second: 100,
        }
    }
}

impl Quotas {
    /// What may be attached to a user.
    pub(crate) fn of_user(&self) -> AttachmentLimits {
        self.attached(self.policies_per_user)
    }

    /// What may be attached to a group.
    pub(crate) fn of_group(&self) -> AttachmentLimits {
        self.attached(self.policies_per_group)
    }

    /// What may be attached to a role.
    pub(crate) fn of_role(&self) -> AttachmentLimits {
        self.attached(self.policies_per_role)
    }

    fn attached(&self, custom: usize) -> AttachmentLimits {
        AttachmentLimits { system: self.system_policies_attached, custom }
    }
}
