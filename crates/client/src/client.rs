//! The client: prints a request, signs it, sends it, and parses the response; retries where that is safe.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bulla_wire::signature::acs3::Outgoing;
use bulla_wire::{Action, Parameters, SecretText};
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::credentials::{CredentialProvider, Credentials};
use crate::endpoint::Endpoint;
use crate::error::{CallError, ResponseProblem, SetupError};
use crate::options::ClientOptions;
use crate::refusal::Refusal;
use crate::retry::{self, Failure, RealTime, Retry};
use crate::transport::{Method, Request, Response, Transport};

/// A client of a remote KMS: `bulla serve` or the real Alibaba Cloud. Calls block. Several threads may share a client, which
/// keeps its connections open.
pub struct Client {
    endpoint: Endpoint,
    /// `None` for a client that does not sign requests.
    credentials: Option<CredentialProvider>,
    options: ClientOptions,
    transport: Transport,
    clock: Clock,
}

impl Client {
    /// Creates a client of the KMS at `endpoint`. Reads the trusted certificates, but does not connect before the first call.
    ///
    /// `credentials` are [`Credentials`], or a [`CredentialProvider`] that finds or renews them on demand.
    ///
    /// # Errors
    /// [`SetupError`] if the certificates or the proxy of `options` cannot be used.
    pub fn new(
        endpoint: Endpoint,
        credentials: impl Into<CredentialProvider>,
        options: ClientOptions,
    ) -> Result<Self, SetupError> {
        Self::with(endpoint, Some(credentials.into()), options)
    }

    /// Creates a client for the few actions that need no signature.
    pub(crate) fn unsigned(endpoint: Endpoint, options: ClientOptions) -> Result<Self, SetupError> {
        Self::with(endpoint, None, options)
    }

    fn with(
        endpoint: Endpoint,
        credentials: Option<CredentialProvider>,
        options: ClientOptions,
    ) -> Result<Self, SetupError> {
        let transport = Transport::new(&endpoint, &options)?;
        // Over plain HTTP, an attacker could forge the date of a response.
        let clock = Clock::new(options.follows_server_clock && endpoint.is_https());
        Ok(Self { endpoint, credentials, options, transport, clock })
    }

