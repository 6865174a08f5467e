//! One request of the KMS API: the path from its bytes to the engine and back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bulla_kms::{Caller, Connection, Kms, Origin, OutsideRequest};
use bulla_wire::{
    Call, Error, ErrorCode, HttpRequest, Product, Reply, ReplyFormat, Request, render_error, render_reply,
};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use zeroize::Zeroizing;

use super::{Authenticated, Handler, Progress, Received, Refused};
use crate::console::Pages;
use crate::limits::ECHO_BYTES;
use crate::log::Log;
use crate::metrics::Requests;
use crate::proxies::Proxies;

/// The KMS as a handler of requests.
pub(crate) struct Rpc {
    kms: Arc<Kms>,
    log: Arc<Log>,
    proxies: Arc<Proxies>,
    console: Option<Arc<Pages>>,
    /// `None` if metrics are not served.
    requests: Option<Arc<Requests>>,
}

impl Handler for Rpc {
    async fn answer(&self, request: Received) -> Response<Full<Bytes>> {
        let client = self.client(&request);
        let mut progress = Progress::begin();
        if let Some(console) = &self.console
            && !is_probe(&request)
            && console.are_requested(&request)
        {
            let connection = connection(&request, client, &progress);
            let answer = console.answer(&self.kms, &request, &connection, &self.log, &mut progress).await;
            self.count(&progress);
            return answer;
        }
        let content = if let Some(health) = self.answer_health(&request, &mut progress) {
            self.log.request(&progress.record(client));
            health
        } else {
            let answer = self.answer_call(request, client, &mut progress).await;
            if let Some(console) = &self.console {
                console.count(&self.kms, progress.status);
            }
            answer
        };
        let mut answer = response(progress.status, content, &progress.request_id);
        if progress.authenticated {
            answer.extensions_mut().insert(Authenticated);
        }
        self.count(&progress);
        answer
    }
}

impl Rpc {
    pub(crate) fn new(
        kms: Arc<Kms>,
        log: Arc<Log>,
        proxies: Arc<Proxies>,
        console: Option<Arc<Pages>>,
    ) -> Self {
        Self { kms, log, proxies, console, requests: None }
    }

    /// Returns the handler with counting of requests.
    pub(crate) fn counted_by(self, requests: Option<Arc<Requests>>) -> Self {
        Self { requests, ..self }
    }

    /// Counts a request that is answered.
    fn count(&self, progress: &Progress) {
        if let Some(requests) = &self.requests {
            requests.count(progress);
        }
    }

    /// Returns the address of the client, if known: that of the connection, or the one that trusted proxies name. No
    /// parameter and no other header is trusted.
    fn client(&self, request: &Received) -> Option<IpAddr> {
        let forwarded = request.head.headers.get_all("x-forwarded-for").iter();
        self.proxies.client(request.peer.address, forwarded.map(HeaderValue::as_bytes))
    }

    /// Answers a health check or a readiness check. The cause of a failure is in the log only: any client can call these.
    fn answer_health(&self, request: &Received, progress: &mut Progress) -> Option<Content> {
        if is_for_path("/healthz", request) {
            return Some(Content::of_health(HEALTHY));
        }
        if !is_for_path("/readyz", request) {
            return None;
        }
        if self.kms.is_ready() {
            return Some(Content::of_health(HEALTHY));
        }
        progress.status = 503;
        Some(Content::of_health(UNAVAILABLE))
    }

    /// Answers a call, and notes in `progress` how. The engine writes its line of the log, with that of the audit trail.
    async fn answer_call(
        &self,
        request: Received,
        source: Option<IpAddr>,
        progress: &mut Progress,
    ) -> Content {
        let connection = connection(&request, source, progress);
        let (format, call) = parse(&request);
        drop(request); // wipes the body
        let product = call.as_ref().ok().and_then(|call| call.product).unwrap_or(Product::FALLBACK);
        progress.product = Some(product.name());
        let outcome = match self.kms.admit(source).and(call) {
            Ok(call) => self.perform(call, connection, progress).await,
            Err(error) => {
                let noted = self.note_refused(&connection, None, &error, progress).await;
                Err(noted.err().unwrap_or(error))
            }
        };
        let retry_after = outcome.as_ref().err().and_then(Error::retry_after);
        let text = match outcome {
            Ok(reply) => render_reply(format, &reply, &progress.request_id),
            Err(error) => self.refuse(format, product, &error, progress),
        };
        Content { format, text, retry_after }
    }

    /// Authenticates a call, and passes it to the engine.
    async fn perform(
        &self,
        call: Call,
        connection: Connection,
        progress: &mut Progress,
    ) -> Result<Reply, Error> {
        progress.action = known_action(&call);
        let kept = connection.clone();
        let (request, origin) = match self.open(&call, connection, progress) {
            Ok(opened) => opened,
            Err((error, caller)) => {
                let noted = self.note_refused(&kept, caller.as_ref(), &error, progress).await;
                return Err(noted.err().unwrap_or(error));
            }
        };
        drop(call); // wiped before any wait for a disk
        let outcome = self.kms.call_since(request, &origin, progress.started).await;
        progress.authenticated |= outcome.is_ok(); // a request without a signature proves itself by what it asks for
        outcome
    }

    /// Verifies the signature of a call and then parses its parameters. An error comes with the caller, if known.
    fn open(
        &self,
        call: &Call,
        connection: Connection,
        progress: &mut Progress,
    ) -> Result<(Request, Origin), (Error, Option<Caller>)> {
        let origin = self.authenticate(call, connection, progress).map_err(|error| (error, None))?;
        match call.request() {
            Ok(request) => Ok((request, origin)),
            Err(error) => Err((error, Some(origin.caller().clone()))),
        }
    }

