//! The policies that a caller may read, parsed, and a list of those that could not be read.

use std::collections::BTreeMap;

use bulla_access::{Policy, PolicyKind, PrincipalId, system};
use bulla_client::CallError;
use bulla_wire::kms::{GetKeyPolicy, GetSecretPolicy};
use bulla_wire::ram::{AttachedPolicy, GetPolicy, GetRole, PolicyType};

use super::question::Guarded;
use crate::account::Account;
use crate::commands::people::unless_denied;
use crate::failure::Failure;
use crate::principals::{PolicyName, PrincipalName};

/// Reads policies, and records which could not be read.
pub(super) struct Library<'a> {
    pub(super) account: &'a Account,
    account_id: String,
    /// The ids of principals, assigned in the order of their first mention: only equality matters here.
    ids: BTreeMap<PrincipalName, PrincipalId>,
    not_read: Vec<String>,
}

/// A policy with its displayed name.
pub(super) struct Loaded {
    pub(super) label: String,
    pub(super) policy: Policy,
}

impl<'a> Library<'a> {
    pub(super) fn new(account: &'a Account, account_id: &str) -> Self {
        Self { account, account_id: account_id.to_owned(), ids: BTreeMap::new(), not_read: Vec::new() }
    }

    /// Returns what could not be read so far.
    pub(super) fn not_read(&self) -> &[String] {
        &self.not_read
    }

    /// Returns the reply; `None`, with an entry in the list, if the caller lacks the permission.
    pub(super) fn readable<T>(
        &mut self,
        what: impl FnOnce() -> String,
        reply: Result<T, CallError>,
    ) -> Result<Option<T>, Failure> {
        let reply = unless_denied(reply)?;
        if reply.is_none() {
            self.not_read.push(what());
        }
        Ok(reply)
    }

    /// Returns the version of a policy that is in force.
    pub(super) fn policy(&mut self, name: &PolicyName) -> Result<Option<Loaded>, Failure> {
        let request = GetPolicy { policy_type: name.kind, policy_name: name.name.clone() };
        let reply = unless_denied(self.account.call(&request))?;
        let text = reply.map(|reply| reply.default_policy_version.policy_document);
        // System policies are known without a permission.
        let of_system = || system::find(&name.name).filter(|_| name.kind == PolicyType::System);
        let text = text.or_else(|| of_system().map(|policy| policy.document.to_owned()));
        let kind = match name.kind {
            PolicyType::System => PolicyKind::System,
            PolicyType::Custom => PolicyKind::Identity,
        };
        Ok(self.parsed(kind, name.to_string(), text))
    }

    /// Returns the policies in a list of attached ones, named after where they come from.
    pub(super) fn attached(
        &mut self,
        policies: Vec<AttachedPolicy>,
        from: &str,
    ) -> Result<Vec<Loaded>, Failure> {
        let mut loaded = Vec::new();
        for AttachedPolicy { policy_name, policy_type, .. } in policies {
            let name = PolicyName { kind: policy_type, name: policy_name };
            if let Some(policy) = self.policy(&name)? {
                loaded.push(Loaded { label: format!("{}{from}", policy.label), ..policy });
            }
        }
        Ok(loaded)
    }

    /// Returns the policy of a key or secret, or the trust policy of a role; `None` if the resource has none.
    pub(super) fn of_resource(&mut self, guarded: &Guarded) -> Result<Option<Loaded>, Failure> {
        let policy_name = None;
        let account = self.account;
        let (kind, label, reply) = match guarded {
            Guarded::Nothing => return Ok(None),
            Guarded::Key(id) => {
                let reply = account.call(&GetKeyPolicy { key_id: id.clone(), policy_name });
                (PolicyKind::Key, "policy of the key", reply.map(|reply| reply.policy))
            }
            Guarded::Secret(name) => {
                let reply = account.call(&GetSecretPolicy { secret_name: name.clone(), policy_name });
                (PolicyKind::Secret, "policy of the secret", reply.map(|reply| reply.policy))
            }
            Guarded::Role(name) => {
                let reply = account.call(&GetRole { role_name: name.clone() });
                let trust = reply.map(|reply| reply.role.assume_role_policy_document.unwrap_or_default());
                (PolicyKind::Trust, "trust policy of the role", trust)
            }
        };
        let text = unless_denied(reply)?;
        Ok(self.parsed(kind, label.to_owned(), text))
    }

    /// Returns the id of a principal, to which policies bind its name.
    pub(super) fn id(&mut self, name: &PrincipalName) -> PrincipalId {
        let next = self.ids.len() as u64;
        *self.ids.entry(name.to_lowercase()).or_insert_with(|| PrincipalId::from_random(next))
    }

    /// Returns the users and roles that the policies of resources name.
    pub(super) fn named(&self) -> Vec<PrincipalName> {
        self.ids.keys().cloned().collect()
    }

    fn parsed(&mut self, kind: PolicyKind, label: String, text: Option<String>) -> Option<Loaded> {
        let Some(text) = text else {
            self.not_read.push(label);
            return None;
        };
        let parsed = Policy::parse(kind, &self.account_id, &text);
        let bound = parsed.and_then(|policy| {
            policy.bind(|name| match name {
                bulla_access::PrincipalName::User(name) => Some(self.id(&PrincipalName::User(name.clone()))),
                bulla_access::PrincipalName::Role(name) => Some(self.id(&PrincipalName::Role(name.clone()))),
                bulla_access::PrincipalName::OidcProvider(_) => None, // no question is about one
            })
        });
        match bound {
            Ok(policy) => Some(Loaded { label, policy }),
            Err(error) => {
                self.not_read.push(format!("{label}, which bulla does not understand: {error}"));
                None
            }
        }
    }
}
