//! Reads what belongs to records that the request may use: the members of a group, the groups, access keys and MFA device of
//! a user, attached policies, and the policies of keys and secrets. Also lists and counts the records of a kind.

use bulla_access::system;
use bulla_keys::{Key, Secret};
use bulla_wire::Error;

use super::super::{Allowed, Container, Part, View};
use super::{AnyPolicy, Members};
use crate::people::{
    AttachedTo, Group, KeyPolicy, ManagedPolicy, Membership, MfaDevice, NameKey, PolicyRef, Quotas,
    SecretPolicy, User,
};
use crate::state::{AccessKey, AccessKeyOwner, AccessKeyUse, Attached, KeptKind, Row};

impl<'v> View<'v> {
    /// Whether a user, group, role or policy has this name. Needs the permission to create one, because the answer reveals
    /// it.
    pub(crate) fn is_name_taken<R>(&self, container: &Allowed<Container>, name: &NameKey) -> bool
    where
        R: KeptKind<Id = NameKey>,
    {
        debug_assert_eq!(container.table(), Some(R::TABLE), "the permission is for another kind");
        self.snapshot.get::<R>(name).is_some()
    }

    /// The quotas.
    pub(crate) fn quotas(&self) -> Quotas {
        **self.inquiry.kms.quotas.load()
    }

    /// The number of records, for the quota.
    pub(crate) fn count<R: KeptKind>(&self, container: &Allowed<Container>) -> usize {
        debug_assert_eq!(container.table(), Some(R::TABLE), "the permission is for another kind");
        self.snapshot.count::<R>()
    }

    /// Returns the users, groups, roles or policies of the account after a name, which need not exist, sorted by name. Needs
    /// the permission to list them.
    pub(crate) fn rows_after<R>(
        &self,
        container: &Allowed<Container>,
        after: Option<&NameKey>,
    ) -> impl Iterator<Item = &'v Row<R>> + use<'v, R>
    where
        R: KeptKind<Id = NameKey>,
    {
        debug_assert_eq!(container.table(), Some(R::TABLE), "the permission is for another kind");
        self.snapshot.rows_after::<R>(after)
    }

    /// Returns the groups of a user with the times of joining, in that order.
    pub(crate) fn groups_of(
        &self,
        user: &Allowed<&'v Row<User>>,
    ) -> impl Iterator<Item = (&'v Row<Group>, Membership)> + use<'v> {
        let snapshot = self.snapshot;
        let memberships = user.record.groups().iter();
        memberships.filter_map(|membership| Some((snapshot.group_by_id(membership.group)?, *membership)))
    }

    /// Returns the users in a group, by name.
    pub(crate) fn members_of(&self, group: &Allowed<&'v Row<Group>>) -> Members<'v> {
        let index = self.snapshot.members();
        Part {
            snapshot: self.snapshot,
            index,
            part: group.record.id,
            row: |snapshot, name| snapshot.get(name),
        }
    }

    /// Whether a policy of the account is attached to users, groups and roles.
    pub(crate) fn attached_to(&self, policy: &Allowed<&'v Row<ManagedPolicy>>) -> AttachedTo {
        let part = PolicyRef::Custom(policy.record.name.key.clone());
        let is_attached = |index: &Attached| !index.part(&part).is_empty();
        AttachedTo {
            users: is_attached(self.snapshot.attached_users()),
            groups: is_attached(self.snapshot.attached_groups()),
            roles: is_attached(self.snapshot.attached_roles()),
        }
    }

    /// Returns the number of users, groups and roles that a policy is attached to. Needs the permission for the policy, or to
    /// list policies.
    pub(crate) fn attachment_count<P>(&self, _policies: &Allowed<P>, policy: &PolicyRef) -> usize {
        self.snapshot.attachment_count(policy)
    }

    /// Returns the policy of an attachment of an allowed user, group or role. None only for a system policy that this version
    /// no longer has.
    pub(crate) fn attached_policy<R>(
        &self,
        _entity: &Allowed<R>,
        policy: &PolicyRef,
    ) -> Option<AnyPolicy<'v>> {
        match policy {
            PolicyRef::System(name) => system::find(name.as_str()).map(AnyPolicy::System),
            PolicyRef::Custom(name) => self.snapshot.get(name).map(AnyPolicy::Custom),
        }
    }

    /// Returns the policy of a key, if it has one of its own.
    pub(crate) fn policy_of_key(&self, key: &Allowed<&'v Row<Key>>) -> Option<&'v Row<KeyPolicy>> {
        self.snapshot.get::<KeyPolicy>(&key.record.id)
    }

    /// Returns the policy of a secret, if it has one of its own.
    pub(crate) fn policy_of_secret(
        &self,
        secret: &Allowed<&'v Row<Secret>>,
    ) -> Option<&'v Row<SecretPolicy>> {
        self.snapshot.get::<SecretPolicy>(&secret.record.name)
    }

    /// Returns the MFA device that is bound to a user, if there is one.
    ///
    /// # Errors
    /// InternalFailure if the row of the device disagrees.
    pub(crate) fn mfa_device_of(
        &self,
        user: &Allowed<&'v Row<User>>,
    ) -> Result<Option<&'v Row<MfaDevice>>, Error> {
        user.record.mfa.is_some().then(|| self.snapshot.mfa_device_of(&user.record)).transpose()
    }

    /// Returns the access keys of a user, oldest first.
    pub(crate) fn access_keys_of(
        &self,
        user: &Allowed<&'v Row<User>>,
    ) -> impl Iterator<Item = &'v Row<AccessKey>> + use<'v> {
        self.snapshot.access_keys_of(AccessKeyOwner::User(user.record.id))
    }

    /// Returns one access key of a user.
    pub(crate) fn access_key_of(
        &self,
        user: &Allowed<&'v Row<User>>,
        id: &str,
    ) -> Option<Allowed<&'v Row<AccessKey>>> {
        let owner = AccessKeyOwner::User(user.record.id);
        let key = self.snapshot.get::<AccessKey>(&id.into());
        key.filter(|key| key.record.owner == owner).map(Allowed::new)
    }

    /// Returns when an access key was last used, if it was. Uses in the last minute may be missing.
    pub(crate) fn last_use(&self, key: &Allowed<&'v Row<AccessKey>>) -> Option<&'v Row<AccessKeyUse>> {
        self.snapshot.get::<AccessKeyUse>(&key.record.id)
    }
}
