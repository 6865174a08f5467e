//! Runs cryptsetup. Keys are passed on its standard input only, never in an argument, the environment or a file.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::{fmt, thread};

use crate::failure::{Exit, Failure};
use crate::messages::on_one_line;

/// The failure of a run of cryptsetup.
#[derive(Debug)]
pub(crate) enum CryptsetupError {
    /// cryptsetup is not installed.
    Missing,
    /// The key opens no key slot.
    WrongKey,
    /// cryptsetup refused or failed.
    Failed { code: Option<i32>, text: String },
    /// cryptsetup could not be run.
    Io(io::Error),
}

/// Runs cryptsetup with the keys, one after the other, on its standard input, and returns its output.
///
/// # Errors
/// [`CryptsetupError`].
pub(crate) fn cryptsetup<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    keys: &[&[u8]],
) -> Result<Vec<u8>, CryptsetupError> {
    run(Command::new("cryptsetup").arg("--batch-mode").args(arguments), keys)
}

/// Runs a program of the system, found in [`SYSTEM_PATH`], with an empty environment.
pub(super) fn run(command: &mut Command, input: &[&[u8]]) -> Result<Vec<u8>, CryptsetupError> {
    command.env_clear().env("PATH", SYSTEM_PATH).env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(CryptsetupError::starting)?;
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let stderr = child.stderr.take().expect("it is a pipe");
    let stdout = child.stdout.take().expect("it is a pipe");
    let (written, printed, messages) = thread::scope(|scope| {
        let messages = scope.spawn(|| read(stderr));
        let written = scope.spawn(move || input.iter().try_for_each(|part| stdin.write_all(part)));
        let printed = read(stdout);
        (written.join(), printed, messages.join())
    });
    let status = child.wait().map_err(CryptsetupError::Io)?;
    let (Ok(written), Ok(messages)) = (written, messages) else {
        return Err(CryptsetupError::Io(io::ErrorKind::Other.into()));
    };
    if !status.success() {
        return Err(CryptsetupError::of(status.code(), &messages.map_err(CryptsetupError::Io)?));
    }
    // A program ends before reading its input only if it fails.
    written.and(printed).map_err(CryptsetupError::Io)
}

/// Reads the output of a program up to a limit that no valid one reaches; the rest is discarded.
pub(super) fn read(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    (&mut pipe).take(MAX_OUTPUT).read_to_end(&mut text)?;
    io::copy(&mut pipe, &mut io::sink())?;
    Ok(text)
}

impl CryptsetupError {
    fn starting(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }

    /// Returns the message of the program, without its name.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Failed { text, .. } if !text.is_empty() => text.clone(),
            Self::Failed { code: Some(code), .. } => format!("exit code {code}"),
            Self::Io(error) => error.to_string(),
            _ => self.to_string(),
        }
    }

    fn of(code: Option<i32>, messages: &[u8]) -> Self {
        if code == Some(NO_KEY_OPENS) {
            return Self::WrongKey;
        }
        let messages = String::from_utf8_lossy(messages);
        let text = messages.lines().map(str::trim).filter(|line| !line.is_empty());
        Self::Failed { code, text: on_one_line(&text.collect::<Vec<_>>().join(" ")) }
    }
}

impl fmt::Display for CryptsetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("cryptsetup is not installed"),
            Self::WrongKey => f.write_str("this passphrase opens no key slot"),
            Self::Failed { text, .. } if !text.is_empty() => write!(f, "cryptsetup: {text}"),
            Self::Failed { code: Some(code), .. } => write!(f, "cryptsetup failed with exit code {code}"),
            Self::Failed { code: None, .. } => f.write_str("cryptsetup was ended by a signal"),
            Self::Io(error) => write!(f, "cryptsetup could not be run: {error}"),
        }
    }
}

impl From<CryptsetupError> for Failure {
    fn from(error: CryptsetupError) -> Self {
        let hint = match &error {
            CryptsetupError::Missing => "install the package cryptsetup (Debian: cryptsetup-bin)",
            CryptsetupError::WrongKey => "give a passphrase that opens the volume",
            CryptsetupError::Failed { code: Some(NO_DEVICE), .. } => {
                "check the name of the device, and that this user may read and write it"
            }
            CryptsetupError::Failed { code: Some(BUSY), .. } => "close the volume, or wait until it is free",
            CryptsetupError::Failed { .. } | CryptsetupError::Io(_) => {
                "check the device, its free space, and what `cryptsetup luksDump` says about it"
            }
        };
        Self::new(Exit::Other, error.to_string(), hint)
    }
}

/// Exit codes, from cryptsetup(8).
const NO_KEY_OPENS: i32 = 2;
const NO_DEVICE: i32 = 4;
const BUSY: i32 = 5;
/// The directories of system programs.
pub(super) const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// More than the largest header.
const MAX_OUTPUT: u64 = 16 << 20;
