//! The console behind HTTP: selects the requests for it, and converts its answers.

use std::net::IpAddr;

use bulla_console::{Answer, Body, Console, Event, PREFIX, Refusal, Request};
use bulla_kms::audit::{self, CallerType};
use bulla_kms::{Connection, Kms};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::ACCEPT;
use hyper::{Method, Response};
use tokio::time::sleep;

use crate::http::{Authenticated, Progress, Received, Refused};
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

    /// Returns whether the console answers a request: one for its paths, and every visit of a browser.
    pub(crate) fn are_requested(&self, request: &Received) -> bool {
        is_for_console(request) || request.body.is_ok() && is_visit(request)
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
        let page = page_request(request, connection);
        let mut answer = match refusal(request) {
            Some(refusal) => self.console.refuse(&page, &refusal),
            None if page.path == "/" => self.console.lead(&page),
            None => self.console.answer(kms, page).await,
        };
        if let Some(event) = &answer.event {
            log.event(text_of(event, connection.source.unwrap_or(request.peer.address)));
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

/// Returns a request as the console takes it.
pub(crate) fn page_request<'r>(request: &'r Received, connection: &'r Connection) -> Request<'r> {
    Request {
        method: &request.head.method,
        path: request.head.uri.path(),
        query: &request.query,
        headers: &request.head.headers,
        body: request.body.as_deref().map_or(&[], Vec::as_slice),
        connection,
    }
}

/// Returns why a request gets no page, before any page is looked for: it was refused before it was read in full, or the console
/// has not its path.
pub(crate) fn refusal(request: &Received) -> Option<Refusal> {
    match request.body {
        Err(Refused::LongLine | Refused::LongHeaders) => Some(Refusal::LongHead),
        Err(Refused::Malformed) => Some(Refusal::Malformed),
        Err(Refused::LongBody) => Some(Refusal::LongForm),
        Ok(_) if request.head.uri.path() == "/" || is_for_console(request) => None,
        Ok(_) => Some(Refusal::NotFound),
    }
}

fn is_for_console(request: &Received) -> bool {
    let path = request.head.uri.path();
    path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/')
}

/// Returns whether a browser opens an address of the server. Clients of the API name an action.
fn is_visit(request: &Received) -> bool {
    let accepted = request.head.headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    matches!(request.head.method, Method::GET | Method::HEAD)
        && accepted.is_some_and(|accepted| accepted.contains("text/html"))
        && !names_action(request)
}

/// Returns whether a request is one of the API, by its query or by a header of signature version 3.
pub(crate) fn names_action(request: &Received) -> bool {
    let mut names = request.query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    names.any(|name| name == "Action") || request.head.headers.contains_key("x-acs-action")
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
