//! A server that gives credentials over plain requests: sent again with pauses, within a time.

use std::time::{Duration, Instant};

use super::answer::Asked;
use super::error::{CredentialsError, ServerProblem};
use crate::endpoint::Endpoint;
use crate::error::SetupError;
use crate::options::ClientOptions;
use crate::retry::{self, Again, Failure, RealTime};
use crate::transport::{Answer, Request, Transport};

/// A server, and how long it is waited for.
pub(super) struct Server {
    transport: Transport,
    /// For one try.
    patience: Duration,
    /// For one request with its retries.
    budget: Duration,
}

impl Server {
    pub(super) fn new(
        endpoint: &Endpoint,
        options: &ClientOptions,
        patience: Duration,
        budget: Duration,
    ) -> Result<Self, SetupError> {
        Ok(Self { transport: Transport::new(endpoint, options)?, patience, budget })
    }

    /// This server, asked for the source `place`.
    pub(super) fn asked<'a>(&'a self, place: &'a str) -> Asked<'a> {
        Asked { place, server: self.transport.endpoint() }
    }

    /// The answer to a request that changes nothing, whatever its status below 500.
    pub(super) fn send(&self, asked: Asked<'_>, request: &Request<'_>) -> Result<Answer, CredentialsError> {
        let mut pace = RealTime(Instant::now());
        retry::run(&mut pace, self.budget, true, |time_left| {
            match self.transport.send(request, time_left.min(self.patience)) {
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    let error = asked.failed(ServerProblem::Status(answer.status));
                    Err(Failure { error, again: Again::IfNothingChanges, wait: answer.retry_after })
                }
                Ok(answer) => Ok(answer),
                Err(source) => {
                    let again = source.again();
                    Err(Failure {
                        error: asked.failed(ServerProblem::Unreachable(source)),
                        again,
                        wait: None,
                    })
                }
            }
        })
    }
}
