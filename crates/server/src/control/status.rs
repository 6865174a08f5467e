//! The status of a running server.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_kms::audit::{Gap, TrailFile};
use bulla_kms::{BackupState, FailedBackup, KeyLocation, Kms, RequestLimit, RequestLimits, SinkHealth};
use bulla_wire::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::http::Connections;
use crate::tls::Certificate;

/// The status of a server. Members are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// The id of its process.
    pub process: u32,
    /// When it was started.
    pub started: String,
    /// The address of the API.
    pub listen: String,
    /// The address of metrics, if they are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Whether clients may be routed to it, as in `/readyz`.
    pub ready: bool,
    /// Why it is not ready.
    pub unready: Vec<String>,
    /// Its store.
    pub store: StoreStatus,
    /// The root key of the store.
    pub root_key: RootKeyStatus,
    /// Its audit trail; `None` if that is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditStatus>,
    /// Its scheduled backups; `None` without a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<BackupStatus>,
    /// Its certificate; `None` for plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,
    /// Its connections.
    pub connections: ConnectionStatus,
    /// Nonces of signatures.
    pub nonces: NonceStatus,
    /// The request limits of one `access_key`, `user` and `source` address. Those without a limit are omitted.
    pub limits: BTreeMap<String, LimitStatus>,
}

/// A store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreStatus {
    /// The data directory.
    pub data: String,
    /// The number of restores, plus one.
    pub epoch: u64,
    /// The number of its last commit.
    pub commit: u64,
    /// The number of records of each kind. Values of secrets are not counted.
    pub records: BTreeMap<String, u64>,
}

/// The provider of the root key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootKeyStatus {
    /// The kind of provider: `file`.
    pub provider: String,
    /// Where the provider stores its key.
    pub location: String,
}

/// An audit trail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditStatus {
    /// The name of the server in its lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The directory of its files.
    pub directory: String,
    /// The number of files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The newest seal, as `NUMBER:HASH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// The age in seconds of the oldest line without a seal; `None` without a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<f64>,
    /// The number of lines of requests that could not be written since the start; `None` without a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// The sinks, the files first; empty without a server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkStatus>,
    /// The gaps that the trail had when the server started, as in its `gap` lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Why no line can be written, or the files cannot be read, if that is the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A sink of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SinkStatus {
    /// Its name; the files are `file`.
    pub name: String,
    /// Whether a line in it is enough for an answer.
    pub required: bool,
    /// Why it takes no lines, if that is the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The number of lines that it has missed since the start.
    pub missed: u64,
}

/// Scheduled backups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupStatus {
    /// The number of kept files. Each was verified when it was made, and its beginning and end still open.
    pub count: u64,
    /// The number of those that passed their last verification and are unchanged since.
    pub verified: u64,
    /// When the backup was verified whose last verification is the oldest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_verification: Option<String>,
    /// The backups whose last verification failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedBackupStatus>,
    /// The time of the newest backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// The number of the commit in the newest backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// Why the last attempt failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A scheduled backup that failed its verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedBackupStatus {
    /// The file.
    pub file: String,
    /// When it was verified.
    pub time: String,
    /// The fault.
    pub failure: String,
}

/// The certificate in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificateStatus {
    /// When it expires; `None` if it does not state that as RFC 5280 requires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// Connections to the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionStatus {
    /// The number of open connections.
    pub open: u64,
    /// The maximum number of connections.
    pub limit: u64,
}

/// Nonces that are stored against replays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NonceStatus {
    /// The number of stored nonces.
    pub kept: u64,
    /// The maximum number of nonces.
    pub limit: u64,
}

/// A limit on requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitStatus {
    /// Requests per second, on average.
    pub requests_per_second: u32,
    /// Requests at once after a pause.
    pub burst: u32,
}

/// The sources of the status.
pub(crate) struct Facts {
    pub(crate) kms: Arc<Kms>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) started: SystemTime,
    /// The address of the API.
    pub(crate) url: String,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) inspections: Inspections,
}

/// Allows one inspection of files at a time: on a file system that hangs, each would block a thread.
pub(crate) struct Inspections(Arc<Semaphore>);

impl Default for Inspections {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Facts {
    /// Inspects the files of the audit trail, for a moment at most. Returns `None` without a trail.
    pub(super) async fn inspect_trail(&self) -> Option<AuditStatus> {
        let directory = &self.kms.audit_options()?.directory;
        let unseen = AuditStatus {
            directory: directory.display().to_string(),
            fault: Some("its directory does not answer".into()),
            ..AuditStatus::default()
        };
        let directory = directory.clone();
        let inspections = Arc::clone(&self.inspections.0);
        let inspection = async {
            let permit = inspections.acquire_owned().await.ok()?;
            let seen = spawn_blocking(move || {
                let _permit = permit;
                AuditStatus::of_directory(&directory)
            });
            seen.await.ok()
        };
        Some(timeout(MOMENT, inspection).await.ok().flatten().unwrap_or(unseen))
    }

