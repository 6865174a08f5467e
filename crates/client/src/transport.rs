//! Sends a request and receives the response over HTTP/1.1, with TLS unless the server is on this machine.
//!
//! Redirects are not followed, because the signature is for one host. The size of responses is limited. The body of a response is
//! wiped on drop; the buffers of the HTTP and TLS libraries are not.

mod error;
mod roots;

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs;
use ureq::Agent;
use ureq::AsSendBody;
use ureq::config::AutoHeaderValue;
use ureq::http;
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

pub use self::error::{CertificateProblem, TransportError};
pub use self::roots::RootsError;
use crate::endpoint::Endpoint;
use crate::error::SetupError;
use crate::options::ClientOptions;

/// The connections to one server, kept open between calls.
pub(crate) struct Transport {
    agent: Agent,
    endpoint: Endpoint,
}

/// A request.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// The path from the first slash on, with the query.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'static str, String)],
    /// The body, which is not sent with [`Method::Get`].
    pub(crate) body: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
}

/// A response with any status.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The pause before the next attempt that the server asks for.
    pub(crate) retry_after: Option<Duration>,
    /// The time of the server's clock, in seconds since the Unix epoch.
    pub(crate) date: Option<i64>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Transport {
    /// Prepares connections to `endpoint`, but does not connect.
    pub(crate) fn new(endpoint: &Endpoint, options: &ClientOptions) -> Result<Self, SetupError> {
        let proxy = match options.proxy_to(endpoint) {
            Some(url) => Some(ureq::Proxy::new(url.expose()).map_err(|_| SetupError::Proxy)?),
            None => None,
        };
        // Plain HTTP does not need the system's certificates, which take time to load.
        let roots = if endpoint.is_https() {
            roots::load(options.ca.as_deref()).map_err(SetupError::Roots)?
        } else {
            Vec::new()
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = Agent::config_builder()
            .accept("application/json")
            .accept_encoding(AutoHeaderValue::None)
            .http_status_as_error(false)
            .https_only(endpoint.is_https())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .max_idle_connections(KEPT_CONNECTIONS)
            .max_idle_connections_per_host(KEPT_CONNECTIONS)
            .timeout_connect(Some(options.connect_timeout))
            .tls_config(tls.build())
            .user_agent(concat!("bulla/", env!("CARGO_PKG_VERSION")));
        Ok(Self { agent: config.build().new_agent(), endpoint: endpoint.clone() })
    }

    /// Returns the address of the server.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request and waits for the complete response, for at most `time_left`.
    pub(crate) fn send(
        &self,
        request: &Request<'_>,
        time_left: Duration,
    ) -> Result<Response, TransportError> {
        let mut response = match request.method {
            Method::Get => self.run(http::Method::GET, request, (), time_left),
            Method::Post => self.run(http::Method::POST, request, request.body, time_left),
            Method::Put => self.run(http::Method::PUT, request, request.body, time_left),
        }
        .map_err(TransportError::new)?;
        Ok(Response {
            status: response.status().as_u16(),
            retry_after: retry_after(&response),
            date: date(&response),
            body: read_capped(response.body_mut()).map_err(TransportError::new)?,
        })
    }

    fn run(
        &self,
        method: http::Method,
        request: &Request<'_>,
        body: impl AsSendBody,
        time_left: Duration,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let url = format!("{}{}", self.endpoint, request.path);
        let mut builder = http::Request::builder().method(method).uri(url);
        for (name, value) in request.headers {
            builder = builder.header(*name, value);
        }
        let outgoing = builder.body(body)?;
        self.agent.run(self.agent.configure_request(outgoing).timeout_global(Some(time_left)).build())
    }
}

fn read_capped(body: &mut ureq::Body) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    let expected = body.content_length().unwrap_or(0).clamp(USUAL_ANSWER, MAX_ANSWER);
    // Allocated at once: a vector that grows leaves copies in memory that is not wiped.
    let room = usize::try_from(expected).expect("at most 1 MiB");
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    body.with_config().limit(MAX_ANSWER).reader().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn retry_after(response: &http::Response<ureq::Body>) -> Option<Duration> {
    let text = response.headers().get("x-acs-retry-after")?.to_str().ok()?;
    let milliseconds = text.trim().parse().ok().filter(|&milliseconds| milliseconds > 0)?;
    Some(Duration::from_millis(milliseconds))
}

fn date(response: &http::Response<ureq::Body>) -> Option<i64> {
    let text = response.headers().get(http::header::DATE)?.to_str().ok()?;
    let since_1970 = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_1970.as_secs()).ok()
}

/// Maximum size of a response in bytes. A page of a hundred keys has about 20 KiB.
const MAX_ANSWER: u64 = 1024 * 1024;
/// Maximum number of idle connections: one for each thread that calls at the same time.
const KEPT_CONNECTIONS: usize = 64;
const USUAL_ANSWER: u64 = 16 * 1024;
