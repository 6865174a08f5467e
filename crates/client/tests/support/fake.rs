//! Servers of credentials for tests, which answer by a function and note what they were asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bulla_wire::{Call, HttpRequest, Parameters};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is sent twice");
        value
    }

    /// The parameters of the query and the form body.
    pub(crate) fn parameters(&self) -> Parameters {
        let (_, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        Parameters::from_query_and_form(query, &self.body).unwrap()
    }

    /// The value of a parameter; empty if it is not there.
    pub(crate) fn parameter(&self, name: &str) -> String {
        self.parameters().get(name).unwrap_or_default().to_owned()
    }

    /// The request as a server of bulla takes it apart.
    pub(crate) fn call(&self) -> Call {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let body = self.body.as_bytes();
        let request = HttpRequest { method: &self.method, path, query, headers: &headers, body };
        Call::parse(&request).1.unwrap()
    }

    /// The access key id that signed this request, after the signature was verified.
    pub(crate) fn signed_by(&self, secret: &str) -> String {
        let call = self.call();
        call.signature.verify(secret).unwrap();
        call.signature.signer().unwrap().access_key_id.clone()
    }
}

/// A running server. It ends with the test process.
pub(crate) struct Fake {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers at a port of its own by `answer`: status and body.
    pub(crate) fn start(answer: impl Fn(&Asked) -> (u16, String) + Send + 'static) -> Self {
        Self::listen("127.0.0.1:0", answer)
    }

    /// Answers at this address.
    pub(crate) fn listen(address: &str, answer: impl Fn(&Asked) -> (u16, String) + Send + 'static) -> Self {
        Self::serve("http", address, |stream| stream, answer)
    }

    /// Answers over TLS.
    pub(crate) fn listen_tls(
        address: &str,
        config: ServerConfig,
        answer: impl Fn(&Asked) -> (u16, String) + Send + 'static,
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
        answer: impl Fn(&Asked) -> (u16, String) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let in_thread = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = serve(wrap(stream.unwrap()), &answer, &in_thread); // a client may break off
            }
        });
        Self { url, asked }
    }

    /// The requests so far, removed from the list.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn serve(
    stream: impl Read + Write,
    answer: &impl Fn(&Asked) -> (u16, String),
    seen: &Mutex<Vec<Asked>>,
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
    let asked = Asked { method, path, headers, body: String::from_utf8(body).unwrap() };
    let (status, body) = answer(&asked);
    seen.lock().unwrap().push(asked);
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes())?;
    stream.get_mut().flush()
}