    /// Writes the lines of a request that does not reach the engine, in the log and in the audit trail.
    async fn note_refused(
        &self,
        connection: &Connection,
        caller: Option<&Caller>,
        error: &Error,
        progress: &Progress,
    ) -> Result<(), Error> {
        let code = error.code_text();
        let refused = OutsideRequest {
            connection,
            caller,
            access_key_id: progress.access_key_id.as_deref(),
            requested: progress.product.zip(progress.action),
            status: error.status(),
            code: Some(&code),
            took: progress.started.elapsed(),
        };
        self.kms.note_request(refused).await
    }

    fn authenticate(
        &self,
        call: &Call,
        connection: Connection,
        progress: &mut Progress,
    ) -> Result<Origin, Error> {
        let result = self.kms.authenticate(call, connection);
        progress.authenticated = result.as_ref().is_ok_and(|origin| *origin.caller() != Caller::Unsigned);
        if let Err(error) = &result {
            let id = call.signature.signer().ok().map(|signer| signer.access_key_id.clone());
            progress.access_key_id = id.filter(|id| implies_a_known_key(error.code(), id));
        }
        result
    }

    fn refuse(
        &self,
        format: ReplyFormat,
        product: Product,
        error: &Error,
        progress: &mut Progress,
    ) -> Zeroizing<String> {
        self.log.cause(&progress.request_id, error);
        progress.status = error.status();
        progress.error = Some(error.code());
        let render = |error| render_error(format, product, error, &progress.request_id, self.kms.region());
        let text = render(error);
        if text.len() > ECHO_BYTES { render(&Error::new(error.code())) } else { text }
    }
}

/// The content of an answer.
struct Content {
    format: ReplyFormat,
    text: Zeroizing<String>,
    /// After which time the same request would be accepted.
    retry_after: Option<Duration>,
}

impl Content {
    fn of_health(text: &str) -> Self {
        Self { format: ReplyFormat::Json, text: Zeroizing::new(text.to_owned()), retry_after: None }
    }
}

fn connection(request: &Received, source: Option<IpAddr>, progress: &Progress) -> Connection {
    Connection {
        source,
        tls: request.peer.tls,
        request_id: Arc::clone(&progress.request_id),
        user_agent: request.user_agent(),
    }
}

/// Takes the request apart; the format of the answer is known also when that fails.
fn parse(request: &Received) -> (ReplyFormat, Result<Call, Error>) {
    let Received { head, query, body, .. } = request;
    let headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let (format, call) = Call::parse(&HttpRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query,
        headers: &headers,
        body: body.as_deref().map_or(&[], Vec::as_slice),
    });
    match body {
        Ok(_) => (format, call),
        Err(refused) => (format, Err(refusal(*refused).into())),
    }
}

fn refusal(refused: Refused) -> ErrorCode {
    match refused {
        Refused::LongLine => ErrorCode::RequestLineTooLong,
        Refused::LongHeaders => ErrorCode::HeadersTooLarge,
        Refused::Malformed => ErrorCode::ParseRequestParameterException,
        Refused::LongBody => ErrorCode::RequestTooLarge,
    }
}

/// Returns whether only a request with an existing access key gets this error, so that the id is neither an invention
/// of the caller nor a misplaced secret.
fn implies_a_known_key(code: ErrorCode, access_key_id: &str) -> bool {
    if code == ErrorCode::SecurityTokenMismatch {
        return !access_key_id.starts_with("STS."); // a temporary one is not verified at this point
    }
    matches!(
        code,
        ErrorCode::SignatureDoesNotMatch
            | ErrorCode::ForbiddenAccessKey
            | ErrorCode::SecurityTokenExpired
            | ErrorCode::InvalidTimeStampExpired
            | ErrorCode::SignatureNonceUsed
            | ErrorCode::ThrottlingUser
    )
}

/// Returns the action of a call for the log, which contains no text of a caller.
fn known_action(call: &Call) -> Option<&'static str> {
    let product = call.product.unwrap_or(Product::FALLBACK);
    product.actions().iter().copied().find(|action| *action == call.action)
}

fn is_probe(request: &Received) -> bool {
    ["/healthz", "/readyz"].iter().any(|path| is_for_path(path, request))
}

/// Returns whether a request is for one of the paths without a signature. HEAD is answered like GET; hyper omits the
/// body.
fn is_for_path(path: &str, request: &Received) -> bool {
    let is_read = matches!(request.head.method, Method::GET | Method::HEAD);
    is_read && request.head.uri.path() == path && request.body.is_ok()
}

fn response(status: u16, content: Content, request_id: &str) -> Response<Full<Bytes>> {
    let Content { format, text, retry_after } = content;
    let mut response = Response::new(Full::new(Bytes::from_owner(Wiped(text))));
    *response.status_mut() =
        StatusCode::from_u16(status).expect("the table of error codes has valid statuses");
    let request_id = HeaderValue::from_str(request_id).expect("a UUID is a valid header value");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, request_id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(wait) = retry_after {
        // Rounded up, so that a request after that time is accepted.
        let milliseconds = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        headers.insert(RETRY_AFTER, milliseconds.div_ceil(1000).into());
        headers.insert(ACS_RETRY_AFTER, milliseconds.into());
    }
    response
}

/// The bytes of an answer, wiped when they are sent.
struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

pub(crate) const HEALTHY: &str = r#"{"Status":"ok"}"#;
pub(crate) const UNAVAILABLE: &str = r#"{"Status":"unavailable"}"#;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-acs-request-id");
/// In milliseconds: clients of the cloud read this instead of Retry-After.
const ACS_RETRY_AFTER: HeaderName = HeaderName::from_static("x-acs-retry-after");
