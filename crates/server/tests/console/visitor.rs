//! A minimal browser: it keeps the cookie of the session, finds the token of a form, and sends the headers of browsers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bulla_kms::Clock;
use bulla_wire::Parameters;

use crate::common::{Answer, ID, SECRET, TestServer};

/// A server with a console, and the clock that ends its sessions.
pub(crate) struct Site {
    pub(crate) server: TestServer,
    pub(crate) clock: Ahead,
}

/// The clock of the machine, moved ahead. Access keys and policies stay valid meanwhile.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<AtomicU64>);

/// A user with a browser.
pub(crate) struct Visitor<'a> {
    pub(crate) site: &'a Site,
    /// The cookie of the session, `name=value`.
    pub(crate) cookie: Option<String>,
    /// The host of every request.
    pub(crate) host: String,
    /// The headers of a POST; browsers set them, and pages cannot.
    pub(crate) headers: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        let clock = Ahead::default();
        let server = TestServer::with_console(clock.clone());
        Self { server, clock }
    }

    /// Restarts the server of the site, on another port.
    pub(crate) fn restart(self) -> Self {
        let clock = self.clock.clone();
        Self { server: self.server.restart_with_console(self.clock), clock }
    }

    /// Returns the host name of the server, with its port.
    pub(crate) fn host(&self) -> String {
        self.server.address.to_string()
    }

    pub(crate) fn visitor(&self) -> Visitor<'_> {
        let host = self.host();
        let headers = format!("Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        Visitor { site: self, cookie: None, host, headers }
    }

    /// Returns a visitor signed in as the account's root.
    pub(crate) fn root(&self) -> Visitor<'_> {
        let mut visitor = self.visitor();
        assert_eq!(visitor.sign_in(ID, SECRET).status, 303);
        visitor
    }

    /// Returns the number of keys, which a forged form would change.
    pub(crate) fn keys(&self) -> String {
        let listed = self.server.call("Action=ListKeys").body;
        let (_, rest) = listed.split_once(r#""TotalCount":"#).unwrap();
        rest.chars().take_while(char::is_ascii_digit).collect()
    }

    /// Creates a user. Returns the name, and the id and secret of the access key.
    pub(crate) fn user(&self, name: &str) -> (String, String) {
        self.ram(&format!("Action=CreateUser&UserName={name}"));
        let made = self.ram(&format!("Action=CreateAccessKey&UserName={name}"));
        (made.field("AccessKeyId"), made.field("AccessKeySecret"))
    }

    /// Calls RAM as the account's root.
    pub(crate) fn ram(&self, query: &str) -> Answer {
        self.server.call(&format!("{query}&Version=2015-05-01"))
    }
}

impl Visitor<'_> {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.exchange("GET", path, "", b"")
    }

    /// Sends a form to a path, with the token of its page.
    pub(crate) fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(path);
        let mut form = Parameters::default();
        for (name, value) in [("token", &*token)].iter().chain(fields) {
            form.set(name, *value);
        }
        self.post(path, &form.encode())
    }

    /// Sends a form unchanged.
    pub(crate) fn post(&mut self, path: &str, form: &str) -> Answer {
        let headers = self.headers.clone() + "Content-Type: application/x-www-form-urlencoded\r\n";
        self.exchange("POST", path, &headers, form.as_bytes())
    }

    /// Returns the token of the forms of a page.
    pub(crate) fn token(&mut self, path: &str) -> String {
        let page = self.get(path).body;
        let (_, rest) =
            page.split_once(r#"name="token" value=""#).unwrap_or_else(|| panic!("{path}: {page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn sign_in(&mut self, id: &str, secret: &str) -> Answer {
        self.send("/console/sign-in", &[("AccessKeyId", id), ("AccessKeySecret", secret)])
    }

    /// Returns whether the server recognizes the session.
    pub(crate) fn is_signed_in(&mut self) -> bool {
        let answer = self.get("/console/keys");
        let location = answer.header("location").to_owned();
        assert!(answer.status == 200 || location.starts_with("/console/sign-in?"), "{answer:?}");
        answer.status == 200
    }

    /// Sends one request unchanged, and keeps the cookie of the answer.
    pub(crate) fn exchange(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let host = &self.host;
        let length = body.len();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{cookie}{headers}Content-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        let mut client = self.site.server.connect();
        client.write(request).unwrap();
        let answer = if method == "HEAD" { client.read_head() } else { client.read() }.unwrap();
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        for (_, line) in set.filter(|(_, line)| line.starts_with("bulla-session")) {
            self.cookie = Some(line.split(';').next().unwrap().to_owned());
        }
        answer
    }
}

impl Ahead {
    pub(crate) fn pass(&self, minutes: u64) {
        self.0.fetch_add(60 * minutes, Ordering::SeqCst);
    }

    fn offset(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for Ahead {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        bulla_kms::SystemClock.elapsed() + self.offset()
    }
}
