//! A store in one redb file, for one process.
//!
//! ```text
//! table "header": "header" -> header                               (its bytes are those of `header.rs`)
//! table "rows":   table name ‖ 0x00 ‖ primary key -> revision (u64be) ‖ sealed record
//! ```
//!
//! This file alone knows redb, but for the storage below it (`file.rs`) and what reads one state of it (`redb/frozen.rs`).

mod frozen;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bulla_keys::record::Revision;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

pub(crate) use self::frozen::RedbState;
use super::batch::apply_in_order;
use super::error::StoreError;
use super::file::{Access, LostFile, StoreFile};
use super::panics::catching_panics;
use super::row::{Anchoring, Change, Committed, Conflict, Move, RowChange, StoredRow, Version};
use crate::files;

/// An open file. Reads see the last commit and do not wait for the one that is being written.
pub(crate) struct RedbStore {
    file: Arc<StoreFile>,
    /// How the file is opened, if its file system lets it.
    access: Access,
    /// None after a failure, until the file could be opened again. Locked for writing only while it is opened or closed.
    open: RwLock<Option<Open>>,
    commits: AtomicU64,
}

struct Open {
    database: Database,
    /// Whether the file system is read-only, or the store is only read: what is written stays in memory, so nothing may be confirmed.
    is_read_only: bool,
}

/// An error of redb on its way to the border.
struct Failure(StoreError);

impl RedbStore {
    /// Makes a store that holds only its header and the rows that `fill` hands over, in one durable commit.
    pub(super) fn create<E: From<StoreError>>(
        path: &Path,
        header: &[u8],
        fill: impl FnOnce(&mut Fill<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let store = Self::of(StoreFile::create(path).map_err(StoreError::from)?, Access::Full);
        let open = Open::new(&store.file, store.access).map_err(|Failure(error)| error)?;
        *store.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
        let filled = store.with(|Open { database, .. }| {
            let transaction = database.begin_write()?;
            {
                transaction.open_table(HEADER)?.insert(HEADER_KEY, header)?;
                let mut table = transaction.open_table(ROWS)?;
                if let Err(error) = fill(&mut |row| put(&mut table, row).map_err(|Failure(error)| error)) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(transaction.commit()?))
        })?;
        filled?;
        files::sync_dir(files::parent(path)).map_err(StoreError::from)?;
        Ok(store)
    }

    /// Opens an existing store for reading: nothing in its file changes, not even what redb notes there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let store = Self::of(StoreFile::open(path)?, Access::ReadOnly);
        store.with(|_| Ok(()))?;
        Ok(store)
    }

    /// Opens the same file for writing.
    pub(super) fn into_writable(mut self) -> Result<Self, StoreError> {
        self.close();
        self.access = Access::Full;
        self.with(|_| Ok(()))?;
        Ok(self)
    }

    fn of(file: Arc<StoreFile>, access: Access) -> Self {
        Self { file, access, open: RwLock::default(), commits: AtomicU64::new(0) }
    }

    #[cfg(test)]
    pub(crate) fn file(&self) -> &Arc<StoreFile> {
        &self.file
    }

    pub(super) fn verify(&self) -> Result<(), LostFile> {
        self.file.verify()
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.read_open().as_ref().is_some_and(|open| open.is_read_only)
    }

    pub(super) fn header(&self) -> Result<Vec<u8>, StoreError> {
        self.with(|Open { database, .. }| {
            let table = database.begin_read()?.open_table(HEADER)?;
            let header = table.get(HEADER_KEY)?.ok_or(StoreError::Header)?;
            Ok(header.value().to_vec())
        })
    }

    pub(super) fn write_header(
        &self,
        expected: &[u8],
        header: &[u8],
        rows: &[RowChange],
        anchoring: &mut dyn Anchoring,
    ) -> Result<Result<(), Conflict>, StoreError> {
        self.write(|write| {
            let mut table = write.open_table(HEADER)?;
            if table.get(HEADER_KEY)?.is_none_or(|found| found.value() != expected) {
                return Ok(Err(Conflict));
            }
            let mut moves = Vec::new();
            let mut all = write.open_table(ROWS)?;
            if apply(&mut all, rows, &mut moves)?.is_err() {
                return Ok(Err(Conflict));
            }
            anchor(&mut all, anchoring, &moves)?;
            table.insert(HEADER_KEY, header)?;
            Ok(Ok(()))
        })
    }

