//! The one writer of a store: gathers the changes that are waiting, commits them together, publishes the next
//! snapshot, answers.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use bulla_keys::root::RootKeys;
use futures_channel::oneshot;

use crate::snapshot::{Snapshot, Write};
use crate::store::{Conflict, RowChange, Store, StoreError};

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
    pub(crate) fn start(store: Store, roots: Arc<RootKeys>, published: Arc<ArcSwap<Snapshot>>) -> Self {
        let (queue, jobs) = mpsc::channel();
        let mut writer = Writer { store, roots, published, stale: false };
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
                    self.stale = true;
                    let _ = self.read_again(); // else before the next commit
                    let error = Arc::new(error);
                    for job in batch {
                        let _ = job.answer.send(Err(CommitError::Store(Arc::clone(&error))));
                    }
                }
            }
        }
    }

    fn commit(&mut self, batch: &[Job]) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.read_again()?;
        let rows: Vec<_> = batch.iter().map(|job| job.transaction.rows.as_slice()).collect();
        self.store.commit(&rows)
    }

    /// After a failed commit, publishes what the store holds.
    fn read_again(&mut self) -> Result<(), StoreError> {
        if self.stale {
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
