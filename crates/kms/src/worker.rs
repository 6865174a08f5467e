//! A thread for long work, so that short requests keep the other cores. Key generation, searches and password hashes have
//! one thread each.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use bulla_wire::{Error, ErrorCode};
use futures_channel::oneshot;

/// Runs one job after another. Each kind of job has a lane of its own and lanes take turns, so that many jobs of one kind
/// neither fill the queue of another kind nor delay it by more than one job. The thread starts with the first job and ends
/// when this is dropped.
pub(crate) struct Worker<const LANES: usize> {
    name: &'static str,
    /// The nice value of its thread, relative to the others.
    nice: i32,
    shared: Arc<Shared<LANES>>,
    started: Once,
}

type Job = Box<dyn FnOnce() + Send>;

struct Shared<const LANES: usize> {
    queue: Mutex<Queue<LANES>>,
    changed: Condvar,
}

struct Queue<const LANES: usize> {
    lanes: [VecDeque<Job>; LANES],
    /// The lane to serve first.
    turn: usize,
    is_closed: bool,
}

impl<const LANES: usize> Worker<LANES> {
    pub(crate) fn new(name: &'static str) -> Self {
        let lanes = std::array::from_fn(|_| VecDeque::new());
        let queue = Mutex::new(Queue { lanes, turn: 0, is_closed: false });
        let shared = Arc::new(Shared { queue, changed: Condvar::new() });
        Self { name, nice: 0, shared, started: Once::new() }
    }

    /// Returns a worker that yields the cores to other threads when they need them.
    pub(crate) fn with_low_priority(name: &'static str) -> Self {
        let mut worker = Self::new(name);
        worker.nice = LOW_PRIORITY;
        worker
    }

    /// Runs a job on the thread, unless the caller is dropped before its turn.
    ///
    /// # Errors
    /// Throttling.User if the lane is full; ServiceUnavailableTemporary if there is no thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.started.call_once(|| start(self.name, self.nice, Arc::clone(&self.shared)));
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_canceled() {
                let _ = answer.send(work()); // the caller may have been dropped meanwhile
            }
        });
        self.shared.push(lane, job)?;
        answered.await.map_err(|_| ErrorCode::ServiceUnavailableTemporary.into())
    }
}

