//! Reads a whole store into a snapshot.

use std::mem;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;

use bulla_keys::record::Revision;
use bulla_keys::root::RootKeys;

use super::kinds::{NOT_KEPT, Write};
use super::raise::RowFormat;
use super::snapshot::Snapshot;
use crate::store::{Store, StoreError, StoredRow, Version};

impl Snapshot {
    /// Reads everything that a store holds: one thread reads, one unseals, this one takes in. The rows are in no order
    /// that matters.
    pub(crate) fn read(store: &Store, roots: &RootKeys, format: RowFormat) -> Result<Self, StoreError> {
        let mut snapshot = Self::default();
        thread::scope(|scope| {
            let (sealed, batches) = mpsc::sync_channel(QUEUE);
            let (opened, writes) = mpsc::sync_channel(QUEUE);
            let reader = thread::Builder::new()
                .spawn_scoped(scope, move || read_batches(store, &sealed))
                .map_err(StoreError::Thread)?;
            let unseal = move || {
                let results = batches.into_iter().map(|rows| open_all(roots, &rows, format));
                results.map(|result| opened.send(result)).all(|sent| sent.is_ok())
            };
            thread::Builder::new().spawn_scoped(scope, unseal).map_err(StoreError::Thread)?;
            for batch in writes {
                for (write, revision) in batch? {
                    snapshot.apply(write, revision);
                }
            }
            snapshot.version = reader.join().expect("panics of the storage engine are caught")?;
            Ok(snapshot)
        })
    }
}

/// Hands all rows of a store over; ends early when the receiver is gone.
fn read_batches(store: &Store, batches: &mpsc::SyncSender<Vec<StoredRow>>) -> Result<Version, StoreError> {
    let mut batch = Vec::new();
    let version = store.scan(NOT_KEPT, |row| {
        batch.push(row);
        if batch.len() < BATCH || batches.send(mem::take(&mut batch)).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let _ = batches.send(batch); // as above
    Ok(version)
}

fn open_all(
    roots: &RootKeys,
    rows: &[StoredRow],
    format: RowFormat,
) -> Result<Vec<(Write, Revision)>, StoreError> {
    rows.iter().map(|row| format.open(roots, row)).collect()
}

/// Rows that pass from thread to thread together.
const BATCH: usize = 256;
/// Batches that may wait.
const QUEUE: usize = 2;
