//! Errors of creating a client, and of calls. A cause is in `source()`, not in the text.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bulla_envelope::LocalFailure;

use crate::credentials::CredentialsError;
use crate::refusal::Refusal;
use crate::transport::{RootsError, TransportError};

/// Why a client could not be created.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// There are no trusted CA certificates.
    Roots(RootsError),
    /// The proxy is not a valid URL. The error does not contain it, because it may contain a password.
    Proxy,
}

/// Why a call returned no reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// No usable response was received.
    Unreachable {
        /// The address of the KMS.
        endpoint: String,
        /// The cause.
        source: TransportError,
    },
    /// The KMS returned an error.
    Refused(Refusal),
    /// There are no credentials to sign with. `Display` shows the text of the inner error.
    Credentials(Arc<CredentialsError>),
    /// The text is not the name of an action or an API version. Nothing was sent.
    Name(String),
    /// The KMS runs in this process and is unavailable. `Display` shows the text of `source`.
    Local {
        /// How the KMS failed.
        kind: LocalFailure,
        /// The error of the KMS.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The response of the KMS, or of another server at its address, is malformed.
    InvalidResponse {
        /// The address of the KMS.
        endpoint: String,
        /// The HTTP status of the response.
        status: u16,
        /// What is wrong with the response. It does not contain the response, which may contain a plaintext.
        problem: ResponseProblem,
    },
}

/// What is wrong with a malformed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseProblem {
    /// The status is an error, but the body contains no error code.
    NoErrorCode,
    /// The body is not JSON in UTF-8.
    NotJson,
    /// The body is JSON, but not the reply to the action.
    OtherShape,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roots(error) => error.fmt(f),
            Self::Proxy => f.write_str("the proxy is not a usable URL"),
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
            Self::InvalidResponse { endpoint, status, problem } => {
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
            Self::Refused(_) | Self::Name(_) | Self::InvalidResponse { .. } => None,
        }
    }
}

impl fmt::Display for ResponseProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoErrorCode => "no error code of a KMS",
            Self::NotJson => "something that is not JSON",
            Self::OtherShape => "JSON that is not the reply to this action",
        })
    }
}