    pub(super) fn get(&self, keys: &[(&str, &[u8])]) -> Result<Vec<Option<StoredRow>>, StoreError> {
        self.with(|Open { database, .. }| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            keys.iter().map(|(table, primary_key)| get(&rows, table, primary_key)).collect()
        })
    }

    pub(super) fn scan(
        &self,
        without_values: &[&str],
        mut visit: impl FnMut(StoredRow) -> ControlFlow<()>,
    ) -> Result<Version, StoreError> {
        self.with(|Open { database, .. }| {
            let version = self.version(); // before the read begins: what is read is at least that
            let rows = database.begin_read()?.open_table(ROWS)?;
            for row in rows.iter()? {
                let (key, value) = row?;
                if visit(scanned_row(key.value(), value.value(), without_values)).is_break() {
                    break;
                }
            }
            Ok(version)
        })
    }

    pub(super) fn commit(
        &self,
        transactions: &[&[RowChange]],
        anchoring: &mut dyn Anchoring,
    ) -> Result<Committed, StoreError> {
        let results = self.write(|write| apply_all(write, transactions, anchoring))?;
        self.commits.fetch_add(1, Ordering::AcqRel);
        Ok(Committed { results, version: self.version() })
    }

    /// Writes in one durable commit.
    fn write<T>(&self, run: impl FnOnce(&WriteTransaction) -> Result<T, Failure>) -> Result<T, StoreError> {
        if self.is_read_only() {
            self.close(); // it may be writable by now
        }
        self.with(|Open { database, is_read_only }| {
            if *is_read_only {
                return Err(StoreError::ReadOnly.into());
            }
            let write = database.begin_write()?;
            let written = run(&write)?;
            write.commit()?;
            Ok(written)
        })
    }

    /// This process is the only one that writes.
    fn version(&self) -> Version {
        Version(self.commits.load(Ordering::Acquire))
    }

    /// Runs something with the open database. After an I/O error redb refuses everything, so after any error the file is
    /// closed, and opened again by the next call.
    fn with<T>(&self, run: impl FnOnce(&Open) -> Result<T, Failure>) -> Result<T, StoreError> {
        let result = catching_panics(|| {
            loop {
                if let Some(open) = &*self.read_open() {
                    return run(open);
                }
                self.reopen()?;
            }
        });
        result.map_err(|Failure(error)| {
            self.close();
            error
        })
    }

    fn read_open(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen(&self) -> Result<(), Failure> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            if self.file.is_empty()? {
                return Err(StoreError::Header.into()); // redb would begin a new store in it
            }
            *open = Some(Open::new(&self.file, self.access)?);
        }
        Ok(())
    }

    /// Waits for reads and a commit that are under way. Closing a damaged file panics, at times.
    fn close(&self) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let closed = open.take();
        let _ = catching_panics(|| {
            drop(closed);
            Ok::<_, StoreError>(())
        });
    }
}

