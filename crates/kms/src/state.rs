//! The state of the engine: the snapshot that requests read, the committer that writes changes and publishes the next
//! snapshot, and the root keys that seal the records. Its fields are private, so its methods are the only access to the
//! store.
//!
//! A snapshot never changes. A change is decided on the snapshot that all accepted changes before it will leave, and answered
//! after it is durable and published.

mod anchor;
mod changes;
mod check;
#[cfg(test)]
mod check_tests;
mod committer;
#[cfg(test)]
mod golden;
mod index;
mod kind;
mod kinds;
mod load;
#[cfg(test)]
mod nodes;
mod outbox;
#[cfg(test)]
mod people_load;
#[cfg(test)]
pub(crate) mod power_cuts;
#[cfg(test)]
mod races;
mod raise;
mod ranked;
mod readers;
mod records;
#[cfg(test)]
mod rolled_back;
#[cfg(test)]
mod sample;
mod snapshot;
mod staging;
mod writer;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use bulla_keys::Anchor;
use bulla_keys::record::{Record, Revision};
use bulla_keys::root::RootKeys;
use bulla_wire::{Error, ErrorCode};

use self::anchor::{Keeper, Tally};
pub(crate) use self::anchor::{Visit, anchor_copies, anchor_rows, of_empty_store};
pub(crate) use self::changes::{Changes, Decision, MadeResource};
pub use self::check::{Fault, StoreFault, StoreReport};
pub(crate) use self::check::{check, check_rows};
pub(crate) use self::committer::{Answered, CommitError};
use self::committer::{Committer, Stager};
pub(crate) use self::index::{
    Age, Attached, Due, Group, KeyClass, KeyLists, Label, Made, Makers, SecretLists,
};
use self::kind::Id;
pub(crate) use self::kind::{KeptKind, Kind, Row};
pub(crate) use self::kinds::Write;
use self::load::Loaded;
pub(crate) use self::load::OnRollback;
use self::outbox::Outbox;
pub(crate) use self::outbox::{Follower, OutboxLine, OutboxNumber, SealNote};
pub(crate) use self::raise::RowFormat;
pub(crate) use self::ranked::Index;
#[cfg(test)]
pub(crate) use self::ranked::VISITS;
use self::readers::Readers;
pub(crate) use self::records::{
    AccessKey, AccessKeyOwner, AccessKeyUse, ImportToken, KeyUse, Private, TokenId, random_letters,
    secret_text,
};
#[cfg(test)]
pub(crate) use self::sample::Sample;
pub(crate) use self::snapshot::Snapshot;
use crate::audit::{Position, Unwritten};
use crate::statistics::CommitCounts;
use crate::store::{Conflict, Frozen, Rollback, RowChange, Store, StoreError};
use crate::unlock::HeaderChange;
use crate::watch::Watch;

/// The published snapshot and the committer that replaces it.
pub(crate) struct State {
    published: Arc<ArcSwap<Snapshot>>,
    committer: Committer,
    readers: Readers,
    store: Arc<Store>,
    watch: Arc<Watch>,
    roots: Arc<RootKeys>,
    /// The version of the rows in the store from the first commit on.
    format: RowFormat,
    /// The tally of the rows, until the store has an anchor that states it.
    unanchored: Mutex<Option<Tally>>,
    accepted: Option<Rollback>,
}

/// The access of the audit trail to the store: it deletes lines that the trail has.
pub(crate) struct OutboxDoor {
    stager: Arc<Stager>,
    published: Arc<ArcSwap<Snapshot>>,
}

impl OutboxDoor {
    /// Lets the next change delete the lines up to this one, which are durable in the trail.
    pub(crate) fn forget(&self, last: OutboxNumber) {
        self.stager.forget(last);
    }

    /// Returns the number of the last durable and published commit.
    pub(crate) fn commit_number(&self) -> u64 {
        self.published.load().anchor.map_or(0, |anchor| anchor.commit)
    }

    /// Records the newest seal of the trail with the next commit.
    pub(crate) fn note_seal(&self, node: &str, seal: Position) {
        self.stager.note_seal(SealNote::new(node, seal, None));
    }

    /// Records that lines have numbers up to this one which the files do not have. Begins a commit, and does not wait for it:
    /// the disk may hang.
    pub(crate) fn note_unwritten(&self, node: &str, seal: Position, unwritten: Unwritten) {
        self.stager.note_seal(SealNote::new(node, seal, Some(unwritten)));
        self.stager.sweep(true);
    }

