//! The TPM of this machine, with systemd-creds: a sealed secret opens on this machine only, in the same boot state.
//!
//! Secrets are passed to systemd-creds and back through pipes, never in an argument, the environment or a file. A TPM
//! may be slow, so each run has a time limit.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use zeroize::Zeroizing;

use super::cryptsetup::{SYSTEM_PATH, read};
use crate::messages::on_one_line;

/// A TPM, and the program that uses it.
pub(crate) struct Tpm {
    program: OsString,
    device: PathBuf,
}

/// The registers of a TPM to whose values a sealed secret is bound, in the syntax of systemd-creds: numbers joined by
/// `+`. An empty list is refused: systemd 252 seals with it, but does not unseal the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pcrs(String);

/// A sealed secret.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Text that only the TPM can unseal.
    pub(crate) text: Vec<u8>,
    /// A warning of systemd-creds, such as that the firmware left the registers empty.
    pub(crate) remark: Option<String>,
}

/// Why a TPM does not seal or unseal.
#[derive(Debug)]
pub(crate) enum TpmFault {
    /// The machine has no TPM 2.0, or no driver for it.
    NoTpm(PathBuf),
    /// systemd-creds is not installed.
    NoProgram,
    /// The registers have other values than when the secret was sealed.
    BootState,
    /// Another TPM sealed it, or this one was cleared since.
    Foreign,
    /// systemd-creds refused or failed, with its reason.
    Failed(String),
    /// There was no answer within this time.
    Slow(Duration),
    /// The program could not be run.
    Io(io::Error),
}

impl Tpm {
    /// Returns the TPM that systemd-creds uses by default.
    pub(crate) fn of_this_machine() -> Self {
        Self { program: "systemd-creds".into(), device: "/dev/tpmrm0".into() }
    }

    /// Returns whether the machine has a TPM.
    pub(crate) fn is_there(&self) -> bool {
        self.device.exists()
    }

    /// Seals a secret.
    pub(crate) fn seal(&self, secret: &[u8], pcrs: &Pcrs) -> Result<Sealed, TpmFault> {
        let pcrs = format!("--tpm2-pcrs={}", pcrs.0);
        let arguments = ["encrypt", "--with-key=tpm2", &pcrs, NAME, "-", "-"];
        let (text, messages) = self.run(&arguments, secret, Self::PATIENCE)?;
        Ok(Sealed { text: text.to_vec(), remark: last_line(&messages) })
    }

    /// Unseals the result of [`seal`](Self::seal). At boot, the driver may take a while to find the TPM.
    pub(crate) fn unseal(&self, sealed: &[u8], patience: Duration) -> Result<Zeroizing<Vec<u8>>, TpmFault> {
        let begun = Instant::now();
        while !self.is_there() {
            if begun.elapsed() >= patience.min(Self::DRIVER_PATIENCE) {
                return Err(TpmFault::NoTpm(self.device.clone()));
            }
            thread::sleep(Duration::from_millis(50));
        }
        let (secret, _) =
            self.run(&["decrypt", NAME, "-", "-"], sealed, patience.saturating_sub(begun.elapsed()))?;
        Ok(secret)
    }

    /// The time limit for interactive use: a TPM may first create a key of its own.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
    const DRIVER_PATIENCE: Duration = Duration::from_secs(10);

    /// Runs systemd-creds with an empty environment, because a variable could name another TPM. Returns its output and
    /// its messages.
    fn run(
        &self,
        arguments: &[&str],
        input: &[u8],
        patience: Duration,
    ) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), TpmFault> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("PATH", SYSTEM_PATH).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(TpmFault::starting)?;
        let mut stdin = child.stdin.take().expect("it is a pipe");
        let stdout = child.stdout.take().expect("it is a pipe");
        let stderr = child.stderr.take().expect("it is a pipe");
        thread::scope(|scope| {
            let written = scope.spawn(move || stdin.write_all(input));
            let printed = scope.spawn(|| read_output(stdout));
            let messages = scope.spawn(|| read(stderr));
            let is_in_time = ends_within(&child, patience);
            if !matches!(is_in_time, Ok(true)) {
                let _ = child.kill(); // it may just have ended
            }
            let status = child.wait().map_err(TpmFault::Io)?;
            let (Ok(written), Ok(printed), Ok(messages)) = (written.join(), printed.join(), messages.join())
            else {
                return Err(TpmFault::Io(io::ErrorKind::Other.into()));
            };
            if !is_in_time.map_err(TpmFault::Io)? {
                return Err(TpmFault::Slow(patience));
            }
            let messages = messages.map_err(TpmFault::Io)?;
            if !status.success() {
                return Err(TpmFault::of_messages(&messages));
            }
            // A program ends before reading its input only if it fails.
            Ok((written.and(printed).map_err(TpmFault::Io)?, messages))
        })
    }
}

/// Returns whether the process ends within this time.
fn ends_within(child: &Child, patience: Duration) -> io::Result<bool> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)) {
            Err(Errno::INTR) => {}
            result => return Ok(result? > 0),
        }
    }
}

/// Returns the last line that is not empty.
fn last_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(on_one_line)
}

/// Reads what may be a secret into memory that is wiped and does not move.
fn read_output(pipe: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT));
    pipe.take(MAX_OUTPUT as u64).read_to_end(&mut output)?;
    if output.len() == MAX_OUTPUT { Err(io::ErrorKind::InvalidData.into()) } else { Ok(output) }
}

impl TpmFault {
    fn starting(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::NoProgram } else { Self::Io(error) }
    }

    /// Returns the fault that systemd-creds named in its last line; the lines before it are messages of libraries.
    fn of_messages(errors: &[u8]) -> Self {
        let last = last_line(errors).unwrap_or_else(|| "it gave no reason".to_owned());
        if ["policy digest does not match", "policy check failed"].iter().any(|text| last.contains(text)) {
            Self::BootState
        } else if last.contains("integrity check failed") {
            Self::Foreign
        } else {
            Self::Failed(last)
        }
    }
}

impl fmt::Display for TpmFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTpm(device) => write!(f, "this machine has no TPM ({} is missing)", device.display()),
            Self::NoProgram => f.write_str("systemd-creds is not installed"),
            Self::BootState => {
                f.write_str("the boot state of this machine differs from the one that it was sealed for")
            }
            Self::Foreign => f.write_str("another TPM sealed it, or this one was cleared since"),
            Self::Failed(text) => write!(f, "systemd-creds: {text}"),
            Self::Slow(limit) => write!(f, "the TPM gave no answer within {} s", limit.as_secs()),
            Self::Io(error) => write!(f, "systemd-creds could not be run: {error}"),
        }
    }
}

impl Pcrs {
    const COUNT: u8 = 24;
}

impl FromStr for Pcrs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_register = |number: &str| {
            number.bytes().all(|byte| byte.is_ascii_digit())
                && number.parse().is_ok_and(|number: u8| number < Self::COUNT)
        };
        if text.split('+').all(is_register) {
            return Ok(Self(text.to_owned()));
        }
        Err("give numbers from 0 to 23 with + between them, such as 0+2+7".to_owned())
    }
}

impl fmt::Display for Pcrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// systemd-creds seals this name with the secret, and unseals no secret of another name.
const NAME: &str = "--name=bulla-disk";
/// A sealed secret of 512 bytes has less than 2 kB.
const MAX_OUTPUT: usize = 16 << 10;

#[cfg(test)]
pub(super) mod tests;
