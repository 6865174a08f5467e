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

use crate::records::{AccessKey, ImportToken, Private, TokenId};
use crate::store::{Change, RowChange, Store, StoreError};

/// All records at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    keys: HashTrieMapSync<KeyId, Row<Key>>,
    by_age: RedBlackTreeSetSync<(i64, KeyId)>,
    /// What happens by itself, and to which key.
    due: RedBlackTreeSetSync<(i64, KeyId)>,
    /// How many keys will end, or lose their material.
    ending: usize,
    versions: HashTrieMapSync<KeyVersionId, Row<KeyVersion>>,
    /// The versions of a key, by their numbers.
    versions_by_key: RedBlackTreeMapSync<(KeyId, u32), KeyVersionId>,
    aliases: RedBlackTreeMapSync<AliasName, Row<Alias>>,
    import_tokens: HashTrieMapSync<TokenId, Row<ImportToken>>,
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
    NoKey(KeyId),
    Version(KeyVersion),
    NoVersion(KeyVersionId),
    Alias(Alias),
    NoAlias(AliasName),
    ImportToken(ImportToken),
    NoImportToken(TokenId),
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

    /// The keys to which something happens by itself until `now`, in the order in which it does.
    pub(crate) fn keys_due(&self, now: i64) -> impl Iterator<Item = &Row<Key>> {
        let due = self.due.iter().take_while(move |(at, _)| *at <= now);
        due.filter_map(|(_, id)| self.keys.get(id))
    }

    /// Whether any key or material will end by itself.
    pub(crate) fn has_endings(&self) -> bool {
        self.ending > 0
    }

    pub(crate) fn version(&self, id: KeyVersionId) -> Option<&Row<KeyVersion>> {
        self.versions.get(&id)
    }

    /// The versions of a key, newest first.
    pub(crate) fn versions_of(&self, key: KeyId) -> impl Iterator<Item = &Row<KeyVersion>> {
        let versions = self.versions_by_key.range((key, 0)..=(key, u32::MAX)).rev();
        versions.filter_map(|(_, id)| self.versions.get(id))
    }

    /// The number of the next version of a key.
    pub(crate) fn next_version_of(&self, key: KeyId) -> u32 {
        self.versions_of(key).next().map_or(0, |row| row.record.number + 1)
    }

    pub(crate) fn import_token(&self, id: &TokenId) -> Option<&Row<ImportToken>> {
        self.import_tokens.get(id)
    }

    pub(crate) fn import_tokens(&self) -> impl Iterator<Item = &Row<ImportToken>> {
        self.import_tokens.values()
    }

    pub(crate) fn alias(&self, name: &str) -> Option<&Row<Alias>> {
        self.aliases.get(name)
    }

    /// All aliases, by name.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = &Row<Alias>> {
        self.aliases.values()
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
                self.forget_due(key.id);
                if let Some(due) = key.due() {
                    self.due.insert_mut((due, key.id));
                }
                self.ending += usize::from(key.ends());
                self.by_age.insert_mut((key.created, key.id));
                self.keys.insert_mut(key.id, Row::new(key, revision));
            }
            Write::NoKey(id) => {
                self.forget_due(id);
                if let Some(row) = self.keys.get(&id) {
                    self.by_age.remove_mut(&(row.record.created, id));
                }
                self.keys.remove_mut(&id);
            }
            Write::Version(version) => {
                self.versions_by_key.insert_mut((version.key, version.number), version.id);
                self.versions.insert_mut(version.id, Row::new(version, revision));
            }
            Write::NoVersion(id) => {
                if let Some(row) = self.versions.get(&id) {
                    self.versions_by_key.remove_mut(&(row.record.key, row.record.number));
                }
                self.versions.remove_mut(&id);
            }
            Write::ImportToken(token) => {
                self.import_tokens.insert_mut(token.id, Row::new(token, revision));
            }
            Write::NoImportToken(id) => {
                self.import_tokens.remove_mut(&id);
            }
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

impl Snapshot {
    fn forget_due(&mut self, id: KeyId) {
        let Some(key) = self.keys.get(&id).map(|row| &row.record) else { return };
        self.ending -= usize::from(key.ends());
        if let Some(due) = key.due() {
            self.due.remove_mut(&(due, id));
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
            ImportToken::TABLE => open(roots, primary_key, revision, value).map(Self::ImportToken),
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
        let plain = |table, primary_key: &[u8], change| RowChange {
            table,
            primary_key: primary_key.to_vec(),
            expected,
            change,
        };
        match self {
            Self::Key(key) => sealed(roots, key, expected),
            Self::NoKey(id) => plain(Key::TABLE, id.as_bytes(), Change::Delete),
            Self::Version(version) => sealed(roots, version, expected),
            Self::NoVersion(id) => plain(KeyVersion::TABLE, id.as_bytes(), Change::Delete),
            Self::Alias(alias) => sealed(roots, alias, expected),
            Self::NoAlias(name) => plain(Alias::TABLE, name.as_str().as_bytes(), Change::Delete),
            Self::SameKey(id) => plain(Key::TABLE, id.as_bytes(), Change::Keep),
            Self::ImportToken(token) => sealed(roots, token, expected),
            Self::NoImportToken(id) => plain(ImportToken::TABLE, &**id, Change::Delete),
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
