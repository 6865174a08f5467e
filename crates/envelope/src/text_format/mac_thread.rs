//! Computes the CMAC, which is the slowest part of the format and cannot be parallelized, on its own thread.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::eax::Authenticator;

/// An [`Authenticator`] on a second thread, which receives chunks in a few recycled buffers.
///
/// It cannot deadlock: the thread waits only for chunks, and ends when this end of the channel is dropped, on every path out of
/// the scope. This side waits only for a buffer, which the thread returns after at most all the others.
pub(super) struct MacThread<'scope> {
    chunks: SyncSender<Vec<u8>>,
    buffers: Receiver<Vec<u8>>,
    thread: ScopedJoinHandle<'scope, Authenticator>,
}

impl<'scope> MacThread<'scope> {
    /// # Errors
    /// The error of the operating system if it cannot start a thread.
    pub(super) fn start(
        scope: &'scope Scope<'scope, '_>,
        mut authenticator: Authenticator,
    ) -> io::Result<Self> {
        let (chunks, incoming) = sync_channel::<Vec<u8>>(BUFFERS);
        let (done, buffers) = sync_channel(BUFFERS);
        for _ in 0..BUFFERS {
            done.send(Vec::new()).expect("the channel has room for every buffer");
        }
        let thread = Builder::new().name("mac".to_owned()).spawn_scoped(scope, move || {
            for chunk in incoming {
                authenticator.update(&chunk);
                // Once the other end is dropped, the buffer is not needed.
                let _ = done.send(chunk);
            }
            authenticator
        })?;
        Ok(Self { chunks, buffers, thread })
    }

    /// Returns a buffer for the next chunk, with its previous content.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffers.recv().expect(THREAD_LIVES)
    }

    /// Authenticates the next chunk.
    pub(super) fn update(&self, chunk: Vec<u8>) {
        self.chunks.send(chunk).expect(THREAD_LIVES);
    }

    /// Returns the authenticator after it has processed all chunks.
    pub(super) fn finish(self) -> Authenticator {
        drop(self.chunks);
        self.thread.join().expect(THREAD_LIVES)
    }
}

/// One buffer on each side and one in transit.
const BUFFERS: usize = 3;
const THREAD_LIVES: &str = "the MAC of memory does not fail, and its thread ends after its channel";
