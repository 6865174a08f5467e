//! `bulla disk unlock`: writes the key of a volume for the LUKS2 token plugin.

use std::io::{self, Write};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::disk::{DiskConfig, UnlockRequest};
use crate::failure::{Exit, Failure};

pub(super) fn run() -> Result<(), Failure> {
    let stdout = io::stdout();
    let is_pipe = fstat(&stdout)
        .is_ok_and(|stat| matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket));
    if !is_pipe {
        let hint = "the LUKS2 token plugin calls this; people use `bulla disk open`";
        return Err(Failure::new(Exit::Usage, "a key is written to a pipe only", hint));
    }
    end_with_parent()?;
    let request = UnlockRequest::read(io::stdin().lock())?;
    let key = request.answer(&DiskConfig::read(Path::new(DiskConfig::PATH))?)?;
    // With the length in front, the plugin recognizes a complete answer even if its host program consumed the exit
    // status.
    let begin = format!("bulla 1 {}\n", key.bytes().len());
    // Unbuffered, because the buffer of standard output would keep a copy of the key.
    let mut pipe =
        std::fs::File::from(rustix::io::dup(&stdout).map_err(|error| Failure::output(&error.into()))?);
    let written = pipe.write_all(begin.as_bytes()).and_then(|()| pipe.write_all(key.bytes()));
    written.map_err(|error| Failure::output(&error))
}

/// Makes the kernel kill this process when the program that loaded the plugin ends. That program cannot do so: the
/// plugin starts this process in a session of its own, so signals of the terminal reach that program alone.
fn end_with_parent() -> Result<(), Failure> {
    let failed = |error: Errno| Failure::io(Path::new("standard output"), &error.into());
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    // The program may have ended before that call; then the pipe has no reader.
    let stdout = io::stdout();
    let mut events = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut events, Some(&Timespec::default())).map_err(failed)?;
    if events[0].revents().contains(PollFlags::ERR) {
        return Err(Failure::output(&io::ErrorKind::BrokenPipe.into()));
    }
    Ok(())
}
