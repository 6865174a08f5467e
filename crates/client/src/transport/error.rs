//! Why no usable response was received, distinguished by what the user can do about it.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;

use crate::retry::Retry;

/// Why no usable response was received from a KMS.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransportError {
    /// An error of the operating system, such as an unknown name, a refused connection or a lost connection.
    Io(io::Error),
    /// The connection timed out.
    ConnectTimeout,
    /// The connection was established, but the response timed out.
    AnswerTimeout,
    /// The client does not accept the certificate of the server.
    Certificate {
        /// What is wrong with the certificate.
        problem: CertificateProblem,
        /// The error of the TLS library.
        source: Box<dyn Error + Send + Sync>,
    },
    /// TLS failed for another reason, for example because the server speaks plain HTTP.
    Tls(Box<dyn Error + Send + Sync>),
    /// The proxy did not connect to the server.
    Proxy(Box<dyn Error + Send + Sync>),
    /// The response is larger than 1 MiB.
    TooLarge,
    /// The request or the response is not valid HTTP.
    Http(Box<dyn Error + Send + Sync>),
}

/// What is wrong with the certificate of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// No trusted authority signed it.
    Untrusted,
    /// It is for another host name.
    OtherHost,
    /// It has expired or is not valid yet.
    NotNow,
    /// Something else.
    Other,
}

impl TransportError {
    pub(super) fn new(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Io(error) => Self::of_io(error),
            ureq::Error::Rustls(error) => Self::of_tls(error),
            ureq::Error::Tls(_) | ureq::Error::TlsRequired => Self::Tls(error.into()),
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Self::ConnectTimeout,
            ureq::Error::Timeout(_) => Self::AnswerTimeout,
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Self::Io(error.into_io()),
            ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => Self::Proxy(error.into()),
            ureq::Error::BodyExceedsLimit(_) => Self::TooLarge,
            _ => Self::Http(error.into()),
        }
    }

    /// Converts an error of a socket, which may contain one of the TLS library.
    fn of_io(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Self::of_tls(error.clone()),
            None => Self::Io(error),
        }
    }

    fn of_tls(error: rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(found) = &error else {
            return Self::Tls(error.into());
        };
        let problem = match found {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateProblem::Untrusted,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                CertificateProblem::OtherHost
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => CertificateProblem::NotNow,
            _ => CertificateProblem::Other,
        };
        Self::Certificate { problem, source: error.into() }
    }

    /// Returns whether to try again. Only if the connection was refused or not established, certainly no request was sent.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Retry::Always,
            Self::ConnectTimeout => Retry::Always,
            Self::Io(_) | Self::AnswerTimeout => Retry::IfIdempotent,
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untrusted => "its certificate is not signed by a trusted authority",
            Self::OtherHost => "its certificate is for another host name",
            Self::NotNow => "its certificate has expired or is not valid yet",
            Self::Other => "its certificate is invalid",
        })
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::ConnectTimeout => f.write_str("the connection timed out"),
            Self::AnswerTimeout => f.write_str("the response timed out"),
            Self::Certificate { problem, .. } => problem.fmt(f),
            Self::Tls(_) => f.write_str("it does not speak valid TLS"),
            Self::Proxy(_) => f.write_str("the proxy does not connect to it"),
            Self::TooLarge => f.write_str("its answer is larger than 1 MiB"),
            Self::Http(_) => f.write_str("it does not speak valid HTTP"),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Certificate { source, .. }
            | Self::Tls(source)
            | Self::Proxy(source)
            | Self::Http(source) => Some(&**source),
            Self::ConnectTimeout | Self::AnswerTimeout | Self::TooLarge => None,
        }
    }
}
