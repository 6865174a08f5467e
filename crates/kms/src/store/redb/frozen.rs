//! One state of a redb store, for long reads such as backups.

use std::ops::ControlFlow;

use redb::ReadTransaction;

use super::{Failure, HEADER, HEADER_KEY, ROWS, RedbStore, get, stored_row};
use crate::store::error::StoreError;
use crate::store::panics::catching_panics;
use crate::store::row::StoredRow;

/// A state of the store. Commits continue without waiting for it; its pages remain in the file until it is dropped. After a
/// failed commit the file is closed and opened again, and reads of an older state then fail.
pub(crate) struct RedbState(ReadTransaction);

impl RedbStore {
    /// Returns the newest state.
    pub(in crate::store) fn freeze(&self) -> Result<RedbState, StoreError> {
        self.with(|open| Ok(RedbState(redb::ReadableDatabase::begin_read(&open.database)?)))
    }
}

impl RedbState {
    pub(in crate::store) fn header(&self) -> Result<Vec<u8>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(HEADER)?;
            let header = table.get(HEADER_KEY)?.ok_or(StoreError::Header)?;
            Ok(header.value().to_vec())
        })
    }

    pub(in crate::store) fn get(&self, keys: &[(&str, &[u8])]) -> Result<Vec<Option<StoredRow>>, StoreError> {
        self.read(|transaction| {
            let rows = transaction.open_table(ROWS)?;
            keys.iter().map(|(table, primary_key)| get(&rows, table, primary_key)).collect()
        })
    }

    pub(in crate::store) fn scan(
        &self,
        mut visit: impl FnMut(StoredRow) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|transaction| {
            let rows = transaction.open_table(ROWS)?;
            for row in redb::ReadableTable::iter(&rows)? {
                let (key, value) = row?;
                if visit(stored_row(key.value(), value.value())).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn read<T>(&self, run: impl FnOnce(&ReadTransaction) -> Result<T, Failure>) -> Result<T, StoreError> {
        catching_panics(|| run(&self.0)).map_err(|Failure(error)| error)
    }
}
