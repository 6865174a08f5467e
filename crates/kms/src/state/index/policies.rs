//! The policies that the authorizer reads, and the indexes of policies of keys and secrets by the users and roles that they
//! deny something. A permission for all keys or secrets is refused to a user or role that is denied one.

use bulla_access::{Policy, Principal, PrincipalId, system};
use bulla_keys::{KeyId, SecretName};

use crate::people::{KeyPolicy, ManagedPolicy, PolicyRef, SecretPolicy};
use crate::state::kind;
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// The keys whose policies deny something to a user or role.
#[derive(Clone, Default)]
pub(crate) struct KeyPolicyIndex(Index<PrincipalId, KeyId>);

/// The secrets whose policies deny something to a user or role.
#[derive(Clone, Default)]
pub(crate) struct SecretPolicyIndex(Index<PrincipalId, SecretName>);

impl kind::Index<KeyPolicy> for KeyPolicyIndex {
    fn replace(&mut self, old: Option<&KeyPolicy>, new: Option<&KeyPolicy>) {
        if let Some(policy) = old {
            policy.document.policy().denied().for_each(|id| self.0.remove(&(id, policy.key)));
        }
        if let Some(policy) = new {
            policy.document.policy().denied().for_each(|id| self.0.insert((id, policy.key)));
        }
    }
}

impl kind::Index<SecretPolicy> for SecretPolicyIndex {
    fn replace(&mut self, old: Option<&SecretPolicy>, new: Option<&SecretPolicy>) {
        if let Some(policy) = old {
            let name = &policy.secret;
            policy.document.policy().denied().for_each(|id| self.0.remove(&(id, name.clone())));
        }
        if let Some(policy) = new {
            let name = &policy.secret;
            policy.document.policy().denied().for_each(|id| self.0.insert((id, name.clone())));
        }
    }
}

impl Snapshot {
    /// Returns the version of a policy that is in force.
    pub(crate) fn policy(&self, policy: &PolicyRef) -> Option<&Policy> {
        match policy {
            PolicyRef::System(name) => system::find(name.as_str()).map(system::SystemPolicy::policy),
            PolicyRef::Custom(name) => {
                self.get::<ManagedPolicy>(name).map(|row| &**row.record.versions().policy())
            }
        }
    }

    /// Returns the policy of a key; none if it has the default policy, which allows users and roles nothing.
    pub(crate) fn key_policy(&self, key: KeyId) -> Option<&Policy> {
        self.get::<KeyPolicy>(&key).map(|row| &**row.record.document.policy())
    }

    /// Returns the policy of a secret, as for a key.
    pub(crate) fn secret_policy(&self, secret: &SecretName) -> Option<&Policy> {
        self.get::<SecretPolicy>(secret).map(|row| &**row.record.document.policy())
    }

    /// Whether the policy of any key denies something to a user or role.
    pub(crate) fn denies_a_key(&self, principal: Principal<'_>) -> bool {
        let index = &self.tables.key_policies.index.0;
        id_of(principal).is_some_and(|id| !index.part(&id).is_empty())
    }

    /// Whether the policy of any secret denies something to a user or role.
    pub(crate) fn denies_a_secret(&self, principal: Principal<'_>) -> bool {
        let index = &self.tables.secret_policies.index.0;
        id_of(principal).is_some_and(|id| !index.part(&id).is_empty())
    }
}

/// Returns none for a provider: policies of keys and secrets cannot name one.
fn id_of(principal: Principal<'_>) -> Option<PrincipalId> {
    match principal {
        Principal::User(id) | Principal::Role(id) => Some(id),
        Principal::Oidc(_) => None,
    }
}
