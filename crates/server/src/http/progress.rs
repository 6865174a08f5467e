//! The state of a request while the server answers it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bulla_kms::audit::{Outcome, Request};
use bulla_kms::new_request_id;
use bulla_wire::ErrorCode;

/// The state of a request, from its bytes to its response.
pub(crate) struct Progress {
    pub(crate) started: Instant,
    pub(crate) request_id: Arc<str>,
    /// Whether the request was authenticated, which keeps its connection from being evicted.
    pub(crate) authenticated: bool,
    /// The access key that a request with a wrong signature names, if it exists.
    pub(crate) access_key_id: Option<String>,
    /// The product and action in the metrics. None for health checks.
    pub(crate) product: Option<&'static str>,
    /// An action of the API or a page of the console, if it exists.
    pub(crate) action: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) error: Option<ErrorCode>,
}

impl Progress {
    /// Returns the state of a request that was just read.
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

    /// Returns the record of a request that does not reach the engine, such as a health check.
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
