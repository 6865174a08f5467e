//! The state that callers and the committer share: the result of all accepted changes, and the jobs that wait for a commit.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla_keys::record::Revision;
use bulla_keys::root::RootKeys;
use futures_channel::oneshot;

use super::changes::Changes;
use super::committer::CommitError;
use super::kinds::Write;
use super::outbox::{OutboxLine, OutboxNumber, SealNote, next_number};
use super::snapshot::Snapshot;
use crate::statistics::CommitCounts;
use crate::store::RowChange;

pub(super) struct Staging {
    staged: Mutex<Staged>,
    /// Signals work, or closing.
    changed: Condvar,
    commits: Mutex<CommitCounts>,
}

pub(super) struct Staged {
    /// The published state with every accepted change applied.
    pub(super) snapshot: Snapshot,
    pub(super) jobs: Vec<Job>,
    /// The number of the next line of the audit trail.
    next_line: u64,
    /// Lines of the outbox up to this one are durable in the trail.
    pub(super) forgotten: Option<OutboxNumber>,
    /// The newest seal, if the store has not recorded it.
    pub(super) sealed: Option<SealNote>,
    /// Whether other processes may have written.
    pub(super) has_news: bool,
    /// Whether the committer is writing changes that `snapshot` includes.
    pub(super) is_writing: bool,
    /// Whether the store may differ from `snapshot`: nothing can be decided until it was read again.
    pub(super) is_stale: bool,
    pub(super) is_closed: bool,
}

pub(super) struct Job {
    /// Empty if the caller only waits for earlier changes.
    pub(super) rows: Vec<RowChange>,
    pub(super) answer: oneshot::Sender<Result<(), CommitError>>,
}

/// All waiting jobs, and the resulting state; none if the store has to be read again instead.
pub(super) struct Batch {
    pub(super) jobs: Vec<Job>,
    pub(super) next: Option<Snapshot>,
}

impl Staging {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let staged = Staged {
            next_line: next_number(&snapshot),
            forgotten: None,
            sealed: None,
            snapshot,
            jobs: vec![],
            has_news: false,
            is_writing: false,
            is_stale: false,
            is_closed: false,
        };
        Self { staged: Mutex::new(staged), changed: Condvar::new(), commits: Mutex::default() }
    }

    /// Counts a transaction and its duration.
    pub(super) fn count_commit(&self, is_durable: bool, took: Duration) {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if is_durable {
            commits.durable.observe(took);
        } else {
            commits.failed += 1;
        }
    }

    /// Returns counts of the transactions so far.
    pub(super) fn commit_counts(&self) -> CommitCounts {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A decision that panicked has changed nothing.
    pub(super) fn lock(&self) -> MutexGuard<'_, Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signals the committer that there is work, or that it should end.
    pub(super) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Makes the committer publish what other processes have written.
    pub(super) fn announce_news(&self) {
        self.lock().has_news = true;
        self.notify();
    }

    /// Waits for work and takes all of it; none on closing.
    pub(super) fn take(&self) -> Option<Batch> {
        let is_idle = |staged: &mut Staged| !staged.has_work() && !staged.is_closed;
        let mut staged =
            self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        if !staged.has_work() {
            return None;
        }
        staged.is_writing = true;
        staged.has_news = false;
        let next = (!staged.is_stale).then(|| staged.snapshot.clone());
        Some(Batch { jobs: mem::take(&mut staged.jobs), next })
    }
}

impl Staged {
    pub(super) fn is_durable(&self) -> bool {
        self.jobs.is_empty() && !self.is_writing
    }

    fn has_work(&self) -> bool {
        !self.jobs.is_empty() || self.has_news
    }

    /// Replaces the staged state with that of the store.
    pub(super) fn replace_snapshot(&mut self, snapshot: Snapshot) {
        self.next_line = self.next_line.max(next_number(&snapshot));
        self.snapshot = snapshot;
    }

    /// Applies changes to the staged state, adds their line to the outbox, deletes lines that the trail has, and records the
    /// newest seal. Returns the changes of rows in the store.
    pub(super) fn apply_all(&mut self, changes: Changes, roots: &RootKeys) -> Vec<RowChange> {
        let (mut writes, line) = changes.into_parts();
        if let Some(members) = line {
            let number = self.next_line.to_be_bytes().into();
            self.next_line += 1;
            writes.push((Write::OutboxLine(OutboxLine { number, members }), 0));
        }
        if let Some(last) = self.forgotten.take() {
            let rows = self.snapshot.rows_after::<OutboxLine>(None);
            let done = rows.take_while(|row| row.record.number <= last);
            writes.extend(done.map(|row| (Write::NoOutboxLine(row.record.number), row.revision)));
        }
        if let Some(note) = self.sealed.take() {
            let expected = self.snapshot.get::<SealNote>(&note.node).map_or(0, |row| row.revision);
            writes.push((Write::SealNote(note), expected));
        }
        writes.into_iter().map(|(write, expected)| self.apply(write, expected, roots)).collect()
    }

    /// Applies one write to the staged state. Returns the change of its row in the store.
    fn apply(&mut self, write: Write, expected: Revision, roots: &RootKeys) -> RowChange {
        let row = write.row(roots, expected);
        self.snapshot.apply(write, row.revision);
        row
    }
}
