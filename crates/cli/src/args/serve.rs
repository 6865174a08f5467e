//! `serve` and `console`, and the configuration file of the server.

use std::num::NonZeroU32;
use std::path::PathBuf;

use bulla_kms::{Quotas, RequestLimits};
use clap::{Args as ClapArgs, ValueEnum};

#[derive(Clone, Debug, Default, ClapArgs, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct Serve {
    /// Keep the store, the CA and the first access key in this directory [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Listen on this address or host name and port; port 0 picks one [default: 127.0.0.1:8443]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Serve plain HTTP, on a loopback address only
    #[arg(long)]
    pub(crate) http: bool,
    /// Read the root key from this file; keep it off the disk of the data and of its backups [default: DATA/root-key]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Accept a root key and a TLS key that a group of this user may read (mode 640 or 440)
    #[arg(long)]
    pub(crate) group_readable_secrets: bool,
    /// Issue the server's certificate for this host name or address too (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Vec<String>,
    /// Use the certificate chain in this PEM file; it is reloaded when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "http")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Use the private key of that certificate in this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Maximum number of open connections; a new one then replaces the least active one [default: 4096]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,
    /// Maximum number of open connections of one address, or of one IPv6 /64 [default: an eighth of all]
    #[arg(long, value_name = "N")]
    pub(crate) connections_per_address: Option<NonZeroU32>,
    /// Network of proxies or load balancers, such as 10.0.0.0/8 (repeatable): their connections are not counted by
    /// address, and their X-Forwarded-For is trusted
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<String>,
    /// Serve Prometheus metrics on this address, in plain HTTP to every client that connects; a port alone is on
    /// 127.0.0.1 [default: no metrics]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) metrics: Option<String>,
    /// Region in ARNs; the store keeps the first one that is set [default: cn-hangzhou]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Account that owns everything: digits; the store keeps the first one that is set [default: 111122223333]
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// The table `[quotas]` of the configuration file.
    #[arg(skip)]
    pub(crate) quotas: Box<Quotas>,
    /// The table `[limits]` of the configuration file.
    #[arg(skip)]
    pub(crate) limits: RequestLimits,
    /// Accept requests with these signatures; v3 alone refuses version 1, which uses SHA-1 [default: v1,v3]
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
    pub(crate) signatures: Vec<SignatureVersion>,
    /// The OIDC providers whose tokens AssumeRoleWithOIDC accepts; in the configuration file only.
    #[arg(skip)]
    pub(crate) oidc: Vec<Oidc>,
    /// The tables `[[audit]]` of the configuration file: without them a file below DATA; with `audit = []` no audit
    /// trail.
    #[arg(skip)]
    pub(crate) audit: Option<Vec<AuditSink>>,
    /// The table `[backup]` of the configuration file; without it, no backups are scheduled.
    #[arg(skip)]
    pub(crate) backup: Option<BackupTable>,
    /// Do not serve the web console under /console/
    #[arg(long)]
    #[serde(skip)]
    pub(crate) no_console: bool,
    /// `console = false` in the configuration file is `--no-console`.
    #[arg(skip)]
    pub(crate) console: Option<bool>,
    /// Accept the clock, even if it is far behind the last use of the store, or jumped ahead by more than an hour
    #[arg(long)]
    #[serde(skip)]
    pub(crate) accept_clock: bool,
    /// Accept the store, even if records were rolled back, removed or added
    #[arg(long)]
    #[serde(skip)]
    pub(crate) accept_rollback: bool,
    /// Read these settings from a TOML file, and some of them again on SIGHUP; flags take precedence
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Console {
    /// Open the embedded KMS in this directory [default: as for encrypt]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Listen on this loopback address or a name of it, and port [default: 127.0.0.1:0, a free port]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Print the link without opening it in a browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// The signature versions that requests may have.
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
    /// Files, protected by seals.
    #[serde(rename_all = "kebab-case")]
    File {
        /// The directory of the files.
        #[serde(default)]
        directory: Option<PathBuf>,
        /// The size of a file in MiB beyond which a new one is begun.
        #[serde(default)]
        file_mib: Option<NonZeroU32>,
        /// The size of all files in MiB beyond which the oldest are deleted.
        #[serde(default)]
        total_mib: Option<NonZeroU32>,
        /// When lines of requests that change nothing are synced.
        #[serde(default)]
        sync: AuditSync,
        /// Whether lines hold the values of encryption contexts.
        #[serde(default)]
        context_values: bool,
        /// Whether a request may be answered once its line is in the files [default: true].
        #[serde(default)]
        required: Option<bool>,
    },
    /// Standard output.
    #[serde(rename_all = "kebab-case")]
    Stdout {
        /// Whether a request may be answered once its line is written there.
        #[serde(default)]
        required: bool,
    },
    /// Syslog (RFC 5424).
    #[serde(rename_all = "kebab-case")]
    Syslog {
        /// `unix:PATH`, `tcp://HOST:PORT` or `tls://HOST:PORT` [default: unix:/dev/log].
        #[serde(default)]
        address: Option<String>,
        /// The trusted certificates (PEM) [default: those of the system].
        #[serde(default)]
        ca: Option<PathBuf>,
        /// Whether a request may be answered once its line is sent.
        #[serde(default)]
        required: bool,
    },
}

/// When lines of requests that change nothing are synced. Lines of changes are always durable before the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuditSync {
    /// Once a second: a power failure may lose the last second.
    #[default]
    Second,
    /// Before each answer.
    Always,
}

/// The schedule and retention of backups: the table `[backup]` of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct BackupTable {
    /// The time between two backups: a number and m, h or d.
    pub(crate) every: Option<String>,
    /// The directory of the backups, below the data directory unless it is absolute.
    pub(crate) directory: Option<PathBuf>,
    /// How many of the newest backups are always kept.
    pub(crate) keep: Option<NonZeroU32>,
    /// For how many days the others are kept.
    pub(crate) keep_days: Option<NonZeroU32>,
    /// The time between two verifications of a kept backup: a number and m, h or d.
    pub(crate) verify_every: Option<String>,
}

/// An OIDC provider: a table `[[oidc]]` of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Oidc {
    /// The name of the provider in its ARN.
    pub(crate) name: String,
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// The accepted audiences.
    pub(crate) client_ids: Vec<String>,
    /// A file with its keys.
    pub(crate) jwks: Option<PathBuf>,
    /// The URL of its keys.
    pub(crate) jwks_url: Option<String>,
}
