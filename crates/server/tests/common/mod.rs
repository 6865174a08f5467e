//! A real server on a free port, and a client that writes raw bytes.

#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown as Direction, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_kms::{AuditOptions, Clock, Kms, Options, Role, SystemClock};
use bulla_server::{
    Limits, Network, ServeError, Server, ServerOptions, Shutdown, Stopper, TlsOptions, runtime,
};
use bulla_wire::signature::{acs3, v1};
use bulla_wire::{Parameters, Timestamp};
use tempfile::TempDir;

pub(crate) const ID: &str = "testid";
pub(crate) const SECRET: &str = "testsecret";
pub(crate) const VERSION: &str = "2016-01-20";

/// A server that stops on drop.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// The address of its metrics.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) data: Arc<TempDir>,
    pub(crate) log: Captured,
    pub(crate) stopper: Stopper,
    pub(crate) kms: Arc<Kms>,
    running: Option<JoinHandle<Result<(), ServeError>>>,
}

impl TestServer {
    pub(crate) fn plain() -> Self {
        Self::start(Limits::default(), |_| TlsOptions::Off, SystemClock)
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::start(limits, |_| TlsOptions::Off, SystemClock)
    }

    /// With these networks as trusted proxies.
    pub(crate) fn behind(limits: Limits, trusted_proxies: Vec<Network>) -> Self {
        Self::with_options(
            |_| TlsOptions::Off,
            SystemClock,
            |options| {
                options.limits = limits;
                options.trusted_proxies = trusted_proxies;
            },
        )
    }

    pub(crate) fn start(limits: Limits, tls: impl Fn(&TempDir) -> TlsOptions, clock: impl Clock) -> Self {
        Self::with_options(tls, clock, |options| options.limits = limits)
    }

    /// With a console, also under the name kms.example.com.
    pub(crate) fn with_console(clock: impl Clock) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), |_| TlsOptions::Off, clock, with_console)
    }

    /// With a console, and metrics on a port of their own.
    pub(crate) fn with_metrics(tls: impl Fn(&TempDir) -> TlsOptions, limits: Limits) -> Self {
        Self::with_options(tls, SystemClock, |options| {
            with_console(options);
            options.limits = limits;
            options.metrics = Some(([127, 0, 0, 1], 0).into());
        })
    }

    /// Stops a server with a console and starts it again on the same data, on another port.
    pub(crate) fn restart_with_console(self, clock: impl Clock) -> Self {
        let data = Arc::clone(&self.data);
        drop(self);
        Self::on(data, |_| TlsOptions::Off, clock, with_console)
    }

    /// With this trail, or without one.
    pub(crate) fn with_trail(audit: Option<AuditOptions>) -> Self {
        let data = Arc::new(tempfile::tempdir().unwrap());
        Self::of(data, audit, |_| TlsOptions::Off, SystemClock, |_| {})
    }

    /// On the data of a server that has ended.
    pub(crate) fn restarted(data: Arc<TempDir>) -> Self {
        Self::on(data, |_| TlsOptions::Off, SystemClock, |_| {})
    }

    pub(crate) fn with_options(
        tls: impl Fn(&TempDir) -> TlsOptions,
        clock: impl Clock,
        set: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), tls, clock, set)
    }

    fn on(
        data: Arc<TempDir>,
        tls: impl Fn(&TempDir) -> TlsOptions,
        clock: impl Clock,
        set: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let audit = Some(AuditOptions::new(data.path().join("audit"), "test"));
        Self::of(data, audit, tls, clock, set)
    }

    fn of(
        data: Arc<TempDir>,
        audit: Option<AuditOptions>,
        tls: impl Fn(&TempDir) -> TlsOptions,
        clock: impl Clock,
        set: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let mut kms_options = Options::new(data.path(), Role::Server);
        kms_options.audit = audit;
        let kms = Arc::new(Kms::open(&kms_options, clock).unwrap());
        let access_key = Some((ID.to_owned(), SECRET.to_owned().into()));
        runtime().unwrap().block_on(kms.ensure_access_key(access_key)).unwrap();
        let log = Captured::default();
        let mut options = ServerOptions::new(([127, 0, 0, 1], 0).into(), tls(&data));
        set(&mut options);
        options.log = Box::new(log.clone());
        let (stopper, shutdown) = Shutdown::by_hand();
        options.shutdown = shutdown;
        let server = Server::bind(Arc::clone(&kms), options).unwrap();
        let address = server.local_addr();
        let metrics = server.metrics_addr();
        let running = Some(std::thread::spawn(move || server.run()));
        Self { address, metrics, data, log, stopper, kms, running }
    }

    pub(crate) fn connect(&self) -> Client<TcpStream> {
        Client::new(self.tcp())
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        Self::tcp_to(self.address)
    }

    /// Connects to its metrics.
    pub(crate) fn connect_to_metrics(&self) -> Client<TcpStream> {
        Client::new(Self::tcp_to(self.metrics.unwrap()))
    }

    fn tcp_to(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends one request over a new connection.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        self.connect().send(request)
    }

    /// Signs and sends a request, and expects success.
    pub(crate) fn call(&self, query: &str) -> Answer {
        let answer = self.send(Signed::new("POST", query).into_query());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// Returns the id of a new key.
    pub(crate) fn create_key(&self) -> String {
        self.call("Action=CreateKey").field("KeyId")
    }

    /// Waits for the server to end.
    pub(crate) fn join(mut self) -> (Captured, Result<(), ServeError>) {
        let result = self.running.take().unwrap().join().unwrap();
        (self.log.clone(), result)
    }
}

