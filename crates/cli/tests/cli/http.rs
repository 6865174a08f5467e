//! Requests byte for byte as the official clients send them: signed, stored, sent again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_wire::Timestamp;
use bulla_wire::signature::acs3::Outgoing;
use serde_json::Value;

use crate::harness::Server;

/// A client with its access key, and the address of the server.
pub(crate) struct SigningClient {
    host: String,
    id: String,
    secret: String,
}

/// A connection that stays open between requests.
pub(crate) struct Connection(BufReader<TcpStream>);

/// An answer: its status and its body.
pub(crate) type Answer = (u16, Value);

impl SigningClient {
    /// Returns the owner of the account, for a server without TLS.
    pub(crate) fn owner(server: &Server<'_>) -> Self {
        let (id, secret) = server.access_key();
        Self { host: server.address().to_string(), id, secret }
    }

    pub(crate) fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Returns a request signed now.
    pub(crate) fn request(&self, action: &str, form: &str) -> Vec<u8> {
        self.request_at(unix_now(), action, form)
    }

    /// Returns a request signed at another time.
    pub(crate) fn request_at(&self, time: i64, action: &str, form: &str) -> Vec<u8> {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let nonce = format!("{}-{}", NONCE.fetch_add(1, Ordering::Relaxed), std::process::id());
        let outgoing = Outgoing {
            host: &self.host,
            version: "2016-01-20",
            action,
            body: form,
            date: &Timestamp::from_unix(time).to_string(),
            nonce: &nonce,
            security_token: None,
        };
        let mut request = String::from("POST / HTTP/1.1\r\n");
        for (name, value) in outgoing.headers(&self.id, &self.secret) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{form}", form.len()));
        request.into_bytes()
    }

    /// Signs, sends and expects success.
    pub(crate) fn call(&self, action: &str, form: &str) -> Value {
        let (status, body) = self.connect().unwrap().send(&self.request(action, form)).unwrap();
        assert_eq!(status, 200, "{action}: {body}");
        body
    }
}

impl Connection {
    pub(crate) fn send(&mut self, request: &[u8]) -> std::io::Result<Answer> {
        self.write(request)?;
        self.answer()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    pub(crate) fn answer(&mut self) -> std::io::Result<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

pub(crate) fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}
