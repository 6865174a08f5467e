//! The server.

use std::num::NonZeroU32;
use std::path::PathBuf;

use bulla_kms::{Quotas, RequestLimits};
use clap::{Args as ClapArgs, ValueEnum};

#[derive(Clone, Debug, Default, ClapArgs, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct Serve {
    /// Where the store, the CA and the first access key lie [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address or host name to listen on, with its port; port 0 picks one [default: 127.0.0.1:8443]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Plain HTTP, on a loopback address only
    #[arg(long)]
    pub(crate) http: bool,
    /// The root key file; keep it away from the data and from its backup [default: DATA/root-key]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Accept a root key and a TLS key that a group of this user may read (mode 640 or 440)
    #[arg(long)]
    pub(crate) group_readable_secrets: bool,
    /// A name or address that the server's certificate shall have; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Vec<String>,
    /// A certificate chain of your own (PEM), read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "http")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Maximum number of open connections; a new one then replaces the least active one [default: 4096]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,
    /// Maximum number of open connections of one address, or of one IPv6 /64 [default: an eighth of all]
    #[arg(long, value_name = "N")]
    pub(crate) connections_per_address: Option<NonZeroU32>,
    /// Network of proxies or load balancers, such as 10.0.0.0/8: their connections are not counted by address, and their
    /// X-Forwarded-For is believed; can be repeated
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<String>,
    /// Serve metrics for Prometheus there, in plain HTTP to everybody who can connect; a port alone is on 127.0.0.1 [default: no
    /// metrics]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) metrics: Option<String>,
    /// The region that ARNs name; the store keeps the first one that is named [default: cn-hangzhou]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The account that owns everything: digits; kept as the region is [default: 111122223333]
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// The table `[quotas]` of the configuration file.
    #[arg(skip)]
    pub(crate) quotas: Box<Quotas>,
    /// The table `[limits]` of the configuration file.
    #[arg(skip)]
    pub(crate) limits: RequestLimits,
    /// The signatures that requests may have: v3 alone refuses those of version 1, which rest on SHA-1 [default: v1,v3]
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
    pub(crate) signatures: Vec<SignatureVersion>,
    /// The OIDC providers whose tokens AssumeRoleWithOIDC takes; in the configuration file only.
    #[arg(skip)]
    pub(crate) oidc: Vec<Oidc>,
    /// The tables `[[audit]]` of the configuration file: a file below DATA without them, none if they are `[]`.
    #[arg(skip)]
    pub(crate) audit: Option<Vec<AuditSink>>,
    /// The table `[backup]` of the configuration file; no scheduled backups without it.
    #[arg(skip)]
    pub(crate) backup: Option<BackupTable>,
    /// Serve no web pages under /console/
    #[arg(long)]
    #[serde(skip)]
    pub(crate) no_console: bool,
    /// `console = false` in the configuration file is `--no-console`.
    #[arg(skip)]
    pub(crate) console: Option<bool>,
    /// Take the clock as it is, even if it is far behind the last use of the store, or moved on unseen by more than an hour
    #[arg(long)]
    #[serde(skip)]
    pub(crate) accept_clock: bool,
    /// Take the store as it is, even if records of it were put back to an older state, removed or added
    #[arg(long)]
    #[serde(skip)]
    pub(crate) accept_rollback: bool,
    /// Read these settings from a TOML file, and some of them again on SIGHUP; flags win
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Console {
    /// The directory of the embedded KMS [default: as for encrypt]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The loopback address or a name of it to listen on, with its port [default: 127.0.0.1:0, a free port]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Print the link, and do not open it in a browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SignatureVersion {
    /// HMAC-SHA1 over the parameters.
    V1,
    /// ACS3-HMAC-SHA256 and ACS4-HMAC-SHA256, in the Authorization header.
    V3,
}

/// Where the audit trail is written: a table `[[audit]]` of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum AuditSink {
    /// Files that seals protect.
    #[serde(rename_all = "kebab-case")]
    File {
        /// Their directory.
        #[serde(default)]
        directory: Option<PathBuf>,
        /// MiB of a file before another one is begun.
        #[serde(default)]
        file_mib: Option<NonZeroU32>,
        /// MiB of all files together, beyond which the oldest are deleted.
        #[serde(default)]
        total_mib: Option<NonZeroU32>,
        /// When lines of requests that change nothing are synced.
        #[serde(default)]
        sync: AuditSync,
        /// Whether lines hold the values of encryption contexts.
        #[serde(default)]
        context_values: bool,
        /// Whether a line in the files is enough for an answer [default: true].
        #[serde(default)]
        required: Option<bool>,
    },
    /// Standard output.
    #[serde(rename_all = "kebab-case")]
    Stdout {
        /// Whether a line there is enough for an answer.
        #[serde(default)]
        required: bool,
    },
    /// Syslog (RFC 5424).
    #[serde(rename_all = "kebab-case")]
    Syslog {
        /// `unix:PATH`, `tcp://HOST:PORT` or `tls://HOST:PORT` [default: unix:/dev/log].
        #[serde(default)]
        address: Option<String>,
        /// The certificates that are trusted (PEM) [default: those of the system].
        #[serde(default)]
        ca: Option<PathBuf>,
        /// Whether a line there is enough for an answer.
        #[serde(default)]
        required: bool,
    },
}

/// When lines of requests that change nothing are synced. Those of changes are never lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuditSync {
    /// Once a second: a power cut may lose the last second.
    #[default]
    Second,
    /// Before each answer.
    Always,
}

/// When backups are made and which are kept: the table `[backup]` of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct BackupTable {
    /// The time between two backups: a number and m, h or d.
    pub(crate) every: Option<String>,
    /// Their directory, below the data directory unless it is absolute.
    pub(crate) directory: Option<PathBuf>,
    /// How many of the newest are kept in any case.
    pub(crate) keep: Option<NonZeroU32>,
    /// For how many days others are kept.
    pub(crate) keep_days: Option<NonZeroU32>,
    /// The time between two verifications of a backup that is kept: a number and m, h or d.
    pub(crate) verify_every: Option<String>,
}

/// An OIDC provider: a table `[[oidc]]` of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Oidc {
    /// The name in its ARN.
    pub(crate) name: String,
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// The audiences whose tokens are taken.
    pub(crate) client_ids: Vec<String>,
    /// A file with its keys.
    pub(crate) jwks: Option<PathBuf>,
    /// The address of its keys.
    pub(crate) jwks_url: Option<String>,
}
