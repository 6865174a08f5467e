//! The one writer of a store: gathers the changes that are waiting, commits them together, publishes the next
//! snapshot, answers.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use bulla_keys::root::RootKeys;
use futures_channel::oneshot;

use crate::snapshot::{Snapshot, Write};
use crate::store::{Conflict, RowChange, Store, StoreError};
use crate::watch::Watch;

/// Changes that are written together or not at all.
pub(crate) struct Transaction {
    pub(crate) rows: Vec<RowChange>,
    pub(crate) writes: Vec<Write>,
}

/// Why a transaction was not acknowledged. After `Store` only the store knows whether it was written.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// A row was changed in between; load, decide and try again.
    Conflict,
    Store(Arc<StoreError>),
    /// The engine is being closed.
    Closed,
}

/// The thread that owns the store. Dropping it waits until everything accepted is written.
pub(crate) struct Committer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) type Answered = oneshot::Receiver<Result<(), CommitError>>;

struct Job {
    transaction: Transaction,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

impl Committer {
    pub(crate) fn start(
        store: Store,
        watch: Arc<Watch>,
        roots: Arc<RootKeys>,
        published: Arc<ArcSwap<Snapshot>>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel();
        let mut writer = Writer { store, watch, roots, published, stale: false };
        let thread = thread::Builder::new()
            .name("committer".into())
            .spawn(move || writer.run(&jobs))
            .expect("a process that starts can start a thread");
        Self { queue: Some(queue), thread: Some(thread) }
    }

    /// Resolves when the transaction is durable and published.
    pub(crate) async fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
        self.submit(transaction).await.unwrap_or(Err(CommitError::Closed))
    }

    /// Hands a transaction over. The answer comes when it is durable and published; it may be ignored.
    pub(crate) fn submit(&self, transaction: Transaction) -> Answered {
        let (answer, answered) = oneshot::channel();
        if let Some(queue) = &self.queue {
            let _ = queue.send(Job { transaction, answer }); // a dead thread drops the sender: that is an answer
        }
        answered
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has answered everybody, or it panicked and they know by the closed channel
        }
    }
}

struct Writer {
    store: Store,
    watch: Arc<Watch>,
    roots: Arc<RootKeys>,
    published: Arc<ArcSwap<Snapshot>>,
    /// A commit failed, and only the store knows whether it was written after all.
    stale: bool,
}

impl Writer {
    fn run(&mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            batch.extend(jobs.try_iter().take(MAX_BATCH - 1));
            match self.commit(&batch) {
                Ok(results) => self.publish(batch, results),
                Err(error) => {
                    let error = Arc::new(error);
                    for job in batch {
                        let _ = job.answer.send(Err(CommitError::Store(Arc::clone(&error))));
                    }
                }
            }
        }
    }

    fn commit(&mut self, batch: &[Job]) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.watch.check()?;
        self.read_again()?;
        let written = self.write(batch);
        if written.is_err() {
            self.stale = true;
            let _ = self.read_again(); // else before the next commit
        }
        written
    }

    /// Writes a batch. It is durable only if the file that was written is the one that a restart will open.
    fn write(&mut self, batch: &[Job]) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let rows: Vec<_> = batch.iter().map(|job| job.transaction.rows.as_slice()).collect();
        let results = self.store.commit(&rows)?;
        self.watch.check()?;
        Ok(results)
    }

    /// After a failed commit, publishes what the store holds.
    fn read_again(&mut self) -> Result<(), StoreError> {
        if self.stale {
            self.watch.check()?;
            self.published.store(Arc::new(Snapshot::read(&mut self.store, &self.roots)?));
            self.stale = false;
        }
        Ok(())
    }

    fn publish(&self, batch: Vec<Job>, results: Vec<Result<(), Conflict>>) {
        let mut next = Snapshot::clone(&self.published.load());
        let mut answers = Vec::with_capacity(batch.len());
        for (Job { transaction, answer }, result) in batch.into_iter().zip(results) {
            if result.is_ok() {
                for (write, row) in transaction.writes.into_iter().zip(&transaction.rows) {
                    next.apply(write, row.revision);
                }
            }
            answers.push((answer, result.map_err(|Conflict| CommitError::Conflict)));
        }
        self.published.store(Arc::new(next));
        for (answer, result) in answers {
            let _ = answer.send(result); // a caller that went away has its change all the same
        }
    }
}

/// Bounds the memory of one commit and the wait of the last in it.
const MAX_BATCH: usize = 512;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::clock::SteadyClock;
    use crate::data::Data;
    use crate::lock::Role;
    use crate::store::Change;
    use crate::store_file::Loss;
    use crate::{Options, SystemClock};

    type Lose = fn(&Path);

    /// The commit is complete, but in a file that no restart will find.
    #[test]
    fn a_store_that_is_lost_during_a_commit_confirms_nothing() {
        let losses: [(Lose, Loss); 2] = [
            (|path| fs::remove_file(path).unwrap(), Loss::Removed),
            (
                |path| {
                    let copy = path.with_extension("copy");
                    fs::copy(path, &copy).unwrap();
                    fs::rename(copy, path).unwrap();
                },
                Loss::Replaced,
            ),
        ];
        for (lose, loss) in losses {
            let directory = tempfile::tempdir().unwrap();
            let clock = SteadyClock::new(SystemClock);
            let Data { lock, mut store, roots, .. } =
                Data::open(&Options::new(directory.path(), Role::Server), &clock).unwrap();
            let snapshot = Snapshot::read(&mut store, &roots).unwrap();
            let (roots, published) = (Arc::new(roots), Arc::new(ArcSwap::from_pointee(snapshot)));
            let file = Arc::clone(store.file());
            let watch = Arc::new(Watch::new(lock, Arc::clone(&file)));
            let mut writer = Writer { store, watch, roots, published, stale: false };
            let row = RowChange {
                table: "t",
                primary_key: b"a".to_vec(),
                expected: 0,
                revision: 1,
                change: Change::Put(b"1".to_vec()),
            };
            let (answer, _answered) = oneshot::channel();
            let batch = [Job { transaction: Transaction { rows: vec![row], writes: vec![] }, answer }];
            *file.before_sync.lock().unwrap() = Some(lose);
            let refused = writer.commit(&batch).unwrap_err();
            assert!(matches!(&refused, StoreError::Lost(lost) if lost.loss == loss), "{refused}");
            assert!(file.before_sync.lock().unwrap().is_none(), "not refused before");
        }
    }
}