    /// Returns the highest number of a line that the files do not have, as the store has recorded, or 0.
    pub(crate) fn unwritten(&self, node: &str) -> u64 {
        let published = self.published.load();
        let note = published.get::<SealNote>(&node.into());
        note.and_then(|row| row.record.unwritten()).map_or(0, |unwritten| unwritten.up_to)
    }

    /// Deletes the lines now, if no change has; does not wait for the commit. If this is the last call, it records the newest
    /// seal too.
    pub(crate) fn sweep(&self, is_last: bool) {
        self.stager.sweep(is_last);
    }
}

/// Why records that are not in the snapshot could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// They no longer match the snapshot: the request must begin again with a newer one.
    Stale,
    /// The engine is closing, or its lease has expired.
    Unavailable,
    Store(Arc<StoreError>),
}

impl State {
    /// Reads a store and takes ownership of it. If it has no anchor that matches it, [`State::write_header`] or
    /// [`State::write_missing_anchor`] writes one before anything is committed.
    pub(crate) fn start(
        store: Arc<Store>,
        watch: Arc<Watch>,
        roots: Arc<RootKeys>,
        format: RowFormat,
        on_rollback: OnRollback,
        follower: Option<Box<dyn Follower>>,
    ) -> Result<Self, StoreError> {
        let Loaded { snapshot, unanchored, accepted } = Loaded::read(&store, &roots, format, on_rollback)?;
        let published = Arc::new(ArcSwap::from_pointee(snapshot));
        let readers = Readers::new(Arc::clone(&store), Arc::clone(&roots));
        // The header that raises a store is written before any commit.
        let format = if store.is_read_only() { format } else { RowFormat::Current };
        let shared = Arc::clone(&store);
        let keys = Arc::clone(&roots);
        let outbox = Outbox::new(follower);
        let committer =
            Committer::start(shared, Arc::clone(&watch), keys, format, Arc::clone(&published), outbox)?;
        let unanchored = Mutex::new(unanchored);
        Ok(Self { published, committer, readers, store, watch, roots, format, unanchored, accepted })
    }