impl Open {
    fn new(file: &Arc<StoreFile>, access: Access) -> Result<Self, Failure> {
        let backend = file.backend(access)?;
        let is_read_only = backend.is_read_only();
        Ok(Self { database: builder().create_with_backend(backend)?, is_read_only })
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(match error.into() {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen => StoreError::InUse,
            other => StoreError::Engine(Box::new(other)),
        })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<LostFile> for Failure {
    fn from(lost: LostFile) -> Self {
        Self(lost.into())
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn apply_all(
    write: &WriteTransaction,
    transactions: &[&[RowChange]],
    anchoring: &mut dyn Anchoring,
) -> Result<Vec<Result<(), Conflict>>, Failure> {
    let mut moves = Vec::new();
    let mut rows = write.open_table(ROWS)?;
    let results = apply_in_order(transactions, |changes| apply(&mut rows, changes, &mut moves))?;
    anchor(&mut rows, anchoring, &moves)?;
    Ok(results)
}

fn apply<'a>(
    rows: &mut Rows<'_>,
    changes: &'a [RowChange],
    moves: &mut Vec<Move<'a>>,
) -> Result<Result<(), Conflict>, Failure> {
    for row in changes {
        let Some(expected) = row.expected else { continue };
        let key = join_key(row.table, &row.primary_key);
        let found = rows.get(key.as_slice())?.map_or(0, |value| split_value(value.value()).0);
        if found != expected {
            return Ok(Err(Conflict));
        }
    }
    for row in changes {
        let RowChange { table, ref primary_key, revision, ref change, .. } = *row;
        let key = join_key(table, primary_key);
        let (replaced, to) = match change {
            Change::Put(value) => {
                (rows.insert(key.as_slice(), join_value(revision, value).as_slice())?, revision)
            }
            Change::Delete => (rows.remove(key.as_slice())?, 0),
            Change::Keep => continue,
        };
        let from = replaced.map_or(0, |value| split_value(value.value()).0);
        moves.push(Move { table, primary_key, from, to });
    }
    Ok(Ok(()))
}

/// Lets the anchor follow what a commit does to other rows.
fn anchor(rows: &mut Rows<'_>, anchoring: &mut dyn Anchoring, moves: &[Move<'_>]) -> Result<(), Failure> {
    let places = anchoring.places().iter();
    let found = places.map(|(table, primary_key)| get(rows, table, primary_key));
    let found = found.collect::<Result<Vec<_>, Failure>>()?;
    let anchor = anchoring.anchor(&found, moves)?;
    anchor.iter().try_for_each(|row| put(rows, row))
}

fn get(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: &str,
    primary_key: &[u8],
) -> Result<Option<StoredRow>, Failure> {
    let key = join_key(table, primary_key);
    let value = rows.get(key.as_slice())?;
    Ok(value.map(|value| stored_row(&key, value.value())))
}

fn put(rows: &mut Rows<'_>, row: &StoredRow) -> Result<(), Failure> {
    let key = join_key(&row.table, &row.primary_key);
    rows.insert(key.as_slice(), join_value(row.revision, &row.value).as_slice())?;
    Ok(())
}

/// Takes a row of a new store.
pub(crate) type Fill<'a> = dyn FnMut(&StoredRow) -> Result<(), StoreError> + 'a;

type Rows<'a> = Table<'a, &'static [u8], &'static [u8]>;

fn stored_row(key: &[u8], value: &[u8]) -> StoredRow {
    let (table, primary_key) = split_key(key);
    let (revision, sealed) = split_value(value);
    StoredRow { table: table.into(), primary_key: primary_key.into(), revision, value: sealed.into() }
}

fn scanned_row(key: &[u8], value: &[u8], without_values: &[&str]) -> StoredRow {
    let (table, _) = split_key(key);
    let known = if without_values.contains(&table) { &value[..value.len().min(REVISION_LEN)] } else { value };
    stored_row(key, known)
}

fn join_key(table: &str, primary_key: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], primary_key].concat()
}

/// A key without a table name cannot have been written here; its row will not unseal.
fn split_key(key: &[u8]) -> (&str, &[u8]) {
    let end = key.iter().position(|&byte| byte == 0).unwrap_or(key.len());
    let (table, rest) = key.split_at(end);
    (str::from_utf8(table).unwrap_or_default(), rest.get(1..).unwrap_or_default())
}

fn join_value(revision: Revision, sealed: &[u8]) -> Vec<u8> {
    [&revision.to_be_bytes(), sealed].concat()
}

fn split_value(value: &[u8]) -> (Revision, &[u8]) {
    value.split_first_chunk().map_or((0, value), |(revision, sealed)| (u64::from_be_bytes(*revision), sealed))
}

