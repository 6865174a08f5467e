//! Requests and responses, without a socket.

use std::time::Duration;

use bulla_kms::{Connection, PrincipalId};
use bulla_wire::Parameters;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use zeroize::Zeroizing;

/// A request, as the HTTP server received it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method: GET, HEAD or POST, if the request is valid.
    pub method: &'a Method,
    /// The path as received.
    pub path: &'a str,
    /// The query, without the question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// The address of the client, whether it uses TLS, and the request id.
    pub connection: &'a Connection,
}

/// A response.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, including the security headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// How long the HTTP server waits before it sends the response, which slows down the guessing of passwords.
    pub delay: Duration,
    /// Whether the caller is signed in.
    pub authenticated: bool,
    /// The access key with which the caller signed in, for the log.
    pub access_key_id: Option<String>,
    /// The id of the signed-in user, for the log.
    pub user_id: Option<PrincipalId>,
    /// The action that the form called, for the log.
    pub action: Option<&'static str>,
    /// The code of the error that the engine returned, for the log.
    pub code: Option<String>,
    /// An event for the log.
    pub event: Option<Event>,
}

/// An event of the sign-in, which the HTTP server logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// This user, or the account's root, signed in.
    SignedIn(String),
    /// A sign-in failed. The event does not contain the entered name, which may be a password.
    Refused,
    /// A wrong code followed the right password of this user. Unless the user mistyped the code, the password is compromised.
    CodeRefused(String),
    /// A caller signed out.
    SignedOut,
    /// The link of an embedded store was used a second time, which ended all sessions.
    LinkUsedAgain,
}

/// The body of a response.
pub enum Body {
    /// A page, whose memory is wiped after it was sent, because it may show a secret.
    Page(Zeroizing<String>),
    /// A file embedded in the program.
    Asset(&'static [u8]),
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Page(text) => text.as_bytes(),
            Self::Asset(bytes) => bytes,
        }
    }
}

impl<'a> Request<'a> {
    /// Returns the value of a header; `None` if it is repeated or not text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// Returns the fields of the query.
    pub(crate) fn queried(&self) -> Parameters {
        Parameters::from_query(self.query).unwrap_or_default()
    }

    /// Returns the fields of a posted form; `None` if the body is not a form.
    pub(crate) fn posted(&self) -> Option<Parameters> {
        let body = str::from_utf8(self.body).ok()?;
        let is_form = self.header(&CONTENT_TYPE).is_some_and(|kind| kind.starts_with(FORM));
        if is_form { Parameters::from_query(body).ok() } else { None }
    }
}

impl Answer {
    pub(crate) fn page(status: StatusCode, html: Zeroizing<String>) -> Self {
        Self::new(status, "text/html; charset=utf-8", Body::Page(html))
    }

    pub(crate) fn asset(content_type: &'static str, bytes: &'static [u8]) -> Self {
        let mut answer = Self::new(StatusCode::OK, content_type, Body::Asset(bytes));
        // The path of an asset changes with its content.
        answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        answer
    }

    /// Returns a file that the browser saves. Characters of the name other than ASCII letters, digits, `.`, `_` and `-` are
    /// dropped.
    pub(crate) fn download(name: &str, content: Zeroizing<String>) -> Self {
        let is_safe = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
        let name: String = name.chars().filter(is_safe).collect();
        let mut answer = Self::new(StatusCode::OK, "application/octet-stream", Body::Page(content));
        answer.add(
            "content-disposition",
            &format!("attachment; filename=\"{}\"", name.trim_start_matches('.')),
        );
        answer
    }

    /// Redirects the browser to another page, which it requests with GET.
    pub(crate) fn redirect(to: &str) -> Self {
        let mut answer = Self::new(StatusCode::SEE_OTHER, "text/plain", Body::Asset(b""));
        let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static(crate::PREFIX));
        answer.headers.insert(LOCATION, to);
        answer
    }

    fn new(status: StatusCode, content_type: &'static str, body: Body) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in SECURITY {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            body,
            delay: Duration::ZERO,
            authenticated: false,
            access_key_id: None,
            user_id: None,
            action: None,
            code: None,
            event: None,
        }
    }

    /// Adds a header.
    pub(crate) fn add(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("what the console sets is ASCII");
        self.headers.append(HeaderName::from_static(name), value);
    }
}

/// Headers of every response. `no-store` keeps pages out of all caches, including that of the back button.
const SECURITY: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
];
const FORM: &str = "application/x-www-form-urlencoded";
