//! Threads that read records which are not in the snapshot, such as values of secrets. Callers only await a channel.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bulla_keys::record::{self, Revision};
use bulla_keys::root::RootKeys;
use futures_channel::oneshot;

use super::ReadError;
use super::kind::{Id, Kind};
use crate::store::{Store, StoreError, StoredRow};

/// A few threads over a store, started with the first read. Dropping them waits for current reads.
pub(super) struct Readers {
    pub(super) store: Arc<Store>,
    roots: Arc<RootKeys>,
    pool: Mutex<Option<Pool>>,
    /// Runs once, on the thread of the next read.
    #[cfg(test)]
    pub(super) before_read: Arc<Mutex<Option<Job>>>,
}

struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce() + Send>;

/// The records with some ids; none for rows that do not exist.
pub(super) type Found<R> = Vec<Option<(R, Revision)>>;

impl Readers {
    pub(super) fn new(store: Arc<Store>, roots: Arc<RootKeys>) -> Self {
        Self {
            store,
            roots,
            pool: Mutex::default(),
            #[cfg(test)]
            before_read: Arc::default(),
        }
    }

    /// Reads some records, all from one state of the store.
    pub(super) async fn read<R>(&self, ids: Vec<R::Id>) -> Result<Found<R>, ReadError>
    where
        R: Kind + Send + 'static,
        R::Id: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let store = Arc::clone(&self.store);
        let roots = Arc::clone(&self.roots);
        #[cfg(test)]
        let before_read = Arc::clone(&self.before_read);
        self.submit(Box::new(move || {
            #[cfg(test)]
            run_once(&before_read);
            if !answer.is_canceled() {
                let _ = answer.send(read(&store, &roots, &ids)); // the caller may have been dropped meanwhile
            }
        }))?;
        Ok(answered.await.map_err(|_| ReadError::Unavailable)??)
    }

    fn submit(&self, job: Job) -> Result<(), ReadError> {
        let mut pool = self.lock();
        let started = match &mut *pool {
            Some(started) => started,
            None => pool.insert(Pool::start()?),
        };
        let jobs = started.jobs.as_ref().ok_or(ReadError::Unavailable)?;
        jobs.send(job).map_err(|_| ReadError::Unavailable)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pool>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn start() -> Result<Self, StoreError> {
        let (sender, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut pool = Self { jobs: Some(sender), threads: Vec::new() };
        for _ in 0..THREADS {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name("reader".into()).spawn(move || work(&jobs));
            match thread {
                Ok(thread) => pool.threads.push(thread),
                Err(error) if pool.threads.is_empty() => return Err(StoreError::Thread(error)),
                Err(_) => break, // fewer threads are enough
            }
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // after a panic, its caller saw a closed channel
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        job();
    }
}

fn read<R: Kind>(store: &Store, roots: &RootKeys, ids: &[R::Id]) -> Result<Found<R>, StoreError> {
    let keys: Vec<_> = ids.iter().map(|id| (R::TABLE, id.as_key())).collect();
    let open = |StoredRow { table, primary_key, revision, value }| match record::open(
        roots,
        &primary_key,
        revision,
        &value,
    ) {
        Ok(record) => Ok((record, revision)),
        Err(_) => Err(StoreError::Row { table, primary_key }),
    };
    store.get(&keys)?.into_iter().map(|row| row.map(open).transpose()).collect()
}

/// Reads are short; more threads help only while some wait for a disk.
const THREADS: usize = 4;

#[cfg(test)]
fn run_once(hook: &Mutex<Option<Job>>) {
    let job = hook.lock().unwrap().take();
    if let Some(job) = job {
        job();
    }
}