fn with_console(options: &mut ServerOptions) {
    options.console = Some(["kms.example.com", "localhost"].map(str::to_owned).to_vec());
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stopper.stop();
        self.stopper.stop();
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

/// Returns a certificate or key as text.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// The captured log.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A v1 request: signed when it is created, so that a test can change it afterwards.
#[derive(Clone)]
pub(crate) struct Signed {
    method: &'static str,
    pub(crate) parameters: Parameters,
}

impl Signed {
    pub(crate) fn new(method: &'static str, query: &str) -> Self {
        Self::by(method, query, ID, SECRET, 0)
    }

    /// With further parameters, too long to be encoded by hand.
    pub(crate) fn with(method: &'static str, query: &str, more: &[(&str, &str)]) -> Self {
        let mut parameters = Parameters::from_query(query).unwrap();
        for (name, value) in more {
            parameters.set(name, *value);
        }
        Self::sign(method, parameters, ID, SECRET, 0)
    }

    /// Signed by another access key or another clock, `offset` seconds ahead.
    pub(crate) fn by(method: &'static str, query: &str, id: &str, secret: &str, offset: i64) -> Self {
        Self::sign(method, Parameters::from_query(query).unwrap(), id, secret, offset)
    }

    fn sign(method: &'static str, mut parameters: Parameters, id: &str, secret: &str, offset: i64) -> Self {
        if parameters.get("Version").is_none() {
            parameters.set("Version", VERSION);
        }
        v1::sign(method, &mut parameters, id, secret, &timestamp(offset), &nonce());
        Self { method, parameters }
    }

    pub(crate) fn into_query(self) -> String {
        let query = self.parameters.encode();
        format!("{} /?{query} HTTP/1.1\r\nHost: kms\r\nContent-Length: 0\r\n\r\n", self.method)
    }

    pub(crate) fn into_form(self) -> String {
        let form = self.parameters.encode();
        let length = form.len();
        format!("{} / HTTP/1.1\r\nHost: kms\r\n{FORM}Content-Length: {length}\r\n\r\n{form}", self.method)
    }

    /// Returns the form in chunks of a few bytes.
    pub(crate) fn into_chunks(self) -> String {
        let form = self.parameters.encode();
        let mut text =
            format!("{} / HTTP/1.1\r\nHost: kms\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n", self.method);
        for chunk in form.as_bytes().chunks(7) {
            text += &format!("{:x}\r\n{}\r\n", chunk.len(), str::from_utf8(chunk).unwrap());
        }
        text + "0\r\n\r\n"
    }
}

/// Returns a request signed by ACS3-HMAC-SHA256, with its parameters in the body.
pub(crate) fn acs3_request(host: &str, action: &str, body: &str) -> String {
    let (date, nonce) = (timestamp(0), nonce());
    let outgoing = acs3::Outgoing {
        host,
        version: VERSION,
        action,
        body,
        date: &date,
        nonce: &nonce,
        security_token: None,
    };
    let headers = outgoing.headers(ID, SECRET);
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST / HTTP/1.1\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn timestamp(offset: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_unix(i64::try_from(now).unwrap() + offset).to_string()
}

fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("nonce-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A connection that stays open between requests.
pub(crate) struct Client<S> {
    stream: BufReader<S>,
}

/// An answer, with its body as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())?;
        self.stream.get_mut().flush()
    }

    pub(crate) fn send(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.write(request).unwrap();
        self.read().unwrap()
    }

    /// Sends the head of a request, given without the empty line, and waits until the server reads its body.
    pub(crate) fn begin(&mut self, head: &str) {
        self.write(format!("{head}\r\nExpect: 100-continue\r\n\r\n")).unwrap();
        assert_eq!(self.read_head().unwrap().status, 100);
    }

    pub(crate) fn read(&mut self) -> io::Result<Answer> {
        let mut answer = self.read_head()?;
        let length = answer.header("content-length").parse().unwrap();
        self.stream.by_ref().take(length).read_to_string(&mut answer.body)?;
        assert_eq!(answer.body.len() as u64, length);
        Ok(answer)
    }

    /// Reads an answer to HEAD: the announced body is not sent.
    pub(crate) fn read_head(&mut self) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Ok(Answer { status: status.unwrap(), headers, body: String::new() })
    }

    /// Returns whether the server closes the connection without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Client<TcpStream> {
    pub(crate) fn set_read_timeout(&self, limit: Duration) {
        self.stream.get_ref().set_read_timeout(Some(limit)).unwrap();
    }

    /// Closes the sending direction.
    pub(crate) fn finish_sending(&self) {
        self.stream.get_ref().shutdown(Direction::Write).unwrap();
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value.as_str())
    }

    /// Returns the first string called `name` in a JSON body.
    pub(crate) fn field(&self, name: &str) -> String {
        let (_, rest) =
            self.body.split_once(&format!(r#""{name}":""#)).unwrap_or_else(|| panic!("{}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Asserts an error in the form of the protocol, and returns its message.
    pub(crate) fn refused(&self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.field("Code").as_str()), (status, code), "{}", self.body);
        assert_eq!(self.field("HostId"), "kms.cn-hangzhou.aliyuncs.com");
        assert_eq!(self.field("RequestId"), self.header("x-acs-request-id"));
        assert_eq!(self.header("cache-control"), "no-store");
        self.field("Message")
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