    /// The anchor of the published state, which counts the commits. None for a store of an earlier version that cannot be
    /// raised, and for one that was rolled back and cannot be written.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        self.published.load().anchor
    }

    /// The evidence that the store was rolled back, if the start accepted it.
    pub(crate) fn accepted_rollback(&self) -> Option<&Rollback> {
        self.accepted.as_ref()
    }

    /// Returns the access of the audit trail to the outbox.
    pub(crate) fn outbox_door(&self) -> OutboxDoor {
        OutboxDoor { stager: self.committer.stager(), published: Arc::clone(&self.published) }
    }

    /// Checks the records of the store without delaying its writer. Calls `watch` with the number of records so far and the
    /// approximate total; returns `None` if it breaks.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; defects of its records are in the report.
    pub(crate) fn check(
        &self,
        mut watch: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Option<StoreReport>, StoreError> {
        let all = self.anchor().map_or(0, |anchor| anchor.rows.rows());
        check(&self.store, &self.roots, self.format, |done| watch(done, all.max(done)))
    }

    /// Returns the newest durable state of the store and the keys that open its rows, for a backup. Commits continue
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError`], also if the file was moved or replaced.
    pub(crate) fn frozen(&self) -> Result<(Frozen, Arc<RootKeys>), StoreError> {
        self.watch.check()?;
        Ok((self.store.freeze()?, Arc::clone(&self.roots)))
    }

    /// Whether changes can be decided and written.
    pub(crate) fn is_running(&self) -> bool {
        self.committer.is_running() && self.snapshot().is_ok()
    }

    /// Returns counts of the transactions so far.
    pub(crate) fn commit_counts(&self) -> CommitCounts {
        self.committer.commit_counts()
    }

    /// Returns the snapshot for one request.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary after the lease has expired.
    pub(crate) fn snapshot(&self) -> Result<Guard<Arc<Snapshot>>, Error> {
        let snapshot = self.published.load();
        if snapshot.is_valid(Instant::now()) {
            Ok(snapshot)
        } else {
            Err(ErrorCode::ServiceUnavailableTemporary.into())
        }
    }

    /// Returns the newest snapshot, even if its lease has expired.
    pub(crate) fn published(&self) -> Guard<Arc<Snapshot>> {
        self.published.load()
    }

    /// Returns `current`, the snapshot of a request, with each key in the lists of its state at `now`.
    pub(crate) fn settled(&self, current: &Arc<Snapshot>, now: i64) -> Arc<Snapshot> {
        let lists = current.key_lists();
        if lists.is_settled(now) {
            return Arc::clone(current);
        }
        let is_later = lists.settled() < now;
        let mut settled = Snapshot::clone(current);
        settled.settle(now);
        let settled = Arc::new(settled);
        if is_later {
            // For later readers. It contains the same records; if the committer has published newer ones, those stay.
            self.published.compare_and_swap(current, Arc::clone(&settled));
        }
        settled
    }

    /// Decides on a change once, from the state that all changes accepted before it will leave, and accepts it. The outcome,
    /// even a refusal, is valid only after the returned future confirms it. It is none if no decision could be made; the
    /// future then returns the reason. `decide` runs while all other decisions wait: it must neither block nor call the
    /// engine.
    ///
    /// # Errors
    /// Like [`State::snapshot`]: nothing is decided after the lease has expired.
    pub(crate) fn stage<T, E>(
        &self,
        now: i64,
        decide: impl FnOnce(&Snapshot) -> Result<Decision<T>, E>,
    ) -> Result<(Option<Result<T, E>>, Answered), Error> {
        self.snapshot()?;
        let mut outcome = None;
        let (refusal, answered) = self.committer.stage(now, |snapshot| {
            let (changes, answer) = decide(snapshot)?.into_parts();
            outcome = Some(answer);
            Ok(changes)
        });
        let outcome = match refusal {
            Ok(()) => outcome.map(Ok),
            Err(refusal) => Some(Err(refusal)),
        };
        Ok((outcome, answered))
    }

    /// Decides on a change and writes it. Decides again if the store turns out to hold another state.
    ///
    /// # Errors
    /// The error of `decide`; InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn commit<T>(
        &self,
        now: i64,
        decide: impl Fn(&Snapshot) -> Result<Decision<T>, Error>,
    ) -> Result<T, Error> {
        loop {
            let (outcome, answered) = self.stage(now, &decide)?;
            match answered.await.unwrap_or(Err(CommitError::Closed)) {
                Ok(()) => return outcome.expect("nothing else is confirmed than what was decided"),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Replaces the header of the store durably; a conflict if it is no longer the expected one. A provider has opened both
    /// headers, so the store opens again even after a crash. A header that raises the store is written in one transaction
    /// with the rows that change, so an earlier version finds either its own store or one that it refuses. Blocks for the
    /// commit.
    ///
    /// # Errors
    /// After an error the store may hold either header.
    pub(crate) fn write_header(&self, change: &HeaderChange) -> Result<Result<(), Conflict>, StoreError> {
        self.watch.check()?;
        let rows = if change.raises() { self.raised_rows()? } else { vec![] };
        self.write_anchored(|keeper| {
            self.store.write_header(change.expected(), change.header(), &rows, keeper)
        })
    }

    /// Writes the anchor of a store that has none which matches it. Does nothing for other stores and for a read-only one.
    /// Blocks for the commit.
    ///
    /// # Errors
    /// Like [`State::write_header`].
    pub(crate) fn write_missing_anchor(&self) -> Result<(), StoreError> {
        if self.unanchored().is_none() || self.store.is_read_only() {
            return Ok(());
        }
        self.watch.check()?;
        self.write_anchored(|keeper| self.store.commit(&[], keeper).map(Ok)).map(|_| ())
    }

    /// Begins a new epoch, later than that of the store and than `ended`, because the store continues from an older state.
    /// Commits of the new epoch are later than any before it, regardless of their numbers, and sessions of earlier epochs
    /// end. Does nothing for a read-only store. Blocks for the commit.
    ///
    /// # Errors
    /// Like [`State::write_header`].
    pub(crate) fn begin_epoch(&self, ended: u64) -> Result<(), StoreError> {
        if self.store.is_read_only() {
            return Ok(());
        }
        self.watch.check()?;
        let written = self.write_anchored(|keeper| {
            keeper.end_epoch(ended);
            self.store.commit(&[], keeper).map(Ok)
        });
        written.map(|_| ())
    }

    /// Writes to the store without the committer, adds the resulting anchor, and publishes it.
    fn write_anchored<T>(
        &self,
        write: impl FnOnce(&mut Keeper<'_>) -> Result<Result<T, Conflict>, StoreError>,
    ) -> Result<Result<T, Conflict>, StoreError> {
        let mut unanchored = self.unanchored();
        let mut keeper = match *unanchored {
            Some(tally) => Keeper::begin(&self.roots, tally),
            None => Keeper::new(&self.roots, self.anchor()),
        };
        let written = write(&mut keeper)?;
        self.watch.check()?;
        if written.is_ok() {
            *unanchored = None;
            self.committer.publish_anchor(keeper.written, &self.published);
        }
        Ok(written)
    }

    fn unanchored(&self) -> MutexGuard<'_, Option<Tally>> {
        self.unanchored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the changes of rows that raise the store to this version.
    fn raised_rows(&self) -> Result<Vec<RowChange>, StoreError> {
        let snapshot = self.published();
        let ids =
            snapshot.rows_after::<AccessKey>(None).map(|row| (AccessKey::TABLE, row.record.id.as_bytes()));
        let rows = self.store.get(&ids.collect::<Vec<_>>())?;
        Ok(rows.iter().flatten().filter_map(|row| raise::change(&self.roots, row)).collect())
    }

    /// Reads records that are not in the snapshot: each by its id and, unless a row is written only once, by its revision in
    /// the snapshot of the request. `is_current` returns whether a newer snapshot still refers to the row: only then is its
    /// absence an error of the store.
    ///
    /// # Errors
    /// [`ReadError`]; a race with a change is never reported as a missing row.
    pub(crate) async fn read<R>(
        &self,
        requested: Vec<(R::Id, Option<Revision>)>,
        is_current: impl Fn(&Snapshot, &R::Id) -> bool,
    ) -> Result<Vec<R>, ReadError>
    where
        R: Kind + Send + 'static,
        R::Id: Send + 'static,
    {
        let ids = requested.iter().map(|(id, _)| id.clone()).collect();
        let rows = self.readers.read::<R>(ids).await.map_err(|error| self.cause(error))?;
        let is_it = |found: &Option<(R, Revision)>, revision: Option<Revision>| {
            found.as_ref().is_some_and(|(_, found)| revision.is_none_or(|expected| expected == *found))
        };
        let odd = requested.iter().zip(&rows).find(|((_, revision), found)| !is_it(found, *revision));
        let Some(((id, _), _)) = odd else {
            return Ok(rows.into_iter().flatten().map(|(record, _)| record).collect());
        };
        self.catch_up().await?;
        let newest = self.snapshot().map_err(|_| ReadError::Unavailable)?;
        if !is_current(&newest, id) {
            return Err(ReadError::Stale);
        }
        let missing = StoreError::Missing { table: R::TABLE.into(), primary_key: id.as_key().into() };
        Err(self.cause(missing.into()))
    }

    /// The number of rows of a table in the store.
    #[cfg(test)]
    pub(crate) fn rows_of(&self, table: &str) -> usize {
        let mut rows = 0;
        let count = |row: crate::store::StoredRow| {
            rows += usize::from(row.table == table);
            ControlFlow::Continue(())
        };
        self.readers.store.scan(&[], count).unwrap();
        rows
    }

    /// Runs `run` before the next commit is synced.
    #[cfg(test)]
    pub(crate) fn before_next_sync(&self, run: impl FnOnce() + Send + 'static) {
        let Store::Redb(redb) = &*self.store else { unreachable!() };
        *redb.file().before_sync.lock().unwrap() = Some(Box::new(|_| run()));
    }

    /// Waits until everything that the store holds is published.
    pub(crate) async fn catch_up(&self) -> Result<(), ReadError> {
        match self.committer.catch_up().await.unwrap_or(Err(CommitError::Closed)) {
            Ok(()) | Err(CommitError::Conflict) => Ok(()), // after a conflict the state was read again
            Err(CommitError::Closed) => Err(ReadError::Unavailable),
            Err(CommitError::Store(error)) => Err(ReadError::Store(error)),
        }
    }

    /// The cause of a failed read: the store file may have been moved or replaced.
    fn cause(&self, error: ReadError) -> ReadError {
        match (error, self.watch.check()) {
            (ReadError::Store(_), Err(lost)) => ReadError::Store(Arc::new(lost.into())),
            (error, _) => error,
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}
