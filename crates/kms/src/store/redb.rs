//! The storage border: rows of bytes, written in all-or-nothing transactions, durable when `commit` returns.
//!
//! ```text
//! table "header": "header" -> CBOR Header                          (in clear: it is needed to unseal the rest)
//! table "rows":   table name ‖ 0x00 ‖ primary key -> revision (u64be) ‖ sealed record
//! ```
//!
//! Everything above works on records; this file alone knows redb.

use std::cell::Cell;
use std::fmt;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulla_keys::record::Revision;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::file::{LostFile, StoreFile};
use crate::files;
use crate::header::Header;

/// What a transaction does to one row, if the row is as expected.
#[derive(Debug)]
pub(crate) struct RowChange {
    pub(crate) table: &'static str,
    pub(crate) primary_key: Vec<u8>,
    /// The revision the row must have now; 0 if it must not be there.
    pub(crate) expected: Revision,
    /// The revision a row that is put has from then on.
    pub(crate) revision: Revision,
    pub(crate) change: Change,
}

#[derive(Debug)]
pub(crate) enum Change {
    Put(Vec<u8>),
    Delete,
    /// Nothing: the decision rests on this row.
    Keep,
}

/// A row was not as expected: somebody else changed it in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// The store could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The storage engine failed: disk full, I/O error, damaged file.
    Engine(Box<redb::Error>),
    /// The file could not be opened.
    Io(std::io::Error),
    /// Something is to be written, and the file system is read-only.
    ReadOnly,
    /// A thread that reads or writes could not be started.
    Thread(std::io::Error),
    /// The file is damaged so badly that the storage engine lost its way.
    Damaged,
    /// Another process has the file open, though the lock was free.
    InUse,
    /// The header is not one of this program's.
    Header,
    /// A newer version of this program has opened the store, and keeps in it what this one does not know.
    Newer,
    /// The file is not what this process left there.
    Lost(LostFile),
    /// A row does not unseal: it was edited, moved, or written by a newer version.
    Row {
        /// Its table.
        table: String,
        /// Its place in the table.
        primary_key: Vec<u8>,
    },
}

/// A store in one redb file.
pub(crate) struct Store {
    file: Arc<StoreFile>,
    /// None after a failed commit, until the file could be opened again.
    open: Option<Open>,
}

struct Open {
    database: Database,
    /// Whether the file system is read-only: what is written stays in memory, so nothing may be confirmed.
    is_read_only: bool,
}

impl Store {
    /// Makes a store that holds only its header, durably.
    pub(crate) fn create(path: &Path, header: &Header) -> Result<Self, StoreError> {
        let file = StoreFile::create(path)?;
        let open = Open::new(&file)?;
        let transaction = open.database.begin_write()?;
        {
            let encoded = minicbor::to_vec(header).expect("writing to memory does not fail");
            transaction.open_table(HEADER)?.insert(HEADER_KEY, encoded.as_slice())?;
            transaction.open_table(ROWS)?;
        }
        transaction.commit()?;
        files::sync_dir(files::parent(path))?;
        Ok(Self { file, open: Some(open) })
    }

