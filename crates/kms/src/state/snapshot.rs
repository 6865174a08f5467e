//! The state that requests read: everything in memory, in one consistent piece.
//!
//! A snapshot never changes. The committer makes the next one, which shares all but the changed entries, and
//! publishes it before it answers; so a request that begins after an answer sees what was answered.

use std::cmp::Reverse;
use std::mem;
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use bulla_keys::record::{self, Record, Revision};
use bulla_keys::root::RootKeys;
use bulla_keys::{
    Alias, AliasName, Key, KeyId, KeyVersion, KeyVersionId, Secret, SecretName, SecretValue, SecretValueId,
    SystemRandom,
};
use imbl::{OrdMap, OrdSet};
use minicbor::bytes::ByteArray;

use super::lists::{KeyLists, SecretLists};
use super::ranked::Index;
use super::records::{AccessKey, ImportToken, Private, TokenId};
use crate::store::{Change, RowChange, Store, StoreError};

/// All records at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    keys: OrdMap<KeyId, Row<Key>>,
    key_lists: KeyLists,
    /// When something happens by itself, and to what.
    due: OrdSet<(i64, Place)>,
    /// How many keys and secrets will end, or lose their material.
    ending: usize,
    versions: OrdMap<KeyVersionId, Row<KeyVersion>>,
    /// The versions of a key, newest first.
    versions_by_key: Index<KeyId, (Reverse<u32>, KeyVersionId)>,
    aliases: OrdMap<AliasName, Row<Alias>>,
    /// All aliases, and those of a key.
    alias_lists: Index<Option<KeyId>, AliasName>,
    secrets: OrdMap<SecretName, Row<Secret>>,
    secret_lists: SecretLists,
    secret_values: OrdMap<SecretValueId, Row<SecretValue>>,
    import_tokens: OrdMap<TokenId, Row<ImportToken>>,
    tokens_by_key: OrdSet<(KeyId, [u8; 32])>,
    tokens_by_end: OrdSet<(i64, [u8; 32])>,
    access_keys: OrdMap<Box<str>, Row<AccessKey>>,
    private: OrdMap<Box<str>, Row<Private>>,
    /// Until when it may be served. Always, where this process is the only writer.
    valid_until: Option<Instant>,
}

/// A record and which write of its row it is.
#[derive(Clone, Debug)]
pub(crate) struct Row<R> {
    pub(crate) record: Arc<R>,
    pub(crate) revision: Revision,
}

/// Where something happens by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Key(KeyId),
    Secret(SecretName),
}

