//! The client: prints a request, signs it, sends it, reads the reply; again, if that makes sense.

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
use crate::error::{AnswerProblem, CallError, SetupError};
use crate::options::ClientOptions;
use crate::refusal::Refusal;
use crate::retry::{self, Again, Failure, RealTime};
use crate::transport::{Answer, Method, Request, Transport};

/// A remote KMS: `bulla serve` or the real Alibaba Cloud. Calls block; one client serves many threads and
/// keeps its connections.
pub struct Client {
    endpoint: Endpoint,
    /// `None` for requests that are not signed.
    credentials: Option<CredentialProvider>,
    options: ClientOptions,
    transport: Transport,
    clock: Clock,
}

impl Client {
    /// A client of the KMS at `endpoint`. Reads certificates, but connects only when it is called.
    ///
    /// `credentials` are [`Credentials`], or a [`CredentialProvider`] that gives them when they are needed.
    ///
    /// # Errors
    /// The certificates or the proxy of `options` cannot be used.
    pub fn new(
        endpoint: Endpoint,
        credentials: impl Into<CredentialProvider>,
        options: ClientOptions,
    ) -> Result<Self, SetupError> {
        Self::with(endpoint, Some(credentials.into()), options)
    }

    /// A client for the few actions that need no signature.
    pub(crate) fn unsigned(endpoint: Endpoint, options: ClientOptions) -> Result<Self, SetupError> {
        Self::with(endpoint, None, options)
    }

    fn with(
        endpoint: Endpoint,
        credentials: Option<CredentialProvider>,
        options: ClientOptions,
    ) -> Result<Self, SetupError> {
        let transport = Transport::new(&endpoint, &options)?;
        // Over plain HTTP, anyone may have written the date of an answer.
        let clock = Clock::new(options.follows_server_clock && endpoint.is_https());
        Ok(Self { endpoint, credentials, options, transport, clock })
    }

    /// The KMS that is called.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Calls an action and waits for its reply, at most [`ClientOptions::timeout`] with all retries, after the time that
    /// new credentials take.
    ///
    /// # Errors
    /// [`CallError`]. After `Unreachable` an action that changes something may have been carried out.
    pub fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        let answer = self.ask(A::PRODUCT.version(), A::NAME, &request.print())?;
        serde_json::from_slice(&answer.body).map_err(|error| self.senseless(&answer, &error))
    }

    /// Calls any action by its name, of the product with this API version (`2016-01-20` for the KMS); the
    /// reply is JSON, and a secret because it may hold a plaintext.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn call_raw(
        &self,
        version: &str,
        action: &str,
        parameters: &Parameters,
    ) -> Result<SecretText, CallError> {
        if let Some(name) = [version, action].into_iter().find(|name| !is_name(name)) {
            return Err(CallError::Name(name.to_owned()));
        }
        let answer = self.ask(version, action, parameters)?;
        serde_json::from_slice::<IgnoredAny>(&answer.body)
            .map_err(|error| self.senseless(&answer, &error))?;
        let text = str::from_utf8(&answer.body).expect("serde_json accepts UTF-8 only");
        Ok(Zeroizing::new(text.to_owned()).into())
    }

    /// The answer to a call that the KMS did not refuse.
    fn ask(&self, version: &str, action: &str, parameters: &Parameters) -> Result<Answer, CallError> {
        let body = Zeroizing::new(parameters.encode());
        self.credentials()?; // so that renewing them takes none of the call's time
        let mut pace = RealTime(Instant::now());
        retry::run(&mut pace, self.options.timeout, retry::changes_nothing(action), |time_left| {
            let never = |error| Failure { error, again: Again::Never, wait: None };
            let credentials = self.credentials().map_err(never)?;
            let (path, headers) = match &credentials {
                Some(credentials) => ("/".to_owned(), self.sign(credentials, version, action, &body)),
                None => self.address(version, action),
            };
            let request = Request { method: Method::Post, path: &path, headers: &headers, body: &body };
            match self.transport.send(&request, time_left) {
                Ok(answer) => self.accept(answer, credentials.as_ref()),
                Err(source) => {
                    let again = source.again();
                    let error = CallError::Unreachable { endpoint: self.endpoint.to_string(), source };
                    Err(Failure { error, again, wait: None })
                }
            }
        })
    }

    /// What to sign with; `None` for requests that are not signed.
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

    /// Path and headers of a request without a signature, in the form that the official clients send.
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
        answer: Answer,
        credentials: Option<&Arc<Credentials>>,
    ) -> Result<Answer, Failure<CallError>> {
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let mut wait = answer.retry_after;
        let (again, error) = match Refusal::parse(answer.status, &answer.body) {
            Some(refusal) if refusal.code == "InvalidSecurityToken.Expired" => {
                let again = if self.forget(credentials) { Again::Always } else { Again::Never };
                (again, CallError::Refused(refusal))
            }
            Some(refusal) => {
                if refusal.is_about_time() {
                    self.clock.correct(answer.date);
                }
                wait = wait.or(refusal.pause());
                (refusal.again(), CallError::Refused(refusal))
            }
            None => {
                // A gateway in front of the KMS may have lost it for a moment.
                let again = match answer.status {
                    429 => Again::Slower,
                    500 | 502..=504 => Again::IfNothingChanges,
                    _ => Again::Never,
                };
                (again, self.answer_error(&answer, AnswerProblem::NoErrorCode))
            }
        };
        Err(Failure { error, again, wait })
    }

    /// Forgets credentials that have expired before they should have: the clock of this machine may be slow. Returns
    /// whether there can be others.
    fn forget(&self, credentials: Option<&Arc<Credentials>>) -> bool {
        let forgotten = self.credentials.as_ref().zip(credentials);
        forgotten.is_some_and(|(provider, credentials)| provider.forget(credentials))
    }

    /// The error of serde_json may quote the answer, so no more than its kind is kept.
    fn senseless(&self, answer: &Answer, error: &serde_json::Error) -> CallError {
        let problem = if error.is_data() { AnswerProblem::OtherShape } else { AnswerProblem::NotJson };
        self.answer_error(answer, problem)
    }

    fn answer_error(&self, answer: &Answer, problem: AnswerProblem) -> CallError {
        CallError::Answer { endpoint: self.endpoint.to_string(), status: answer.status, problem }
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

/// Whether a name can stand in a header.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// 128 random bits in hex.
fn nonce() -> String {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).expect("the generator of aws-lc does not fail once it is seeded");
    format!("{:032x}", u128::from_be_bytes(random))
}
