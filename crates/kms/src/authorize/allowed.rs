//! The proof that a request may use a resource. Without it, an action can neither read a record nor build a change.

use std::ops::Deref;

use bulla_keys::record::Revision;
use bulla_keys::{Alias, AliasName, Key, Secret};

use super::{AnyPolicy, Container};
use crate::people::{Account, Group, ManagedPolicy, MfaDevice, Role, User};
use crate::state::{AccessKey, AccessKeyOwner, Changes, Row, Write};

/// A resource that the request may use. Only [`View`](super::View) creates one, after checking the permission.
#[derive(Clone, Copy)]
pub(crate) struct Allowed<R> {
    resource: R,
}

/// A resource whose permission covers some writes. A write that it does not cover is a bug in the action; builds with debug
/// assertions check that.
pub(crate) trait Writable {
    /// Whether the permission for this resource covers the write. Deleted rows name no owner, so rows that merely belong to a
    /// resource are not compared. Rows that a change only depends on are not checked, because they do not change.
    fn covers(&self, write: &Write) -> bool;
}

impl<R> Allowed<R> {
    pub(super) fn new(resource: R) -> Self {
        Self { resource }
    }

    /// Returns changes that the request may make.
    pub(crate) fn changes(&self, writes: impl IntoIterator<Item = (Write, Revision)>) -> Changes
    where
        R: Writable,
    {
        let check = |(write, revision): (Write, Revision)| {
            let is_covered = write.is_kept() || self.resource.covers(&write);
            debug_assert!(is_covered, "a write of another resource");
            (write, revision)
        };
        Changes::allowed(self, writes.into_iter().map(check))
    }
}

impl Writable for &Row<Key> {
    fn covers(&self, write: &Write) -> bool {
        let key = self.record.id;
        match write {
            Write::Key(record) => record.id == key,
            Write::NoKey(id) | Write::NoKeyPolicy(id) => *id == key,
            Write::KeyPolicy(record) => record.key == key,
            Write::Version(record) => record.key == key,
            Write::ImportToken(record) => record.key == key,
            Write::NoVersion(_) | Write::NoImportToken(_) => true,
            Write::SecretValue(_) => true, // sealed for it
            _ => false,
        }
    }
}

impl Writable for &Row<Secret> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::Secret(record) => record.name == self.record.name,
            Write::NoSecret(name) | Write::NoSecretPolicy(name) => *name == self.record.name,
            Write::SecretPolicy(record) => record.secret == self.record.name,
            Write::NoSecretValue(_) => true,
            _ => false,
        }
    }
}

impl Writable for Option<&Row<Alias>> {
    fn covers(&self, write: &Write) -> bool {
        let is_it = |name: &AliasName| self.is_none_or(|row| row.record.name == *name);
        match write {
            Write::Alias(record) => is_it(&record.name),
            Write::NoAlias(name) => is_it(name),
            _ => false,
        }
    }
}

impl Writable for &Row<Alias> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::Alias(record) => record.name == self.record.name,
            Write::NoAlias(name) => *name == self.record.name,
            _ => false,
        }
    }
}

impl Writable for Container {
    fn covers(&self, write: &Write) -> bool {
        match self {
            Self::Keys => matches!(write, Write::Key(_) | Write::Version(_) | Write::KeyPolicy(_)),
            Self::Aliases => false,
            Self::Secrets => match write {
                Write::Secret(_) | Write::SecretPolicy(_) | Write::Version(_) | Write::Alias(_) => true,
                Write::Key(key) => key.is_service(), // with its version and alias
                _ => false,
            },
            Self::Users => matches!(write, Write::User(_)),
            Self::Groups => matches!(write, Write::Group(_)),
            Self::Roles => matches!(write, Write::Role(_)),
            Self::MfaDevices => matches!(write, Write::MfaDevice(_)),
            Self::Policies => matches!(write, Write::Policy(_)),
            Self::SystemPolicies => false,
        }
    }
}

/// Renaming deletes the row and writes another one with the same id.
impl Writable for &Row<User> {
    fn covers(&self, write: &Write) -> bool {
        let user = &self.record;
        match write {
            Write::User(record) => record.id == user.id,
            Write::NoUser(name) => *name == user.name.key,
            Write::AccessKey(key) => key.owner == AccessKeyOwner::User(user.id),
            Write::NoAccessKey(_) | Write::NoAccessKeyUse(_) => true,
            Write::MfaDevice(device) => device.user.is_none_or(|bound| bound.0 == user.id),
            _ => false,
        }
    }
}

