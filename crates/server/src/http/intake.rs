//! Passes bytes from a socket to hyper: one head, then its body, then the next head.
//!
//! Each head is held back until it is complete, so that [`head`] can refuse it or remove its query. Only hyper decides
//! where a body ends, and reports that through the [`Seam`]; until then hyper gets no byte beyond the body. So there is
//! one parser of framing, and a request cannot begin at one place for the server and at another for hyper.
//!
//! hyper does not wipe its buffers. In place of a body of known length it gets the same number of zeros, and the bytes
//! themselves go to the seam, whose memory is wiped. Only a chunked body passes through hyper, which searches for its
//! end.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::{Zeroize, Zeroizing};

use super::Refused;
use super::body::{Body, append};
use super::head::{self, Scan};
use super::pace::{Pace, Stage};
use crate::limits::BODY_BYTES;

/// The state shared by the service of a connection and its [`Intake`]. Only the connection's task locks it.
pub(super) struct Seam(Mutex<State>);

struct State {
    next: Next,
    query: Zeroizing<String>,
    /// The received part of a body of known length.
    body: Body,
    refused: Option<Refused>,
}

/// What hyper gets next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A head, once it is complete.
    Head,
    /// Nothing, until hyper has parsed the head that it got.
    Verdict,
    /// This many bytes of a body, at least one.
    Sized(u64),
    /// A chunked body, line by line: its end is the end of a line.
    Chunks,
    /// Nothing more: a request was refused.
    End,
}

impl Seam {
    pub(super) fn new() -> Arc<Self> {
        let state =
            State { next: Next::Head, query: Zeroizing::default(), body: Body::default(), refused: None };
        Arc::new(Self(Mutex::new(state)))
    }

    /// Records that hyper has parsed a head and expects a body of this length, or a chunked one. Returns the query of
    /// the request.
    ///
    /// # Errors
    /// The request was refused; hyper got a substitute for its head.
    pub(super) fn begin(&self, body: Option<u64>) -> Result<Zeroizing<String>, Refused> {
        let mut state = self.state();
        let length = body.and_then(|length| usize::try_from(length).ok());
        // A longer one is refused.
        let room = length.filter(|length| *length <= BODY_BYTES).unwrap_or_default();
        state.body = Body::new(Vec::with_capacity(room));
        state.next = match (state.refused, body) {
            (Some(_), _) => Next::End,
            (None, Some(0)) => Next::Head,
            (None, Some(length)) => Next::Sized(length),
            (None, None) => Next::Chunks,
        };
        match state.refused {
            Some(refused) => Err(refused),
            None => Ok(std::mem::take(&mut state.query)),
        }
    }

    /// Returns the body of known length that hyper has read to its end.
    pub(super) fn take_body(&self) -> Body {
        std::mem::take(&mut self.state().body)
    }

    /// Stores a piece of a body, unless there is no room because the body will be refused.
    fn keep(&self, piece: &[u8]) {
        let body = &mut self.state().body;
        if piece.len() <= body.capacity() - body.len() {
            body.extend_from_slice(piece);
        }
    }

