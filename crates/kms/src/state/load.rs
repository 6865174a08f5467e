//! Reads a whole store into a snapshot.

use std::mem;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;

use bulla_keys::record::Revision;
use bulla_keys::root::RootKeys;

use super::kinds::Write;
use super::snapshot::Snapshot;
use crate::store::{Store, StoreError};

impl Snapshot {
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

/// Rows that go from thread to thread together.
const BATCH: usize = 256;
/// Batches that may wait.
const QUEUE: usize = 2;
