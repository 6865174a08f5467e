//! The committer's thread, which alone writes to the store and publishes snapshots.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bulla_keys::Anchor;
use bulla_keys::record::Revision;
use bulla_keys::root::RootKeys;

use super::anchor::{self, Keeper};
use super::committer::CommitError;
use super::kinds::{NOT_KEPT, Write};
use super::outbox::Outbox;
use super::raise::RowFormat;
use super::snapshot::Snapshot;
use super::staging::{Batch, Job, Staging};
use crate::store::{Committed, Conflict, ForeignRow, RowChange, Store, StoreError};
use crate::watch::Watch;

pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) watch: Arc<Watch>,
    pub(super) roots: Arc<RootKeys>,
    /// The version of the rows in a store that could not be raised because it is read-only.
    pub(super) format: RowFormat,
    pub(super) published: Arc<ArcSwap<Snapshot>>,
    pub(super) staging: Arc<Staging>,
    pub(super) outbox: Outbox,
}

/// The result of a commit.
#[derive(Debug)]
pub(super) struct Written {
    committed: Committed,
    /// None if it changed no row.
    anchor: Option<Anchor>,
}

impl Writer {
    pub(super) fn run(mut self) {
        while let Some(Batch { jobs, next }) = self.staging.take() {
            match next {
                Some(next) => self.write(jobs, next),
                None => {
                    let read = self.read_again().map_err(Arc::new);
                    let answer = read.map_or_else(CommitError::Store, |()| CommitError::Conflict);
                    answer_all(jobs, &Err(answer));
                }
            }
        }
    }

    /// Writes a batch, publishes its state, and answers the callers.
    fn write(&mut self, jobs: Vec<Job>, next: Snapshot) {
        let rows: Vec<_> = jobs.iter().map(|job| job.rows.as_slice()).collect();
        match self.commit(&rows) {
            Ok(None) => self.finish(jobs, next, None),
            Ok(Some(written)) if written.committed.results.iter().all(Result::is_ok) => {
                self.finish(jobs, next, Some(written));
            }
            Ok(Some(written)) => self.begin_again(jobs, written.committed.results),
            Err(error) => {
                let _ = self.read_again(); // otherwise before the next commit
                answer_all(jobs, &Err(CommitError::Store(Arc::new(error))));
            }
        }
    }

    /// Writes the rows of each job, with one anchor for all. They count as durable only if the written file is the one that a
    /// restart will open.
    pub(super) fn commit(&mut self, rows: &[&[RowChange]]) -> Result<Option<Written>, StoreError> {
        if rows.iter().all(|rows| rows.is_empty()) {
            return Ok(None);
        }
        let begun = Instant::now();
        let written = self.write_rows(rows);
        let is_durable =
            written.as_ref().is_ok_and(|written| written.committed.results.iter().all(Result::is_ok));
        self.staging.count_commit(is_durable, begun.elapsed());
        written.map(Some)
    }

    fn write_rows(&self, rows: &[&[RowChange]]) -> Result<Written, StoreError> {
        self.watch.check()?;
        let last_known = self.published.load().anchor;
        let mut keeper = Keeper::new(&self.roots, last_known);
        let committed = self.store.commit(rows, &mut keeper)?;
        let anchor = keeper.written;
        self.watch.check()?;
        Ok(Written { committed, anchor })
    }

    /// Handles a batch whose jobs were all written.
    fn finish(&mut self, jobs: Vec<Job>, next: Snapshot, written: Option<Written>) {
        let published = self.publish(next, written).or_else(|_| self.read_again());
        answer_all(jobs, &published.map_err(|error| CommitError::Store(Arc::new(error))));
    }

