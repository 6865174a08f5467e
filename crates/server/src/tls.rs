//! TLS: versions, groups, and the certificate in use, which is replaced while the server runs.
//!
//! The certificate comes from an authority of the server's own or from files of the operator. A thread checks every few
//! seconds whether it must be replaced; open connections keep theirs.

mod authority;
mod files;
mod root;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use arc_swap::ArcSwap;
use bulla_kms::{Kms, SecretFileError};
use bulla_wire::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Decode;

use self::authority::Authority;
use self::files::Files;
use crate::log::{Log, chain};

/// Whether and with which certificate connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsOptions {
    /// Plain HTTP, on loopback addresses only.
    Off,
    /// Certificates of the server's own authority, whose key is sealed in the store.
    Authority {
        /// The data directory; the authority's certificate is written to `tls/ca.pem` in it.
        data: PathBuf,
        /// Host names and addresses of the server, beside those that it determines itself.
        names: Vec<String>,
    },
    /// The operator's certificates. Both files are reloaded when they change.
    Files {
        /// PEM: the server's certificate, then intermediate ones.
        cert: PathBuf,
        /// PEM: the private key (PKCS#8, PKCS#1 or SEC1), in a file that [`bulla_kms::read_secret_file`] accepts.
        key: PathBuf,
    },
}

/// Why there is no certificate.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// This is neither a host name nor an address.
    Name(String),
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The private key cannot be read, or other users could have read or replaced it.
    Key(SecretFileError),
    /// A file is not PEM of the expected kind.
    Pem {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: pem::Error,
    },
    /// Certificate and key cannot be used, or do not belong together.
    Unusable(rustls::Error),
    /// The authority's key and certificate in the store cannot be read.
    Damaged,
    /// The authority cannot issue a certificate.
    Issue(rcgen::Error),
    /// The authority cannot be written to the store.
    Store(bulla_wire::Error),
}

/// The source of certificates, and the one in use.
pub(crate) struct Tls {
    source: CertificateSource,
    current: Arc<Current>,
}

enum CertificateSource {
    Authority(Box<Authority>),
    Files(Files),
}

impl Tls {
    /// Issues or reads the first certificate. Returns `None` if TLS is off.
    pub(crate) async fn open(
        options: &TlsOptions,
        listen: SocketAddr,
        kms: &Kms,
    ) -> Result<Option<Self>, TlsError> {
        let (source, key) = match options {
            TlsOptions::Off => return Ok(None),
            TlsOptions::Authority { data, names } => {
                let (authority, key) = Authority::open(kms, data, names, listen.ip()).await?;
                (CertificateSource::Authority(Box::new(authority)), key)
            }
            TlsOptions::Files { cert, key } => {
                let (files, key) = Files::open(cert, key, kms.secret_readers())?;
                (CertificateSource::Files(files), key)
            }
        };
        Ok(Some(Self { source, current: Arc::new(Current(ArcSwap::from_pointee(key))) }))
    }

    /// Returns the path of the certificate that clients must trust, if it is of the server's own authority.
    pub(crate) fn ca_path(&self) -> Option<&Path> {
        match &self.source {
            CertificateSource::Authority(authority) => Some(authority.ca_path()),
            CertificateSource::Files(_) => None,
        }
    }

    /// Returns an acceptor of TLS 1.2 and 1.3, which always uses the current certificate.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        // Its first group is X25519MLKEM768, which protects a recorded session from decryption by a later quantum
        // computer.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has cipher suites for both versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&self.current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Returns the certificate in use, which follows later changes.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate(Arc::clone(&self.current))
    }

    /// Returns what the operator must do for the certificate, if anything.
    pub(crate) fn reminder(&self, now: i64) -> Option<String> {
        let CertificateSource::Authority(authority) = &self.source else { return None };
        let ends = Timestamp::from_unix(authority.predecessor_ends(now)?);
        let path = authority.ca_path().display();
        Some(format!("the certificate authority was replaced: give clients {path} before {ends}"))
    }

    /// Replaces the certificate if that is due. Returns whether it did.
    pub(crate) async fn refresh(&mut self, kms: &Kms) -> Result<bool, TlsError> {
        let replacement = match &mut self.source {
            CertificateSource::Authority(authority) => authority.renew(kms, kms.now()).await?,
            CertificateSource::Files(files) => files.reload()?,
        };
        let Some(key) = replacement else { return Ok(false) };
        self.current.0.store(Arc::new(key));
        Ok(true)
    }

    /// Adopts the certificate of `other` and its source. Acceptors use it from the next handshake on.
    pub(crate) fn adopt(&mut self, other: Self) {
        self.current.0.store(other.current.0.load_full());
        self.source = other.source;
    }
}

/// The thread that renews the certificate; it ends when this is dropped.
pub(crate) struct Upkeep {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    pub(crate) fn start(
        tls: Arc<Mutex<Tls>>,
        interval: Duration,
        runtime: Handle,
        kms: Arc<Kms>,
        log: Arc<Log>,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let mut tls = tls.lock().expect("nothing panics while it holds the lock");
                match runtime.block_on(tls.refresh(&kms)) {
                    Ok(false) => {}
                    Ok(true) => {
                        log.event("a new certificate is in use");
                        tls.reminder(kms.now()).into_iter().for_each(|reminder| log.event(reminder));
                    }
                    Err(error) => log.event(format!("the certificate was not changed: {}", chain(&error))),
                }
            }
        };
        let thread = thread::Builder::new().name("bulla-tls".into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic has been printed already
        }
    }
}

/// The certificate in use at any moment, for metrics.
#[derive(Clone)]
pub(crate) struct Certificate(Arc<Current>);

impl Certificate {
    /// Returns when it expires, in seconds since 1970. `None` if it does not state that as RFC 5280 requires: rustls
    /// checks its own certificate no further than necessary.
    pub(crate) fn not_after(&self) -> Option<u64> {
        let key = self.0.0.load();
        let certificate = x509_cert::Certificate::from_der(key.cert.first()?).ok()?;
        Some(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
    }
}

/// The certificate in use, for handshakes.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is neither a host name nor an address"),
            Self::File { path, .. } => write!(f, "cannot use {}", path.display()),
            Self::Key(error) => error.fmt(f),
            Self::Pem { path, .. } => write!(f, "{} is not a PEM file of the expected kind", path.display()),
            Self::Unusable(_) => f.write_str("the certificate cannot be used with its key"),
            Self::Damaged => f.write_str("the certificate authority in the store cannot be read"),
            Self::Issue(_) => f.write_str("cannot make a certificate"),
            Self::Store(_) => f.write_str("cannot keep the certificate authority in the store"),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(_) | Self::Damaged | Self::Key(_) => None,
            Self::File { source, .. } => Some(source),
            Self::Pem { source, .. } => Some(source),
            Self::Unusable(source) => Some(source),
            Self::Issue(source) => Some(source),
            Self::Store(source) => Some(source),
        }
    }
}
