//! The client side: one call to the server that holds the store of a data directory.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use serde_json::Value;

use super::calls::Call;
use super::protocol::{ANSWER_BYTES, CallError, DATA_BYTES, Frame, Line, Progress, Request, VERSION};
use super::socket;

/// A connection to a server, for one call.
#[derive(Debug)]
pub struct ControlClient {
    stream: BufReader<UnixStream>,
}

/// Why a call has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// The socket cannot be used, or the connection broke.
    Io(io::Error),
    /// The process that has the socket is neither the owner of the data directory nor root.
    Stranger {
        /// The id of its user.
        user: u32,
    },
    /// The server closed the connection without an answer: the caller is neither its own user nor root.
    NotAllowed,
    /// The server ended, or closed the connection within the answer.
    Cut,
    /// The answer does not follow the protocol.
    Malformed,
    /// The server refuses the call.
    Refused(CallError),
    /// The data of the answer cannot be written.
    Output(io::Error),
}

impl ControlClient {
    /// Connects to the server of this data directory. Returns `None` if no server listens there.
    ///
    /// # Errors
    /// [`ControlError::Io`], [`ControlError::Stranger`].
    pub fn connect(data: &Path) -> Result<Option<Self>, ControlError> {
        let (stream, owner) = match socket::connect(data) {
            // The socket of a killed server refuses connections.
            Err(error)
                if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused].contains(&error.kind()) =>
            {
                return Ok(None);
            }
            connected => connected.map_err(ControlError::Io)?,
        };
        let user = socket_peercred(&stream).map_err(|error| ControlError::Io(error.into()))?.uid.as_raw();
        if user != owner && user != ROOT {
            return Err(ControlError::Stranger { user });
        }
        stream.set_read_timeout(Some(PATIENCE)).map_err(ControlError::Io)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(ControlError::Io)?;
        Ok(Some(Self::over(stream)))
    }

    pub(super) fn over(stream: UnixStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// Makes a call without data.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn call(self, call: Call, progress: impl FnMut(Progress)) -> Result<Value, ControlError> {
        self.call_for(call, &mut io::sink(), progress)
    }

    /// Makes a call, and writes the data of its answer to `output`. If this fails, the written data is incomplete.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn call_for(
        mut self,
        call: Call,
        output: &mut impl Write,
        mut progress: impl FnMut(Progress),
    ) -> Result<Value, ControlError> {
        let sent = self.send(call);
        match (self.answer_to(output, &mut progress), sent) {
            // The error of sending explains the missing answer, unless the server closed its end.
            (Err(ControlError::NotAllowed | ControlError::Cut), Err(error)) if !is_closed(&error) => {
                Err(ControlError::Io(error))
            }
            (answer, _) => answer,
        }
    }

    /// Reads the answer to the call.
    pub(super) fn answer_to(
        &mut self,
        output: &mut impl Write,
        mut progress: impl FnMut(Progress),
    ) -> Result<Value, ControlError> {
        let mut is_first = true;
        loop {
            match self.frame(is_first)? {
                Frame::Progress(made) => progress(made),
                Frame::Data(length) => self.copy(length, output)?,
                Frame::Ok(value) => return Ok(value),
                Frame::Error(error) => return Err(ControlError::Refused(error)),
            }
            is_first = false;
        }
    }

    fn send(&mut self, call: Call) -> io::Result<()> {
        let request = Request { version: VERSION, call: call.name().to_owned() };
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        let mut stream = self.stream.get_ref();
        stream.write_all(&line)?;
        stream.shutdown(Shutdown::Write)
    }

    fn frame(&mut self, is_first: bool) -> Result<Frame, ControlError> {
        let mut line = Vec::new();
        let limit = ANSWER_BYTES as u64;
        match self.stream.by_ref().take(limit).read_until(b'\n', &mut line) {
            Err(error) if !is_closed(&error) => return Err(ControlError::Io(error)),
            _ => {} // closed, with the frames before
        }
        if line.is_empty() {
            return Err(if is_first { ControlError::NotAllowed } else { ControlError::Cut });
        }
        if line.pop() != Some(b'\n') {
            return Err(if line.len() as u64 + 1 == limit {
                ControlError::Malformed
            } else {
                ControlError::Cut
            });
        }
        match serde_json::from_slice::<Line>(&line) {
            Ok(Line { version: VERSION, frame }) => Ok(frame),
            _ => Err(ControlError::Malformed),
        }
    }

    fn copy(&mut self, length: usize, output: &mut impl Write) -> Result<(), ControlError> {
        if length > DATA_BYTES {
            return Err(ControlError::Malformed);
        }
        let mut bytes = vec![0; length];
        self.stream
            .read_exact(&mut bytes)
            .map_err(|error| if is_closed(&error) { ControlError::Cut } else { ControlError::Io(error) })?;
        output.write_all(&bytes).map_err(ControlError::Output)
    }
}

/// Returns whether the other end was closed.
fn is_closed(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof];
    kinds.contains(&error.kind())
}

impl ControlError {
    /// Returns what the operator can do.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => OTHER_USER,
            Self::NotAllowed => {
                "run as the user of the server, or as root; if you do, the server has ended: see its log"
            }
            Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock => {
                "see the log of the server: it hangs or is overloaded"
            }
            Self::Stranger { .. } => "find out who can write to the data directory",
            Self::Io(_) | Self::Cut => "see the log of the server, and try again",
            Self::Malformed => "use the version of bulla that the server runs",
            Self::Refused(error) => &error.hint,
            Self::Output(_) => "free space, or write elsewhere",
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock => {
                f.write_str("the server does not answer at its control socket")
            }
            Self::Io(error) => write!(f, "the control socket of the server: {error}"),
            Self::Stranger { user } => {
                write!(f, "the control socket belongs to user {user}, who does not own the data directory")
            }
            Self::NotAllowed => f.write_str("the server closed its control socket without an answer"),
            Self::Cut => f.write_str("the server ended before its answer was complete"),
            Self::Malformed => f.write_str("the answer on the control socket is invalid"),
            Self::Refused(error) => f.write_str(&error.what),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ControlError {}

const ROOT: u32 = 0;
/// The maximum time between two lines of an answer: a long call reports its progress once a second.
const PATIENCE: Duration = Duration::from_secs(60);
const OTHER_USER: &str = "run as the user of the server, or as root";