const HEADER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");
const HEADER_KEY: &str = "header";
const REVISION_LEN: usize = size_of::<Revision>();
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// Requests read from the snapshot, but for values of secrets, which redb would keep whole: a cache is for writing, and for
/// the inner pages of the tree.
const CACHE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Unanchored;

    const A_HEADER: &[u8] = &[1, 2, 3];

    fn empty(_: &mut Fill<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn put(key: &str, expected: Revision, value: &str) -> RowChange {
        row(key, expected, Change::Put(value.as_bytes().to_vec()))
    }

    fn row(key: &str, expected: Revision, change: Change) -> RowChange {
        let (primary_key, revision) = (key.as_bytes().to_vec(), expected + 1);
        RowChange { table: "t", primary_key, expected: Some(expected), revision, change }
    }

    fn commit(store: &RedbStore, transactions: &[&[RowChange]]) -> Result<Committed, StoreError> {
        store.commit(transactions, &mut Unanchored)
    }

    fn rows(store: &RedbStore) -> Vec<(String, Revision, String)> {
        let mut rows = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        store
            .scan(&[], |StoredRow { table, primary_key, revision, value }| {
                assert_eq!(table, "t");
                rows.push((text(&primary_key), revision, text(&value)));
                ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }

    #[test]
    fn rows_last_with_their_revisions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let store = RedbStore::create(&path, A_HEADER, empty).unwrap();
        let committed =
            commit(&store, &[&[put("a", 0, "1")], &[put("a", 1, "2"), put("b", 0, "x")]]).unwrap();
        assert_eq!(committed.results, [Ok(()), Ok(())]);
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.header().unwrap(), A_HEADER);
        assert_eq!(rows(&store), [("a".into(), 2, "2".into()), ("b".into(), 1, "x".into())]);
    }

    #[test]
    fn a_conflict_writes_nothing_of_its_transaction_and_all_of_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
        let committed = commit(
            &store,
            &[
                &[put("a", 0, "1")],
                &[put("c", 0, "1"), put("a", 0, "2")],
                &[put("b", 0, "1")],
                &[put("d", 0, "1")],
                &[row("b", 1, Change::Delete)],
            ],
        )
        .unwrap();
        assert_eq!(committed.results, [Ok(()), Err(Conflict), Ok(()), Ok(()), Ok(())]);
        assert_eq!(rows(&store), [("a".into(), 1, "1".into()), ("d".into(), 1, "1".into())]);
    }

    /// Its row may have the expected revision all the same, from a change that the decision knows nothing of.
    #[test]
    fn a_conflict_is_one_for_all_later_transactions_that_rest_on_what_it_would_have_written() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
        commit(&store, &[&[put("a", 0, "another process"), put("b", 0, "x")]]).unwrap();
        let committed = commit(
            &store,
            &[
                &[put("a", 0, "1"), row("b", 1, Change::Keep)],
                &[put("a", 1, "2"), put("c", 0, "2")],
                &[put("d", 0, "3"), row("a", 1, Change::Keep)],
                &[row("a", 1, Change::Delete)],
                &[put("c", 0, "5")],
                &[put("b", 1, "6")],
            ],
        )
        .unwrap();
        let conflict = Err(Conflict);
        assert_eq!(committed.results, [conflict, conflict, conflict, conflict, conflict, Ok(())]);
        assert_eq!(rows(&store), [("a".into(), 1, "another process".into()), ("b".into(), 2, "6".into())]);
    }

    #[test]
    fn a_decision_holds_only_while_the_rows_it_rests_on_stay() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
        let resting_on_a = |key: &str, expected| [put(key, 0, "1"), row("a", expected, Change::Keep)];
        commit(&store, &[&[put("a", 0, "1")]]).unwrap();
        let committed = commit(
            &store,
            &[&resting_on_a("b", 1), &[put("a", 1, "2")], &resting_on_a("c", 1), &resting_on_a("d", 0)],
        )
        .unwrap();
        assert_eq!(committed.results, [Ok(()), Ok(()), Err(Conflict), Err(Conflict)]);
        let keys: Vec<_> = rows(&store).into_iter().map(|(key, revision, _)| (key, revision)).collect();
        assert_eq!(keys, [("a".into(), 2), ("b".into(), 1)], "kept rows count no revision");
    }

    #[test]
    fn a_row_that_belongs_to_another_one_is_deleted_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
        commit(&store, &[&[put("a", 0, "1"), put("b", 0, "1")]]).unwrap();
        let delete = || RowChange { expected: None, ..row("a", 0, Change::Delete) };
        let committed = commit(&store, &[&[delete(), put("b", 7, "2")], &[delete()], &[delete()]]).unwrap();
        assert_eq!(committed.results, [Err(Conflict), Ok(()), Ok(())]);
        assert_eq!(rows(&store), [("b".into(), 1, "1".into())]);
    }

    #[test]
    fn a_scan_hands_out_every_row_and_leaves_values_of_tables_out() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
        let tables = ["a", "secret", "secret-value", "secret-value-x", "z"];
        let rows = tables.map(|table| RowChange { table, ..put("\u{1}", 0, "1") });
        commit(&store, &[&rows]).unwrap();
        let valued = |without_values: &[&str]| {
            let mut found = Vec::new();
            let mut valued = Vec::new();
            let visit = |row: StoredRow| {
                assert_eq!((&*row.primary_key, row.revision), (&b"\x01"[..], 1));
                valued.extend((row.value == b"1").then(|| row.table.clone()));
                assert!(row.value == b"1" || row.value.is_empty());
                found.push(row.table);
                ControlFlow::Continue(())
            };
            store.scan(without_values, visit).unwrap();
            assert_eq!(found, tables);
            valued
        };
        assert_eq!(valued(&[]), tables);
        assert_eq!(valued(&["secret-value"]), ["a", "secret", "secret-value-x", "z"]);
        assert_eq!(valued(&["z", "secret", "a"]), ["secret-value", "secret-value-x"]);
        assert_eq!(valued(&tables), [""; 0]);
    }

    /// What a commit did to rows, as the anchor hears of it.
    #[derive(Default)]
    struct Heard {
        moves: Vec<(String, Revision, Revision)>,
        found: Vec<Option<Revision>>,
        refuses: bool,
    }

    impl Anchoring for Heard {
        fn places(&self) -> &[(&'static str, &'static [u8])] {
            &[("t", b"anchor")]
        }

        fn anchor(
            &mut self,
            found: &[Option<StoredRow>],
            moves: &[Move<'_>],
        ) -> Result<Vec<StoredRow>, StoreError> {
            if self.refuses {
                return Err(StoreError::Damaged);
            }
            self.found.extend(found.iter().map(|row| row.as_ref().map(|row| row.revision)));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            self.moves.extend(moves.iter().map(|row| (text(row.primary_key), row.from, row.to)));
            let revision = found[0].as_ref().map_or(0, |row| row.revision) + 1;
            let value = b"!".to_vec();
            Ok(vec![StoredRow { table: "t".into(), primary_key: b"anchor".to_vec(), revision, value }])
        }
    }

    #[test]
    fn the_anchor_follows_what_succeeds_and_is_written_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER, empty).unwrap();
        let mut heard = Heard::default();
        let delete = |key, expected| RowChange { expected, ..row(key, 0, Change::Delete) };
        store.commit(&[&[put("a", 0, "1"), put("b", 0, "1")], &[put("a", 7, "2")]], &mut heard).unwrap();
        store
            .commit(
                &[
                    &[put("a", 1, "2"), row("b", 1, Change::Keep)],
                    &[put("a", 2, "3"), delete("b", None), delete("none", None)],
                ],
                &mut heard,
            )
            .unwrap();
        let moves: Vec<_> = heard.moves.iter().map(|(key, from, to)| (&**key, *from, *to)).collect();
        let second = [("a", 1, 2), ("a", 2, 3), ("b", 1, 0), ("none", 0, 0)];
        assert_eq!(moves, [&[("a", 0, 1), ("b", 0, 1)][..], &second].concat());
        assert_eq!(heard.found, [None, Some(1)]);
        assert_eq!(store.write_header(A_HEADER, &[4], &[put("c", 0, "1")], &mut heard).unwrap(), Ok(()));
        assert_eq!((heard.moves.last().unwrap(), heard.found[2]), (&("c".into(), 0, 1), Some(2)));

        let before = rows(&store);
        heard.refuses = true;
        store.commit(&[&[put("d", 0, "1")]], &mut heard).unwrap_err();
        store.write_header(&[4], &[5], &[put("d", 0, "1")], &mut heard).unwrap_err();
        assert_eq!((rows(&store), store.header().unwrap()), (before, vec![4]), "nothing was written");
    }

    #[test]
    fn a_header_is_replaced_if_it_is_the_expected_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let store = RedbStore::create(&path, A_HEADER, empty).unwrap();
        commit(&store, &[&[put("a", 0, "1")]]).unwrap();
        assert_eq!(store.write_header(&[1, 2], &[4], &[], &mut Unanchored).unwrap(), Err(Conflict));
        assert_eq!(store.header().unwrap(), A_HEADER);
        assert_eq!(store.write_header(A_HEADER, &[4], &[], &mut Unanchored).unwrap(), Ok(()));
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.header().unwrap(), [4]);
        assert_eq!(rows(&store).len(), 1, "rows stay");
    }

    #[test]
    fn a_store_that_is_opened_for_reading_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        drop(RedbStore::create(&path, A_HEADER, empty).unwrap());
        let content = std::fs::read(&path).unwrap();
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.header().unwrap(), A_HEADER);
        assert!(matches!(
            store.write_header(A_HEADER, &[4], &[], &mut Unanchored),
            Err(StoreError::ReadOnly)
        ));
        assert!(matches!(commit(&store, &[&[put("a", 0, "1")]]), Err(StoreError::ReadOnly)));
        drop(store);
        assert_eq!(std::fs::read(&path).unwrap(), content);

        let store = RedbStore::open(&path).unwrap().into_writable().unwrap();
        assert_eq!(commit(&store, &[&[put("a", 0, "1")]]).unwrap().results, [Ok(())]);
    }

    #[test]
    fn other_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        assert!(RedbStore::open(&path).is_err(), "missing");
        for content in [vec![], b"hello".to_vec(), vec![0; 1 << 16]] {
            std::fs::write(&path, &content).unwrap();
            let opened = RedbStore::open(&path).and_then(|store| store.header());
            assert!(opened.is_err(), "{} bytes", content.len());
        }
    }
}
