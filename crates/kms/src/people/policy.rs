//! A managed policy of the account: it has a name and versions, of which the default one is in force.

use bulla_access::PolicyError;
use bulla_keys::Tags;
use bulla_keys::record::Record;
use minicbor::{Decode, Encode};

use super::name::PolicyName;
use super::versions::{VersionRefusal, Versions};

/// A policy that can be attached to users, groups and roles. The attachments are in their rows. Attaching changes the
/// revision of the row of the policy, so a concurrent deletion that misses the attachment conflicts.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ManagedPolicy {
    #[n(0)]
    pub(crate) name: PolicyName,
    /// May be empty.
    #[n(1)]
    pub(crate) description: Box<str>,
    #[n(2)]
    versions: Versions,
    /// Seconds since 1970.
    #[n(3)]
    pub(crate) created: i64,
    #[n(4)]
    pub(crate) updated: i64,
    #[n(5)]
    pub(crate) tags: Tags,
}

/// What prevents the deletion of a policy; the first in this order is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyConflict {
    User,
    Group,
    Role,
    /// There are versions besides the default one.
    Version,
}

/// The kinds of records that a policy is attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttachedTo {
    pub(crate) users: bool,
    pub(crate) groups: bool,
    pub(crate) roles: bool,
}

impl Record for ManagedPolicy {
    const TABLE: &'static str = "policy";
    fn primary_key(&self) -> &[u8] {
        self.name.key.as_str().as_bytes()
    }
}

impl ManagedPolicy {
    /// Returns a new policy, whose first version is the default.
    ///
    /// # Errors
    /// The first error of the document.
    pub(crate) fn new(name: PolicyName, text: &str, now: i64) -> Result<Self, PolicyError> {
        Ok(Self {
            name,
            description: Box::default(),
            versions: Versions::new(text, now)?,
            created: now,
            updated: now,
            tags: Tags::default(),
        })
    }

    pub(crate) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Changes the versions with a function that returns them and another result.
    ///
    /// # Errors
    /// The error of `change`; nothing is changed.
    pub(crate) fn change_versions<T>(
        &mut self,
        now: i64,
        change: impl FnOnce(&mut Versions) -> Result<T, VersionRefusal>,
    ) -> Result<T, VersionRefusal> {
        let changed = change(&mut self.versions)?;
        self.updated = now;
        Ok(changed)
    }

    /// Checks that the policy can be deleted, with all its versions if `cascading`.
    ///
    /// # Errors
    /// [`PolicyConflict`].
    pub(crate) fn check_deletable(
        &self,
        attached: AttachedTo,
        cascading: bool,
    ) -> Result<(), PolicyConflict> {
        let conflicts = [
            (attached.users, PolicyConflict::User),
            (attached.groups, PolicyConflict::Group),
            (attached.roles, PolicyConflict::Role),
            (!cascading && self.versions.list().len() > 1, PolicyConflict::Version),
        ];
        let first = conflicts.into_iter().find_map(|(exists, conflict)| exists.then_some(conflict));
        first.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::super::versions::testing::document;
    use super::*;

    fn policy() -> ManagedPolicy {
        ManagedPolicy::new("Ops".parse().unwrap(), &document(1), 7).unwrap()
    }

    #[test]
    fn a_policy_comes_back() {
        let mut policy = policy();
        policy.change_versions(8, |versions| versions.add(&document(2), 8, 5, false)).unwrap();
        policy.tags.set("team", "ops").unwrap();
        let back: ManagedPolicy = minicbor::decode(&minicbor::to_vec(&policy).unwrap()).unwrap();
        assert_eq!(back, policy);
        assert_eq!((policy.created, policy.updated), (7, 8));
        assert_eq!(policy.primary_key(), b"ops");
    }

    #[test]
    fn a_refused_change_of_versions_changes_nothing() {
        let mut policy = policy();
        let before = policy.clone();
        let refused = policy.change_versions(8, |versions| versions.set_default(9));
        assert_eq!(refused, Err(VersionRefusal::Unknown));
        assert_eq!(policy, before);
    }

    #[test]
    fn conflicts_of_a_deletion_are_reported_in_a_fixed_order() {
        let mut policy = policy();
        let all = AttachedTo { users: true, groups: true, roles: true };
        assert_eq!(policy.check_deletable(all, true), Err(PolicyConflict::User));
        let but_users = AttachedTo { users: false, ..all };
        assert_eq!(policy.check_deletable(but_users, true), Err(PolicyConflict::Group));
        let roles = AttachedTo { roles: true, ..AttachedTo::default() };
        assert_eq!(policy.check_deletable(roles, true), Err(PolicyConflict::Role));
        assert_eq!(policy.check_deletable(AttachedTo::default(), false), Ok(()));
        policy.change_versions(8, |versions| versions.add(&document(2), 8, 5, false)).unwrap();
        assert_eq!(policy.check_deletable(AttachedTo::default(), false), Err(PolicyConflict::Version));
        assert_eq!(policy.check_deletable(AttachedTo::default(), true), Ok(()));
    }
}
