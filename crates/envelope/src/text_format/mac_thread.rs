//! CMAC, the slowest part of the format and serial by nature, on a thread of its own beside everything else.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::eax::Authenticator;

/// An [`Authenticator`] on a second thread, fed through a few buffers that go round.
///
/// It cannot hang: the thread waits only for chunks and ends when this end of the channel is dropped, on any
/// way out of the scope; here one waits only for a buffer, which comes back after at most all the others.
pub(super) struct MacThread<'scope> {
    chunks: SyncSender<Vec<u8>>,
    buffers: Receiver<Vec<u8>>,
    thread: ScopedJoinHandle<'scope, Authenticator>,
}

impl<'scope> MacThread<'scope> {
    /// # Errors
    /// The operating system's, if it starts no thread.
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
                // Once the other end has gone, nobody needs the buffer any more.
                let _ = done.send(chunk);
            }
            authenticator
        })?;
        Ok(Self { chunks, buffers, thread })
    }

    /// A buffer to put the next chunk into, with whatever it held before.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffers.recv().expect(THREAD_LIVES)
    }

    /// Authenticates a chunk after those before.
    pub(super) fn update(&self, chunk: Vec<u8>) {
        self.chunks.send(chunk).expect(THREAD_LIVES);
    }

    /// The authenticator, when it has taken every chunk.
    pub(super) fn finish(self) -> Authenticator {
        drop(self.chunks);
        self.thread.join().expect(THREAD_LIVES)
    }
}

/// One on each side and one on the way.
const BUFFERS: usize = 3;
const THREAD_LIVES: &str = "the MAC of memory does not fail, and its thread ends after its channel";
