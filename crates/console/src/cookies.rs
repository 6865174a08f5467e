//! The cookies of this server: of the session, of the browser, and of the language.

use http::header::{COOKIE, HOST};

use crate::guard::without_port;
use crate::http::Request;

/// A cookie that only this server reads. Its name and attributes depend on how the page was reached.
pub(crate) struct ServerCookie {
    name: String,
    attributes: String,
}

impl ServerCookie {
    /// The cookie of the session, which ends with the browser.
    pub(crate) fn of_session(request: &Request<'_>) -> Self {
        Self::of(request, "bulla-session", "")
    }

    /// The cookie of a browser in which a user has signed in ([`KnownBrowsers`](crate::known_browsers::KnownBrowsers)).
    pub(crate) fn of_browser(request: &Request<'_>) -> Self {
        Self::of(request, "bulla-browser", "; Max-Age=2592000")
    }

    /// Over TLS the name has the prefix that makes browsers bind the cookie to this host. Without TLS the server is on loopback,
    /// where cookies are shared by all ports, so the port is a part of the name.
    fn of(request: &Request<'_>, name: &str, lifetime: &str) -> Self {
        if request.connection.tls {
            return Self {
                name: format!("__Host-{name}"),
                attributes: format!("{lifetime}; Path=/; HttpOnly; Secure; SameSite=Strict"),
            };
        }
        let host = request.header(&HOST).unwrap_or_default();
        let port = host.strip_prefix(without_port(host)).unwrap_or_default().trim_start_matches(':');
        let port = if port.is_empty() { "80" } else { port };
        Self {
            name: format!("{name}-{port}"),
            attributes: format!("{lifetime}; Path=/; HttpOnly; SameSite=Strict"),
        }
    }

    /// Returns the value in the request; `None` if the name occurs twice, because another program on this host set one of them.
    pub(crate) fn read<'a>(&self, request: &Request<'a>) -> Option<&'a str> {
        read(request, &self.name)
    }

    /// Returns the header that sets the cookie.
    pub(crate) fn set(&self, value: &str) -> String {
        format!("{}={value}{}", self.name, self.attributes)
    }

    /// Returns the header that removes the cookie.
    pub(crate) fn clear(&self) -> String {
        format!("{}=; Max-Age=0{}", self.name, self.attributes)
    }
}

/// Returns the value of a cookie that occurs exactly once.
pub(crate) fn read<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    let lines = request.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (key, value) = pair.trim_matches(' ').split_once('=')?;
        (key == name).then_some(value)
    });
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}
