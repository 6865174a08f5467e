//! Which policy an explanation refers to, in a form for people.

use bulla_access::system;
use bulla_wire::ram::PolicyType;

use super::{Query, Resource};
use crate::origin::Caller;
use crate::people::{Attachments, ManagedPolicy, NameKey, PolicyRef};
use crate::state::Snapshot;

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// Attached to the user or role, or to a group of the user.
    Attached {
        /// Whether the policy belongs to the account or to the system.
        policy_type: PolicyType,
        /// The name of the policy.
        name: String,
        /// The group through which the user has it.
        group: Option<String>,
    },
    /// The policy of the session.
    Session,
    /// The policy of the key with this id.
    Key(String),
    /// The policy of the secret with this name.
    Secret(String),
    /// The trust policy of the role with this name.
    Trust(String),
}

impl PolicySource {
    /// Returns the policies of the caller, in the order of [`Rights`](super::rights::Rights).
    pub(super) fn of_identity(query: &Query<'_>) -> Vec<Self> {
        let snapshot = query.snapshot;
        match query.caller {
            Caller::User { id, .. } => {
                let Some(user) = snapshot.user_by_id(*id) else { return Vec::new() };
                let groups = user.record.groups().iter().filter_map(|of| snapshot.group_by_id(of.group));
                let of_groups = groups.flat_map(|row| {
                    Self::attached(snapshot, &row.record.policies, Some(row.record.name.as_str()))
                });
                Self::attached(snapshot, &user.record.policies, None).chain(of_groups).collect()
            }
            Caller::Session(session) => match snapshot.role_by_id(session.role().id) {
                Some(role) => Self::attached(snapshot, &role.record.policies, None).collect(),
                None => Vec::new(),
            },
            Caller::Root { .. } | Caller::Owner | Caller::Unsigned => Vec::new(),
        }
    }

    /// Returns the policy of the resource, if it has one that takes part in the decision.
    pub(super) fn of_resource(query: &Query<'_>) -> Option<Self> {
        let snapshot = query.snapshot;
        match query.resource {
            Resource::Key(id) => snapshot.key_policy(*id).map(|_| Self::Key(id.to_string())),
            Resource::Secret(name) => {
                snapshot.secret_policy(&name.parse().ok()?).map(|_| Self::Secret(name.to_string()))
            }
            Resource::Role(name) if query.permission.is_to_assume() => Some(Self::Trust(name.to_string())),
            _ => None,
        }
    }

    fn attached<'s>(
        snapshot: &'s Snapshot,
        attachments: &'s Attachments,
        group: Option<&'s str>,
    ) -> impl Iterator<Item = Self> + use<'s> {
        attachments.iter().map(move |attachment| {
            let (policy_type, name) = match &attachment.policy {
                PolicyRef::System(name) => (PolicyType::System, spelled_of_system(name)),
                PolicyRef::Custom(name) => (PolicyType::Custom, spelled_of_custom(snapshot, name)),
            };
            Self::Attached { policy_type, name, group: group.map(str::to_owned) }
        })
    }
}

fn spelled_of_system(name: &NameKey) -> String {
    system::find(name.as_str()).map_or(name.as_str(), |policy| policy.name).to_owned()
}

fn spelled_of_custom(snapshot: &Snapshot, name: &NameKey) -> String {
    let row = snapshot.get::<ManagedPolicy>(name);
    row.map_or(name.as_str(), |row| row.record.name.as_str()).to_owned()
}
