//! The listener of metrics: plain HTTP with three paths, separate from the API.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bulla_kms::Kms;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::exposition::{Exposition, ExpositionFormat};
use super::reading::Sources;
use crate::http::rpc::{HEALTHY, UNAVAILABLE};
use crate::http::{self, Connections, Handler, Received, Setup};
use crate::limits::Limits;

/// A bound listener. Clients can connect; [`serve`] answers them.
pub(crate) struct Bound {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Bound {
    /// Binds the address, within a runtime.
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        let (listener, address) = crate::listener(address)?;
        Ok(Self { listener, address })
    }
}

/// Answers scrapes until `stop`. Its connections are few and have the usual time limits, so a client that reaches only
/// this listener cannot take much of the server.
pub(crate) async fn serve(bound: Bound, sources: Sources, limits: Limits, stop: watch::Receiver<bool>) {
    let connections = Connections::of_metrics(limits.of_metrics(), Arc::clone(&sources.log));
    let kms = Arc::clone(&sources.kms);
    let handler = Metrics { kms, exposition: Exposition::new(sources) };
    http::serve(Setup { listener: bound.listener, tls: None, connections, stop }, Arc::new(handler)).await;
}

struct Metrics {
    kms: Arc<Kms>,
    exposition: Exposition,
}

impl Handler for Metrics {
    async fn answer(&self, request: Received) -> Response<Full<Bytes>> {
        if request.body.is_err() {
            return text(StatusCode::BAD_REQUEST, "Bad request.\n");
        }
        if !matches!(request.head.method, Method::GET | Method::HEAD) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match request.head.uri.path() {
            "/metrics" => {
                let accept = request.head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
                let format = ExpositionFormat::accepted(accept);
                response(StatusCode::OK, format.content_type(), self.exposition.text(format))
            }
            "/healthz" => response(StatusCode::OK, JSON, HEALTHY),
            "/readyz" if self.kms.is_ready() => response(StatusCode::OK, JSON, HEALTHY),
            "/readyz" => response(StatusCode::SERVICE_UNAVAILABLE, JSON, UNAVAILABLE),
            _ => text(StatusCode::NOT_FOUND, "Not found. There are /metrics, /healthz and /readyz.\n"),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", text)
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

const JSON: &str = "application/json;charset=utf-8";
