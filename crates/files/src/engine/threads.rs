//! Threads: how many a file gets, and how they share its work. Either all do the same work on different ranges, or one produces
//! what the other consumes.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use zeroize::Zeroizing;

/// Assigns threads to files when many are processed at once: one thread per file, and all threads for one large file at a time.
#[derive(Default)]
pub(crate) struct LargeFiles(Mutex<()>);

impl LargeFiles {
    /// Returns the number of threads for a file, valid while the guard lives.
    pub(crate) fn threads(&self, len: u64, jobs: usize) -> (usize, Option<MutexGuard<'_, ()>>) {
        if len >= LARGE {
            (jobs, Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        } else {
            (1, None)
        }
    }
}

/// Runs `work` on several threads, including this one, and waits for all. The first error stops all of them.
pub(super) fn on_threads<E: Send>(
    threads: usize,
    no_thread: fn(io::Error) -> E,
    work: impl Fn(&AtomicBool) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let stop = AtomicBool::new(false);
    if threads <= 1 {
        return work(&stop);
    }
    let failed = Mutex::new(None);
    let run = || {
        if let Err(error) = work(&stop) {
            stop.store(true, Ordering::Relaxed);
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            if let Err(error) = thread::Builder::new().name("chunks".into()).spawn_scoped(scope, run) {
                stop.store(true, Ordering::Relaxed);
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(no_thread(error));
            }
        }
        run();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Runs `produce`, which returns whether there is more, on another thread, and `consume` on this one, in order. The buffers are
/// recycled and wiped.
pub(super) fn pipeline<E: Send>(
    mut produce: impl FnMut(&mut Vec<u8>) -> Result<bool, E> + Send,
    no_thread: fn(io::Error) -> E,
    mut consume: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    type Buffer = Zeroizing<Vec<u8>>;
    thread::scope(|scope| {
        let (filled, pieces) = sync_channel::<Result<Buffer, E>>(BUFFERS);
        let (empty, buffers) = sync_channel::<Buffer>(BUFFERS);
        for _ in 0..BUFFERS {
            empty.send(Buffer::default()).expect("the channel has room for every buffer");
        }
        let producer = move || {
            let mut more = true;
            while more {
                let Ok(mut buffer) = buffers.recv() else { break };
                let piece = produce(&mut buffer);
                more = matches!(piece, Ok(true));
                if filled.send(piece.map(|_| buffer)).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("chunks".into()).spawn_scoped(scope, producer).map_err(no_thread)?;
        for piece in pieces {
            let piece = piece?;
            consume(&piece)?;
            let _ = empty.send(piece); // the producer needs no buffer after the last piece
        }
        Ok(())
    })
}

/// The size in bytes from which several threads process a file of a tree.
const LARGE: u64 = 64 << 20;
/// One buffer on each side and one in transit.
const BUFFERS: usize = 3;
