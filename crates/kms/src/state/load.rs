//! Reads a whole store into a snapshot, and compares the rows with the anchor.

use std::mem;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;

use bulla_keys::record::{self, Revision};
use bulla_keys::root::RootKeys;

use super::anchor::{Count, Found, Tally};
use super::kinds::{NOT_KEPT, Write};
use super::raise::RowFormat;
use super::snapshot::Snapshot;
use crate::store::{Rollback, Store, StoreError, StoredRow, Version};

/// A store that was read.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    /// The tally of the store, if no anchor states it, because it is of an earlier version or was rolled back.
    pub(super) unanchored: Option<Tally>,
    /// The rollback that was accepted, if any.
    pub(super) accepted: Option<Rollback>,
}

/// What to do with a store that is not in the state of its last commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnRollback {
    Refuse,
    /// Accepts it as it is.
    Accept,
}

impl Snapshot {
    /// Reads the whole store.
    ///
    /// # Errors
    /// [`StoreError::RolledBack`] if the store has this version and is not in the state of its last commit.
    pub(crate) fn read(store: &Store, roots: &RootKeys, format: RowFormat) -> Result<Self, StoreError> {
        Loaded::read(store, roots, format, OnRollback::Refuse).map(|loaded| loaded.snapshot)
    }
}

impl Loaded {
    /// Like [`Snapshot::read`].
    pub(super) fn read(
        store: &Store,
        roots: &RootKeys,
        format: RowFormat,
        on_rollback: OnRollback,
    ) -> Result<Self, StoreError> {
        let opening = Opening { roots, format, on_rollback };
        let (mut snapshot, found) = read_rows(store, opening)?;
        let verified = match format {
            RowFormat::Current => found.verify(store, roots).map(Some),
            RowFormat::Older if found.newest().is_some() => Err(Rollback::HeaderRolledBack.into()),
            RowFormat::Older => Ok(None),
        };
        let accepted = match (verified, on_rollback) {
            (Err(StoreError::RolledBack(rollback)), OnRollback::Accept) => Some(rollback),
            (verified, _) => {
                snapshot.anchor = verified?;
                None
            }
        };
        let unanchored = snapshot.anchor.is_none().then_some(found.tally);
        Ok(Self { snapshot, unanchored, accepted })
    }
}

/// One thread reads and hashes, one unseals, and this one builds the snapshot. The order of the rows does not matter.
fn read_rows(store: &Store, opening: Opening<'_>) -> Result<(Snapshot, Found), StoreError> {
    let mut snapshot = Snapshot::default();
    let mut count = Count::new(store, opening.roots)?;
    thread::scope(|scope| {
        let (sealed, batches) = mpsc::sync_channel(QUEUE);
        let (opened, writes) = mpsc::sync_channel(QUEUE);
        let read = move || read_batches(store, &mut count, &sealed).map(|version| (version, count));
        let reader = thread::Builder::new().spawn_scoped(scope, read).map_err(StoreError::Thread)?;
        let unseal = move || {
            let results =
                batches.into_iter().map(|rows: Vec<_>| rows.iter().map(|row| opening.open(row)).collect());
            results.map(|result: Result<Vec<_>, _>| opened.send(result)).all(|sent| sent.is_ok())
        };
        thread::Builder::new().spawn_scoped(scope, unseal).map_err(StoreError::Thread)?;
        for batch in writes {
            for (write, revision) in batch? {
                snapshot.apply(write, revision);
            }
        }
        let (version, count) = reader.join().expect("panics of the storage engine are caught")?;
        snapshot.version = version;
        Ok((snapshot, count.finish(opening.roots)?))
    })
}

/// Sends all rows that a snapshot keeps; stops when the receiver is dropped.
fn read_batches(
    store: &Store,
    count: &mut Count<'_>,
    batches: &mpsc::SyncSender<Vec<StoredRow>>,
) -> Result<Version, StoreError> {
    let mut batch = Vec::new();
    let version = store.scan(NOT_KEPT, |row| {
        batch.extend(count.take(row).filter(|row| !NOT_KEPT.contains(&&*row.table)));
        if batch.len() < BATCH || batches.send(mem::take(&mut batch)).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let _ = batches.send(batch); // as above
    Ok(version)
}

/// How to open the rows.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) roots: &'a RootKeys,
    pub(super) format: RowFormat,
    pub(super) on_rollback: OnRollback,
}

impl Opening<'_> {
    pub(super) fn open(self, row: &StoredRow) -> Result<(Write, Revision), StoreError> {
        let opened = self.format.open(self.roots, row)?;
        // Such a row is from a store with an anchor, so its header was rolled back. Otherwise the store would get a new anchor.
        if self.format == RowFormat::Older
            && self.on_rollback == OnRollback::Refuse
            && record::head(self.roots, &row.table, &row.primary_key, &row.value)
                .is_ok_and(|head| head.is_anchored)
        {
            return Err(Rollback::HeaderRolledBack.into());
        }
        Ok(opened)
    }
}

/// Rows that threads pass on together.
const BATCH: usize = 256;
/// Maximum waiting batches.
const QUEUE: usize = 2;