/// Something to which something happens by itself.
#[derive(Clone, Copy)]
pub(crate) enum Due<'a> {
    Key(&'a Row<Key>),
    Secret(&'a Row<Secret>),
}

/// One change, as the snapshot takes it.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Key(Key),
    NoKey(KeyId),
    Version(KeyVersion),
    NoVersion(KeyVersionId),
    Alias(Alias),
    NoAlias(AliasName),
    Secret(Secret),
    NoSecret(SecretName),
    SecretValue(SecretValue),
    NoSecretValue(SecretValueId),
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

    pub(crate) fn key_lists(&self) -> &KeyLists {
        &self.key_lists
    }

    /// Moves keys whose material expires between `now` and the time of the last call to the lists of their state.
    pub(crate) fn settle(&mut self, now: i64) {
        if !self.key_lists.is_settled(now) {
            let keys = &self.keys;
            self.key_lists.settle(now, |id| keys.get(&id).map(|row| &*row.record));
        }
    }

    /// To what something happens by itself until `now`, in the order in which it does.
    pub(crate) fn due(&self, now: i64) -> impl Iterator<Item = Due<'_>> {
        let due = self.due.iter().take_while(move |(at, _)| *at <= now);
        due.filter_map(|(_, place)| match place {
            Place::Key(id) => self.key(*id).map(Due::Key),
            Place::Secret(name) => self.secret(name).map(Due::Secret),
        })
    }

    /// Whether any key, material, secret or import token will end by itself.
    pub(crate) fn has_endings(&self) -> bool {
        self.ending > 0 || !self.import_tokens.is_empty()
    }

    pub(crate) fn version(&self, id: KeyVersionId) -> Option<&Row<KeyVersion>> {
        self.versions.get(&id)
    }

    /// The versions of a key, newest first.
    pub(crate) fn versions_of(&self, key: KeyId) -> impl Iterator<Item = &Row<KeyVersion>> {
        let versions = self.versions_by_key.keys(self.versions_by_key.part(&key));
        versions.filter_map(|(_, id)| self.versions.get(id))
    }

    /// The versions of all keys, each by its key, newest first.
    pub(crate) fn versions_by_key(&self) -> &Index<KeyId, (Reverse<u32>, KeyVersionId)> {
        &self.versions_by_key
    }

    /// The number of the next version of a key.
    pub(crate) fn next_version_of(&self, key: KeyId) -> u32 {
        self.versions_of(key).next().map_or(0, |row| row.record.number + 1)
    }

    pub(crate) fn import_token(&self, id: &TokenId) -> Option<&Row<ImportToken>> {
        self.import_tokens.get(id)
    }

    pub(crate) fn import_tokens_of(&self, key: KeyId) -> impl Iterator<Item = &Row<ImportToken>> {
        let tokens = self.tokens_by_key.range((key, [0; 32])..=(key, [u8::MAX; 32]));
        tokens.filter_map(|(_, id)| self.import_tokens.get(&ByteArray::from(*id)))
    }

    /// Those that have ended at `now`.
    pub(crate) fn import_tokens_until(&self, now: i64) -> impl Iterator<Item = &Row<ImportToken>> {
        let tokens = self.tokens_by_end.iter().take_while(move |(end, _)| *end <= now);
        tokens.filter_map(|(_, id)| self.import_tokens.get(&ByteArray::from(*id)))
    }

    pub(crate) fn alias(&self, name: &str) -> Option<&Row<Alias>> {
        self.aliases.get(name)
    }

    pub(crate) fn aliases_of(&self, key: KeyId) -> impl Iterator<Item = &Row<Alias>> {
        let names = self.alias_lists.keys(self.alias_lists.part(&Some(key)));
        names.filter_map(|name| self.aliases.get(name))
    }

    /// Aliases by name: those of a key, or all.
    pub(crate) fn alias_lists(&self) -> &Index<Option<KeyId>, AliasName> {
        &self.alias_lists
    }

    pub(crate) fn secret(&self, name: &SecretName) -> Option<&Row<Secret>> {
        self.secrets.get(name)
    }

    pub(crate) fn secret_lists(&self) -> &SecretLists {
        &self.secret_lists
    }

    pub(crate) fn secret_value(&self, id: SecretValueId) -> Option<&Row<SecretValue>> {
        self.secret_values.get(&id)
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

    /// Reads everything that a store holds: one thread reads, one unseals, this one takes in. The rows are in no order
    /// that matters.
    pub(crate) fn read(store: &mut Store, roots: &RootKeys) -> Result<Self, StoreError> {
        let mut snapshot = Self::default();
        thread::scope(|scope| {
            let (sealed, batches) = mpsc::sync_channel(QUEUE);
            let (opened, writes) = mpsc::sync_channel(QUEUE);
            let reader = thread::Builder::new()
                .spawn_scoped(scope, move || read_batches(store, &sealed))
                .map_err(StoreError::Thread)?;
            let unseal = move || {
                let results = batches.into_iter().map(|rows| open_all(roots, &rows));
                results.map(|result| opened.send(result)).all(|sent| sent.is_ok())
            };
            thread::Builder::new().spawn_scoped(scope, unseal).map_err(StoreError::Thread)?;
            for batch in writes {
                for (write, revision) in batch? {
                    snapshot.apply(write, revision);
                }
            }
            reader.join().expect("panics of the storage engine are caught")
        })?;
        Ok(snapshot)
    }

    /// Takes in one change, with the revision its row has now.
    pub(crate) fn apply(&mut self, write: Write, revision: Revision) {
        match write {
            Write::Key(key) => {
                self.forget_key(key.id);
                self.plan(key.due(), key.ends(), Place::Key(key.id));
                self.key_lists.replace(self.keys.get(&key.id).map(|row| &*row.record), Some(&key));
                self.keys.insert(key.id, Row::new(key, revision));
            }
            Write::NoKey(id) => {
                self.forget_key(id);
                self.key_lists.replace(self.keys.get(&id).map(|row| &*row.record), None);
                self.keys.remove(&id);
            }
            Write::Version(version) => {
                self.versions_by_key.insert((version.key, (Reverse(version.number), version.id)));
                self.versions.insert(version.id, Row::new(version, revision));
            }
            Write::NoVersion(id) => {
                if let Some(row) = self.versions.get(&id) {
                    self.versions_by_key.remove(&(row.record.key, (Reverse(row.record.number), id)));
                }
                self.versions.remove(&id);
            }
            Write::ImportToken(token) => {
                self.tokens_by_key.insert((token.key, *token.id));
                self.tokens_by_end.insert((token.expires, *token.id));
                self.import_tokens.insert(token.id, Row::new(token, revision));
            }
            Write::NoImportToken(id) => {
                if let Some(token) = self.import_tokens.get(&id).map(|row| &row.record) {
                    self.tokens_by_key.remove(&(token.key, *id));
                    self.tokens_by_end.remove(&(token.expires, *id));
                }
                self.import_tokens.remove(&id);
            }
            Write::Alias(alias) => {
                self.forget_alias(&alias.name);
                self.alias_lists.insert((None, alias.name.clone()));
                self.alias_lists.insert((Some(alias.key), alias.name.clone()));
                self.aliases.insert(alias.name.clone(), Row::new(alias, revision));
            }
            Write::NoAlias(name) => {
                self.forget_alias(&name);
                self.alias_lists.remove(&(None, name.clone()));
                self.aliases.remove(&name);
            }
            Write::Secret(secret) => {
                self.forget_secret(&secret.name);
                let (due, name) = (secret.delete_at(), secret.name.clone());
                self.plan(due, due.is_some(), Place::Secret(name.clone()));
                self.secret_lists.replace(self.secrets.get(&name).map(|row| &*row.record), Some(&secret));
                self.secrets.insert(name, Row::new(secret, revision));
            }
            Write::NoSecret(name) => {
                self.forget_secret(&name);
                self.secret_lists.replace(self.secrets.get(&name).map(|row| &*row.record), None);
                self.secrets.remove(&name);
            }
            Write::SecretValue(value) => {
                self.secret_values.insert(value.id, Row::new(value, revision));
            }
            Write::NoSecretValue(id) => {
                self.secret_values.remove(&id);
            }
            Write::SameKey(_) => {}
            Write::AccessKey(key) => {
                self.access_keys.insert(key.id.clone(), Row::new(key, revision));
            }
            Write::Private(value) => {
                self.private.insert(value.name.clone(), Row::new(value, revision));
            }
        }
    }
}

