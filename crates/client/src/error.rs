//! What can go wrong: while a client is made, and in a call. A cause stands in `source()`, not in the text.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bulla_envelope::LocalFailure;

use crate::credentials::CredentialsError;
use crate::refusal::Refusal;
use crate::transport::{RootsError, TransportError};

/// Why a client could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// There is nobody to trust.
    Roots(RootsError),
    /// The proxy is not given as a URL. What is given is not shown, because it may hold a password.
    Proxy,
}

/// Why a call brought no reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// No usable answer came.
    Unreachable {
        /// The address of the KMS.
        endpoint: String,
        /// What happened on the way.
        source: TransportError,
    },
    /// The KMS answered an error.
    Refused(Refusal),
    /// There are no credentials to sign with. The text is that of the error inside.
    Credentials(Arc<CredentialsError>),
    /// Not a name that an action or an API version can have; nothing was sent.
    Name(String),
    /// The KMS runs in this process and is unavailable. The text is that of `source`.
    Local {
        /// In which way.
        kind: LocalFailure,
        /// What happened, as the KMS reports it.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The KMS, or whatever is at its address, answered something that makes no sense.
    Answer {
        /// The address of the KMS.
        endpoint: String,
        /// The HTTP status of the answer.
        status: u16,
        /// What it is that makes no sense; never the answer itself, which may hold a plaintext.
        problem: AnswerProblem,
    },
}

/// In which way an answer makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerProblem {
    /// The status says that the call failed, but the answer does not say why.
    NoErrorCode,
    /// The answer is not JSON in UTF-8.
    NotJson,
    /// The answer is JSON, but not that of the action.
    OtherShape,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roots(error) => error.fmt(f),
            Self::Proxy => f.write_str("the proxy is not a URL that can be used"),
        }
    }
}

impl Error for SetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Roots(error) => error.source(),
            Self::Proxy => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { endpoint, .. } => write!(f, "the KMS at {endpoint} cannot be reached"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Credentials(error) => error.fmt(f),
            Self::Name(name) => write!(f, "{name:?} is not the name of an action or version"),
            Self::Local { source, .. } => source.fmt(f),
            Self::Answer { endpoint, status, problem } => {
                write!(f, "{endpoint} answered {status} with {problem}")
            }
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } => Some(source),
            Self::Credentials(error) => error.source(),
            Self::Local { source, .. } => source.source(),
            Self::Refused(_) | Self::Name(_) | Self::Answer { .. } => None,
        }
    }
}

impl fmt::Display for AnswerProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoErrorCode => "no error code of a KMS",
            Self::NotJson => "something that is not JSON",
            Self::OtherShape => "JSON that is not the reply to this action",
        })
    }
}
