//! Asks `bulla disk unlock` for the passphrase of a volume: the request on its standard input, the answer on its standard
//! output, messages for people on its standard error, within a time limit.

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, fcntl_dupfd_cloexec, ioctl_fionbio, read};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::answer::{Answer, Unreadable};
use crate::child::{Child, End, wait_for};
use crate::interrupts::Interrupts;
use crate::lines::Lines;
use crate::passphrase::SecretPage;

/// The program that answers, and how long it may take.
pub(crate) struct Helper<'a> {
    /// An absolute path.
    pub(crate) program: &'a CStr,
    pub(crate) arguments: &'a [&'a CStr],
    pub(crate) time_limit: Duration,
}

/// Why there is no passphrase.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The program could not be started.
    Start(io::Error),
    /// The system gave no memory, pipe or socket.
    System(io::Error),
    /// The program did not end in time, and was killed.
    TimeLimit(Duration),
    /// The host program was asked to stop before the program ended, which was killed.
    Interrupted,
    /// The program failed. It has told the user why.
    Exit(i32),
    /// A signal ended the program.
    Signal(i32),
    /// The program ended well, without a whole answer.
    Answer(Unreadable),
}

impl Helper<'_> {
    /// Runs the program, gives it `request`, and returns the page that holds its answer, with the length. What the program
    /// writes for people is passed line by line to `say`. Whatever happens, no process of it is left running.
    pub(crate) fn ask(
        &self,
        request: &[u8],
        say: &mut dyn FnMut(&str),
    ) -> Result<(SecretPage, usize), Failure> {
        let deadline = Instant::now() + self.time_limit;
        let mut talk = Talk::start(self, request)?;
        let exchanged = talk.exchange_until_end(deadline, say);
        talk.lines.finish(say);
        exchanged?;
        talk.passphrase()
    }
}

/// A running program, and what was exchanged with it.
struct Talk<'a> {
    child: Child,
    /// What of the request is still to be written, and where; `None` if it was written, or the program did not want it.
    request: Option<(OwnedFd, &'a [u8])>,
    output: Option<OwnedFd>,
    answer: Answer,
    errors: Option<OwnedFd>,
    lines: Lines,
    time_limit: Duration,
    /// `None` if the host catches no signal that asks it to stop, or the system gives no descriptor for them. Dropped last: a
    /// handler of the host may end the thread.
    interrupts: Option<Interrupts>,
}

impl<'a> Talk<'a> {
    fn start(helper: &Helper<'_>, request: &'a [u8]) -> Result<Self, Failure> {
        let interrupts = Interrupts::keep().ok().flatten();
        let page = SecretPage::new().map_err(Failure::System)?;
        let (input, request_end) = stream_to_child().map_err(Failure::System)?;
        let (output, child_output) = stream_from_child().map_err(Failure::System)?;
        let (errors, child_errors) = stream_from_child().map_err(Failure::System)?;
        let streams = [input.as_fd(), child_output.as_fd(), child_errors.as_fd()];
        let child = Child::start(helper.program, helper.arguments, streams).map_err(Failure::Start)?;
        Ok(Self {
            child,
            request: Some((request_end, request)),
            output: Some(output),
            answer: Answer::new(page),
            errors: Some(errors),
            lines: Lines::default(),
            time_limit: helper.time_limit,
            interrupts,
        })
    }

    /// Exchanges request, answer and messages until the program has ended, and reads what it left in its pipes.
    fn exchange_until_end(&mut self, deadline: Instant, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        while !self.has_ended(deadline)? {
            self.exchange(say)?;
        }
        self.exchange(say)
    }