    /// Opens an existing store.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut store = Self { file: StoreFile::open(path)?, open: None };
        store.with(|_| Ok(()))?;
        Ok(store)
    }

    pub(crate) fn file(&self) -> &Arc<StoreFile> {
        &self.file
    }

    /// Whether nothing can be written, because the file system is read-only.
    pub(crate) fn is_read_only(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_read_only)
    }

    pub(crate) fn header(&mut self) -> Result<Header, StoreError> {
        let header: Header = self.with(|Open { database, .. }| {
            let table = database.begin_read()?.open_table(HEADER)?;
            let encoded = table.get(HEADER_KEY)?.ok_or(StoreError::Header)?;
            minicbor::decode(encoded.value()).map_err(|_| StoreError::Header)
        })?;
        match header.version {
            1 => self.upgrade(header),
            Header::VERSION => Ok(header),
            newer if newer > Header::VERSION => Err(StoreError::Newer),
            _ => Err(StoreError::Header),
        }
    }

    /// Lets older programs refuse the store from here on; its rows stay as they are. On a read-only file system, this
    /// changes only what this process sees.
    fn upgrade(&mut self, header: Header) -> Result<Header, StoreError> {
        let header = Header { version: Header::VERSION, ..header };
        let encoded = minicbor::to_vec(&header).expect("writing to memory does not fail");
        self.with(|Open { database, .. }| {
            let transaction = database.begin_write()?;
            transaction.open_table(HEADER)?.insert(HEADER_KEY, encoded.as_slice())?;
            Ok(transaction.commit()?)
        })?;
        Ok(header)
    }

    /// Hands every row to `visit`: table, primary key, revision, value. The walk ends when `visit` says so.
    pub(crate) fn scan(
        &mut self,
        mut visit: impl FnMut(&str, &[u8], Revision, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.with(|Open { database, .. }| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            for row in rows.range::<&[u8]>(..)? {
                let (key, value) = row?;
                let (table, primary_key) = split_key(key.value());
                let (revision, sealed) = split_value(value.value());
                if visit(table, primary_key, revision, sealed).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Writes transactions in one durable commit. Each succeeds or conflicts by itself; an error means that
    /// none was written.
    pub(crate) fn commit(
        &mut self,
        transactions: &[&[RowChange]],
    ) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        if self.is_read_only() {
            self.close(); // it may be writable by now
        }
        self.with(|Open { database, is_read_only }| {
            if *is_read_only {
                return Err(StoreError::ReadOnly);
            }
            let write = database.begin_write()?;
            let results = apply_all(&write, transactions)?;
            write.commit()?;
            Ok(results)
        })
    }

    /// Runs something with the open database. After an I/O error redb refuses everything, so after any error the
    /// file is opened anew; and it panics on some of what it finds in a damaged file, which is an error here.
    fn with<T>(&mut self, run: impl FnOnce(&Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Self { file, open } = self;
        let result = catching_panics(|| match open {
            Some(open) => run(open),
            None if file.is_empty()? => Err(StoreError::Header), // redb would begin a new store in it
            None => run(open.insert(Open::new(file)?)),
        });
        if result.is_err() {
            self.close();
        }
        result
    }

    /// Closing a damaged file panics too, at times.
    fn close(&mut self) {
        let open = self.open.take();
        let _ = catching_panics(|| {
            drop(open);
            Ok(())
        });
    }
}

impl Open {
    fn new(file: &Arc<StoreFile>) -> Result<Self, StoreError> {
        let backend = file.backend()?;
        let is_read_only = backend.is_read_only();
        Ok(Self { database: builder().create_with_backend(backend)?, is_read_only })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn catching_panics<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let outer = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    result.unwrap_or_else(|_| {
        DAMAGED.store(true, Ordering::Relaxed);
        Err(StoreError::Damaged)
    })
}

/// Whether a panic of this thread would come from the storage engine and become a [`StoreError`]: a panic hook that
/// reports bugs should stay silent then.
#[must_use]
pub fn is_panic_caught() -> bool {
    CATCHING.get()
}

/// Whether the storage engine lost its way in a store of this process. Not every call that meets damage fails: a store
/// that answers may turn out to be damaged when it is closed.
#[must_use]
pub fn was_store_damaged() -> bool {
    DAMAGED.load(Ordering::Relaxed)
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}
static DAMAGED: AtomicBool = AtomicBool::new(false);

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn apply_all(
    write: &WriteTransaction,
    transactions: &[&[RowChange]],
) -> Result<Vec<Result<(), Conflict>>, StoreError> {
    let mut rows = write.open_table(ROWS)?;
    transactions.iter().map(|changes| apply(&mut rows, changes)).collect()
}

fn apply(
    rows: &mut Table<'_, &[u8], &[u8]>,
    changes: &[RowChange],
) -> Result<Result<(), Conflict>, StoreError> {
    for row in changes {
        let key = join_key(row.table, &row.primary_key);
        let found = rows.get(key.as_slice())?.map_or(0, |value| split_value(value.value()).0);
        if found != row.expected {
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

impl From<LostFile> for StoreError {
    fn from(lost: LostFile) -> Self {
        Self::Lost(lost)
    }
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Io(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Engine(Box::new(other)),
        }
    }
}

impl StoreError {
    /// What the user of a command or the operator of a server can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ReadOnly => {
                "mount it writable to change keys; commands that only read the store, such as decrypt, work meanwhile"
            }
            Self::Newer => "use that version, or restore the data directory as it was before",
            Self::Thread(_) => {
                "let the user have more processes (`ulimit -u`, or the pids limit of the container)"
            }
            _ => {
                "free space or mend the disk; if the file is damaged, restore the data directory from its backup"
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => write!(f, "the store: {error}"),
            Self::Io(error) => write!(f, "the store: {error}"),
            Self::ReadOnly => f.write_str("the store is on a read-only file system"),
            Self::Thread(error) => write!(f, "the store: no further thread can be started: {error}"),
            Self::Damaged => f.write_str("the store is damaged"),
            Self::InUse => f.write_str("the store is in use by another process"),
            Self::Header => f.write_str("the file is not a store of bulla"),
            Self::Newer => f.write_str("a newer version of bulla has opened the store"),
            Self::Lost(lost) => lost.fmt(f),
            Self::Row { table, primary_key } => {
                write!(f, "a record of the table {table:?} was damaged, edited or moved: ")?;
                primary_key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text holds that of the cause already.
        match self {
            Self::Engine(error) => error.source(),
            Self::Io(error) | Self::Thread(error) => error.source(),
            Self::ReadOnly
            | Self::Lost(_)
            | Self::Damaged
            | Self::InUse
            | Self::Header
            | Self::Newer
            | Self::Row { .. } => None,
        }
    }
}

const HEADER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");
const HEADER_KEY: &str = "header";
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// Everything is served from the snapshot in memory; redb needs a cache for writing only.
const CACHE_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use bulla_keys::{StoreId, SystemRandom};

    use super::*;
    use crate::header::{Provider, Slot};

    fn header() -> Header {
        let store = StoreId::random(&SystemRandom);
        let slot = Slot { provider: Provider::File, wrapped: vec![1, 2, 3].into() };
        Header { version: Header::VERSION, store, generation: 1, slots: vec![slot] }
    }

    fn put(key: &str, expected: Revision, value: &str) -> RowChange {
        row(key, expected, Change::Put(value.as_bytes().to_vec()))
    }

    fn row(key: &str, expected: Revision, change: Change) -> RowChange {
        let (primary_key, revision) = (key.as_bytes().to_vec(), expected + 1);
        RowChange { table: "t", primary_key, expected, revision, change }
    }

    fn rows(store: &mut Store) -> Vec<(String, Revision, String)> {
        let mut rows = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        store
            .scan(|table, key, revision, value| {
                assert_eq!(table, "t");
                rows.push((text(key), revision, text(value)));
                ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }

    #[test]
    fn rows_last_with_their_revisions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let mut store = Store::create(&path, &header()).unwrap();
        let results = store.commit(&[&[put("a", 0, "1")], &[put("a", 1, "2"), put("b", 0, "x")]]).unwrap();
        assert_eq!(results, [Ok(()), Ok(())]);
        drop(store);
        let mut store = Store::open(&path).unwrap();
        assert_eq!(*store.header().unwrap().slots[0].wrapped, [1, 2, 3]);
        assert_eq!(rows(&mut store), [("a".into(), 2, "2".into()), ("b".into(), 1, "x".into())]);
    }

    #[test]
    fn a_conflict_writes_nothing_of_its_transaction_and_all_of_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::create(&directory.path().join("store"), &header()).unwrap();
        let delete = row("a", 1, Change::Delete);
        let results = store
            .commit(&[
                &[put("a", 0, "1")],
                &[put("c", 0, "1"), put("a", 0, "2")],
                &[put("b", 0, "1")],
                &[delete],
            ])
            .unwrap();
        assert_eq!(results, [Ok(()), Err(Conflict), Ok(()), Ok(())]);
        assert_eq!(rows(&mut store), [("b".into(), 1, "1".into())]);
    }

    #[test]
    fn a_decision_holds_only_while_the_rows_it_rests_on_stay() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::create(&directory.path().join("store"), &header()).unwrap();
        let resting_on_a = |key: &str, expected| [put(key, 0, "1"), row("a", expected, Change::Keep)];
        store.commit(&[&[put("a", 0, "1")]]).unwrap();
        let results = store
            .commit(&[
                &resting_on_a("b", 1),
                &[put("a", 1, "2")],
                &resting_on_a("c", 1),
                &resting_on_a("d", 0),
            ])
            .unwrap();
        assert_eq!(results, [Ok(()), Ok(()), Err(Conflict), Err(Conflict)]);
        let keys: Vec<_> = rows(&mut store).into_iter().map(|(key, revision, _)| (key, revision)).collect();
        assert_eq!(keys, [("a".into(), 2), ("b".into(), 1)], "kept rows count no revision");
    }

    #[test]
    fn other_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        assert!(Store::open(&path).is_err(), "missing");
        for content in [vec![], b"hello".to_vec(), vec![0; 1 << 16]] {
            std::fs::write(&path, &content).unwrap();
            let opened = Store::open(&path).and_then(|mut store| store.header());
            assert!(opened.is_err(), "{} bytes", content.len());
        }
    }
}
