//! What a request and an answer are made of.

use std::time::Duration;

use bulla_kms::{Connection, PrincipalId};
use bulla_wire::Parameters;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use zeroize::Zeroizing;

/// One request, as the HTTP server has read it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// GET, HEAD and POST are answered.
    pub method: &'a Method,
    /// The path, as it came.
    pub path: &'a str,
    /// The query, without the question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// What the network says.
    pub connection: &'a Connection,
}

/// One answer.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Its headers, also those of security.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// How long the HTTP server waits before it sends the answer: guessing passwords takes time.
    pub delay: Duration,
    /// Whether the request came from a caller who has signed in.
    pub authenticated: bool,
    /// The access key that has signed in, for the log.
    pub access_key_id: Option<String>,
    /// The id of the user who has signed in, for the log.
    pub user_id: Option<PrincipalId>,
    /// The action that a form has asked for, for the log.
    pub action: Option<&'static str>,
    /// The code of the error that the engine has answered, for the log.
    pub code: Option<String>,
    /// What the log should tell.
    pub event: Option<Event>,
}

/// Something about people that the log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// This user, or the account's root, has signed in.
    SignedIn(String),
    /// Somebody was not let in. What was typed as a name is not told: it may be a password.
    Refused,
    /// This user's password was given, and then a wrong code. Unless it was the user, the password is known to somebody else.
    CodeRefused(String),
    /// Somebody has signed out.
    SignedOut,
    /// The link of an embedded store was used twice, and all sessions have ended.
    LinkUsedAgain,
}

/// The bytes of an answer.
pub enum Body {
    /// A page, which is wiped when it was sent: it may show a secret.
    Page(Zeroizing<String>),
    /// A file of the program.
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
    /// The value of a header that may be given once only, if it is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// The fields of the query.
    pub(crate) fn queried(&self) -> Parameters {
        Parameters::from_query(self.query).unwrap_or_default()
    }

    /// The fields of a posted form; none if it is not one.
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
        // The name of an asset changes with its content.
        answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        answer
    }

    /// A file that the browser saves. Its name is of ASCII letters, digits, `.`, `_` and `-`; what else it holds is left out.
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

    /// Sends the browser to another page, with GET.
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

/// Headers of every answer. `no-store` keeps pages out of caches, also that of the back button.
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