    /// Waits for the next event; `true` if it is the end of the program.
    fn has_ended(&self, deadline: Instant) -> Result<bool, Failure> {
        let Some(end) = self.child.end() else {
            return Ok(true);
        };
        let mut events = vec![PollFd::from_borrowed_fd(end, PollFlags::IN)];
        let input = self.request.as_ref().map(|(input, _)| (input, PollFlags::OUT));
        let outputs = [&self.output, &self.errors].into_iter().flatten();
        let streams = input.into_iter().chain(outputs.map(|output| (output, PollFlags::IN)));
        events.extend(streams.map(|(stream, event)| PollFd::new(stream, event)));
        let interrupts = self.interrupts.iter().map(Interrupts::pending);
        events.extend(interrupts.map(|pending| PollFd::from_borrowed_fd(pending, PollFlags::IN)));
        wait_for(&mut events, deadline).map_err(Failure::System)?;
        let has_ended = !events[0].revents().is_empty();
        let is_interrupted =
            self.interrupts.is_some() && events.last().is_some_and(|last| !last.revents().is_empty());
        if !has_ended && is_interrupted {
            return Err(Failure::Interrupted);
        }
        // The clock is asked too, because a program that writes all the time always makes an event.
        if !has_ended && Instant::now() >= deadline {
            return Err(Failure::TimeLimit(self.time_limit));
        }
        Ok(has_ended)
    }

    /// Writes and reads what is possible without waiting.
    fn exchange(&mut self, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        self.write_request();
        self.read_answer()?;
        self.read_errors(say);
        Ok(())
    }

    /// Writes a part of the request. A program that does not read it may still answer.
    fn write_request(&mut self) {
        let Some((input, rest)) = &mut self.request else {
            return;
        };
        match send(&*input, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => *rest = &rest[count..],
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_) => *rest = &[],
        }
        if rest.is_empty() {
            self.request = None;
        }
    }

    fn read_answer(&mut self) -> Result<(), Failure> {
        while let Some(output) = &self.output {
            let room = self.answer.room();
            if room.is_empty() {
                return Err(Failure::Answer(Unreadable::Malformed));
            }
            match read(output, room) {
                Ok(0) => self.output = None,
                Ok(count) => self.answer.note(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.output = None,
            }
        }
        Ok(())
    }

    /// Reads a pipe at most, so that a flood does not keep the loop from looking at the clock.
    fn read_errors(&mut self, say: &mut dyn FnMut(&str)) {
        let mut buffer = [0; 4096];
        for _ in 0..PIPE_SIZE / buffer.len() {
            let Some(errors) = &self.errors else { return };
            match read(errors, &mut buffer) {
                Ok(0) => self.errors = None,
                Ok(count) => self.lines.take(&buffer[..count], say),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.errors = None,
            }
        }
    }

    /// Decides what the answer of a program that has ended is worth.
    fn passphrase(self) -> Result<(SecretPage, usize), Failure> {
        match self.child.reap() {
            End::Exit(0) | End::Unknown => self.answer.passphrase().map_err(Failure::Answer),
            End::Exit(code) => Err(Failure::Exit(code)),
            End::Signal(signal) => Err(Failure::Signal(signal)),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "it cannot be started: {error}"),
            Self::System(error) => write!(f, "it cannot be talked to: {error}"),
            Self::TimeLimit(limit) => {
                write!(f, "it was killed after {} s without an answer", limit.as_secs())
            }
            Self::Interrupted => f.write_str("it was killed because this program is asked to stop"),
            Self::Exit(code) => write!(f, "it failed with exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal} ended it"),
            Self::Answer(Unreadable::Incomplete) => f.write_str("it gave no whole answer"),
            Self::Answer(Unreadable::Malformed) => {
                f.write_str("its answer is malformed; is it of the same version?")
            }
        }
    }
}

/// A pipe's capacity in Linux.
const PIPE_SIZE: usize = 64 << 10;

/// Returns the child's end and ours. A socket, because writing to one is possible without SIGPIPE.
fn stream_to_child() -> io::Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    Ok((above_standard_streams(theirs)?, ours))
}

/// Returns our end, from which reading does not wait, and the child's.
fn stream_from_child() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    ioctl_fionbio(&ours, true)?;
    Ok((ours, above_standard_streams(theirs)?))
}

/// A host without standard streams has 0, 1 and 2 to give; the child could not tell such an end from its own stream.
fn above_standard_streams(end: OwnedFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(end, 3)?)
}

#[cfg(test)]
mod tests;
