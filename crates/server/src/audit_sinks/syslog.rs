//! Sends lines of the audit trail as messages of syslog (RFC 5424), over a Unix socket, TCP (RFC 6587) or TLS (RFC
//! 5425).
//!
//! ```text
//! message = <110>1 TIME HOST bulla PID audit - LINE      110: facility 13 (log audit), severity 6 (informational)
//! frame   = LENGTH SP message                            over TCP and TLS
//! ```
//!
//! Syslog confirms no message: lines in the buffers of a connection are lost when it breaks, even with a required sink.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use bulla_kms::AuditOutput;
use rustix::system::uname;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::SyslogTarget;

pub(super) struct Syslog {
    target: SyslogTarget,
    host: String,
    connection: Option<Connection>,
}

enum Connection {
    Unix(UnixDatagram),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Syslog {
    pub(super) fn new(target: SyslogTarget) -> Self {
        let host: String = uname()
            .nodename()
            .to_string_lossy()
            .chars()
            .filter(char::is_ascii_graphic)
            .take(MAX_HOST)
            .collect();
        let host = if host.is_empty() { "-".into() } else { host };
        Self { target, host, connection: None }
    }

    fn connection(&mut self) -> io::Result<&mut Connection> {
        if self.connection.as_ref().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.target)?);
        }
        Ok(self.connection.as_mut().expect("made above"))
    }
}

impl AuditOutput for Syslog {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let messages: Vec<String> = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| message(&self.host, line))
            .collect();
        let written = self.connection().and_then(|connection| connection.send(&messages));
        if written.is_err() {
            self.connection = None;
        }
        written
    }
}

impl Connection {
    fn open(target: &SyslogTarget) -> io::Result<Self> {
        Ok(match target {
            SyslogTarget::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Self::Unix(socket)
            }
            SyslogTarget::Tcp(address) => Self::Tcp(connect(address)?),
            SyslogTarget::Tls { address, ca } => {
                let client = client(address, ca.as_deref())?;
                let mut stream = StreamOwned::new(client, connect(address)?);
                while stream.conn.is_handshaking() {
                    stream.conn.complete_io(&mut stream.sock)?;
                }
                Self::Tls(Box::new(stream))
            }
        })
    }

    /// Returns whether the other side has closed the connection: further writes are lost without an error.
    fn is_closed(&self) -> bool {
        let socket = match self {
            Self::Unix(_) => return false,
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        };
        let peeked = socket.set_nonblocking(true).and_then(|()| {
            let peeked = socket.peek(&mut [0]);
            socket.set_nonblocking(false).and(peeked)
        });
        match peeked {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    fn send(&mut self, messages: &[String]) -> io::Result<()> {
        let stream: &mut dyn Write = match self {
            Self::Unix(socket) => {
                return messages.iter().try_for_each(|message| socket.send(message.as_bytes()).map(drop));
            }
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => stream,
        };
        let frames = messages.iter().fold(String::new(), |mut frames, message| {
            write!(frames, "{} {message}", message.len()).expect("writing to memory does not fail");
            frames
        });
        stream.write_all(frames.as_bytes())?;
        stream.flush()
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => {
                socket.set_write_timeout(Some(PATIENCE))?;
                socket.set_read_timeout(Some(PATIENCE))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn client(address: &str, ca: Option<&Path>) -> io::Result<ClientConnection> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        Some(path) => {
            for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
                roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
            }
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
}

/// Returns a line as a message, with the time of the line.
fn message(host: &str, line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let time = line.split_once(TIME).and_then(|(_, rest)| rest.split_once('"')).map_or("-", |(time, _)| time);
    format!("<110>1 {time} {host} bulla {} audit - {line}", process::id())
}

/// The start of a line's time member. Quotation marks inside texts of a line are escaped.
const TIME: &str = "\"time\":\"";
/// The maximum length of a host name in a message (RFC 5424, section 6).
const MAX_HOST: usize = 255;
const PATIENCE: Duration = Duration::from_secs(5);
