//! A server that issues credentials without signatures. Failed requests are retried with pauses, within a time limit.

use std::time::{Duration, Instant};

use super::answer::Peer;
use super::error::{CredentialsError, ServerProblem};
use crate::endpoint::Endpoint;
use crate::error::SetupError;
use crate::options::ClientOptions;
use crate::retry::{self, Failure, RealTime, Retry};
use crate::transport::{Request, Response, Transport};

/// A server with its time limits.
pub(super) struct Server {
    transport: Transport,
    /// The timeout of one attempt.
    attempt_timeout: Duration,
    /// The timeout of a request with all retries.
    budget: Duration,
}

impl Server {
    pub(super) fn new(
        endpoint: &Endpoint,
        options: &ClientOptions,
        attempt_timeout: Duration,
        budget: Duration,
    ) -> Result<Self, SetupError> {
        Ok(Self { transport: Transport::new(endpoint, options)?, attempt_timeout, budget })
    }

    /// Returns this server for requests of the source `place`.
    pub(super) fn peer<'a>(&'a self, place: &'a str) -> Peer<'a> {
        Peer { place, server: self.transport.endpoint() }
    }

    /// Sends an idempotent request. Returns every response except 429 and statuses from 500 on.
    pub(super) fn send(&self, peer: Peer<'_>, request: &Request<'_>) -> Result<Response, CredentialsError> {
        let mut pace = RealTime(Instant::now());
        retry::run(&mut pace, self.budget, true, |time_left| {
            match self.transport.send(request, time_left.min(self.attempt_timeout)) {
                Ok(response) if response.status == 429 || response.status >= 500 => {
                    let error = peer.failed(ServerProblem::Status(response.status));
                    Err(Failure { error, retry: Retry::IfIdempotent, wait: response.retry_after })
                }
                Ok(response) => Ok(response),
                Err(source) => {
                    let retry = source.retry();
                    Err(Failure { error: peer.failed(ServerProblem::Unreachable(source)), retry, wait: None })
                }
            }
        })
    }
}
