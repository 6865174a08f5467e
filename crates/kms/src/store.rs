//! The storage interface: rows of bytes with revisions, written in all-or-nothing transactions.
//!
//! Code above it (`state`) works on records; code below it on one storage engine: redb, or memory in tests. The guarantees
//! of every engine:
//!
//! - A transaction that [`Store::commit`] has confirmed is durable, and every later read sees it.
//! - [`Store::get`] and [`Store::scan`] each read one state. It is never older than what a commit, an earlier read or
//!   [`Store::foreign`] has returned. They do not wait for a commit.
//! - Writes of other processes arrive through [`Store::foreign`], each transaction once, whole and in the order of the
//!   versions. [`Store::watch`] signals new ones. An engine that only one process can open never signals.

mod batch;
mod error;
mod file;
#[cfg(test)]
mod memory;
mod overlay;
mod panics;
mod redb;
mod rollback;
mod row;

use std::ops::ControlFlow;
use std::path::Path;

pub use self::error::StoreError;
#[cfg(test)]
pub(crate) use self::file::Step;
pub(crate) use self::file::{Access, Pinned, open_with};
pub use self::file::{Loss, LostFile};
#[cfg(test)]
pub(crate) use self::memory::{Cluster, Node};
pub use self::panics::{is_panic_caught, was_store_damaged};
pub(crate) use self::redb::Fill;
use self::redb::{RedbState, RedbStore};
pub use self::rollback::Rollback;
#[cfg(test)]
pub(crate) use self::row::Unanchored;
pub(crate) use self::row::{
    Anchoring, Change, Committed, Conflict, ForeignCommit, ForeignRow, Move, RowChange, StoredRow, Version,
};

/// An open store.
pub(crate) enum Store {
    Redb(RedbStore),
    #[cfg(test)]
    Memory(Node),
}

/// A consistent state of a store, for long reads.
pub(crate) enum Frozen {
    Redb(RedbState),
}

/// Called, on any thread, when another process has written.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

impl Store {
    /// Creates a store durably, with only its header and some rows.
    pub(crate) fn create(path: &Path, header: &[u8], rows: &[StoredRow]) -> Result<Self, StoreError> {
        Self::create_with(path, header, |put| rows.iter().try_for_each(put))
    }

    /// Like [`Store::create`], with the rows that `fill` passes in. If it fails, the file is empty.
    pub(crate) fn create_with<E: From<StoreError>>(
        path: &Path,
        header: &[u8],
        fill: impl FnOnce(&mut Fill<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        RedbStore::create(path, header, fill).map(Self::Redb)
    }

    /// Opens an existing store for reading, without changing it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        RedbStore::open(path).map(Self::Redb)
    }

    /// Opens the same store for writing.
    pub(crate) fn into_writable(self) -> Result<Self, StoreError> {
        match self {
            Self::Redb(store) => store.into_writable().map(Self::Redb),
            #[cfg(test)]
            Self::Memory(_) => Ok(self),
        }
    }

    /// Whether writing is impossible, because the file system is read-only or the store was opened for reading.
    pub(crate) fn is_read_only(&self) -> bool {
        match self {
            Self::Redb(store) => store.is_read_only(),
            #[cfg(test)]
            Self::Memory(_) => false,
        }
    }

    /// Checks that the next start will open what this store writes. Takes a few system calls.
    pub(crate) fn verify(&self) -> Result<(), LostFile> {
        match self {
            Self::Redb(store) => store.verify(),
            #[cfg(test)]
            Self::Memory(_) => Ok(()),
        }
    }

    /// Reads the header.
    pub(crate) fn header(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Redb(store) => store.header(),
            #[cfg(test)]
            Self::Memory(_) => unreachable!("tests give the root keys along"),
        }
    }

    /// Replaces the header, with some rows and the anchor, in one durable commit; a conflict if the header or one of the rows
    /// differs from `expected`.
    pub(crate) fn write_header(
        &self,
        expected: &[u8],
        header: &[u8],
        rows: &[RowChange],
        anchoring: &mut dyn Anchoring,
    ) -> Result<Result<(), Conflict>, StoreError> {
        match self {
            Self::Redb(store) => store.write_header(expected, header, rows, anchoring),
            #[cfg(test)]
            Self::Memory(_) => unreachable!("tests give the root keys along"),
        }
    }

    /// Reads some rows, each by its table and primary key; none for a row that does not exist.
    pub(crate) fn get(&self, keys: &[(&str, &[u8])]) -> Result<Vec<Option<StoredRow>>, StoreError> {
        match self {
            Self::Redb(store) => store.get(keys),
            #[cfg(test)]
            Self::Memory(node) => node.get(keys),
        }
    }

    /// Passes all rows to `visit`, those of some tables without their values, until it breaks. Returns the version of the
    /// state that was read.
    pub(crate) fn scan(
        &self,
        without_values: &[&str],
        visit: impl FnMut(StoredRow) -> ControlFlow<()>,
    ) -> Result<Version, StoreError> {
        match self {
            Self::Redb(store) => store.scan(without_values, visit),
            #[cfg(test)]
            Self::Memory(node) => node.scan(without_values, visit),
        }
    }

    /// Returns the newest state, for a long read that delays no commit.
    pub(crate) fn freeze(&self) -> Result<Frozen, StoreError> {
        match self {
            Self::Redb(store) => store.freeze().map(Frozen::Redb),
            #[cfg(test)]
            Self::Memory(_) => unreachable!("tests of backups use files"),
        }
    }

    /// Writes transactions in one durable commit. Each succeeds or conflicts on its own, but a transaction that depends on a
    /// row which a conflicting one would have written conflicts too. The anchor of those that succeed is part of the same
    /// commit. After an error the transactions may or may not have been written.
    pub(crate) fn commit(
        &self,
        transactions: &[&[RowChange]],
        anchoring: &mut dyn Anchoring,
    ) -> Result<Committed, StoreError> {
        match self {
            Self::Redb(store) => store.commit(transactions, anchoring),
            #[cfg(test)]
            Self::Memory(node) => node.commit(transactions, anchoring),
        }
    }

    /// Sets the function to call when another process has written.
    pub(crate) fn watch(&self, wake: Wake) {
        match self {
            Self::Redb(_) => drop(wake), // only one process at a time can open it
            #[cfg(test)]
            Self::Memory(node) => node.watch(wake),
        }
    }

    /// Returns what other processes have written since the last call, in order: at least up to the state `until`, or to the
    /// current one.
    pub(crate) fn foreign(&self, _until: Option<Version>) -> Result<Vec<ForeignCommit>, StoreError> {
        match self {
            Self::Redb(_) => Ok(vec![]),
            #[cfg(test)]
            Self::Memory(node) => Ok(node.foreign()), // always all
        }
    }
}

impl Frozen {
    /// Like [`Store::header`].
    pub(crate) fn header(&self) -> Result<Vec<u8>, StoreError> {
        let Self::Redb(state) = self;
        state.header()
    }

    /// Like [`Store::get`].
    pub(crate) fn get(&self, keys: &[(&str, &[u8])]) -> Result<Vec<Option<StoredRow>>, StoreError> {
        let Self::Redb(state) = self;
        state.get(keys)
    }

    /// Passes all rows to `visit` until it breaks.
    pub(crate) fn scan(&self, visit: impl FnMut(StoredRow) -> ControlFlow<()>) -> Result<(), StoreError> {
        let Self::Redb(state) = self;
        state.scan(visit)
    }
}
