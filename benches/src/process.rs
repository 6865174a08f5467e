//! Runs other processes, and measures their time, their memory and their writes.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Result;

/// The memory of a process in MiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// The current resident set size.
    pub(crate) resident: f64,
    /// Its maximum so far.
    pub(crate) peak: f64,
}

impl Memory {
    /// Reads the memory of a running process.
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

/// Reads the proportional set size (PSS) of a process in MiB, in which shared pages count in part.
pub(crate) fn proportional(process: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("the kernel does not tell what processes share")?.parse::<f64>()? / 1024.0)
}

/// Reads the processor time of a process's current threads in milliseconds.
pub(crate) fn processor_time(process: u32) -> Result<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += schedule.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e6)
}

/// Runs a command, which must succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// Runs a command and returns its standard output. Its standard error is only used for the error of a failure.
pub(crate) fn printed(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(output.stdout)
}

/// Runs a command and returns its duration in seconds.
pub(crate) fn timed(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    printed(command)?;
    Ok(started.elapsed().as_secs_f64())
}

/// Runs a command and returns its peak memory in MiB, sampled every millisecond. The resource usage that the kernel returns at
/// the end is not used, because it includes the memory of the parent at the fork.
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

/// Runs a command and returns the KiB that it wrote to files and everything else (`wchar`), read before the process is reaped.
/// Changes of memory-mapped files do not count.
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
