//! What the server knows of a request while it answers it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bulla_kms::audit::{Outcome, Request};
use bulla_kms::new_request_id;
use bulla_wire::ErrorCode;

/// How far the answer to a request is.
pub(crate) struct Progress {
    pub(crate) started: Instant,
    pub(crate) request_id: Arc<str>,
    /// A connection is judged by it.
    pub(crate) authenticated: bool,
    /// The access key that a request with a wrong signature names, if it exists.
    pub(crate) access_key_id: Option<String>,
    /// The product and action in the metrics. None for health checks.
    pub(crate) product: Option<&'static str>,
    /// Only one of ours.
    pub(crate) action: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) error: Option<ErrorCode>,
}

impl Progress {
    /// Of a request that was read just now.
    pub(crate) fn begin() -> Self {
        Self {
            started: Instant::now(),
            request_id: new_request_id(),
            authenticated: false,
            access_key_id: None,
            product: None,
            action: None,
            status: 200,
            error: None,
        }
    }

    /// The record of a request that the engine knows nothing of, such as a health check.
    pub(crate) fn record(&self, source: Option<IpAddr>) -> Request<'_> {
        Request {
            request_id: (&*self.request_id).into(),
            source,
            action: self.action.map(Into::into),
            outcome: Outcome { status: self.status, code: None },
            microseconds: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            ..Request::default()
        }
    }
}
