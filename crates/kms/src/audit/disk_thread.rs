//! A thread for operations that may block on a disk.
//!
//! A disk that hangs raises no error: a system call does not return. If the owner of the trail bounds the waits, because
//! other sinks need the lines meanwhile, the thread makes the call, and the caller waits no longer than the limit. Otherwise
//! the caller makes it. The call itself cannot be cancelled: until it returns, all further operations fail at once. So
//! operations never overlap, and the next one sees everything that the late one did.

use std::io;
#[cfg(test)]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Runs operations one at a time: on the calling thread, or on its own thread if waits are bounded.
#[derive(Debug, Default)]
pub(super) struct DiskThread {
    /// None if operations run on the calling thread.
    bounded: Mutex<Option<Bounded>>,
    /// Whether the thread is running an operation.
    is_busy: Arc<AtomicBool>,
    #[cfg(test)]
    latch: Latch,
}

/// The connection to the thread.
#[derive(Clone, Debug)]
struct Bounded {
    jobs: Sender<Job>,
    /// Maximum wait of the caller for an operation.
    limit: Duration,
}

type Job = Box<dyn FnOnce() + Send>;

impl DiskThread {
    /// Bounds how long a caller waits for an operation, or removes the bound.
    ///
    /// # Errors
    /// The thread cannot be started; nothing is changed.
    pub(super) fn bound_waits(&self, limit: Option<Duration>) -> io::Result<()> {
        let mut bounded = self.lock();
        let started = |limit| {
            let jobs = bounded.as_ref().map_or_else(start, |bounded| Ok(bounded.jobs.clone()))?;
            io::Result::Ok(Bounded { jobs, limit })
        };
        *bounded = limit.map(started).transpose()?;
        Ok(())
    }

    /// Returns another one for the same disk, which runs operations on the calling thread.
    pub(super) fn direct(&self) -> Self {
        Self {
            bounded: Mutex::default(),
            is_busy: Arc::default(),
            #[cfg(test)]
            latch: self.latch.clone(), // it is the same disk
        }
    }

    /// Whether the next operation runs on the calling thread.
    pub(super) fn is_direct(&self) -> bool {
        !self.is_stuck() && self.lock().is_none()
    }

    /// Whether an operation has not returned yet.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// Runs an operation.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if the operation has not returned in time, or an earlier one has not returned yet (even if
    /// waits are no longer bounded). In the first case the operation may still take effect later; in the second case it is
    /// not run.
    pub(super) fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        #[cfg(test)]
        let operation = self.latch.clone().before(operation);
        if self.is_stuck() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let Some(bounded) = self.lock().clone() else { return Ok(operation()) };
        self.is_busy.store(true, Ordering::Release);
        let is_busy = Arc::clone(&self.is_busy);
        let (result, returned) = mpsc::channel();
        let job = move || {
            let done = operation();
            is_busy.store(false, Ordering::Release); // first, because the caller may continue at once
            let _ = result.send(done); // the caller may have timed out
        };
        let ended = |()| io::Error::other("the thread of the disk has ended");
        bounded.jobs.send(Box::new(job)).map_err(|_| ended(()))?;
        returned.recv_timeout(bounded.limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => io::ErrorKind::TimedOut.into(),
            RecvTimeoutError::Disconnected => ended(()),
        })
    }

    /// Lets a test hang the disk.
    #[cfg(test)]
    pub(super) fn latch(&self) -> Latch {
        self.latch.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Bounded>> {
        self.bounded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a thread, which ends when its last operation has returned and the sender is dropped. No thread waits for its end.
fn start() -> io::Result<Sender<Job>> {
    let (jobs, waiting) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("audit-disk".into())
        .spawn(move || waiting.into_iter().for_each(|job| job()))?;
    Ok(jobs)
}

/// Lets tests hang the disk: operations begin and do not return.
#[cfg(test)]
#[derive(Clone, Debug)]
pub(crate) struct Latch(Arc<AtomicU64>);

#[cfg(test)]
impl Latch {
    /// Hangs the disk after this number of further operations.
    pub(crate) fn hang_after(&self, operations: u64) {
        self.0.store(operations, Ordering::SeqCst);
    }

    /// Whether an operation hangs, or the next one will.
    pub(crate) fn has_hung(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    /// Lets all operations return.
    pub(crate) fn release(&self) {
        self.0.store(u64::MAX, Ordering::SeqCst);
    }

    fn before<T>(self, operation: impl FnOnce() -> T) -> impl FnOnce() -> T {
        move || {
            let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                0 | u64::MAX => None,
                left => Some(left - 1),
            });
            while self.0.load(Ordering::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            operation()
        }
    }
}

#[cfg(test)]
impl Default for Latch {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
    use std::sync::Mutex;

    use super::*;

    const CONTENT: usize = 1 << 20;
    const LIMIT: Option<Duration> = Some(Duration::from_secs(1));

    /// A write to a full pipe does not return, like one to a disk that hangs.
    fn hang(disk: &DiskThread, writer: PipeWriter) -> io::Result<io::Result<()>> {
        let writer = Mutex::new(writer);
        disk.run(move || writer.lock().unwrap().write_all(&[1; CONTENT]))
    }

    fn release(mut reader: PipeReader) -> usize {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap()
    }

    fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn an_operation_that_does_not_return_fails_and_all_later_ones_until_it_does() {
        let disk = DiskThread::default();
        disk.bound_waits(LIMIT).unwrap();
        assert_eq!(disk.run(|| 7).unwrap(), 7);
        let (reader, writer) = pipe().unwrap();
        assert_eq!(kind(hang(&disk, writer)), Some(io::ErrorKind::TimedOut));
        let is_run = Arc::new(AtomicBool::new(false));
        for limit in [LIMIT, None] {
            disk.bound_waits(limit).unwrap();
            assert!(disk.is_stuck() && !disk.is_direct(), "also where waits are no longer bounded");
            let is_run = Arc::clone(&is_run);
            let late = disk.run(move || is_run.store(true, Ordering::SeqCst));
            assert_eq!(kind(late), Some(io::ErrorKind::TimedOut));
        }
        assert_eq!(release(reader), CONTENT, "the operation is not given up");
        while disk.is_stuck() {
            thread::yield_now();
        }
        assert!(!is_run.load(Ordering::SeqCst), "what failed at once does not happen later");
        for limit in [None, LIMIT] {
            disk.bound_waits(limit).unwrap();
            assert_eq!((disk.is_direct(), disk.run(|| 8).unwrap()), (limit.is_none(), 8));
        }
    }

    #[test]
    fn operations_run_where_they_are_called_unless_waits_are_bounded() {
        let disk = DiskThread::default();
        let own = thread::current().id();
        assert_eq!(disk.run(|| thread::current().id()).unwrap(), own);
        disk.bound_waits(LIMIT).unwrap();
        assert_ne!(disk.run(|| thread::current().id()).unwrap(), own);
    }

    #[test]
    fn the_thread_can_be_dropped_during_a_hung_operation() {
        let disk = DiskThread::default();
        disk.bound_waits(LIMIT).unwrap();
        let (reader, writer) = pipe().unwrap();
        hang(&disk, writer).unwrap_err();
        drop(disk);
        assert_eq!(release(reader), CONTENT);
    }
}