impl<const LANES: usize> Shared<LANES> {
    fn lock(&self) -> MutexGuard<'_, Queue<LANES>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, lane: usize, job: Job) -> Result<(), ErrorCode> {
        let mut queue = self.lock();
        if queue.is_closed {
            return Err(ErrorCode::ServiceUnavailableTemporary);
        }
        if queue.lanes[lane].len() >= LANE {
            return Err(ErrorCode::ThrottlingUser);
        }
        queue.lanes[lane].push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next job; none after the end.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        while !queue.is_closed {
            if let Some(job) = queue.take() {
                return Some(job);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Makes every waiting caller fail.
    fn close(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        queue.lanes = std::array::from_fn(|_| VecDeque::new());
        self.changed.notify_one();
    }
}

impl<const LANES: usize> Queue<LANES> {
    fn take(&mut self) -> Option<Job> {
        let lane =
            (0..LANES).map(|step| (self.turn + step) % LANES).find(|lane| !self.lanes[*lane].is_empty())?;
        self.turn = lane + 1;
        self.lanes[lane].pop_front()
    }
}

impl<const LANES: usize> Drop for Worker<LANES> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

fn start<const LANES: usize>(name: &str, nice: i32, shared: Arc<Shared<LANES>>) {
    struct CloseAtEnd<const LANES: usize>(Arc<Shared<LANES>>);
    impl<const LANES: usize> Drop for CloseAtEnd<LANES> {
        fn drop(&mut self) {
            self.0.close(); // also after a panic, or if the thread could not be started
        }
    }
    let shared = CloseAtEnd(shared);
    let work = move || {
        if nice > 0 {
            // On Linux this applies to this thread alone. A sandbox may refuse it; the work is the same then.
            let _ = rustix::process::nice(nice);
        }
        while let Some(job) = shared.0.next() {
            job();
        }
    };
    let _ = thread::Builder::new().name(name.into()).spawn(work); // without a thread, `work` is dropped
}

/// The nice value of a worker of low priority: beside threads that need all cores it still gets a tenth of a core, so that
/// its work ends. 19 would leave a seventieth.
const LOW_PRIORITY: i32 = 10;

/// Maximum number of waiting jobs in one lane: about ten seconds of work for RSA keys.
pub(crate) const LANE: usize = 64;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

    fn poll<T>(waiting: &mut Waiting<'_, T>) -> Poll<Result<T, Error>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn lanes_take_turns_and_a_full_one_leaves_the_others_their_places() {
        let worker = Worker::<3>::new("test");
        let (open, gate) = mpsc::channel();
        let (done, order) = mpsc::channel();
        let mut first: Waiting<'_, ()> = Box::pin(worker.run(0, move || gate.recv().unwrap()));
        assert!(poll(&mut first).is_pending());
        let mut waiting = Vec::new();
        for (lane, count) in [(0, LANE + 10), (1, 2), (2, 3)] {
            for number in 0..count {
                let done = done.clone();
                let work = move || done.send((lane, number)).unwrap();
                let mut job: Waiting<'_, ()> = Box::pin(worker.run(lane, work));
                match poll(&mut job) {
                    Poll::Pending => waiting.push(job),
                    Poll::Ready(refused) => {
                        assert_eq!(refused.unwrap_err().code(), ErrorCode::ThrottlingUser);
                        assert!(lane == 0 && number >= LANE - 1, "{lane} {number}");
                    }
                }
            }
        }
        open.send(()).unwrap();
        pollster::block_on(first).unwrap();
        for job in waiting {
            pollster::block_on(job).unwrap();
        }
        let order: Vec<_> = order.try_iter().take(8).collect();
        // Whether the first job had begun when the others came decides which lane is next.
        let others: Vec<_> = order.iter().filter(|(lane, _)| *lane != 0).copied().collect();
        assert_eq!(others, [(1, 0), (2, 0), (1, 1), (2, 1), (2, 2)], "{order:?}");
    }

    #[test]
    fn the_thread_of_a_worker_of_low_priority_is_nicer_than_the_others() {
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            fields[16].parse::<i32>().unwrap()
        };
        let own = nice();
        let of = |worker: Worker<1>| pollster::block_on(worker.run(0, nice)).unwrap();
        assert_eq!(of(Worker::with_low_priority("low")), (own + LOW_PRIORITY).min(19));
        assert_eq!((of(Worker::new("usual")), nice()), (own, own));
    }

    #[test]
    fn what_is_waited_for_by_no_caller_is_not_done_and_a_panic_leaves_none_waiting() {
        let worker = Worker::<1>::new("test");
        let (open, gate) = mpsc::channel::<()>();
        let mut first: Waiting<'_, ()> = Box::pin(worker.run(0, move || gate.recv().unwrap()));
        assert!(poll(&mut first).is_pending());
        let mut abandoned: Waiting<'_, ()> = Box::pin(worker.run(0, || panic!("it was abandoned")));
        assert!(poll(&mut abandoned).is_pending());
        drop(abandoned);
        open.send(()).unwrap();
        pollster::block_on(first).unwrap();
        assert_eq!(pollster::block_on(worker.run(0, || 7)).unwrap(), 7);
        for _ in 0..2 {
            let failed = {
                let failing: Waiting<'_, ()> = Box::pin(worker.run(0, || panic!("on purpose")));
                pollster::block_on(failing)
            };
            assert_eq!(failed.unwrap_err().code(), ErrorCode::ServiceUnavailableTemporary);
        }
    }
}