    /// Records that hyper has read a body to its end.
    pub(super) fn end_of_body(&self) {
        let mut state = self.state();
        if state.next == Next::Chunks {
            state.next = Next::Head; // the end of other bodies is known in advance
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

/// A socket from which hyper reads one request after the other. Writes are passed through.
pub(super) struct Intake<S> {
    socket: S,
    seam: Arc<Seam>,
    pace: Arc<Pace>,
    /// Bytes from the socket; dropped, and so wiped, when hyper has read all of them.
    held: Zeroizing<Vec<u8>>,
    /// The number of these bytes that hyper has read.
    consumed: usize,
    /// The number of further bytes that hyper may read now.
    free: usize,
    /// Whether they belong to a body that hyper need not see.
    aside: bool,
    scan: Scan,
}

impl<S: AsyncRead + Unpin> Intake<S> {
    pub(super) fn new(socket: S, seam: Arc<Seam>, pace: Arc<Pace>) -> Self {
        let held = Zeroizing::default();
        let scan = Scan::default();
        Self { socket, seam, pace, held, consumed: 0, free: 0, aside: false, scan }
    }

    /// Searches `held` for a complete head, which hyper may then read, without its query.
    fn find_head(&mut self) {
        self.held.drain(..self.consumed);
        self.consumed = 0;
        if !self.held.is_empty() {
            self.pace.move_on(Stage::Idle, Stage::Head); // it may have arrived together with the last request
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
        let mut state = self.seam.state();
        state.next = Next::Verdict;
        match query {
            Ok(query) => state.query = query,
            Err(refused) => {
                state.refused = Some(refused);
                self.held = Zeroizing::new(REFUSED.to_vec());
                self.free = self.held.len();
            }
        }
    }

    /// Drops empty lines, which clients may send before a request (RFC 9112, 2.2). hyper skips them too.
    fn skip_empty_lines(&mut self) {
        let mut rest = &self.held[..];
        while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            rest = after;
        }
        let skipped = self.held.len() - rest.len();
        if skipped > 0 {
            self.held.drain(..skipped);
            self.scan = Scan::default();
        }
    }

    /// Copies the bytes that hyper may read into its buffer, up to its size.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.free.min(buffer.remaining());
        let bytes = &self.held[self.consumed..][..length];
        if self.aside {
            self.seam.keep(bytes);
            buffer.initialize_unfilled_to(length).fill(0);
            buffer.advance(length);
        } else {
            buffer.put_slice(bytes);
        }
        (self.consumed, self.free) = (self.consumed + length, self.free - length);
        if self.consumed == self.held.len() {
            (self.held, self.consumed) = (Zeroizing::default(), 0); // wiped, and an idle connection keeps no memory
        }
    }

    /// Reads from the socket into `held`. Returns the number of bytes, 0 at the end of the stream.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [MaybeUninit::uninit(); PIECE];
        let mut buffer = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
        let read = buffer.filled_mut();
        append(&mut self.held, read);
        read.zeroize();
        Poll::Ready(Ok(read.len()))
    }

    /// Determines how much of `held` hyper may read now.
    fn free_some(&mut self) {
        let next = self.seam.state().next;
        let rest = &self.held[self.consumed..];
        self.aside = matches!(next, Next::Sized(_));
        self.free = match next {
            Next::Head => return self.find_head(),
            Next::Sized(left) => usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()),
            Next::Chunks => rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1),
            Next::Verdict | Next::End => 0,
        };
        if let Next::Sized(left) = next {
            let left = left - self.free as u64;
            self.seam.state().next = if left == 0 { Next::Head } else { Next::Sized(left) };
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
            let next = this.seam.state().next;
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

/// What hyper gets in place of the head of a refused request.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n";

/// The maximum size of a read; most requests are shorter.
const PIECE: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::http::activity::Activity;
    use crate::limits::Limits;

    fn pace() -> Arc<Pace> {
        Pace::new(Limits::default(), Arc::new(Activity::new(std::time::Instant::now())))
    }

    /// A socket that returns a few bytes at a time.
    struct Pieces<'a> {
        rest: &'a [u8],
        size: usize,
    }

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let (piece, rest) = self.rest.split_at(self.size.min(self.rest.len()));
            buffer.put_slice(piece);
            self.rest = rest;
            Poll::Ready(Ok(()))
        }
    }

    fn read(intake: &mut Intake<Pieces<'_>>) -> String {
        let mut bytes = [0; 1024];
        let mut buffer = ReadBuf::new(&mut bytes);
        let polled = Pin::new(intake).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        assert!(matches!(polled, Poll::Ready(Ok(()))), "{polled:?}");
        str::from_utf8(buffer.filled()).unwrap().to_owned()
    }

    #[test]
    fn hyper_gets_one_request_after_the_other_however_they_come() {
        let sized = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (body, chunks) = ("a\n\nGET b\n", "3\r\na\nb\r\n0\r\n\r\n");
        let with_query = chunked.replace("/ ", "/?q ");
        let stream = format!(
            "\r\n\nGET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n\r\n{sized}{body}{with_query}{chunks}\nGET / HTTP/1.1\n\n"
        );
        for size in [1, 2, 3, 5, 7, 11, 8192] {
            let (seam, pace) = (Seam::new(), pace());
            let mut intake = Intake::new(Pieces { rest: stream.as_bytes(), size }, Arc::clone(&seam), pace);
            assert_eq!(read(&mut intake), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(*seam.begin(Some(0)).unwrap(), "a=b");
            assert_eq!(read(&mut intake), sized);
            assert_eq!(*seam.begin(Some(9)).unwrap(), "");
            let mut got = String::new();
            while got.len() < body.len() {
                got += &read(&mut intake);
            }
            assert_eq!(got, "\0".repeat(body.len()), "hyper learns its length only");
            assert_eq!(seam.take_body().as_slice(), body.as_bytes());
            assert_eq!(read(&mut intake), chunked);
            assert_eq!(*seam.begin(None).unwrap(), "q");
            let mut got = String::new();
            while got.len() < chunks.len() {
                got += &read(&mut intake);
            }
            assert_eq!(got, chunks);
            seam.end_of_body();
            assert_eq!(read(&mut intake), "GET / HTTP/1.1\n\n");
            assert_eq!(*seam.begin(Some(0)).unwrap(), "");
            assert_eq!(read(&mut intake), "", "the end");
        }
    }

    #[test]
    fn a_refused_request_is_the_last_one() {
        let stream = "GET /?# HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let (seam, pace) = (Seam::new(), pace());
        let mut intake = Intake::new(Pieces { rest: stream.as_bytes(), size: 10 }, Arc::clone(&seam), pace);
        assert_eq!(read(&mut intake).as_bytes(), REFUSED);
        assert_eq!(seam.begin(Some(0)).unwrap_err(), Refused::Malformed);
        assert_eq!(read(&mut intake), "");
    }
}
