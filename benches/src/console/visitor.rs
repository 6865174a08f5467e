//! A minimal browser over one kept-alive connection: it keeps the cookie of the session and posts forms.

use std::net::Ipv4Addr;

use bulla_wire::Parameters;

use crate::Result;
use crate::load::Connection;
use crate::requests::{Request, Signer};
use crate::server::Server;

pub(super) struct Visitor {
    connection: Connection,
    host: String,
    /// The cookie of the session, as `name=value`.
    cookie: String,
    /// The cookie of a browser that has signed in by password, as `; name=value`.
    browser: String,
    /// What the forms of this session carry.
    token: String,
}

impl Visitor {
    /// Opens the sign-in page from this address.
    pub(super) fn new(server: &Server, source: Ipv4Addr) -> Result<Self> {
        let connection = server.connect_from(source)?;
        let host = server.address.to_string();
        let mut visitor =
            Self { connection, host, cookie: String::new(), browser: String::new(), token: String::new() };
        visitor.get(SIGN_IN)?;
        Ok(visitor)
    }

    /// Signs in with an access key.
    pub(super) fn signed_in(server: &Server, signer: &Signer) -> Result<Self> {
        let mut visitor = Self::new(server, Ipv4Addr::LOCALHOST)?;
        let fields = [("AccessKeyId", &*signer.access_key_id), ("AccessKeySecret", &*signer.secret)];
        match visitor.post(SIGN_IN, &fields)? {
            ENTERED => Ok(visitor),
            status => Err(format!("signing in by access key was answered with {status}").into()),
        }
    }

    /// Tries a password, and returns the status of the response: [`ENTERED`] if it is right.
    pub(super) fn try_password(&mut self, user: &str, password: &str) -> Result<u16> {
        self.post(SIGN_IN, &[("UserName", user), ("Password", password)])
    }

    /// Opens a page.
    pub(super) fn get(&mut self, path: &str) -> Result<()> {
        let request = self.request("GET", path, "", "");
        match self.send(&request)? {
            200 => Ok(()),
            status => Err(format!("{path} was answered with {status}").into()),
        }
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<u16> {
        let mut form = Parameters::default();
        for (name, value) in fields {
            form.set(name, *value);
        }
        form.set("token", &*self.token);
        let headers = format!(
            "Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            self.host
        );
        let request = self.request("POST", path, &headers, &form.encode());
        self.send(&request)
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Request {
        let Self { host, cookie, browser, .. } = self;
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}{browser}\r\nAccept: text/html\r\n\
             Accept-Language: en\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn send(&mut self, request: &Request) -> Result<u16> {
        let answer = self.connection.exchange(request)?;
        for set in answer.headers("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            if pair.starts_with("bulla-browser") {
                self.browser = format!("; {pair}");
            } else {
                self.cookie = pair.to_owned();
            }
        }
        if let Some((_, rest)) = answer.body.split_once(r#"name="token" value=""#) {
            self.token = rest.split('"').next().unwrap_or_default().to_owned();
        }
        Ok(answer.status())
    }
}

/// The status of the response to a successful sign-in.
pub(super) const ENTERED: u16 = 303;

/// The status of the response to a wrong password.
pub(super) const REFUSED: u16 = 403;

/// The status of the response while too many passwords are queued for their check.
pub(super) const BUSY: u16 = 429;

const SIGN_IN: &str = "/console/sign-in";