    /// Handles a batch with jobs that depend on changes which were not written.
    fn begin_again(&mut self, jobs: Vec<Job>, results: Vec<Result<(), Conflict>>) {
        let read = self.read_again().map_err(Arc::new);
        for (job, result) in jobs.into_iter().zip(results) {
            let answer = match &read {
                Err(error) => Err(CommitError::Store(Arc::clone(error))),
                Ok(()) if result.is_ok() && !job.rows.is_empty() => Ok(()),
                Ok(()) => Err(CommitError::Conflict),
            };
            answer_all([job], &answer);
        }
    }

    /// Publishes the state that a commit leaves, with earlier writes of other processes. Without a commit, publishes what
    /// they have written by now.
    fn publish(&mut self, mut next: Snapshot, written: Option<Written>) -> Result<(), StoreError> {
        let committed = written.as_ref().map(|written| written.committed.version);
        let mut foreign = self.store.foreign(committed)?;
        foreign.retain(|commit| commit.version > next.version); // otherwise it was read again since
        let version = foreign.iter().map(|commit| commit.version).chain(committed).max();
        let rows = || foreign.iter().flat_map(|commit| &commit.rows);
        let anchor = [written.and_then(|written| written.anchor), self.newest_anchor(rows())?];
        let is_kept = |row: &&ForeignRow| row.table() != Anchor::TABLE && !NOT_KEPT.contains(&row.table());
        let kept = rows().filter(is_kept);
        let writes = kept.map(|row| self.open(row)).collect::<Result<Vec<_>, _>>()?;
        let mut staged = self.staging.lock();
        next.take_anchor(staged.snapshot.anchor); // a header may have been written with it
        for snapshot in [&mut next, &mut staged.snapshot] {
            anchor.into_iter().for_each(|anchor| snapshot.take_anchor(anchor));
            writes.iter().for_each(|(write, revision)| snapshot.apply(write.clone(), *revision));
            snapshot.version = version.unwrap_or(snapshot.version);
        }
        self.outbox.publish(&next);
        self.published.store(Arc::new(next));
        staged.is_writing = false;
        Ok(())
    }

    /// Returns the newest anchor that other processes wrote.
    fn newest_anchor<'a>(
        &self,
        rows: impl Iterator<Item = &'a ForeignRow>,
    ) -> Result<Option<Anchor>, StoreError> {
        let anchors = rows.filter_map(|row| match row {
            ForeignRow::Put(row) if row.table == Anchor::TABLE => Some(anchor::open(&self.roots, row)),
            ForeignRow::Put(_) | ForeignRow::Deleted { .. } => None,
        });
        anchors.last().transpose()
    }

    fn open(&self, row: &ForeignRow) -> Result<(Write, Revision), StoreError> {
        match row {
            ForeignRow::Put(row) => Ok((Write::open(&self.roots, row)?, row.revision)),
            ForeignRow::Deleted { table, primary_key } => Ok((Write::deleted(table, primary_key)?, 0)),
        }
    }

    /// Publishes what the store contains. All decisions since are based on a state that was never written, and must be made
    /// again.
    fn read_again(&mut self) -> Result<(), StoreError> {
        self.staging.lock().is_stale = true;
        self.watch.check()?;
        let snapshot = Snapshot::read(&self.store, &self.roots, self.format)?;
        self.outbox.publish(&snapshot);
        self.published.store(Arc::new(snapshot.clone()));
        let mut staged = self.staging.lock();
        staged.replace_snapshot(snapshot);
        (staged.is_writing, staged.is_stale) = (false, false);
        let lost = mem::take(&mut staged.jobs);
        drop(staged);
        answer_all(lost, &Err(CommitError::Conflict));
        Ok(())
    }
}

impl Drop for Writer {
    /// Also after a panic, so that callers do not wait forever.
    fn drop(&mut self) {
        let mut staged = self.staging.lock();
        staged.is_closed = true;
        staged.jobs.clear();
    }
}

fn answer_all(jobs: impl IntoIterator<Item = Job>, answer: &Result<(), CommitError>) {
    for job in jobs {
        let _ = job.answer.send(answer.clone()); // the caller may have been dropped meanwhile
    }
}
