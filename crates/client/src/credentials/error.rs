//! Why there are no credentials to sign with. The errors contain names and places, never values.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{ResponseProblem, SetupError};
use crate::refusal::Refusal;
use crate::transport::TransportError;

/// Why there are no credentials to sign with. The errors contain names and places, never values.
///
/// `place` describes the source for users, such as `/home/me/.aliyun/config.json: profile "work"`.
#[derive(Debug)]
#[non_exhaustive]
pub enum CredentialsError {
    /// No source is configured.
    NotFound {
        /// The places that were searched, in order.
        looked: Vec<String>,
    },
    /// Some of the variables that belong together are set, but not all.
    HalfSet {
        /// A variable that is set.
        set: String,
        /// A variable that is not set.
        missing: String,
    },
    /// A value has blanks, line ends or other characters that no access key has.
    Unprintable {
        /// The place of the value.
        place: String,
    },
    /// A file exists or is named, but cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another user can write or replace the configuration file.
    NotPrivate {
        /// The file, or a directory or symbolic link on the path to it.
        path: PathBuf,
        /// The user who can.
        writer: Writer,
    },
    /// The configuration file has a syntax error.
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the first error, from 1.
        line: usize,
    },
    /// No configuration file has a profile of this name.
    NoProfile {
        /// The name of the profile.
        profile: String,
        /// The files that were searched; empty if there is no home directory, or if the files are switched off.
        paths: Vec<PathBuf>,
    },
    /// bulla does not support the mode of the profile.
    Mode {
        /// The source.
        place: String,
        /// The mode, such as `RsaKeyPair`.
        mode: String,
    },
    /// The source lacks a field that its mode requires.
    Incomplete {
        /// The source.
        place: String,
        /// The field.
        field: &'static str,
    },
    /// A value of the configuration is invalid.
    Invalid {
        /// The source.
        place: String,
        /// The field.
        field: &'static str,
        /// A description of valid values.
        expected: &'static str,
    },
    /// The source profiles of a profile form a loop.
    Loop {
        /// The source.
        place: String,
    },
    /// The credentials that the `aliyun` command line cached have expired. Only a login in a browser renews them.
    LoginExpired {
        /// The source.
        place: String,
    },
    /// The credentials with which the role of this source is assumed are missing.
    Base {
        /// The source.
        place: String,
        /// The cause.
        source: Arc<Self>,
    },
    /// The certificates or the proxy for a server that issues credentials cannot be used.
    Setup {
        /// The source.
        place: String,
        /// The cause.
        source: SetupError,
    },
    /// A server did not issue credentials.
    Server {
        /// The source.
        place: String,
        /// The address of the server.
        server: String,
        /// The cause.
        problem: ServerProblem,
    },
    /// The external program did not return credentials.
    Process {
        /// The source.
        place: String,
        /// The cause.
        problem: ProcessProblem,
    },
}

/// A user other than the caller who can change a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Writer {
    /// The user with this id, who owns it.
    Owner(u32),
    /// The members of its group.
    Group,
    /// Every user.
    AllUsers,
}

/// Why a server did not issue credentials.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerProblem {
    /// No usable response was received.
    Unreachable(TransportError),
    /// The server returned an error.
    Refused(Box<Refusal>),
    /// The server returned this HTTP status without an error code.
    Status(u16),
    /// The response is malformed.
    InvalidResponse(ResponseProblem),
    /// The `Code` in the response is not `Success`.
    NoSuccess,
    /// The response lacks this field, or the value of the field is invalid.
    Field(&'static str),
    /// The instance has no role.
    NoRole,
    /// The metadata service does not issue tokens (IMDSv2). It returned this HTTP status.
    NoToken(u16),
}

/// Why an external program did not return credentials.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessProblem {
    /// `ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS` disables external programs.
    Disabled,
    /// The program could not be started, or its output could not be read.
    Io(io::Error),
    /// The program did not exit within 60 seconds.
    Timeout,
    /// The program failed with this exit code; `None` if a signal terminated it.
    Failed(Option<i32>),
    /// The output is longer than 64 KiB.
    TooLong,
    /// The output is not the expected JSON.
    Output,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { looked } => write!(f, "no credentials: {}", looked.join("; ")),
            Self::HalfSet { set, missing } => write!(f, "{set} is set, but {missing} is not"),
            Self::Unprintable { place } => write!(f, "the access key in {place} has invalid characters"),
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
        ServerProblem::InvalidResponse(problem) => write!(f, "answered {problem}"),
        ServerProblem::NoSuccess => f.write_str("returned a code other than Success"),
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
            Self::AllUsers => f.write_str("may be written by every user"),
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
