//! The console behind HTTP: which requests are for it, and its answers as those of the server.

use bulla_console::{Answer, Body, Console, Entry, PREFIX, Request};
use bulla_kms::{Connection, Kms};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderValue, LOCATION};
use hyper::{Method, Response, StatusCode};
use tokio::time::sleep;

use crate::http::{Authenticated, Received};

/// The console of this server.
pub(crate) struct Pages {
    console: Console,
}

impl Pages {
    /// Pages that are reached by these names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { console: Console::new(names, Entry::Owner) }
    }

    /// Whether a request is for the console.
    pub(crate) fn are_asked_for(&self, request: &Received) -> bool {
        let path = request.head.uri.path();
        request.body.is_ok()
            && (path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/') || is_visit(request))
    }

    /// Answers a request for the console.
    pub(crate) async fn answer(
        &self,
        kms: &Kms,
        request: &Received,
        connection: &Connection,
    ) -> Response<Full<Bytes>> {
        if is_visit(request) {
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
        let answer = answer.await;
        sleep(answer.delay).await;
        response(answer)
    }
}

/// Whether a person opens the address of the server in a browser. Clients of the API name an action.
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

fn response(answer: Answer) -> Response<Full<Bytes>> {
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
