//! The console behind HTTP: selects the requests for it, and converts its answers.

use std::net::IpAddr;
use std::time::Duration;

use bulla_console::{Answer, Body, Console, Event, PREFIX, Request};
use bulla_kms::audit::{self, CallerType};
use bulla_kms::{Caller, Connection, Kms, OutsideRequest, Proof};
use bulla_wire::Error;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderValue, LOCATION};
use hyper::{Method, Response, StatusCode};
use tokio::time::sleep;

use crate::http::{Authenticated, Progress, Received};
use crate::log::Log;

/// The console of this server.
pub(crate) struct Pages {
    console: Console,
}

impl Pages {
    /// Returns the console for these host names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { console: Console::new(names) }
    }

    /// Replaces the host names of the console.
    pub(crate) fn set_names(&self, names: Vec<String>) {
        self.console.set_names(names);
    }

    /// Returns whether a request is for the console.
    pub(crate) fn are_requested(&self, request: &Received) -> bool {
        let path = request.head.uri.path();
        request.body.is_ok()
            && (path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/') || is_visit(request))
    }

    /// Counts a request that the API answered with this status.
    pub(crate) fn count(&self, kms: &Kms, status: u16) {
        self.console.traffic().count(kms.elapsed(), status >= 400);
    }

    /// Answers a request for the console, and notes in `progress` how. The page has a line in the log, after those of the actions and
    /// queries that it takes.
    pub(crate) async fn answer(
        &self,
        kms: &Kms,
        request: &Received,
        connection: &Connection,
        log: &Log,
        progress: &mut Progress,
    ) -> Response<Full<Bytes>> {
        if is_visit(request) {
            progress.status = StatusCode::SEE_OTHER.as_u16();
            log.request(&progress.record(connection.source));
            return to_the_console();
        }
        let answer = self.console.answer(
            kms,
            Request {
                method: &request.head.method,
                path: request.head.uri.path(),
                query: &request.query,
                headers: &request.head.headers,
                body: request.body.as_deref().map_or(&[], Vec::as_slice),
                connection,
            },
        );
        let mut answer = answer.await;
        if let Some(event) = &answer.event {
            log.event(text_of(event, connection.source.unwrap_or(request.peer.address)));
            let noted = note(kms, event, connection, &answer, progress.started.elapsed()).await;
            if let Err(error) = noted {
                progress.status = error.status();
                return unavailable();
            }
        }
        progress.status = answer.status.as_u16();
        progress.authenticated = answer.authenticated;
        progress.action = answer.action;
        progress.product = Some(CONSOLE);
        sleep(answer.delay).await;
        let user = answer.user_id.map(|id| audit::CallerIdentity {
            kind: CallerType::RamUser,
            name: None,
            id: Some(id.to_string().into()),
            arn: None,
            session: vec![],
        });
        let mut page = progress.record(connection.source);
        page.caller = user;
        page.access_key_id = answer.access_key_id.take().map(Into::into);
        page.outcome.code = answer.code.take().map(Into::into);
        log.request(&page);
        response(answer)
    }
}

/// The product of console requests in metrics.
const CONSOLE: &str = "Console";

/// Returns the text of an event in the log.
fn text_of(event: &Event, source: IpAddr) -> String {
    match event {
        Event::SignedIn(name) => format!("console: {name} signed in from {source}"),
        Event::Refused => format!("console: a sign-in from {source} was refused"),
        Event::CodeRefused(name) => {
            format!(
                "console: a sign-in as {name} from {source} was refused after the right password, by its code"
            )
        }
        Event::SignedOut => format!("console: a sign-out from {source}"),
        _ => format!("console: {event:?}"),
    }
}

/// Writes the lines of a sign-in or a sign-out, in the log and in the audit trail.
async fn note(
    kms: &Kms,
    event: &Event,
    connection: &Connection,
    answer: &Answer,
    took: Duration,
) -> Result<(), Error> {
    let (action, code) = match event {
        Event::SignedIn(_) => ("SignIn", None),
        Event::Refused => ("SignIn", Some("SignInRefused")),
        Event::CodeRefused(_) => ("SignIn", Some("CodeRefused")),
        Event::SignedOut => ("SignOut", None),
        _ => return Ok(()), // only of the owner's console, which has no trail
    };
    let caller = match (answer.user_id, answer.access_key_id.clone()) {
        (Some(id), Some(access_key)) => Some(Caller::User { id, proof: Proof::AccessKey(access_key) }),
        (Some(id), None) => Some(Caller::User { id, proof: Proof::Password { mfa: false } }),
        (None, Some(access_key_id)) => Some(Caller::Root { access_key_id }),
        (None, None) => None,
    };
    let request = OutsideRequest {
        connection,
        caller: caller.as_ref(),
        access_key_id: None,
        requested: Some((CONSOLE, action)),
        status: if code.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK }.as_u16(),
        code,
        took,
    };
    kms.note_request(request).await
}

/// Returns the answer while the audit trail takes no lines. It has no cookie, so it signs no user in.
fn unavailable() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// Returns whether a user opens the address of the server in a browser. Clients of the API name an action.
fn is_visit(request: &Received) -> bool {
    let accepted = request.head.headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    matches!(request.head.method, Method::GET | Method::HEAD)
        && request.head.uri.path() == "/"
        && request.query.is_empty()
        && accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

fn to_the_console() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(PREFIX));
    response
}

pub(crate) fn response(answer: Answer) -> Response<Full<Bytes>> {
    let body = match answer.body {
        Body::Asset(bytes) => Bytes::from_static(bytes),
        body @ Body::Page(_) => Bytes::from_owner(body),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    if answer.authenticated {
        response.extensions_mut().insert(Authenticated);
    }
    response
}
