//! The sinks of the audit trail beside its files: standard output and syslog.

mod syslog;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use bulla_kms::{AuditOutput, AuditSink, Kms};

use self::syslog::Syslog;

/// The sinks of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSinks {
    /// Whether a line in the files is enough for an answer.
    pub is_file_required: bool,
    /// The sinks beside the files.
    pub others: Vec<OtherSink>,
}

/// A sink beside the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherSink {
    /// Whether a request may be answered when only this sink has its line.
    pub is_required: bool,
    /// The target of its lines.
    pub target: AuditTarget,
}

/// A target of lines beside the files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditTarget {
    /// Standard output, one line per line of the trail.
    Stdout,
    /// Syslog (RFC 5424).
    Syslog(SyslogTarget),
}

/// The address of syslog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyslogTarget {
    /// A Unix datagram socket, such as /dev/log.
    Unix(PathBuf),
    /// TCP with octet counting (RFC 6587): `HOST:PORT`.
    Tcp(String),
    /// TLS (RFC 5425).
    Tls {
        /// `HOST:PORT`; the certificate must be for HOST.
        address: String,
        /// The trusted certificates, as PEM; without it, those of the system.
        ca: Option<PathBuf>,
    },
}

impl Default for AuditSinks {
    /// Returns the files only.
    fn default() -> Self {
        Self { is_file_required: true, others: Vec::new() }
    }
}

impl AuditSinks {
    /// Makes the engine use these sinks from now on. Blocks until removed sinks have taken their last lines.
    pub(crate) fn apply(&self, kms: &Kms) -> io::Result<()> {
        kms.set_audit_sinks(self.is_file_required, self.others.iter().map(OtherSink::open).collect())
    }
}

impl OtherSink {
    fn open(&self) -> AuditSink {
        let output: Box<dyn AuditOutput> = match &self.target {
            AuditTarget::Stdout => Box::new(Stdout),
            AuditTarget::Syslog(target) => Box::new(Syslog::new(target.clone())),
        };
        AuditSink { name: self.target.to_string(), is_required: self.is_required, output }
    }
}

impl fmt::Display for AuditTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Syslog(SyslogTarget::Unix(path)) => write!(f, "syslog unix:{}", path.display()),
            Self::Syslog(SyslogTarget::Tcp(address)) => write!(f, "syslog tcp://{address}"),
            Self::Syslog(SyslogTarget::Tls { address, ca: None }) => write!(f, "syslog tls://{address}"),
            Self::Syslog(SyslogTarget::Tls { address, ca: Some(ca) }) => {
                write!(f, "syslog tls://{address} (ca {})", ca.display())
            }
        }
    }
}

struct Stdout;

impl AuditOutput for Stdout {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(lines)?;
        stdout.flush()
    }
}
