//! The sources of the values of a scrape, and a consistent reading of them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_kms::{BackupState, Kms, SinkHealth, Statistics, ThrottledRequests};

use super::requests::{Requests, Totals};
use crate::http::{ConnectionCounts, Connections};
use crate::log::Log;
use crate::tls::Certificate;

/// The sources of values.
pub(crate) struct Sources {
    pub(super) kms: Arc<Kms>,
    requests: Arc<Requests>,
    connections: Arc<Connections>,
    pub(super) log: Arc<Log>,
    certificate: Option<Certificate>,
    started: SystemTime,
}

/// All values at one moment.
pub(super) struct Reading {
    pub(super) requests: Totals,
    pub(super) engine: Statistics,
    /// The sinks of the audit trail, the files first.
    pub(super) audit_sinks: Vec<SinkHealth>,
    pub(super) is_ready: bool,
    pub(super) throttled: ThrottledRequests,
    /// `None` without a schedule.
    pub(super) backups: Option<BackupState>,
    /// The trusted time, in seconds since 1970.
    pub(super) now: i64,
    pub(super) connections: ConnectionCounts,
    pub(super) dropped_log_lines: u64,
    /// In seconds since 1970; `None` for plain HTTP, and for a certificate that does not state it as RFC 5280 requires.
    pub(super) certificate_end: Option<u64>,
    /// In seconds since 1970.
    pub(super) started: f64,
}

impl Sources {
    /// Returns the sources of a server that starts now, with the connections of the API; without a certificate for
    /// plain HTTP.
    pub(crate) fn new(
        kms: &Arc<Kms>,
        connections: &Arc<Connections>,
        log: &Arc<Log>,
        certificate: Option<Certificate>,
    ) -> Self {
        Self {
            kms: Arc::clone(kms),
            requests: Arc::new(Requests::new()),
            connections: Arc::clone(connections),
            log: Arc::clone(log),
            certificate,
            started: SystemTime::now(),
        }
    }

    /// Returns the certificate in use; `None` for plain HTTP.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }

    /// Returns where requests are counted.
    pub(crate) fn requests(&self) -> Arc<Requests> {
        Arc::clone(&self.requests)
    }

    /// Reads all values. It waits for locks that are held briefly, but neither for a disk nor for a request.
    pub(super) fn read(&self) -> Reading {
        Reading {
            requests: self.requests.totals(),
            engine: self.kms.statistics(),
            audit_sinks: self.kms.audit_sinks(),
            is_ready: self.kms.is_ready(),
            throttled: self.kms.throttled_requests(),
            backups: self.kms.backup_state(),
            now: self.kms.now(),
            connections: self.connections.counts(),
            dropped_log_lines: self.log.dropped(),
            certificate_end: self.certificate.as_ref().and_then(Certificate::not_after),
            started: self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        }
    }
}
