//! Why no usable answer came, told apart as far as the user can do something about it.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;

use crate::retry::Again;

/// Why no usable answer came from a KMS.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransportError {
    /// The system's answer: name not known, connection refused, connection lost.
    Io(io::Error),
    /// There was no connection in time.
    ConnectTimeout,
    /// There was a connection, but no answer in time.
    AnswerTimeout,
    /// The server's certificate was not accepted.
    Certificate {
        /// What is wrong with it.
        problem: CertificateProblem,
        /// As the TLS library tells it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// TLS failed for another reason; perhaps the other side speaks plain HTTP.
    Tls(Box<dyn Error + Send + Sync>),
    /// The proxy did not connect us.
    Proxy(Box<dyn Error + Send + Sync>),
    /// The answer is larger than 1 MiB.
    TooLarge,
    /// What was sent or answered is not HTTP.
    Http(Box<dyn Error + Send + Sync>),
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// It is not signed by an authority that is trusted here.
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

    /// The TLS library hides its errors in those of the socket.
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

    /// Whether to try again. Only a refused or unfinished connection certainly carried no request.
    pub(crate) fn again(&self) -> Again {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Again::Always,
            Self::ConnectTimeout => Again::Always,
            Self::Io(_) | Self::AnswerTimeout => Again::IfNothingChanges,
            _ => Again::Never,
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untrusted => "its certificate is not signed by a trusted authority",
            Self::OtherHost => "its certificate is for another host name",
            Self::NotNow => "its certificate has expired or is not valid yet",
            Self::Other => "its certificate is not acceptable",
        })
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::ConnectTimeout => f.write_str("there was no connection in time"),
            Self::AnswerTimeout => f.write_str("there was no answer in time"),
            Self::Certificate { problem, .. } => problem.fmt(f),
            Self::Tls(_) => f.write_str("it does not speak TLS as it should"),
            Self::Proxy(_) => f.write_str("the proxy does not lead there"),
            Self::TooLarge => f.write_str("its answer is larger than 1 MiB"),
            Self::Http(_) => f.write_str("it does not speak HTTP as it should"),
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
