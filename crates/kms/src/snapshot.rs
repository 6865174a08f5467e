//! The state that requests read: everything in memory, in one consistent piece.
//!
//! A snapshot never changes. The committer makes the next one, which shares all but the changed entries, and
//! publishes it before it answers; so a request that begins after an answer sees what was answered.

use std::sync::Arc;
use std::time::Instant;

use bulla_keys::record::{self, Record, Revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{Alias, AliasName, Key, KeyId, KeyVersion, KeyVersionId, SystemRandom};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use crate::records::{AccessKey, Private};
use crate::store::{Change, RowChange, Store, StoreError};

/// All records at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    keys: HashTrieMapSync<KeyId, Row<Key>>,
    by_age: RedBlackTreeSetSync<(i64, KeyId)>,
    versions: HashTrieMapSync<KeyVersionId, Arc<KeyVersion>>,
    aliases: RedBlackTreeMapSync<AliasName, Row<Alias>>,
    access_keys: HashTrieMapSync<Box<str>, Row<AccessKey>>,
    private: HashTrieMapSync<Box<str>, Row<Private>>,
    /// Until when it may be served. Always, where this process is the only writer.
    valid_until: Option<Instant>,
}

/// A record and how often it was written.
#[derive(Clone, Debug)]
pub(crate) struct Row<R> {
    pub(crate) record: Arc<R>,
    pub(crate) revision: Revision,
}

/// One change, as the snapshot takes it.
#[derive(Debug)]
pub(crate) enum Write {
    Key(Key),
    Version(KeyVersion),
    Alias(Alias),
    NoAlias(AliasName),
    /// The key as it is: the decision rests on its state.
    SameKey(KeyId),
    AccessKey(AccessKey),
    Private(Private),
}

impl Snapshot {
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<&Row<Key>> {
        self.keys.get(&id)
    }

    /// All keys, oldest first.
    pub(crate) fn keys_by_age(&self) -> impl Iterator<Item = &Key> {
        self.by_age.iter().filter_map(|(_, id)| Some(&*self.keys.get(id)?.record))
    }

    pub(crate) fn key_count(&self) -> usize {
        self.keys.size()
    }

    pub(crate) fn version(&self, id: KeyVersionId) -> Option<&KeyVersion> {
        self.versions.get(&id).map(|version| &**version)
    }

    pub(crate) fn alias(&self, name: &AliasName) -> Option<&Row<Alias>> {
        self.aliases.get(name)
    }

    /// All aliases, by name.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = &Alias> {
        self.aliases.values().map(|row| &*row.record)
    }

    pub(crate) fn access_key(&self, id: &str) -> Option<&AccessKey> {
        self.access_keys.get(id).map(|row| &*row.record)
    }

    pub(crate) fn has_access_keys(&self) -> bool {
        !self.access_keys.is_empty()
    }

    pub(crate) fn private(&self, name: &str) -> Option<&Row<Private>> {
        self.private.get(name)
    }

    /// Reads everything that a store holds.
    pub(crate) fn read(store: &mut Store, roots: &RootKeys) -> Result<Self, StoreError> {
        let mut snapshot = Self::default();
        store.scan(|table, primary_key, revision, value| {
            let write = Write::open(roots, table, primary_key, revision, value).ok_or_else(|| {
                StoreError::Row { table: table.to_owned(), primary_key: primary_key.to_vec() }
            })?;
            snapshot.apply(write, revision);
            Ok(())
        })?;
        Ok(snapshot)
    }

    /// Takes in one change, with the revision its row has now.
    pub(crate) fn apply(&mut self, write: Write, revision: Revision) {
        match write {
            Write::Key(key) => {
                self.by_age.insert_mut((key.created, key.id));
                self.keys.insert_mut(key.id, Row::new(key, revision));
            }
            Write::Version(version) => self.versions.insert_mut(version.id, Arc::new(version)),
            Write::Alias(alias) => self.aliases.insert_mut(alias.name.clone(), Row::new(alias, revision)),
            Write::NoAlias(name) => {
                self.aliases.remove_mut(&name);
            }
            Write::SameKey(_) => {}
            Write::AccessKey(key) => self.access_keys.insert_mut(key.id.clone(), Row::new(key, revision)),
            Write::Private(value) => self.private.insert_mut(value.name.clone(), Row::new(value, revision)),
        }
    }
}

impl<R> Row<R> {
    fn new(record: R, revision: Revision) -> Self {
        Self { record: Arc::new(record), revision }
    }
}

impl Write {
    /// What a row of the store holds; none if it does not unseal or its table is unknown.
    fn open(
        roots: &RootKeys,
        table: &str,
        primary_key: &[u8],
        revision: Revision,
        value: &[u8],
    ) -> Option<Self> {
        fn open<R: Record>(roots: &RootKeys, key: &[u8], revision: Revision, value: &[u8]) -> Option<R> {
            record::open(roots, key, revision, value).ok()
        }
        match table {
            Key::TABLE => open(roots, primary_key, revision, value).map(Self::Key),
            KeyVersion::TABLE => open(roots, primary_key, revision, value).map(Self::Version),
            Alias::TABLE => open(roots, primary_key, revision, value).map(Self::Alias),
            AccessKey::TABLE => open(roots, primary_key, revision, value).map(Self::AccessKey),
            Private::TABLE => open(roots, primary_key, revision, value).map(Self::Private),
            _ => None,
        }
    }

    /// The row this change makes, sealed.
    pub(crate) fn row(&self, roots: &RootKeys, expected: Revision) -> RowChange {
        fn sealed<R: Record>(roots: &RootKeys, record: &R, expected: Revision) -> RowChange {
            let change = Change::Put(record::seal(roots, expected + 1, record, &SystemRandom));
            RowChange { table: R::TABLE, primary_key: record.primary_key().to_vec(), expected, change }
        }
        match self {
            Self::Key(key) => sealed(roots, key, expected),
            Self::Version(version) => sealed(roots, version, expected),
            Self::Alias(alias) => sealed(roots, alias, expected),
            Self::NoAlias(name) => RowChange {
                table: Alias::TABLE,
                primary_key: name.as_str().as_bytes().to_vec(),
                expected,
                change: Change::Delete,
            },
            Self::SameKey(id) => RowChange {
                table: Key::TABLE,
                primary_key: id.as_bytes().to_vec(),
                expected,
                change: Change::Keep,
            },
            Self::AccessKey(key) => sealed(roots, key, expected),
            Self::Private(private) => sealed(roots, private, expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_snapshot_ends_with_its_lease() {
        let now = Instant::now();
        let leased = Snapshot { valid_until: Some(now + Duration::from_secs(1)), ..Snapshot::default() };
        assert!(leased.is_valid(now));
        assert!(!leased.is_valid(now + Duration::from_secs(1)));
        assert!(Snapshot::default().is_valid(now + Duration::from_secs(1 << 30)));
    }
}
