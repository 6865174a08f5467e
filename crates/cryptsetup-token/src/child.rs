//! Runs a program until a deadline: waits for it, kills it and all processes that it started, and reaps it.
//!
//! The host program may ignore SIGCHLD, or reap all children in another thread. So the end of the program is detected with a
//! pidfd, which works no matter which thread reaps the child. Its exit status may be lost.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};

use crate::spawn::spawn;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
    /// The host program reaped it first, so its status is unknown.
    Unknown,
}

/// A running program. It is killed on drop with its process group, unless `reap` was called.
pub(crate) struct Child {
    /// The process id, which is also the id of its process group.
    pid: Pid,
    /// `None` if the program ended, and the host reaped it, before it could be opened.
    pidfd: Option<OwnedFd>,
    /// Whether there is nothing to do on drop.
    is_reaped: bool,
}

impl Child {
    /// Starts `program` like [`spawn`].
    pub(crate) fn start(
        program: &CStr,
        arguments: &[&CStr],
        streams: [BorrowedFd<'_>; 3],
    ) -> io::Result<Self> {
        let pid = spawn(program, arguments, streams)?;
        let mut child = Self { pid, pidfd: None, is_reaped: false };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => child.pidfd = Some(pidfd),
            Err(Errno::SRCH) => {}
            Err(error) => {
                child.kill_without_pidfd();
                return Err(error.into()); // Linux before 5.3 has no pidfd
            }
        }
        Ok(child)
    }

    /// Returns a descriptor that becomes readable when the program ends; `None` if it ended before.
    pub(crate) fn end(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Kills the processes that the ended program left running, and returns how it ended.
    pub(crate) fn reap(mut self) -> End {
        self.kill_group();
        self.wait()
    }

    /// Kills the process group of the program. The id cannot belong to another group: the kernel does not reuse it while the
    /// program is not reaped or its group has a member. If the host reaped the program and the group is empty, all other ids
    /// would have to be used within this call.
    fn kill_group(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    fn wait(&mut self) -> End {
        let Some(pidfd) = &self.pidfd else {
            return End::Unknown;
        };
        self.is_reaped = true;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = retry(|| waitid(WaitId::PidFd(pidfd.as_fd()), options));
        match status {
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => End::Exit(code),
                (None, Some(signal)) => End::Signal(signal),
                (None, None) => End::Unknown,
            },
            _ => End::Unknown,
        }
    }

    fn kill_without_pidfd(&mut self) {
        self.kill_group();
        self.is_reaped = true;
        let _ = retry(|| waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.is_reaped {
            return;
        }
        self.kill_group();
        if let Some(pidfd) = &self.pidfd {
            // A process that waits for a broken disk cannot be killed. The host program must not hang because of it.
            let _ = wait_for(&mut [PollFd::new(pidfd, PollFlags::IN)], Instant::now() + KILL_TIMEOUT);
        }
        self.wait();
    }
}

/// How long a killed program may take to end.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits until one of `events` occurs or `deadline` passes. Signals do not end the wait.
pub(crate) fn wait_for(events: &mut [PollFd<'_>], deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(events, Some(&left)) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