    /// Returns the current status, with the given state of the audit trail.
    pub(super) fn status(&self, trail: Option<AuditStatus>) -> Status {
        let engine = self.kms.statistics();
        let connections = self.connections.counts();
        let unready = self.kms.unready();
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            process: process::id(),
            started: timestamp(self.started),
            listen: self.url.clone(),
            metrics: self.metrics.map(|address| format!("http://{address}/metrics")),
            ready: unready.is_empty(),
            unready: unready.iter().map(ToString::to_string).collect(),
            store: StoreStatus {
                data: self.kms.data().display().to_string(),
                epoch: self.kms.epoch(),
                commit: self.kms.commit_number(),
                records: engine
                    .records
                    .into_iter()
                    .map(|(kind, count)| (kind.into(), count as u64))
                    .collect(),
            },
            root_key: RootKeyStatus::at(&self.kms.root_key_location()),
            audit: trail.and_then(|trail| self.audit(trail)),
            backups: self.kms.backup_state().map(BackupStatus::from),
            certificate: self.certificate.as_ref().map(|certificate| CertificateStatus {
                end: certificate.not_after().and_then(|end| Some(seconds(i64::try_from(end).ok()?))),
            }),
            connections: ConnectionStatus { open: connections.open as u64, limit: connections.limit as u64 },
            nonces: NonceStatus { kept: engine.nonces as u64, limit: engine.nonces_limit as u64 },
            limits: limits(self.kms.request_limits()),
        }
    }
}

impl Facts {
    fn audit(&self, mut status: AuditStatus) -> Option<AuditStatus> {
        let options = self.kms.audit_options()?;
        let figures = self.kms.audit_figures()?;
        status.node = Some(options.node.clone());
        status.sealed = Some(figures.sealed.to_string());
        status.lag_seconds = Some((figures.lag.as_secs_f64() * 1000.0).round() / 1000.0);
        status.missed = Some(figures.missed);
        status.sinks = self.kms.audit_sinks().into_iter().map(SinkStatus::from).collect();
        status.gaps = self.kms.audit_gaps().to_vec();
        status.fault = self.kms.audit_fault().or(status.fault);
        Some(status)
    }
}

impl AuditStatus {
    /// Returns the state of a trail from its files, without reading them; files that cannot be accessed are not
    /// counted.
    #[must_use]
    pub fn of_directory(directory: &Path) -> Self {
        let sources = TrailFile::all(&[directory.to_owned()]).unwrap_or_default();
        let lengths =
            sources.iter().filter_map(|source| fs::metadata(source.path()).ok()).map(|found| found.len());
        let lengths: Vec<_> = lengths.collect();
        Self {
            directory: directory.display().to_string(),
            files: lengths.len() as u64,
            bytes: lengths.iter().sum(),
            ..Self::default()
        }
    }
}

impl From<BackupState> for BackupStatus {
    fn from(state: BackupState) -> Self {
        let failed = |FailedBackup { path, time, failure, .. }| FailedBackupStatus {
            file: path.display().to_string(),
            time: seconds(time),
            failure,
        };
        Self {
            count: state.count as u64,
            verified: state.verified as u64,
            oldest_verification: state.oldest_verification.map(seconds),
            failed: state.failed.into_iter().map(failed).collect(),
            newest: state.newest.as_ref().map(|newest| seconds(newest.time)),
            commit: state.newest.as_ref().map(|newest| newest.commit),
            failure: state.failure,
        }
    }
}

impl From<SinkHealth> for SinkStatus {
    fn from(health: SinkHealth) -> Self {
        let SinkHealth { name, is_required, fault, missed } = health;
        Self { name, required: is_required, fault, missed }
    }
}

impl RootKeyStatus {
    /// Returns the status of a provider whose key is at this location.
    #[must_use]
    pub fn at(location: &KeyLocation) -> Self {
        Self { provider: location.provider().into(), location: location.to_string() }
    }
}

fn limits(limits: RequestLimits) -> BTreeMap<String, LimitStatus> {
    let RequestLimits { access_key, user, source } = limits;
    let named = [("access_key", access_key), ("user", user), ("source", source)];
    let in_force = named.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), limit?)));
    let status = |RequestLimit { requests_per_second, burst }: RequestLimit| LimitStatus {
        requests_per_second: requests_per_second.get(),
        burst: burst.unwrap_or(requests_per_second).get(),
    };
    in_force.map(|(name, limit)| (name, status(limit))).collect()
}

fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn seconds(unix: i64) -> String {
    Timestamp::from_unix(unix).to_string()
}

/// How long a status waits for an operation that may hang: operators request it when something hangs.
pub(super) const MOMENT: Duration = Duration::from_secs(1);
