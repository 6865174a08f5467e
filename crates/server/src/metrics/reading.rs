//! Where the values of a scrape come from, and all of them at one moment.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_kms::{Kms, Statistics};

use super::requests::{Requests, Totals};
use crate::http::{ConnectionCounts, Connections};
use crate::log::Log;
use crate::tls::Certificate;

/// Where values come from.
pub(crate) struct Sources {
    pub(crate) kms: Arc<Kms>,
    pub(crate) requests: Arc<Requests>,
    /// Those of the API.
    pub(crate) connections: Arc<Connections>,
    pub(crate) log: Arc<Log>,
    /// None for plain HTTP.
    pub(crate) certificate: Option<Certificate>,
    /// When the server started.
    pub(crate) started: SystemTime,
}

/// All values at one moment.
pub(super) struct Reading {
    pub(super) requests: Totals,
    pub(super) engine: Statistics,
    pub(super) is_ready: bool,
    pub(super) connections: ConnectionCounts,
    pub(super) dropped_log_lines: u64,
    /// In seconds since 1970; none for plain HTTP, and for a certificate that does not say it as RFC 5280 wants it.
    pub(super) certificate_end: Option<u64>,
    /// In seconds since 1970.
    pub(super) started: f64,
}

impl Sources {
    /// Reads everything. It waits for locks that are held for moments only, and neither for a disk nor for a request.
    pub(super) fn read(&self) -> Reading {
        Reading {
            requests: self.requests.totals(),
            engine: self.kms.statistics(),
            is_ready: self.kms.is_ready(),
            connections: self.connections.counts(),
            dropped_log_lines: self.log.dropped(),
            certificate_end: self.certificate.as_ref().and_then(Certificate::not_after),
            started: self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        }
    }
}
