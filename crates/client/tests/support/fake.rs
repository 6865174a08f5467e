//! Servers of credentials for tests. They reply by a function and store the requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bulla_wire::{Call, HttpRequest, Parameters};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is sent twice");
        value
    }

    /// Returns the parameters of the query and the form body.
    pub(crate) fn parameters(&self) -> Parameters {
        let (_, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        Parameters::from_query_and_form(query, &self.body).unwrap()
    }

    /// Returns the value of a parameter; empty if it is absent.
    pub(crate) fn parameter(&self, name: &str) -> String {
        self.parameters().get(name).unwrap_or_default().to_owned()
    }

    /// Parses the request like a server of bulla.
    pub(crate) fn call(&self) -> Call {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let body = self.body.as_bytes();
        let request = HttpRequest { method: &self.method, path, query, headers: &headers, body };
        Call::parse(&request).1.unwrap()
    }

    /// Verifies the signature and returns the access key id that signed.
    pub(crate) fn signed_by(&self, secret: &str) -> String {
        let call = self.call();
        call.signature.verify(secret).unwrap();
        call.signature.signer().unwrap().access_key_id.clone()
    }
}

/// A running server. It ends with the test process.
pub(crate) struct Fake {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Fake {
    /// Starts a server on a free port. `answer` returns the status and the body.
    pub(crate) fn start(answer: impl Fn(&Received) -> (u16, String) + Send + 'static) -> Self {
        Self::listen("127.0.0.1:0", answer)
    }

    /// Starts a server at this address.
    pub(crate) fn listen(
        address: &str,
        answer: impl Fn(&Received) -> (u16, String) + Send + 'static,
    ) -> Self {
        Self::serve("http", address, |stream| stream, answer)
    }

    /// Starts a server with TLS.
    pub(crate) fn listen_tls(
        address: &str,
        config: ServerConfig,
        answer: impl Fn(&Received) -> (u16, String) + Send + 'static,
    ) -> Self {
        let config = Arc::new(config);
        let wrap =
            move |stream| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        Self::serve("https", address, wrap, answer)
    }

    fn serve<S: Read + Write>(
        scheme: &str,
        address: &str,
        wrap: impl Fn(TcpStream) -> S + Send + 'static,
        answer: impl Fn(&Received) -> (u16, String) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let in_thread = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = serve(wrap(stream.unwrap()), &answer, &in_thread); // a client may disconnect
            }
        });
        Self { url, received }
    }

    /// Returns the requests so far and clears the list.
    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

fn serve(
    stream: impl Read + Write,
    answer: &impl Fn(&Received) -> (u16, String),
    seen: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
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
    let received = Received { method, path, headers, body: String::from_utf8(body).unwrap() };
    let (status, body) = answer(&received);
    seen.lock().unwrap().push(received);
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes())?;
    stream.get_mut().flush()
}