impl Snapshot {
    fn forget_alias(&mut self, name: &AliasName) {
        if let Some(row) = self.aliases.get(name) {
            self.alias_lists.remove(&(Some(row.record.key), name.clone()));
        }
    }

    /// Notes what will happen by itself, and whether something ends by it.
    fn plan(&mut self, due: Option<i64>, ends: bool, place: Place) {
        self.ending += usize::from(ends);
        if let Some(at) = due {
            self.due.insert((at, place));
        }
    }

    fn forget(&mut self, due: Option<i64>, ends: bool, place: Place) {
        self.ending -= usize::from(ends);
        if let Some(at) = due {
            self.due.remove(&(at, place));
        }
    }

    fn forget_key(&mut self, id: KeyId) {
        let planned = self.keys.get(&id).map(|row| (row.record.due(), row.record.ends()));
        if let Some((due, ends)) = planned {
            self.forget(due, ends, Place::Key(id));
        }
    }

    fn forget_secret(&mut self, name: &SecretName) {
        let due = self.secrets.get(name).and_then(|row| row.record.delete_at());
        self.forget(due, due.is_some(), Place::Secret(name.clone()));
    }
}

/// A row of the store as it lies there.
struct SealedRow {
    table: String,
    primary_key: Vec<u8>,
    revision: Revision,
    value: Vec<u8>,
}

