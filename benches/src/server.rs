//! The measured servers, each in a process of its own: `bulla serve`, the bare "hello", and peers.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bulla_wire::kms::{CreateAlias, CreateKey};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::Result;
use crate::load::{Connection, Stream};
use crate::process::{self, Memory};
use crate::programs;
use crate::requests::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, signed};

/// A listening server, killed on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Time from the start of the process until it prints its address, or a peer accepts a connection.
    pub(crate) start: Duration,
    tls: Option<Arc<ClientConfig>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Server {
    /// Starts `bulla serve` on a store, with its log in a file beside the store.
    pub(crate) fn bulla(data: &Path, scheme: Scheme) -> Result<Self> {
        Self::bulla_with(data, scheme, &[])
    }

    /// As [`Server::bulla`], with more flags.
    pub(crate) fn bulla_with(data: &Path, scheme: Scheme, flags: &[&str]) -> Result<Self> {
        Self::of_build(&programs::bulla(), data, scheme, flags)
    }

    /// As [`Server::bulla_with`], for any build.
    pub(crate) fn of_build(program: &Path, data: &Path, scheme: Scheme, flags: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.args(["--connections-per-address", "4096"]); // all clients of a benchmark share one
        command.args(flags);
        command.env("BULLA_ROOT_ACCESS_KEY_ID", ACCESS_KEY_ID);
        command.env("BULLA_ROOT_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET);
        if scheme == Scheme::Http {
            command.arg("--http");
        }
        let mut server = Self::start(command.stderr(File::create(log(data))?))?;
        if scheme == Scheme::Https {
            server.tls = Some(trusting(&data.join("tls/ca.pem"))?);
        }
        Ok(server)
    }

    /// Starts the bare server.
    pub(crate) fn hello() -> Result<Self> {
        Self::start(Command::new(programs::hello()).arg("127.0.0.1:0"))
    }

    /// Starts a peer that listens on this port and does not print its address. Returns `None` if it is not installed.
    pub(crate) fn of_peer(command: &mut Command, port: u16) -> Result<Option<Self>> {
        let started = Instant::now();
        let child = match command.stdin(Stdio::null()).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            child => child?,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child, address, start: Duration::ZERO, tls: None };
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > PATIENCE {
                return Err(format!("{command:?} does not listen on port {port}").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        server.start = started.elapsed();
        Ok(Some(server))
    }

    fn start(command: &mut Command) -> Result<Self> {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line)?;
        let start = started.elapsed();
        let address = line.trim().rsplit_once("://").and_then(|(_, address)| address.parse().ok());
        let Some(address) = address else {
            let _ = child.kill(); // it may have exited already
            return Err(format!("{command:?} did not say where it listens").into());
        };
        Ok(Self { child, address, start, tls: None })
    }

    pub(crate) fn connect(&self) -> Result<Connection> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        Ok(Connection::new(match &self.tls {
            None => Stream::Plain(socket),
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let session = ClientConnection::new(Arc::clone(config), name)?;
                Stream::Tls(Box::new(StreamOwned::new(session, socket)))
            }
        }))
    }

    /// Connects over HTTP from this address of the loopback network.
    pub(crate) fn connect_from(&self, source: Ipv4Addr) -> Result<Connection> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddrV4::new(source, 0))?;
        connect(&socket, &self.address)?;
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        Ok(Connection::new(Stream::Plain(socket)))
    }

    /// Creates a key with an alias, and returns its id.
    pub(crate) fn create_key(&self, alias: &str) -> Result<String> {
        let mut connection = self.connect()?;
        let answer = connection.call(&signed(&CreateKey::default(), self.address, 1)[0])?;
        let key_id = member(answer, "KeyId")?;
        let alias = CreateAlias { alias_name: alias.into(), key_id: key_id.clone() };
        connection.call(&signed(&alias, self.address, 1)[0])?;
        Ok(key_id)
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        Memory::of(self.child.id())
    }

    /// Returns the proportional set size in MiB.
    pub(crate) fn proportional(&self) -> Result<f64> {
        process::proportional(self.child.id())
    }

    /// Returns the processor time in milliseconds.
    pub(crate) fn processor_time(&self) -> Result<f64> {
        process::processor_time(self.child.id())
    }

    /// Stops the server with SIGTERM, and waits for its exit.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have exited
        let _ = self.child.wait();
    }
}

/// Returns the text of the first JSON member with this name. Its value must not contain escapes.
pub(crate) fn member(answer: &str, name: &str) -> Result<String> {
    let text = answer.split_once(&format!(r#""{name}":""#)).and_then(|(_, rest)| rest.split_once('"'));
    Ok(text.ok_or_else(|| format!("the answer has no {name}"))?.0.to_owned())
}

/// Returns the path of the log of the server on this store.
pub(crate) fn log(data: &Path) -> PathBuf {
    data.with_extension("log")
}

fn trusting(ca: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(ca)?)?)?;
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Maximum time until a peer listens.
const PATIENCE: Duration = Duration::from_secs(10);
