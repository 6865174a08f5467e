//! Gets the passphrase of a volume from `bulla disk unlock`: sends the request to its standard input, reads the passphrase from
//! its standard output and messages for the user from its standard error, within a time limit.

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

/// The program to run, and its time limit.
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
    /// The system provided no memory, pipe or socket.
    System(io::Error),
    /// The program did not end within the time limit and was killed.
    TimeLimit(Duration),
    /// A signal asked the host program to stop before the program ended. The program was killed.
    Interrupted,
    /// The program failed, and has reported the reason to the user.
    Exit(i32),
    /// A signal terminated the program.
    Signal(i32),
    /// The program succeeded, but its output is not complete and well-formed.
    Answer(Unreadable),
}

impl Helper<'_> {
    /// Runs the program, sends `request` to it, and returns the page with the passphrase and its length. Passes the program's
    /// messages to `report`, line by line. In any case, no process of the program is left running.
    pub(crate) fn run(
        &self,
        request: &[u8],
        report: &mut dyn FnMut(&str),
    ) -> Result<(SecretPage, usize), Failure> {
        let deadline = Instant::now() + self.time_limit;
        let mut running = RunningHelper::start(self, request)?;
        let exchanged = running.exchange_until_end(deadline, report);
        running.lines.finish(report);
        exchanged?;
        running.passphrase()
    }
}

/// A running program, and the state of its streams.
struct RunningHelper<'a> {
    child: Child,
    /// The unwritten rest of the request and its stream; `None` if it is complete, or the program closed its standard input.
    request: Option<(OwnedFd, &'a [u8])>,
    output: Option<OwnedFd>,
    answer: Answer,
    errors: Option<OwnedFd>,
    lines: Lines,
    time_limit: Duration,
    /// `None` if the host catches no signal that asks it to stop, or the system provides no descriptor for them. Dropped last,
    /// because a handler of the host may end the thread.
    interrupts: Option<Interrupts>,
}

impl<'a> RunningHelper<'a> {
    fn start(helper: &Helper<'_>, request: &'a [u8]) -> Result<Self, Failure> {
        let interrupts = Interrupts::block().ok().flatten();
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

    /// Transfers data until the program has ended, and then reads the rest of its pipes.
    fn exchange_until_end(&mut self, deadline: Instant, report: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        while !self.has_ended(deadline)? {
            self.exchange(report)?;
        }
        self.exchange(report)
    }

    /// Waits for the next event. Returns `true` if the program has ended.
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
        // The clock is checked too, because a program that writes continuously always causes an event.
        if !has_ended && Instant::now() >= deadline {
            return Err(Failure::TimeLimit(self.time_limit));
        }
        Ok(has_ended)
    }

    /// Writes and reads as much as possible without blocking.
    fn exchange(&mut self, report: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        self.write_request();
        self.read_answer()?;
        self.read_errors(report);
        Ok(())
    }

    /// Writes a part of the request. A program that does not read it may still succeed.
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

    /// Reads at most the capacity of a pipe, so that a flood of messages cannot prevent the check of the clock.
    fn read_errors(&mut self, report: &mut dyn FnMut(&str)) {
        let mut buffer = [0; 4096];
        for _ in 0..PIPE_SIZE / buffer.len() {
            let Some(errors) = &self.errors else { return };
            match read(errors, &mut buffer) {
                Ok(0) => self.errors = None,
                Ok(count) => self.lines.take(&buffer[..count], report),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.errors = None,
            }
        }
    }

    /// Returns the passphrase, if the program has succeeded.
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
            Self::Interrupted => f.write_str("it was killed because this program must stop"),
            Self::Exit(code) => write!(f, "it failed with exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal} ended it"),
            Self::Answer(Unreadable::Incomplete) => f.write_str("it gave no whole answer"),
            Self::Answer(Unreadable::Malformed) => {
                f.write_str("its answer is malformed; is it of the same version?")
            }
        }
    }
}

/// The capacity of a pipe in Linux.
const PIPE_SIZE: usize = 64 << 10;

/// Returns the child's end and this process's end. It is a socket, because writing to a socket can avoid SIGPIPE.
fn stream_to_child() -> io::Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    Ok((above_standard_streams(theirs)?, ours))
}

/// Returns this process's end, which does not block, and the child's end.
fn stream_from_child() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    ioctl_fionbio(&ours, true)?;
    Ok((ours, above_standard_streams(theirs)?))
}

/// Duplicates a descriptor above 2. In a host without standard streams, it could be 0, 1 or 2, which the child uses for its own
/// streams.
fn above_standard_streams(end: OwnedFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(end, 3)?)
}

#[cfg(test)]
mod tests;