/// Hands all rows of a store over; ends early when nobody wants any more.
fn read_batches(store: &mut Store, batches: &mpsc::SyncSender<Vec<SealedRow>>) -> Result<(), StoreError> {
    let mut batch = Vec::new();
    store.scan(|table, primary_key, revision, value| {
        let (table, primary_key, value) = (table.to_owned(), primary_key.to_vec(), value.to_vec());
        batch.push(SealedRow { table, primary_key, revision, value });
        match batch.len() < BATCH || batches.send(mem::take(&mut batch)).is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    let _ = batches.send(batch); // as above
    Ok(())
}

fn open_all(roots: &RootKeys, rows: &[SealedRow]) -> Result<Vec<(Write, Revision)>, StoreError> {
    rows.iter()
        .map(|SealedRow { table, primary_key, revision, value }| {
            let write = Write::open(roots, table, primary_key, *revision, value);
            let row = || StoreError::Row { table: table.clone(), primary_key: primary_key.clone() };
            Ok((write.ok_or_else(row)?, *revision))
        })
        .collect()
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
            Secret::TABLE => open(roots, primary_key, revision, value).map(Self::Secret),
            SecretValue::TABLE => open(roots, primary_key, revision, value).map(Self::SecretValue),
            ImportToken::TABLE => open(roots, primary_key, revision, value).map(Self::ImportToken),
            AccessKey::TABLE => open(roots, primary_key, revision, value).map(Self::AccessKey),
            Private::TABLE => open(roots, primary_key, revision, value).map(Self::Private),
            _ => None,
        }
    }

    /// The row this change makes, sealed.
    pub(crate) fn row(&self, roots: &RootKeys, expected: Revision) -> RowChange {
        fn sealed<R: Record>(roots: &RootKeys, record: &R, expected: Revision) -> RowChange {
            let revision = record::next_revision(expected, &SystemRandom);
            let change = Change::Put(record::seal(roots, revision, record, &SystemRandom));
            RowChange {
                table: R::TABLE,
                primary_key: record.primary_key().to_vec(),
                expected,
                revision,
                change,
            }
        }
        let plain = |table, primary_key: &[u8], change| RowChange {
            table,
            primary_key: primary_key.to_vec(),
            expected,
            revision: expected,
            change,
        };
        match self {
            Self::Key(key) => sealed(roots, key, expected),
            Self::NoKey(id) => plain(Key::TABLE, id.as_bytes(), Change::Delete),
            Self::Version(version) => sealed(roots, version, expected),
            Self::NoVersion(id) => plain(KeyVersion::TABLE, id.as_bytes(), Change::Delete),
            Self::Alias(alias) => sealed(roots, alias, expected),
            Self::NoAlias(name) => plain(Alias::TABLE, name.as_str().as_bytes(), Change::Delete),
            Self::Secret(secret) => sealed(roots, secret, expected),
            Self::NoSecret(name) => plain(Secret::TABLE, name.as_str().as_bytes(), Change::Delete),
            Self::SecretValue(value) => sealed(roots, value, expected),
            Self::NoSecretValue(id) => plain(SecretValue::TABLE, id.as_bytes(), Change::Delete),
            Self::SameKey(id) => plain(Key::TABLE, id.as_bytes(), Change::Keep),
            Self::ImportToken(token) => sealed(roots, token, expected),
            Self::NoImportToken(id) => plain(ImportToken::TABLE, &**id, Change::Delete),
            Self::AccessKey(key) => sealed(roots, key, expected),
            Self::Private(private) => sealed(roots, private, expected),
        }
    }
}

