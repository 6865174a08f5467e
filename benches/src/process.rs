//! Other processes: running them, timing them, how much memory they take and how much they write.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Result;

/// What a process has in memory, in MiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: f64,
    /// At most so far.
    pub(crate) peak: f64,
}

impl Memory {
    /// Of a process that runs.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let mib = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
        };
        match (mib("VmRSS:"), mib("VmHWM:")) {
            (Some(resident), Some(peak)) => Ok(Self { resident, peak }),
            _ => Err("the process has ended".into()),
        }
    }
}

/// MiB that a process has in memory, of which what it shares with others counts in part: its PSS.
pub(crate) fn proportional(process: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("the kernel does not tell what processes share")?.parse::<f64>()? / 1024.0)
}

/// Milliseconds of the processor that the threads of a process have had so far.
pub(crate) fn processor_time(process: u32) -> Result<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += schedule.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e6)
}

/// Runs a command to its end.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// What a command prints. What it says beside that is thrown away, unless it fails.
pub(crate) fn printed(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(output.stdout)
}

/// Seconds from starting a command to its end.
pub(crate) fn timed(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    printed(command)?;
    Ok(started.elapsed().as_secs_f64())
}

/// The most memory that a command took, in MiB, looked up every millisecond: the resource usage that the kernel
/// gives after the end counts in what the parent had when it forked.
pub(crate) fn peak_memory(command: &mut Command) -> Result<f64> {
    let mut child = quiet(command).spawn()?;
    let mut peak = 0.0;
    loop {
        if let Ok(memory) = Memory::of(child.id()) {
            peak = memory.peak;
        }
        if let Some(status) = child.try_wait()? {
            return if status.success() { Ok(peak) } else { Err(format!("{command:?}: {status}").into()) };
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// KiB that a command gave to the kernel to write, to files and to everything else: `wchar`, which can be read
/// as long as nobody has taken notice of the end. Pages of files that it changed in its memory do not count.
pub(crate) fn written(command: &mut Command) -> Result<f64> {
    let mut child = quiet(command).spawn()?;
    waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let io = fs::read_to_string(format!("/proc/{}/io", child.id()));
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    let bytes = io?.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<f64>().ok());
    Ok(bytes.ok_or("the kernel does not count what processes write")? / 1024.0)
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
