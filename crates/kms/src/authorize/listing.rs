//! The records that a request may list: all keys, secrets, users, roles and so on, the aliases of one key or of all, the
//! versions of a key, and the users, groups and roles of a policy.

use std::marker::PhantomData;
use std::ops::{Bound, Range};
use std::sync::Arc;

use bulla_keys::{Key, KeyId, Secret, SecretName};

use super::{Allowed, AnyPolicy, Container};
use crate::people::{Group, MfaDevice, NameKey, PolicyRef, Role, User};
use crate::state::{Attached, Index, KeptKind, KeyLists, Row, SecretLists, Snapshot};

/// All records of one kind, for searches. Needs the permission to list them.
pub(crate) struct Listing<R> {
    snapshot: Arc<Snapshot>,
    kind: PhantomData<fn() -> R>,
}

/// The users, groups and roles of a policy, for searches on another thread. Needs the permission for the policy.
pub(crate) struct Holders {
    snapshot: Arc<Snapshot>,
    policy: PolicyRef,
}

/// A part of an index, for pages. Needs the permission to list it.
pub(crate) struct Part<'v, P, K, R: KeptKind> {
    pub(super) snapshot: &'v Snapshot,
    pub(super) index: &'v Index<P, K>,
    pub(super) part: P,
    pub(super) row: fn(&'v Snapshot, &'v K) -> Option<&'v Row<R>>,
}

impl<R> Listing<R> {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, kind: PhantomData }
    }

    #[cfg(test)]
    pub(crate) fn for_test(snapshot: Arc<Snapshot>) -> Self {
        Self::new(snapshot)
    }
}

impl Listing<Key> {
    /// Returns the keys of a snapshot; none if the permission is to list something else.
    pub(crate) fn keys(proof: &Allowed<Container>, snapshot: Arc<Snapshot>) -> Option<Self> {
        (**proof == Container::Keys).then(|| Self::new(snapshot))
    }

    pub(crate) fn lists(&self) -> &KeyLists {
        self.snapshot.key_lists()
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<&Row<Key>> {
        self.snapshot.key(id)
    }

    /// Returns the key that an alias names.
    pub(crate) fn key_of_alias(&self, alias: &str) -> Option<&Row<Key>> {
        self.key(self.snapshot.alias(alias)?.record.key)
    }
}

impl Listing<Secret> {
    /// Returns the secrets of a snapshot; none if the permission is to list something else.
    pub(crate) fn secrets(proof: &Allowed<Container>, snapshot: Arc<Snapshot>) -> Option<Self> {
        (**proof == Container::Secrets).then(|| Self::new(snapshot))
    }

    pub(crate) fn lists(&self) -> &SecretLists {
        self.snapshot.secret_lists()
    }

    pub(crate) fn secret(&self, name: &SecretName) -> Option<&Row<Secret>> {
        self.snapshot.secret(name)
    }

    /// Returns all secrets, by name.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row<Secret>> {
        self.snapshot.rows_after::<Secret>(None)
    }
}

/// Users, groups, roles, policies and MFA devices of the account.
impl<R: KeptKind<Id = NameKey>> Listing<R> {
    /// Returns the records of a snapshot; none if the permission is to list something else.
    pub(crate) fn named(proof: &Allowed<Container>, snapshot: Arc<Snapshot>) -> Option<Self> {
        (proof.table() == Some(R::TABLE)).then(|| Self::new(snapshot))
    }

    /// Returns the record with this name.
    pub(crate) fn get(&self, name: &NameKey) -> Option<&Row<R>> {
        self.snapshot.get(name)
    }

    /// Returns the records from a name on, which need not exist, sorted by name.
    pub(crate) fn rows_from(&self, start: Bound<&NameKey>) -> impl Iterator<Item = &Row<R>> + use<'_, R> {
        self.snapshot.rows_from::<R>(start)
    }

    /// Returns the records after a name, which need not exist, sorted by name.
    pub(crate) fn rows_after(&self, name: Option<&NameKey>) -> impl Iterator<Item = &Row<R>> + use<'_, R> {
        self.snapshot.rows_after::<R>(name)
    }
}

impl Listing<MfaDevice> {
    /// Returns the user whom a device is bound to. The permission to list devices includes it.
    pub(crate) fn user_of(&self, device: &MfaDevice) -> Option<&Row<User>> {
        self.snapshot.user_by_id(device.user?.0)
    }
}

impl Holders {
    pub(crate) fn of(policy: &Allowed<AnyPolicy<'_>>, snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, policy: policy.reference() }
    }

    /// Sorted by name, as those below.
    pub(crate) fn users(&self) -> impl Iterator<Item = &Row<User>> {
        self.all(self.snapshot.attached_users())
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Row<Group>> {
        self.all(self.snapshot.attached_groups())
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Row<Role>> {
        self.all(self.snapshot.attached_roles())
    }

    fn all<'v, R: KeptKind<Id = NameKey>>(
        &'v self,
        index: &'v Attached,
    ) -> impl Iterator<Item = &'v Row<R>> + use<'v, R> {
        let snapshot = &*self.snapshot;
        let part = self.policy.clone();
        let part: Part<'v, _, _, R> =
            Part { snapshot, index, part, row: |snapshot, name| snapshot.get(name) };
        part.after(None)
    }
}

impl<'v, P: Ord + Clone, K: Ord + Clone, R: KeptKind> Part<'v, P, K, R> {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.index.part(&self.part).len()
    }

    /// Returns the rows after a key, which need not exist; all rows without a key.
    pub(crate) fn after(&self, key: Option<&K>) -> impl Iterator<Item = &'v Row<R>> + use<'v, P, K, R> {
        let part = &self.part;
        let is_before = |of: &P, other: &K| of < part || of == part && key.is_some_and(|key| other <= key);
        let start = self.index.partition_point(|(of, other)| is_before(of, other));
        let snapshot = self.snapshot;
        let row = self.row;
        let keys = self.index.keys(start..self.index.part(part).end);
        keys.filter_map(move |key| row(snapshot, key))
    }

    /// Returns the rows at these positions, as far as they exist.
    pub(crate) fn rows(&self, places: Range<usize>) -> impl Iterator<Item = &'v Row<R>> {
        let ranks = self.index.part(&self.part);
        let rank = |place: usize| ranks.start.saturating_add(place).min(ranks.end);
        let snapshot = self.snapshot;
        let row = self.row;
        let keys = self.index.keys(rank(places.start)..rank(places.end));
        keys.filter_map(move |key| row(snapshot, key))
    }
}

impl<R> Clone for Listing<R> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.snapshot))
    }
}