/// Rows that go from thread to thread together.
const BATCH: usize = 256;
/// Batches that may wait.
const QUEUE: usize = 2;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bulla_keys::Description;
    use bulla_wire::Request;
    use bulla_wire::actions::{CreateSecret, DeleteSecret, PutSecretValue};

    use super::*;
    use crate::state::CommitError;
    use crate::{Kms, Options, Role, SystemClock};

    #[test]
    fn a_snapshot_ends_with_its_lease() {
        let now = Instant::now();
        let leased = Snapshot { valid_until: Some(now + Duration::from_secs(1)), ..Snapshot::default() };
        assert!(leased.is_valid(now));
        assert!(!leased.is_valid(now + Duration::from_secs(1)));
        assert!(Snapshot::default().is_valid(now + Duration::from_secs(1 << 30)));
    }

    /// Else an answered value would be lost to a change of another secret, which had the same name.
    #[test]
    fn a_change_decided_on_a_removed_record_does_not_touch_its_successor() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let create = || {
            call(
                CreateSecret {
                    secret_name: "s".into(),
                    version_id: "1".into(),
                    secret_data: String::from("x").into(),
                    ..CreateSecret::default()
                }
                .into(),
            );
        };
        create();
        let old = kms.snapshot().unwrap().secret(&"s".parse().unwrap()).unwrap().clone();
        call(
            DeleteSecret {
                secret_name: "s".into(),
                force_delete_without_recovery: Some(true),
                recovery_window_in_days: None,
            }
            .into(),
        );
        create();
        let changed = Write::Secret(old.record.described(Some(Description::default()), 7).unwrap());
        let (_, answered) = kms.stage(|_| Ok(vec![(changed, old.revision)])).unwrap();
        let outcome = pollster::block_on(answered).unwrap();
        assert!(matches!(outcome, Err(CommitError::Conflict)), "{outcome:?}");
        let stages = kms.snapshot().unwrap().secret(&"s".parse().unwrap()).unwrap().revision;
        assert_ne!(stages, old.revision, "the state is that of the store again");
    }

    /// Nobody would see the difference, but the store would grow for ever.
    #[test]
    fn values_go_with_their_versions_and_these_with_their_secrets() {
        let data = tempfile::tempdir().unwrap();
        let open = || Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let mut kms = open();
        let call = |kms: &Kms, request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let values = |kms: &Kms| kms.snapshot().unwrap().secret_values.len();
        let (name, text) = (|| String::from("s"), |number: usize| number.to_string());
        let create = CreateSecret {
            secret_name: name(),
            version_id: text(0),
            secret_data: text(0).into(),
            ..CreateSecret::default()
        };
        for _ in 0..2 {
            call(&kms, create.clone().into());
            for number in 1..12 {
                let put = PutSecretValue {
                    secret_name: name(),
                    version_id: text(number),
                    secret_data: text(number).into(),
                    secret_data_type: None,
                    version_stages: None,
                };
                call(&kms, put.clone().into());
                call(&kms, put.into());
                assert_eq!(values(&kms), (number + 1).min(10));
            }
            drop(kms);
            kms = open();
            assert_eq!(values(&kms), 10);
            let delete = DeleteSecret {
                secret_name: name(),
                force_delete_without_recovery: Some(true),
                recovery_window_in_days: None,
            };
            call(&kms, delete.into());
            assert_eq!((values(&kms), kms.snapshot().unwrap().secrets.len()), (0, 0));
        }
    }
}
