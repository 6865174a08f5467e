//! A KMS for tests: a thread with just enough HTTP/1.1, which verifies every signature and replies by a script.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod authority;
pub(crate) mod fake;
pub(crate) mod namespace;
pub(crate) mod sources;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bulla_client::{ApiKeyService, Client, ClientOptions, Credentials, Endpoint};
use bulla_wire::{Call, HttpRequest, Parameters, Product, ReplyFormat, render_error};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does with a request.
pub(crate) enum Reply {
    /// Sends a complete response: status and body.
    Json(u16, &'static str),
    /// Sends a complete response with an additional header line.
    JsonWith(u16, String, &'static str),
    /// Sends these bytes, then closes the connection.
    Raw(Vec<u8>),
    /// Waits this long, then closes the connection.
    Silence(Duration),
}

/// A request whose signature was valid.
pub(crate) struct Seen {
    pub(crate) action: String,
    pub(crate) parameters: Parameters,
    pub(crate) nonce: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is sent twice");
        value
    }
}

/// A running server. It ends with the test process.
pub(crate) struct TestKms {
    pub(crate) endpoint: Endpoint,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl TestKms {
    /// Starts a server with plain HTTP that replies to one request after the other by `script`.
    pub(crate) fn start(script: Vec<Reply>) -> Self {
        Self::listen("http", script, Plain)
    }

    /// Starts the same server with TLS.
    pub(crate) fn start_tls(config: ServerConfig, script: Vec<Reply>) -> Self {
        let config = Arc::new(config);
        Self::listen("https", script, move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            StreamOwned::new(connection, stream)
        })
    }

    fn listen(scheme: &str, script: Vec<Reply>, wrap: impl Wrap) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let in_thread = Arc::clone(&seen);
        thread::spawn(move || {
            let mut script = VecDeque::from(script);
            for stream in listener.incoming() {
                // A client may disconnect, for example because it does not trust the certificate.
                let _ = serve(wrap.wrap(stream.unwrap()), &mut script, &in_thread);
            }
        });
        Self { endpoint: Endpoint::parse(&url).unwrap(), seen }
    }

    /// Returns the requests so far and clears the list.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    pub(crate) fn key_service(&self) -> ApiKeyService<Client> {
        ApiKeyService::new(self.client())
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(ClientOptions::default())
    }

    pub(crate) fn client_with(&self, options: ClientOptions) -> Client {
        Client::new(self.endpoint.clone(), credentials(SECRET), options).unwrap()
    }
}

pub(crate) fn credentials(secret: &str) -> Credentials {
    Credentials::new("test-id", secret.to_owned()).unwrap()
}

/// The secret of the access key.
pub(crate) const SECRET: &str = "test-secret";

/// Wraps a connection in TLS, or leaves it unchanged.
pub(crate) trait Wrap: Send + 'static {
    type Stream: Read + Write;
    fn wrap(&self, stream: TcpStream) -> Self::Stream;
}

struct Plain;

impl Wrap for Plain {
    type Stream = TcpStream;

    fn wrap(&self, stream: TcpStream) -> TcpStream {
        stream
    }
}

impl<S: Read + Write, F: Fn(TcpStream) -> S + Send + 'static> Wrap for F {
    type Stream = S;

    fn wrap(&self, stream: TcpStream) -> S {
        self(stream)
    }
}

fn serve(
    stream: impl Read + Write,
    script: &mut VecDeque<Reply>,
    seen: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body)?;

    let bytes: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(line, "POST / HTTP/1.1\r\n");
    let request = HttpRequest { method: "POST", path: "/", query: "", headers: &bytes, body: &body };
    let call = Call::parse(&request).1.unwrap();
    let reply = match call.signature.verify(SECRET) {
        Ok(()) => {
            let nonce = call.signature.signer().unwrap().nonce.clone();
            let Call { action, parameters, .. } = call;
            seen.lock().unwrap().push(Seen { action, parameters, nonce, headers });
            script.pop_front().expect("the script is long enough")
        }
        Err(error) => {
            let body = render_error(ReplyFormat::Json, Product::FALLBACK, &error, "request-id", "region");
            Reply::Raw(answer(400, "", &body))
        }
    };
    match reply {
        Reply::Json(status, body) => stream.get_mut().write_all(&answer(status, "", body))?,
        Reply::JsonWith(status, header, body) => {
            stream.get_mut().write_all(&answer(status, &format!("{header}\r\n"), body))?;
        }
        Reply::Raw(bytes) => stream.get_mut().write_all(&bytes)?,
        Reply::Silence(time) => thread::sleep(time),
    }
    stream.get_mut().flush()
}

fn answer(status: u16, extra: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{extra}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into()
}
