//! Threads: how many a file gets, and the two ways in which several work on one.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use zeroize::Zeroizing;

/// Who has the threads when many files are worked on at once: each file one, and one large file at a time as many more
/// as there are.
#[derive(Default)]
pub(crate) struct LargeFiles(Mutex<()>);

impl LargeFiles {
    /// The threads for a file, as long as the guard lives.
    pub(crate) fn threads(&self, len: u64, jobs: usize) -> (usize, Option<MutexGuard<'_, ()>>) {
        if len >= LARGE {
            (jobs, Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        } else {
            (1, None)
        }
    }
}

/// Runs the same work on several threads, this one among them, until it is done; the first error stops all.
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

/// Runs `produce` on a thread of its own, which says whether there is more, and `consume` on this one, in order, with
/// buffers that go round and are wiped wherever they end.
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
            let _ = empty.send(piece); // nobody needs it any more after the last piece
        }
        Ok(())
    })
}

/// Bytes from which on a file among many is worked on by several threads.
const LARGE: u64 = 64 << 20;
/// One on each side and one on the way.
const BUFFERS: usize = 3;
