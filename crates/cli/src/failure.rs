//! Failures as the user sees them: what happened, what to do, and the exit code.

mod credentials;
pub(crate) mod files;
mod kms;

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{fmt, io};

use rustix::io::Errno;

use crate::messages::note;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Errors of input and output, and all errors without a code of their own.
    Other = 1,
    Usage = 2,
    /// The KMS cannot be reached, or refuses the call.
    Kms = 3,
    /// The input is damaged, truncated or tampered with, or was encrypted with another KMS.
    Damaged = 4,
    /// The encryption context is wrong or the wrapped key is damaged; a KMS cannot distinguish these.
    Context = 5,
    OutputExists = 6,
    SomeFailed = 7,
    Interrupted = 130,
}

/// The exit codes with their meaning, as help and manual pages list them.
pub(crate) const EXIT_CODES: [(u8, &str); 9] = [
    (0, "done"),
    (Exit::Other as u8, "a file, the disk or the network failed, or an error without a code of its own"),
    (Exit::Usage as u8, "wrong usage: flags, parameters, credentials or configuration"),
    (Exit::Kms as u8, "the KMS cannot be reached or opened, or refuses the call"),
    (
        Exit::Damaged as u8,
        "the input is damaged, truncated or tampered with, or was encrypted with another KMS",
    ),
    (
        Exit::Context as u8,
        "the encryption context is wrong, the wrapped key is damaged, or the key is not allowed",
    ),
    (Exit::OutputExists as u8, "the output exists"),
    (Exit::SomeFailed as u8, "some or all of several files failed"),
    (Exit::Interrupted as u8, "interrupted"),
];

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    hint: String,
    /// Whether the reader of standard output has closed it. The output is incomplete, and its reader knows why, so no
    /// message is printed.
    quiet: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: hint.into(), quiet: false }
    }

    /// Returns the failure to read or write a file or stream.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let mut failure = Self::new(Exit::Other, format!("{}: {error}", path.display()), io_hint(error));
        failure.quiet = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }

    /// Returns the failure to write standard output in full.
    pub(crate) fn output(error: &io::Error) -> Self {
        let mut failure = Self::io(Path::new("standard output"), error);
        failure.hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                "free space where standard output is written; what was printed is incomplete".to_owned()
            }
            _ => failure.hint,
        };
        failure
    }

    /// Returns the failure of a store that answered, but turned out damaged later, such as when it was closed.
    pub(crate) fn damaged_store() -> Self {
        let what = "the command succeeded, but the store of the KMS is damaged: its changes may be lost";
        let hint = "repair the disk and restore the data directory from its backup, before keys are lost";
        Self::new(Exit::Kms, what, hint)
    }

    /// Returns the failure to buffer a pipe that must be read twice.
    pub(crate) fn spooling(path: &Path, error: &io::Error) -> Self {
        let hint = "free space for temporary files, or name another directory for them with TMPDIR";
        Self::new(Exit::Other, format!("{}: {error}", path.display()), hint)
    }

    /// Returns what happened, without what to do.
    pub(crate) fn into_what(self) -> String {
        self.what
    }

    /// Returns whether the reader of standard output has closed it, so that further output would be lost.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Returns what happened, and what to do.
    pub(crate) fn texts(&self) -> (&str, &str) {
        (&self.what, &self.hint)
    }

    /// Returns the same failure with other advice.
    pub(crate) fn advising(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Returns the same failure, prefixed with the file that it concerns.
    pub(crate) fn about(mut self, path: &Path) -> Self {
        self.what = format!("{}: {}", path.display(), self.what);
        self
    }

    /// Prints the failure and returns its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.print();
        ExitCode::from(self.exit as u8)
    }

    /// Prints the failure.
    pub(crate) fn print(&self) {
        if !self.quiet {
            self.print_line(format_args!("bulla: {}", self.what));
        }
    }

    /// Prints the failure once for several files.
    pub(crate) fn print_for(&self, files: usize) {
        self.print_line(format_args!("bulla: {} ({files} files)", self.what));
    }

    fn print_line(&self, line: fmt::Arguments<'_>) {
        note(line);
        if !self.hint.is_empty() {
            note(format_args!("       {}", self.hint));
        }
    }
}

/// Returns the error and its causes on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            "check the name"
        }
        io::ErrorKind::PermissionDenied => "check the permissions of the file and its directory",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free space or write elsewhere with -o; no partial output is left"
        }
        _ if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => {
            "redirect it to a file, a pipe or /dev/null: it is closed, or opened in the wrong mode"
        }
        _ => "",
    }
}
