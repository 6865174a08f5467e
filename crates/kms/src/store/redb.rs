//! A store in one redb file, for one process.
//!
//! ```text
//! table "header": "header" -> header                               (its bytes are those of `header.rs`)
//! table "rows":   table name ‖ 0x00 ‖ primary key -> revision (u64be) ‖ sealed record
//! ```
//!
//! This file alone knows redb, but for the storage below it (`file.rs`).

use std::iter;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bulla_keys::record::Revision;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::batch::apply_in_order;
use super::error::StoreError;
use super::file::{Access, LostFile, StoreFile};
use super::panics::catching_panics;
use super::row::{Change, Committed, Conflict, RowChange, StoredRow, Version};
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
    /// Makes a store that holds only its header, durably.
    pub(super) fn create(path: &Path, header: &[u8]) -> Result<Self, StoreError> {
        let store = Self::of(StoreFile::create(path)?, Access::Full);
        let open = Open::new(&store.file, store.access).map_err(|Failure(error)| error)?;
        *store.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
        store.with(|Open { database, .. }| {
            let transaction = database.begin_write()?;
            {
                transaction.open_table(HEADER)?.insert(HEADER_KEY, header)?;
                transaction.open_table(ROWS)?;
            }
            Ok(transaction.commit()?)
        })?;
        files::sync_dir(files::parent(path))?;
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
    ) -> Result<Result<(), Conflict>, StoreError> {
        self.write(|write| {
            let mut table = write.open_table(HEADER)?;
            if table.get(HEADER_KEY)?.is_none_or(|found| found.value() != expected) {
                return Ok(Err(Conflict));
            }
            if apply(&mut write.open_table(ROWS)?, rows)?.is_err() {
                return Ok(Err(Conflict));
            }
            table.insert(HEADER_KEY, header)?;
            Ok(Ok(()))
        })
    }

    pub(super) fn get(&self, keys: &[(&str, &[u8])]) -> Result<Vec<Option<StoredRow>>, StoreError> {
        self.with(|Open { database, .. }| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            let get = |(table, primary_key): &(&str, &[u8])| {
                let key = join_key(table, primary_key);
                let value = rows.get(key.as_slice())?;
                Ok(value.map(|value| stored_row(&key, value.value())))
            };
            keys.iter().map(get).collect()
        })
    }

    pub(super) fn scan(
        &self,
        skipped: &[&str],
        mut visit: impl FnMut(StoredRow) -> ControlFlow<()>,
    ) -> Result<Version, StoreError> {
        self.with(|Open { database, .. }| {
            let version = self.version(); // before the read begins: what is read is at least that
            let rows = database.begin_read()?.open_table(ROWS)?;
            for range in ranges_without(skipped) {
                for row in rows.range::<&[u8]>((as_slice(&range.0), as_slice(&range.1)))? {
                    let (key, value) = row?;
                    if visit(stored_row(key.value(), value.value())).is_break() {
                        return Ok(version);
                    }
                }
            }
            Ok(version)
        })
    }

    pub(super) fn commit(&self, transactions: &[&[RowChange]]) -> Result<Committed, StoreError> {
        let results = self.write(|write| apply_all(write, transactions))?;
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
) -> Result<Vec<Result<(), Conflict>>, Failure> {
    let mut rows = write.open_table(ROWS)?;
    apply_in_order(transactions, |changes| apply(&mut rows, changes))
}

fn apply(rows: &mut Table<'_, &[u8], &[u8]>, changes: &[RowChange]) -> Result<Result<(), Conflict>, Failure> {
    for row in changes {
        let Some(expected) = row.expected else { continue };
        let key = join_key(row.table, &row.primary_key);
        let found = rows.get(key.as_slice())?.map_or(0, |value| split_value(value.value()).0);
        if found != expected {
            return Ok(Err(Conflict));
        }
    }
    for row in changes {
        let key = join_key(row.table, &row.primary_key);
        match &row.change {
            Change::Put(value) => {
                let stored = [&row.revision.to_be_bytes(), value.as_slice()].concat();
                rows.insert(key.as_slice(), stored.as_slice())?;
            }
            Change::Delete => {
                rows.remove(key.as_slice())?;
            }
            Change::Keep => {}
        }
    }
    Ok(Ok(()))
}

