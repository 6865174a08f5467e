//! The current stage of a connection and its deadline: the time limits of everything below a request handler.
//!
//! hyper has one time limit, for the head, and includes the idle time before it. So a connection has its own: its
//! socket and its service record each change of stage, and one alarm follows the deadline.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use crate::limits::{LINGER_BYTES, Limits};

/// The stage of a connection in the life of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The head is expected, or has begun.
    Head,
    /// The body is being read.
    Body,
    /// The handler is running.
    Answer,
    /// The answer is being sent.
    Write,
    /// No byte of the next request has arrived.
    Idle,
    /// A body was refused; the rest of it is discarded.
    Linger,
}

/// The stage of a connection and its deadline. Only the task of the connection locks it.
pub(super) struct Pace {
    limits: Limits,
    activity: Arc<Activity>,
    now: Mutex<Now>,
}

struct Now {
    stage: Stage,
    deadline: Option<Instant>,
    body_refused: bool,
}

impl Pace {
    pub(super) fn new(limits: Limits, activity: Arc<Activity>) -> Arc<Self> {
        let deadline = Some(Instant::now() + limits.head);
        let now = Mutex::new(Now { stage: Stage::Head, deadline, body_refused: false });
        Arc::new(Self { limits, activity, now })
    }

    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }

    pub(super) fn enter(&self, stage: Stage) {
        let mut now = self.now();
        now.stage = stage;
        now.deadline = self.limit(stage).map(|limit| Instant::now() + limit);
    }

    /// Records that the rest of a body must be discarded.
    pub(super) fn refuse_body(&self) {
        self.now().body_refused = true;
    }

    fn limit(&self, stage: Stage) -> Option<Duration> {
        match stage {
            Stage::Head => Some(self.limits.head),
            Stage::Body => Some(self.limits.body),
            Stage::Answer => None, // the engine's decision: a change that is being written cannot be cancelled
            Stage::Write => Some(self.limits.write),
            Stage::Idle => Some(self.limits.idle),
            Stage::Linger => Some(self.limits.linger),
        }
    }

    pub(super) fn move_on(&self, from: Stage, to: Stage) {
        if self.now().stage == from {
            self.enter(to);
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().expect("nothing panics while it holds the lock")
    }
}

/// Fires when a stage takes too long.
pub(super) struct Alarm {
    pace: Arc<Pace>,
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new(pace: Arc<Pace>) -> Self {
        Self { pace, sleep: Box::pin(sleep(Duration::ZERO)) }
    }

    /// Resolves when the current stage has lasted too long. Must be called after each poll of the connection.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.pace.now().deadline else { return Poll::Pending };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// A socket that records the stage. Closing it after a refused body waits until the client has read the answer, or time
/// is up.
pub(super) struct Paced<S> {
    socket: S,
    pace: Arc<Pace>,
    heard: bool,
    discarded: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(socket: S, pace: Arc<Pace>) -> Self {
        Self { socket, pace, heard: false, discarded: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.socket).poll_read(context, buffer));
        if buffer.filled().len() > before {
            if !self.heard {
                self.heard = true;
                self.pace.activity.heard();
            }
            self.pace.move_on(Stage::Idle, Stage::Head);
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// hyper flushes the socket when it has nothing more to write, so the answer is sent when this is done.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        self.pace.move_on(Stage::Write, Stage::Idle);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_shutdown(context))?;
        if !self.pace.now().body_refused {
            return Poll::Ready(Ok(()));
        }
        if self.pace.now().stage != Stage::Linger {
            self.pace.enter(Stage::Linger);
        }
        while self.discarded < LINGER_BYTES {
            let mut scratch = [0; 16 * 1024];
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                read => self.discarded += read,
            }
        }
        Poll::Ready(Ok(()))
    }
}
