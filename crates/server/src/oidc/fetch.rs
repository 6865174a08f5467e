//! Reads one key set, as bytes: from a file that other users cannot write, or over HTTPS without redirects.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use ureq::Agent;
use ureq::config::AutoHeaderValue;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Downloads key sets.
pub(super) struct Fetcher {
    /// The trusted authorities; `None` for the system's.
    roots: Option<Vec<Certificate<'static>>>,
    time_limit: Duration,
}

/// Why there is no key set.
#[derive(Debug)]
pub(super) enum FetchError {
    File(io::Error),
    /// Other users may write the file, and so admit any token.
    Writable {
        mode: u32,
    },
    /// It is longer than [`MAX_LEN`].
    TooLong,
    NoSystemRoots,
    Http(Box<ureq::Error>),
    /// A status other than 200, including redirects.
    Status(u16),
}

/// Reads a key set from a file.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, FetchError> {
    let file = File::open(path).map_err(FetchError::File)?;
    let found = file.metadata().map_err(FetchError::File)?;
    let writers = found.mode() & 0o022;
    let is_own = [0, rustix::process::geteuid().as_raw()].contains(&found.uid());
    if writers != 0 || !is_own {
        return Err(FetchError::Writable { mode: found.mode() & 0o777 });
    }
    capped(file)
}

fn capped(source: impl Read) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    source.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(FetchError::File)?;
    if bytes.len() as u64 > MAX_LEN { Err(FetchError::TooLong) } else { Ok(bytes) }
}

impl Default for Fetcher {
    fn default() -> Self {
        Self { roots: None, time_limit: TIME_LIMIT }
    }
}

impl Fetcher {
    /// Downloads a key set from an `https://` address.
    pub(super) fn url(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let http = |error| match error {
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooLong,
            error => FetchError::Http(Box::new(error)),
        };
        let mut answer = self.agent()?.get(url).call().map_err(http)?;
        if answer.status() != 200 {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        answer.body_mut().with_config().limit(MAX_LEN).read_to_vec().map_err(http)
    }

    /// Created for each download: authorities may have changed, and a connection would be idle for minutes.
    fn agent(&self) -> Result<Agent, FetchError> {
        let roots = match &self.roots {
            Some(roots) => roots.clone(),
            None => system_roots()?,
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = Agent::config_builder()
            .accept("application/json")
            .accept_encoding(AutoHeaderValue::None)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(self.time_limit))
            .tls_config(tls.build())
            .user_agent(concat!("bulla/", env!("CARGO_PKG_VERSION")));
        Ok(config.build().new_agent())
    }
}

fn system_roots() -> Result<Vec<Certificate<'static>>, FetchError> {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = found.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    if roots.is_empty() { Err(FetchError::NoSystemRoots) } else { Ok(roots) }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("it cannot be read"),
            Self::Writable { mode } => write!(f, "others may write it (mode {mode:o})"),
            Self::TooLong => write!(f, "it is longer than {MAX_LEN} bytes"),
            Self::NoSystemRoots => f.write_str("this system has no trusted certificates"),
            Self::Http(_) => f.write_str("it cannot be downloaded"),
            Self::Status(status) => write!(f, "the answer has status {status}, not 200"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(source) => Some(source),
            Self::Http(source) => Some(source),
            _ => None,
        }
    }
}

/// The maximum length of a key set, in bytes.
const MAX_LEN: u64 = 64 * 1024;
/// For the whole download, from resolving the name to the last byte.
const TIME_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, Stream};

    use super::*;

    /// A server on 127.0.0.1 that sends each client `answer`, and then closes the connection or keeps it open.
    struct Https {
        url: String,
        fetcher: Fetcher,
        requests: Arc<AtomicUsize>,
    }

    impl Https {
        fn new(answer: String, is_closing: bool) -> Self {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            let roots = vec![Certificate::from_der(cert.der()).to_owned()];
            let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
            let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![cert.der().clone()], key)
                .unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("https://{}/keys", listener.local_addr().unwrap());
            let requests = Arc::new(AtomicUsize::new(0));
            let (config, count) = (Arc::new(config), Arc::clone(&requests));
            thread::spawn(move || {
                let mut open = vec![];
                while let Ok((mut socket, _)) = listener.accept() {
                    let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                    let mut stream = Stream::new(&mut tls, &mut socket);
                    if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                        count.fetch_add(1, Ordering::Relaxed);
                        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
                    }
                    if is_closing {
                        tls.send_close_notify();
                        let _ = tls.write_tls(&mut socket);
                    } else {
                        open.push(socket);
                    }
                }
            });
            let time_limit = if is_closing { TIME_LIMIT } else { Duration::from_millis(200) };
            Self { url, fetcher: Fetcher { roots: Some(roots), time_limit }, requests }
        }

        fn with_body(body: &str) -> Self {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            Self::new(answer, true)
        }

        fn fetch(&self) -> Result<Vec<u8>, FetchError> {
            self.fetcher.url(&self.url)
        }
    }

    #[test]
    fn a_key_set_is_downloaded() {
        assert_eq!(Https::with_body("{}").fetch().unwrap(), b"{}");
        let longest = "x".repeat(64 * 1024);
        assert_eq!(Https::with_body(&longest).fetch().unwrap().len(), longest.len());
        let error = Https::with_body(&format!("{longest}x")).fetch().unwrap_err();
        assert!(matches!(error, FetchError::TooLong), "{error:?}");
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{longest}{longest}");
        let error = Https::new(endless, true).fetch().unwrap_err();
        assert!(matches!(error, FetchError::TooLong), "{error:?}");
    }

    #[test]
    fn no_redirect_is_followed() {
        let elsewhere = Https::with_body("{}");
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
        let error = Https::new(answer, true).fetch().unwrap_err();
        assert!(matches!(error, FetchError::Status(302)), "{error:?}");
        assert_eq!(elsewhere.requests.load(Ordering::Relaxed), 0);
        let missing = Https::new("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}".into(), true);
        assert!(matches!(missing.fetch(), Err(FetchError::Status(404))));
    }

    #[test]
    fn only_https_by_a_trusted_certificate() {
        let server = Https::with_body("{}");
        let plain = server.url.replace("https", "http");
        assert!(matches!(server.fetcher.url(&plain), Err(FetchError::Http(_))));
        let other = Https::with_body("{}");
        assert!(matches!(other.fetcher.url(&server.url), Err(FetchError::Http(_))));
        assert_eq!(server.requests.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_answer_that_does_not_come_is_given_up() {
        let silent = Https::new("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".into(), false);
        let error = silent.fetch().unwrap_err();
        let FetchError::Http(error) = error else { panic!("{error:?}") };
        assert!(matches!(*error, ureq::Error::Timeout(_)), "{error:?}");
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.json");
        fs::write(&path, "{}").unwrap();
        for (mode, is_taken) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(file(&path).is_ok(), is_taken, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, vec![b'x'; 64 * 1024 + 1]).unwrap();
        assert!(matches!(file(&path), Err(FetchError::TooLong)));
        assert!(matches!(file(&directory.path().join("none")), Err(FetchError::File(_))));
    }
}
