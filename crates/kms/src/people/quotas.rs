//! Quotas: maximum numbers of records in an account.

use serde::Deserialize;

use super::attachments::AttachmentLimits;

/// Maximum numbers of users, policies and so on in an account. Existing records remain if a quota is lowered. Configuration
/// files name the fields with hyphens.
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
    /// Keys of the account, without the service key. Unlimited if absent, like all numbers below.
    pub keys: Option<usize>,
    /// Keys that one user created, including by sessions.
    pub keys_per_creator: Option<usize>,
    /// Versions of a key that requests create; scheduled rotation continues beyond it.
    pub key_versions: Option<usize>,
    /// Aliases of the account.
    pub aliases: Option<usize>,
    /// Aliases that one user created, including by sessions.
    pub aliases_per_creator: Option<usize>,
    /// Secrets of the account.
    pub secrets: Option<usize>,
    /// Secrets that one user created, including by sessions.
    pub secrets_per_creator: Option<usize>,
    /// AssumeRole requests per second, of all callers together.
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
            keys: None,
            keys_per_creator: None,
            key_versions: None,
            aliases: None,
            aliases_per_creator: None,
            secrets: None,
            secrets_per_creator: None,
            assume_roles_per_second: 100,
        }
    }
}

/// Maximum records of a kind in total, and created by one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordQuota {
    pub(crate) total: Option<usize>,
    pub(crate) per_creator: Option<usize>,
}

impl Quotas {
    pub(crate) fn of_keys(&self) -> RecordQuota {
        RecordQuota { total: self.keys, per_creator: self.keys_per_creator }
    }

    pub(crate) fn of_aliases(&self) -> RecordQuota {
        RecordQuota { total: self.aliases, per_creator: self.aliases_per_creator }
    }

    pub(crate) fn of_secrets(&self) -> RecordQuota {
        RecordQuota { total: self.secrets, per_creator: self.secrets_per_creator }
    }

    /// Limits on policies that are attached to a user.
    pub(crate) fn of_user(&self) -> AttachmentLimits {
        self.attached(self.policies_per_user)
    }

    /// Limits on policies that are attached to a group.
    pub(crate) fn of_group(&self) -> AttachmentLimits {
        self.attached(self.policies_per_group)
    }

    /// Limits on policies that are attached to a role.
    pub(crate) fn of_role(&self) -> AttachmentLimits {
        self.attached(self.policies_per_role)
    }

    fn attached(&self, custom: usize) -> AttachmentLimits {
        AttachmentLimits { system: self.system_policies_attached, custom }
    }
}
