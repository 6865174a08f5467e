//! A store in one redb file, which one process opens at a time.
//!
//! ```text
//! table "header": "header" -> header                               (the bytes of `header.rs`)
//! table "rows":   table name ‖ 0x00 ‖ primary key -> revision (u64be) ‖ sealed record
//! ```
//!
//! This file alone knows redb, except for the storage below it (`file.rs`) and reads of one state (`redb/frozen.rs`).

mod frozen;
#[cfg(test)]
mod tests;

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

/// An open store. Reads see the last commit and do not wait for the current one.
pub(crate) struct RedbStore {
    file: Arc<StoreFile>,
    /// How the file is opened, if its file system permits it.
    access: Access,
    /// None after a failure, until the file could be opened again. Write-locked only while it is opened or closed.
    open: RwLock<Option<Open>>,
    commits: AtomicU64,
}

struct Open {
    database: Database,
    /// Whether the file system is read-only, or the store is only read. Writes stay in memory then, so nothing may be
    /// confirmed.
    is_read_only: bool,
}

/// An error of redb before it leaves this module.
struct Failure(StoreError);

impl RedbStore {
    /// Creates a store with only its header and the rows that `fill` passes in, in one durable commit.
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

    /// Opens an existing store for reading, without changing its file, not even for redb's own bookkeeping.
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
            let version = self.version(); // before the read begins: the state that is read is at least that version
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
            self.close(); // the file system may be writable by now
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

    /// Runs something with the open database. After an I/O error redb refuses all operations, so after any error the file is
    /// closed, and the next call opens it again.
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
                return Err(StoreError::Header.into()); // redb would create a new store in it
            }
            *open = Some(Open::new(&self.file, self.access)?);
        }
        Ok(())
    }

    /// Waits for current reads and a current commit. Closing a damaged file may panic.
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

/// Writes the anchor that follows from the changes of a commit.
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

/// Adds a row to a new store.
pub(crate) type Fill<'a> = dyn FnMut(&StoredRow) -> Result<(), StoreError> + 'a;

type Rows<'a> = Table<'a, &'static [u8], &'static [u8]>;

fn stored_row(key: &[u8], value: &[u8]) -> StoredRow {
    let (table, primary_key) = split_key(key);
    let (revision, sealed) = split_value(value);
    StoredRow { table: table.into(), primary_key: primary_key.into(), revision, value: sealed.into() }
}

fn scanned_row(key: &[u8], value: &[u8], without_values: &[&str]) -> StoredRow {
    let (table, _) = split_key(key);
    let loaded =
        if without_values.contains(&table) { &value[..value.len().min(REVISION_LEN)] } else { value };
    stored_row(key, loaded)
}

fn join_key(table: &str, primary_key: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], primary_key].concat()
}

/// A key without a table name was not written by this program; its row will not unseal.
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
/// Requests read from the snapshot, except for values of secrets, which redb would cache whole. The cache is for writing, and
/// for the inner pages of the tree.
const CACHE_BYTES: usize = 1 << 20;