    /// Returns the address of the KMS.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Calls an action and waits for its reply, with all retries for at most [`ClientOptions::timeout`], plus the time needed to
    /// renew credentials.
    ///
    /// # Errors
    /// [`CallError`]. After `Unreachable`, the KMS may have executed an action that changes something.
    pub fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        let response = self.exchange(A::PRODUCT.version(), A::NAME, &request.print())?;
        serde_json::from_slice(&response.body).map_err(|error| self.malformed(&response, &error))
    }

    /// Calls any action by its name, for the product with this API version (`2016-01-20` for the KMS). Returns the reply in JSON,
    /// as a secret because it may contain a plaintext.
    ///
    /// # Errors
    /// As for [`Client::call`].
    pub fn call_raw(
        &self,
        version: &str,
        action: &str,
        parameters: &Parameters,
    ) -> Result<SecretText, CallError> {
        if let Some(name) = [version, action].into_iter().find(|name| !is_name(name)) {
            return Err(CallError::Name(name.to_owned()));
        }
        let response = self.exchange(version, action, parameters)?;
        serde_json::from_slice::<IgnoredAny>(&response.body)
            .map_err(|error| self.malformed(&response, &error))?;
        let text = str::from_utf8(&response.body).expect("serde_json accepts UTF-8 only");
        Ok(Zeroizing::new(text.to_owned()).into())
    }

    /// Sends a call, with retries, and returns the response if it is not an error.
    fn exchange(&self, version: &str, action: &str, parameters: &Parameters) -> Result<Response, CallError> {
        let body = Zeroizing::new(parameters.encode());
        self.credentials()?; // renewed here, so that renewing takes none of the call's time
        let mut pace = RealTime(Instant::now());
        retry::run(&mut pace, self.options.timeout, retry::is_idempotent(action), |time_left| {
            let never = |error| Failure { error, retry: Retry::Never, wait: None };
            let credentials = self.credentials().map_err(never)?;
            let (path, headers) = match &credentials {
                Some(credentials) => ("/".to_owned(), self.sign(credentials, version, action, &body)),
                None => self.address(version, action),
            };
            let request = Request { method: Method::Post, path: &path, headers: &headers, body: &body };
            match self.transport.send(&request, time_left) {
                Ok(response) => self.accept(response, credentials.as_ref()),
                Err(source) => {
                    let retry = source.retry();
                    let error = CallError::Unreachable { endpoint: self.endpoint.to_string(), source };
                    Err(Failure { error, retry, wait: None })
                }
            }
        })
    }

    /// Returns the credentials to sign with; `None` if this client does not sign.
    fn credentials(&self) -> Result<Option<Arc<Credentials>>, CallError> {
        let current = self.credentials.as_ref().map(CredentialProvider::current);
        current.transpose().map_err(CallError::Credentials)
    }

    fn sign(
        &self,
        credentials: &Credentials,
        version: &str,
        action: &str,
        body: &str,
    ) -> Vec<(&'static str, String)> {
        let outgoing = Outgoing {
            host: &self.endpoint.host_header(),
            version,
            action,
            body,
            date: &self.clock.now().to_string(),
            nonce: &nonce(),
            security_token: credentials.security_token.as_ref().map(SecretText::expose),
        };
        outgoing.headers(&credentials.access_key_id, credentials.access_key_secret.expose())
    }

    /// Returns path and headers of an unsigned request, in the form of the official clients.
    fn address(&self, version: &str, action: &str) -> (String, Vec<(&'static str, String)>) {
        let mut query = Parameters::default();
        query.set("Action", action);
        query.set("Format", "JSON");
        query.set("Timestamp", self.clock.now().to_string());
        query.set("Version", version);
        let headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("host", self.endpoint.host_header()),
        ];
        (format!("/?{}", query.encode()), headers)
    }

    fn accept(
        &self,
        response: Response,
        credentials: Option<&Arc<Credentials>>,
    ) -> Result<Response, Failure<CallError>> {
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        let mut wait = response.retry_after;
        let (retry, error) = match Refusal::parse(response.status, &response.body) {
            Some(refusal) if refusal.code == "InvalidSecurityToken.Expired" => {
                let retry = if self.forget(credentials) { Retry::Always } else { Retry::Never };
                (retry, CallError::Refused(refusal))
            }
            Some(refusal) => {
                if refusal.is_clock_skew() {
                    self.clock.correct(response.date);
                }
                wait = wait.or(refusal.pause());
                (refusal.retry(), CallError::Refused(refusal))
            }
            None => {
                // The gateway in front of the KMS may be temporarily unable to reach it.
                let retry = match response.status {
                    429 => Retry::Throttled,
                    500 | 502..=504 => Retry::IfIdempotent,
                    _ => Retry::Never,
                };
                (retry, self.invalid_response(&response, ResponseProblem::NoErrorCode))
            }
        };
        Err(Failure { error, retry, wait })
    }

    /// Drops credentials that expired early, which happens if the clock of this machine is slow. Returns whether the provider can
    /// get others.
    fn forget(&self, credentials: Option<&Arc<Credentials>>) -> bool {
        let forgotten = self.credentials.as_ref().zip(credentials);
        forgotten.is_some_and(|(provider, credentials)| provider.forget(credentials))
    }

    /// Returns the error for a malformed response. An error of `serde_json` may quote the response, so only its kind is kept.
    fn malformed(&self, response: &Response, error: &serde_json::Error) -> CallError {
        let problem = if error.is_data() { ResponseProblem::OtherShape } else { ResponseProblem::NotJson };
        self.invalid_response(response, problem)
    }

    fn invalid_response(&self, response: &Response, problem: ResponseProblem) -> CallError {
        CallError::InvalidResponse { endpoint: self.endpoint.to_string(), status: response.status, problem }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// Whether a name may be the value of a header.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns 128 random bits in hex.
fn nonce() -> String {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).expect("the generator of aws-lc does not fail once it is seeded");
    format!("{:032x}", u128::from_be_bytes(random))
}
