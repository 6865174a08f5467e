//! Other processes: running them, timing them, and how much memory they take.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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

/// Runs a command to its end.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// Seconds from starting a command to its end. What it says is thrown away, unless it fails.
pub(crate) fn timed(command: &mut Command) -> Result<f64> {
    command.stdin(Stdio::null());
    let started = Instant::now();
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let took = started.elapsed().as_secs_f64();
    match output.status.success() {
        true => Ok(took),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The most memory that a command took, in MiB, looked up every millisecond: the resource usage that the kernel
/// gives after the end counts in what the parent had when it forked.
pub(crate) fn peak_memory(command: &mut Command) -> Result<f64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
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
