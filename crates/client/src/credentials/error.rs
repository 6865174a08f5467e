//! Why there are no credentials to sign with. Shows names and places, never values.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{AnswerProblem, SetupError};
use crate::refusal::Refusal;
use crate::transport::TransportError;

/// Why there are no credentials to sign with. Shows names and places, never values.
///
/// `place` names the source as a user knows it, such as `/home/me/.aliyun/config.json: profile "work"`.
#[derive(Debug)]
#[non_exhaustive]
pub enum CredentialsError {
    /// No source is configured.
    NotFound {
        /// Each place that was looked at, in order.
        looked: Vec<String>,
    },
    /// Some of the variables that belong together are set, one is not.
    HalfSet {
        /// A variable that is set.
        set: String,
        /// The variable that is not.
        missing: String,
    },
    /// A value with blanks, line ends or other characters that no access key has.
    Unprintable {
        /// Where the value is from.
        place: String,
    },
    /// A file is there, or named, but cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another user may write the configuration file, or replace it.
    NotPrivate {
        /// The file, or the directory or link on the way to it.
        path: PathBuf,
        /// Who may.
        writer: Writer,
    },
    /// The configuration file does not have the syntax that it should have.
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the first mistake, from 1.
        line: usize,
    },
    /// No configuration file has a profile of this name.
    NoProfile {
        /// The name.
        profile: String,
        /// The files that were looked for; none if there is no home directory, or if they are switched off.
        paths: Vec<PathBuf>,
    },
    /// The profile is of a kind that bulla does not support.
    Mode {
        /// The source.
        place: String,
        /// Its mode, such as `RsaKeyPair`.
        mode: String,
    },
    /// The source lacks a field that its mode needs.
    Incomplete {
        /// The source.
        place: String,
        /// The field.
        field: &'static str,
    },
    /// A value of the configuration cannot be used.
    Invalid {
        /// The source.
        place: String,
        /// The field.
        field: &'static str,
        /// What the value must be.
        expected: &'static str,
    },
    /// The source profiles of a profile lead back to itself.
    Loop {
        /// The source.
        place: String,
    },
    /// What the `aliyun` command line has cached has expired; only a login in a browser renews it.
    LoginExpired {
        /// The source.
        place: String,
    },
    /// The credentials with which the role of this source is assumed are missing.
    Base {
        /// The source.
        place: String,
        /// Why they are missing.
        source: Arc<Self>,
    },
    /// The certificates or the proxy that lead to a server of credentials cannot be used.
    Setup {
        /// The source.
        place: String,
        /// Why not.
        source: SetupError,
    },
    /// A server of credentials gave none.
    Server {
        /// The source.
        place: String,
        /// The address of the server.
        server: String,
        /// Why not.
        problem: ServerProblem,
    },
    /// The external program gave no credentials.
    Process {
        /// The source.
        place: String,
        /// Why not.
        problem: ProcessProblem,
    },
}

/// Who else may change a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Writer {
    /// The user with this id, who owns it.
    Owner(u32),
    /// The members of its group.
    Group,
    /// Every user.
    Everyone,
}

/// Why a server gave no credentials.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerProblem {
    /// No usable answer came.
    Unreachable(TransportError),
    /// It answered an error.
    Refused(Box<Refusal>),
    /// It answered with this HTTP status and no error code.
    Status(u16),
    /// It answered something malformed.
    Answer(AnswerProblem),
    /// Its answer says `Code`, and not `Success`.
    NoSuccess,
    /// The answer lacks this field, or the field cannot be used.
    Field(&'static str),
    /// The instance has no role.
    NoRole,
    /// It has no tokens (IMDSv2), with this HTTP status.
    NoToken(u16),
}

/// Why an external program gave no credentials.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessProblem {
    /// External programs are switched off by `ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS`.
    Disabled,
    /// It could not be started, or its output not be read.
    Io(io::Error),
    /// It did not end within 60 seconds.
    Timeout,
    /// It failed with this exit code; `None` if a signal ended it.
    Failed(Option<i32>),
    /// Its output is longer than 64 KiB.
    TooLong,
    /// Its output is not the JSON that it should be.
    Output,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { looked } => write!(f, "no credentials: {}", looked.join("; ")),
            Self::HalfSet { set, missing } => write!(f, "{set} is set, but {missing} is not"),
            Self::Unprintable { place } => write!(f, "the access key in {place} has impossible characters"),
            Self::Read { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::NotPrivate { path, writer } => write!(f, "{} {writer}", path.display()),
            Self::Malformed { path, line } => {
                write!(f, "{}: line {line} cannot be understood", path.display())
            }
            Self::NoProfile { profile, paths } if paths.is_empty() => {
                write!(f, "no configuration file has a profile {profile:?}")
            }
            Self::NoProfile { profile, paths } => {
                let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "{}: no profile {profile:?}", paths.join(", "))
            }
            Self::Mode { place, mode } => write!(f, "{place} has the mode {mode:?}, which is not supported"),
            Self::Incomplete { place, field } => write!(f, "{place} has no {field}"),
            Self::Invalid { place, field, expected } => write!(f, "{place}: {field} is not {expected}"),
            Self::Loop { place } => write!(f, "{place} is among its own source profiles"),
            Self::LoginExpired { place } => write!(f, "{place}: the login has expired"),
            Self::Base { place, source } => write!(f, "{place}: {source}"),
            Self::Setup { place, source } => write!(f, "{place}: {source}"),
            Self::Server { place, server, problem } => write_problem(f, place, server, problem),
            Self::Process { place, problem } => write!(f, "{place}: the external program {problem}"),
        }
    }
}

fn write_problem(
    f: &mut fmt::Formatter<'_>,
    place: &str,
    server: &str,
    problem: &ServerProblem,
) -> fmt::Result {
    write!(f, "{place}: {server} ")?;
    match problem {
        ServerProblem::Unreachable(_) => f.write_str("cannot be reached"),
        ServerProblem::Refused(refusal) => write!(f, "refused with {}", refusal.what()),
        ServerProblem::Status(status) => write!(f, "answered {status}"),
        ServerProblem::Answer(problem) => write!(f, "answered {problem}"),
        ServerProblem::NoSuccess => f.write_str("answered a code other than Success"),
        ServerProblem::Field(field) => write!(f, "answered without a usable {field}"),
        ServerProblem::NoRole => f.write_str("says that this instance has no role"),
        ServerProblem::NoToken(status) => write!(f, "answered {status} to the request for a token (IMDSv2)"),
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(user) => write!(f, "belongs to another user (uid {user})"),
            Self::Group => f.write_str("may be written by its group"),
            Self::Everyone => f.write_str("may be written by every user"),
        }
    }
}

impl fmt::Display for ProcessProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("is switched off by ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS"),
            Self::Io(_) => f.write_str("cannot be run"),
            Self::Timeout => f.write_str("did not end within 60 seconds"),
            Self::Failed(Some(code)) => write!(f, "failed with exit code {code}"),
            Self::Failed(None) => f.write_str("was ended by a signal"),
            Self::TooLong => f.write_str("printed more than 64 KiB"),
            Self::Output => f.write_str("did not print JSON with usable credentials"),
        }
    }
}

impl Error for CredentialsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Base { source, .. } => source.source(),
            Self::Setup { source, .. } => source.source(),
            Self::Server { problem: ServerProblem::Unreachable(source), .. } => Some(source),
            Self::Process { problem: ProcessProblem::Io(source), .. } => Some(source),
            _ => None,
        }
    }
}