impl Writable for &Row<MfaDevice> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::MfaDevice(record) => record.name.key == self.record.name.key,
            Write::NoMfaDevice(name) => *name == self.record.name.key,
            _ => false,
        }
    }
}

impl Writable for &Row<Group> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::Group(record) => record.id == self.record.id,
            Write::NoGroup(name) => *name == self.record.name.key,
            _ => false,
        }
    }
}

impl Writable for &Row<Role> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::Role(record) => record.id == self.record.id,
            Write::NoRole(name) => *name == self.record.name.key,
            _ => false,
        }
    }
}

impl Writable for &Row<ManagedPolicy> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::Policy(record) => record.name.key == self.record.name.key,
            Write::NoPolicy(name) => *name == self.record.name.key,
            _ => false,
        }
    }
}

/// Unchanged: the permission for a policy of either type only allows reading and attaching it.
impl Writable for AnyPolicy<'_> {
    fn covers(&self, write: &Write) -> bool {
        match (self, write) {
            (Self::Custom(row), Write::Policy(record)) => *record == *row.record,
            _ => false,
        }
    }
}

/// The account, with the access keys of its root.
impl Writable for Option<&Row<Account>> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::Account(_) => true,
            Write::AccessKey(key) => key.owner == AccessKeyOwner::Root,
            Write::NoAccessKey(_) | Write::NoAccessKeyUse(_) => true,
            _ => false,
        }
    }
}

impl Writable for &Row<AccessKey> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::AccessKey(record) => record.id == self.record.id && record.owner == self.record.owner,
            Write::NoAccessKey(id) | Write::NoAccessKeyUse(id) => *id == self.record.id,
            _ => false,
        }
    }
}

impl Allowed<&Row<Key>> {
    /// Makes a change depend on the key staying unchanged.
    pub(crate) fn unchanged(&self) -> Changes {
        self.changes([(Write::SameKey(self.record.id), self.revision)])
    }

    /// Replaces the key, if it differs.
    pub(crate) fn replaced(&self, key: Key) -> Changes {
        self.changes((key != *self.record).then_some((Write::Key(key), self.revision)))
    }
}

impl Allowed<&Row<Secret>> {
    /// Makes a change depend on the secret staying unchanged.
    pub(crate) fn unchanged(&self) -> Changes {
        self.changes([(Write::SameSecret(self.record.name.clone()), self.revision)])
    }

    /// Replaces the secret, if it differs.
    pub(crate) fn replaced(&self, secret: Secret) -> Changes {
        self.changes((secret != *self.record).then_some((Write::Secret(secret), self.revision)))
    }
}

impl Allowed<&Row<User>> {
    /// Replaces the user, if it differs; also renames it.
    pub(crate) fn replaced(&self, user: User) -> Changes {
        if user == *self.record {
            return Changes::none();
        }
        if user.name.key == self.record.name.key {
            return self.changes([(Write::User(user), self.revision)]);
        }
        let old = Write::NoUser(self.record.name.key.clone());
        self.changes([(old, self.revision), (Write::User(user), 0)])
    }
}

impl Allowed<&Row<Group>> {
    /// Replaces the group, if it differs; also renames it.
    pub(crate) fn replaced(&self, group: Group) -> Changes {
        if group == *self.record {
            return Changes::none();
        }
        if group.name.key == self.record.name.key {
            return self.changes([(Write::Group(group), self.revision)]);
        }
        let old = Write::NoGroup(self.record.name.key.clone());
        self.changes([(old, self.revision), (Write::Group(group), 0)])
    }
}

impl<R> Deref for Allowed<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.resource
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use bulla_keys::{KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, NewKey};

    use super::*;

    #[test]
    fn the_permission_for_a_key_covers_no_write_of_another_one() {
        let key = |id| {
            Key::new(NewKey {
                id: KeyId::from_bytes([id; 16]),
                primary: KeyVersionId::from_bytes([id; 16]),
                created: 0,
                creator: "1",
                spec: KeySpec::Aes256,
                usage: KeyUsage::EncryptDecrypt,
                origin: KeyOrigin::Kms,
            })
        };
        let row: Row<Key> = Row { record: key(1).into(), revision: 1 };
        let allowed = Allowed::new(&row);
        let is_made = |write| catch_unwind(AssertUnwindSafe(|| drop(allowed.changes([(write, 1)])))).is_ok();
        assert!(is_made(Write::Key(key(1))) && is_made(Write::NoKey(key(1).id)));
        assert!(!is_made(Write::Key(key(2))) && !is_made(Write::NoKey(key(2).id)));
        assert!(!is_made(Write::NoSecret("s".parse().unwrap())));
    }
}
