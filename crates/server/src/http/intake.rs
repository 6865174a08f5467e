//! The way of bytes from a socket to hyper: one head, then its body, then the next head.
//!
//! Each head is held back until it is whole, so that [`head`](super::head) can refuse it or take its query out. Where a
//! body ends only hyper says, by way of the [`Seam`]; until it has, it gets no byte of what follows. So there is one
//! parser of framing, and nothing that a client sends can pass for the start of a request here and not there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::{Zeroize, Zeroizing};

use super::Refused;
use super::body::append;
use super::head::{self, Scan};
use super::pace::{Pace, Stage};

/// What the service of a connection and its [`Intake`] tell each other. Only the task of the connection locks it.
pub(super) struct Seam(Mutex<Told>);

struct Told {
    next: Next,
    query: Zeroizing<String>,
    refused: Option<Refused>,
}

/// What hyper gets next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A head, once it is whole.
    Head,
    /// Nothing, until it has understood the head that it got.
    Verdict,
    /// So many bytes of a body, at least one.
    Sized(u64),
    /// A body in chunks, up to each line end: one of them is the last of the body.
    Chunks,
    /// Nothing more: a request was refused.
    End,
}

impl Seam {
    pub(super) fn new() -> Arc<Self> {
        let told = Told { next: Next::Head, query: Zeroizing::default(), refused: None };
        Arc::new(Self(Mutex::new(told)))
    }

    /// hyper has understood a head, and expects a body of this length; without one, a body in chunks.
    ///
    /// # Errors
    /// Why the request has to be refused.
    pub(super) fn begin(&self, body: Option<u64>) -> Result<Zeroizing<String>, Refused> {
        let mut told = self.told();
        told.next = match (told.refused, body) {
            (Some(_), _) => Next::End,
            (None, Some(0)) => Next::Head,
            (None, Some(length)) => Next::Sized(length),
            (None, None) => Next::Chunks,
        };
        match told.refused {
            Some(refused) => Err(refused),
            None => Ok(std::mem::take(&mut told.query)),
        }
    }

    /// hyper has read a body to its end.
    pub(super) fn end_of_body(&self) {
        let mut told = self.told();
        if told.next == Next::Chunks {
            told.next = Next::Head; // of another body it was known before
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

/// A socket that gives out requests one after the other. Writing is left to the socket.
pub(super) struct Intake<S> {
    socket: S,
    seam: Arc<Seam>,
    pace: Arc<Pace>,
    /// What has come, from what was given out last on.
    held: Zeroizing<Vec<u8>>,
    /// How much of it was given out.
    given: usize,
    /// How much of the rest is for hyper now.
    free: usize,
    scan: Scan,
}

impl<S: AsyncRead + Unpin> Intake<S> {
    pub(super) fn new(socket: S, seam: Arc<Seam>, pace: Arc<Pace>) -> Self {
        Self { socket, seam, pace, held: Zeroizing::default(), given: 0, free: 0, scan: Scan::default() }
    }

    /// Looks for a whole head in what is held.
    fn find_head(&mut self) {
        self.held.drain(..self.given);
        self.given = 0;
        if !self.held.is_empty() {
            self.pace.move_on(Stage::Idle, Stage::Head); // also if it came together with the request before
        }
        self.skip_empty_lines();
        let query = match self.scan.find(&self.held) {
            Ok(None) => return,
            Ok(Some(mut bounds)) => {
                let query = head::take_query(&mut self.held, &mut bounds);
                self.free = bounds.end;
                query
            }
            Err(refused) => Err(refused),
        };
        self.scan = Scan::default();
        let mut told = self.seam.told();
        told.next = Next::Verdict;
        match query {
            Ok(query) => told.query = query,
            Err(refused) => {
                told.refused = Some(refused);
                self.held = Zeroizing::new(REFUSED.to_vec()); // what had come is wiped
                self.free = self.held.len();
            }
        }
    }

    /// Clients may send empty lines before a request (RFC 9112, 2.2); hyper skips them too.
    fn skip_empty_lines(&mut self) {
        let mut rest = &self.held[..];
        while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            rest = after;
        }
        let skipped = self.held.len() - rest.len();
        self.held.drain(..skipped);
    }

    /// Gives out what is free, as far as there is room.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.free.min(buffer.remaining());
        buffer.put_slice(&self.held[self.given..][..length]);
        (self.given, self.free) = (self.given + length, self.free - length);
        if self.given == self.held.len() {
            (self.held, self.given) = (Zeroizing::default(), 0); // wiped, and an idle connection keeps nothing
        }
    }

    /// Reads more to hold; how much has come, none at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [0; PIECE];
        let mut buffer = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
        append(&mut self.held, buffer.filled());
        let read = buffer.filled().len();
        piece[..read].zeroize();
        Poll::Ready(Ok(read))
    }

    /// Lets go of what hyper may have now, of what is held.
    fn free_some(&mut self) {
        let (next, rest) = (self.seam.told().next, &self.held[self.given..]);
        self.free = match next {
            Next::Head => return self.find_head(),
            Next::Sized(left) => usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()),
            Next::Chunks => rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1),
            Next::Verdict | Next::End => 0,
        };
        if let Next::Sized(left) = next {
            let left = left - self.free as u64;
            self.seam.told().next = if left == 0 { Next::Head } else { Next::Sized(left) };
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Intake<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.free == 0 {
            let next = this.seam.told().next;
            match next {
                Next::Verdict => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Next::End => return Poll::Ready(Ok(())),
                Next::Head | Next::Sized(_) | Next::Chunks => this.free_some(),
            }
            if this.free == 0 && ready!(this.poll_fill(context))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        this.give(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Intake<S> {
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

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// What hyper gets in place of a request that is refused.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n";

/// How much is read at once: most requests are one piece.
const PIECE: usize = 8 * 1024;