fn stored_row(key: &[u8], value: &[u8]) -> StoredRow {
    let (table, primary_key) = split_key(key);
    let (revision, sealed) = split_value(value);
    StoredRow { table: table.into(), primary_key: primary_key.into(), revision, value: sealed.into() }
}

/// The ranges of keys that leave some tables out, whose pages are not even read.
fn ranges_without(tables: &[&str]) -> Vec<KeyRange> {
    let mut tables: Vec<_> = tables.iter().map(|table| table.as_bytes()).collect();
    tables.sort_unstable();
    let first_of = |table: &[u8]| [table, &[0]].concat();
    let after = |table: &[u8]| [table, &[1]].concat();
    let starts = iter::once(Bound::Unbounded).chain(tables.iter().map(|table| Bound::Included(after(table))));
    let ends = tables.iter().map(|table| Bound::Excluded(first_of(table))).chain([Bound::Unbounded]);
    starts.zip(ends).collect()
}

type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
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

fn split_value(value: &[u8]) -> (Revision, &[u8]) {
    value.split_first_chunk().map_or((0, value), |(revision, sealed)| (u64::from_be_bytes(*revision), sealed))
}

const HEADER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");
const HEADER_KEY: &str = "header";
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// Requests read from the snapshot, but for values of secrets, which redb would keep whole: a cache is for writing, and for
/// the inner pages of the tree.
const CACHE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const A_HEADER: &[u8] = &[1, 2, 3];

    fn put(key: &str, expected: Revision, value: &str) -> RowChange {
        row(key, expected, Change::Put(value.as_bytes().to_vec()))
    }

    fn row(key: &str, expected: Revision, change: Change) -> RowChange {
        let (primary_key, revision) = (key.as_bytes().to_vec(), expected + 1);
        RowChange { table: "t", primary_key, expected: Some(expected), revision, change }
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
        let store = RedbStore::create(&path, A_HEADER).unwrap();
        let committed = store.commit(&[&[put("a", 0, "1")], &[put("a", 1, "2"), put("b", 0, "x")]]).unwrap();
        assert_eq!(committed.results, [Ok(()), Ok(())]);
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.header().unwrap(), A_HEADER);
        assert_eq!(rows(&store), [("a".into(), 2, "2".into()), ("b".into(), 1, "x".into())]);
    }

    #[test]
    fn a_conflict_writes_nothing_of_its_transaction_and_all_of_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER).unwrap();
        let committed = store
            .commit(&[
                &[put("a", 0, "1")],
                &[put("c", 0, "1"), put("a", 0, "2")],
                &[put("b", 0, "1")],
                &[put("d", 0, "1")],
                &[row("b", 1, Change::Delete)],
            ])
            .unwrap();
        assert_eq!(committed.results, [Ok(()), Err(Conflict), Ok(()), Ok(()), Ok(())]);
        assert_eq!(rows(&store), [("a".into(), 1, "1".into()), ("d".into(), 1, "1".into())]);
    }

    /// Its row may have the expected revision all the same, from a change that the decision knows nothing of.
    #[test]
    fn a_conflict_is_one_for_all_later_transactions_that_rest_on_what_it_would_have_written() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER).unwrap();
        store.commit(&[&[put("a", 0, "another process"), put("b", 0, "x")]]).unwrap();
        let committed = store
            .commit(&[
                &[put("a", 0, "1"), row("b", 1, Change::Keep)],
                &[put("a", 1, "2"), put("c", 0, "2")],
                &[put("d", 0, "3"), row("a", 1, Change::Keep)],
                &[row("a", 1, Change::Delete)],
                &[put("c", 0, "5")],
                &[put("b", 1, "6")],
            ])
            .unwrap();
        let conflict = Err(Conflict);
        assert_eq!(committed.results, [conflict, conflict, conflict, conflict, conflict, Ok(())]);
        assert_eq!(rows(&store), [("a".into(), 1, "another process".into()), ("b".into(), 2, "6".into())]);
    }

    #[test]
    fn a_decision_holds_only_while_the_rows_it_rests_on_stay() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER).unwrap();
        let resting_on_a = |key: &str, expected| [put(key, 0, "1"), row("a", expected, Change::Keep)];
        store.commit(&[&[put("a", 0, "1")]]).unwrap();
        let committed = store
            .commit(&[
                &resting_on_a("b", 1),
                &[put("a", 1, "2")],
                &resting_on_a("c", 1),
                &resting_on_a("d", 0),
            ])
            .unwrap();
        assert_eq!(committed.results, [Ok(()), Ok(()), Err(Conflict), Err(Conflict)]);
        let keys: Vec<_> = rows(&store).into_iter().map(|(key, revision, _)| (key, revision)).collect();
        assert_eq!(keys, [("a".into(), 2), ("b".into(), 1)], "kept rows count no revision");
    }

    #[test]
    fn a_row_that_belongs_to_another_one_is_deleted_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER).unwrap();
        store.commit(&[&[put("a", 0, "1"), put("b", 0, "1")]]).unwrap();
        let delete = || RowChange { expected: None, ..row("a", 0, Change::Delete) };
        let committed = store.commit(&[&[delete(), put("b", 7, "2")], &[delete()], &[delete()]]).unwrap();
        assert_eq!(committed.results, [Err(Conflict), Ok(()), Ok(())]);
        assert_eq!(rows(&store), [("b".into(), 1, "1".into())]);
    }

    #[test]
    fn a_scan_leaves_tables_out() {
        let directory = tempfile::tempdir().unwrap();
        let store = RedbStore::create(&directory.path().join("store"), A_HEADER).unwrap();
        let tables = ["a", "secret", "secret-value", "secret-value-x", "z"];
        let rows = tables.map(|table| RowChange { table, ..put("\u{1}", 0, "1") });
        store.commit(&[&rows]).unwrap();
        let scan = |skipped: &[&str]| {
            let mut found = Vec::new();
            let visit = |row: StoredRow| {
                found.push(row.table);
                ControlFlow::Continue(())
            };
            store.scan(skipped, visit).unwrap();
            found
        };
        assert_eq!(scan(&[]), tables);
        assert_eq!(scan(&["secret-value"]), ["a", "secret", "secret-value-x", "z"]);
        assert_eq!(scan(&["z", "secret", "a"]), ["secret-value", "secret-value-x"]);
        assert_eq!(scan(&tables), [""; 0]);
    }

    #[test]
    fn a_header_is_replaced_if_it_is_the_expected_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let store = RedbStore::create(&path, A_HEADER).unwrap();
        store.commit(&[&[put("a", 0, "1")]]).unwrap();
        assert_eq!(store.write_header(&[1, 2], &[4], &[]).unwrap(), Err(Conflict));
        assert_eq!(store.header().unwrap(), A_HEADER);
        assert_eq!(store.write_header(A_HEADER, &[4], &[]).unwrap(), Ok(()));
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.header().unwrap(), [4]);
        assert_eq!(rows(&store).len(), 1, "rows stay");
    }

    #[test]
    fn a_store_that_is_opened_for_reading_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        drop(RedbStore::create(&path, A_HEADER).unwrap());
        let content = std::fs::read(&path).unwrap();
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.header().unwrap(), A_HEADER);
        assert!(matches!(store.write_header(A_HEADER, &[4], &[]), Err(StoreError::ReadOnly)));
        assert!(matches!(store.commit(&[&[put("a", 0, "1")]]), Err(StoreError::ReadOnly)));
        drop(store);
        assert_eq!(std::fs::read(&path).unwrap(), content);

        let store = RedbStore::open(&path).unwrap().into_writable().unwrap();
        assert_eq!(store.commit(&[&[put("a", 0, "1")]]).unwrap().results, [Ok(())]);
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
