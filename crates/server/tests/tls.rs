//! HTTPS: versions, groups, the own authority, the operator's certificates.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bulla_kms::{Clock, Kms, Options, Role, SecretFileFault, SecretReaders, SystemClock};
use bulla_server::{Limits, ServeError, Server, ServerOptions, TlsError, TlsOptions};
use common::{Client, Signed, TestServer, pem};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, NamedGroup, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

type Stream = StreamOwned<ClientConnection, TcpStream>;

#[test]
fn clients_that_trust_the_authority_connect() {
    let server = with_authority();
    let ca = ca(&server);
    for name in ["localhost", "127.0.0.1", "::1", "kms.example.com"] {
        let mut client = Client::new(stream(&server, &ca, name, &[&TLS13, &TLS12]));
        let answer = client.send(Signed::new("POST", "Action=ListKeys").into_query());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let mut stranger = stream(&server, &ca, "other.example.com", &[&TLS13]);
    assert!(stranger.write_all(b"GET").is_err(), "that name is not in the certificate");
}

#[test]
fn long_queries_come_over_https_too() {
    let server = with_authority();
    let mut client = Client::new(stream(&server, &ca(&server), "localhost", &[&TLS13]));
    let filler = "密".repeat(20_000);
    for method in ["GET", "POST", "GET"] {
        let answer =
            client.send(Signed::with(method, "Action=ListKeys", &[("Filler", &filler)]).into_query());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[test]
fn the_post_quantum_group_comes_first_and_old_versions_not_at_all() {
    let server = with_authority();
    let ca = ca(&server);
    for (version, group) in [(&TLS13, NamedGroup::X25519MLKEM768), (&TLS12, NamedGroup::X25519)] {
        let mut stream = stream(&server, &ca, "localhost", &[version]);
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 15]).unwrap();
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        assert_eq!(stream.conn.negotiated_key_exchange_group().unwrap().name(), group);
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let mut stream = server.tcp();
    stream.write_all(&client_hello(ProtocolVersion::TLSv1_1)).unwrap();
    let mut alert = [0; 7];
    stream.read_exact(&mut alert).unwrap();
    assert_eq!((alert[0], alert[5], alert[6]), (21, 2, 70), "an alert, fatal, protocol_version: {alert:?}");
}

#[test]
fn slow_handshakes_are_cut_off_and_plain_requests_refused() {
    let limits = Limits { handshake: Duration::from_millis(300), ..Limits::default() };
    let server = TestServer::start(limits, authority, SystemClock);
    let begin = Instant::now();
    let mut slow = server.connect();
    slow.write([22, 3]).unwrap();
    assert!(slow.is_closed());
    assert!(begin.elapsed() < Duration::from_secs(9));
    let mut plain = server.tcp();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = [0];
    plain.read_exact(&mut first).unwrap();
    assert_eq!(first, [21], "a TLS alert, not an answer");
}

/// A clock after this many days, which have elapsed.
struct Later(Arc<AtomicU64>);

impl Later {
    fn passed(&self) -> Duration {
        Duration::from_secs(86_400 * self.0.load(Ordering::Relaxed))
    }
}

impl Clock for Later {
    fn now(&self) -> SystemTime {
        SystemTime::now() + self.passed()
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed() + self.passed()
    }
}

#[test]
fn an_authority_is_replaced_while_the_server_runs() {
    let days = Arc::new(AtomicU64::new(0));
    let clock = Later(Arc::clone(&days));
    let limits = Limits { refresh: Duration::from_millis(50), ..Limits::default() };
    let server = TestServer::start(limits, authority, clock);
    let old = ca(&server);
    days.store(3652 - 364, Ordering::Relaxed);
    wait_until(|| server.log.text().contains("the certificate authority was replaced: give clients "));
    let all = CertificateDer::pem_file_iter(server.data.path().join("tls/ca.pem")).unwrap();
    let all: Vec<_> = all.map(Result::unwrap).collect();
    assert_eq!((all.len(), &all[1]), (2, &old));
    assert_ne!(all[0], old);
    for root in all {
        let mut stream = stream_at(&server, &root, days.load(Ordering::Relaxed));
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 15]).unwrap();
    }
}

/// Connects a client whose clock is this many days ahead.
fn stream_at(server: &TestServer, root: &CertificateDer<'static>, days: u64) -> Stream {
    #[derive(Debug)]
    struct Ahead(u64);
    impl TimeProvider for Ahead {
        fn current_time(&self) -> Option<UnixTime> {
            let now = Duration::from_secs(UnixTime::now().as_secs() + 86_400 * self.0);
            Some(UnixTime::since_unix_epoch(now))
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(Ahead(days)));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), server.tcp())
}

#[test]
fn new_certificates_are_taken_up_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let write = |pair: &CertifiedKey<rcgen::KeyPair>| {
        fs::write(&cert, pem("CERTIFICATE", pair.cert.der())).unwrap();
        write_key(&key, pair, 0o600);
    };
    let pairs = [(); 2].map(|()| generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    write(&pairs[0]);
    let limits = Limits { refresh: Duration::from_millis(50), ..Limits::default() };
    let tls = TlsOptions::Files { cert: cert.clone(), key: key.clone() };
    let server = TestServer::start(limits, move |_| tls.clone(), SystemClock);
    assert!(shows(&server, pairs[0].cert.der()));

    let broken = folder.path().join("broken.pem");
    fs::write(&broken, "-----BEGIN PRIVATE KEY-----\nnot base64\n-----END PRIVATE KEY-----\n").unwrap();
    fs::set_permissions(&broken, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&broken, &key).unwrap(); // one change, not two
    wait_until(|| server.log.text().contains("the certificate was not changed"));
    assert!(shows(&server, pairs[0].cert.der()));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(
        server.log.text().matches("the certificate was not changed").count(),
        1,
        "reported once, not at every check"
    );

    write(&pairs[1]);
    wait_until(|| shows(&server, pairs[1].cert.der()));
    assert!(!shows(&server, pairs[0].cert.der()));
    wait_until(|| server.log.text().contains("a new certificate is in use"));
}

/// At the start and, while the server runs, as soon as the files change.
#[test]
fn a_private_key_that_others_can_reach_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let pairs = [(); 2].map(|()| generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    fs::write(&cert, pem("CERTIFICATE", pairs[0].cert.der())).unwrap();
    let tls = TlsOptions::Files { cert: cert.clone(), key: key.clone() };
    let data = tempfile::tempdir().unwrap();
    let bind = |readers, mode, folder_mode| {
        write_key(&key, &pairs[0], mode);
        fs::set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
        let mut options = Options::new(data.path(), Role::Server);
        options.secret_readers = readers;
        let kms = Arc::new(Kms::open(&options, SystemClock).unwrap());
        let bound = Server::bind(kms, ServerOptions::new(([127, 0, 0, 1], 0).into(), tls.clone())).map(drop);
        bound.map_err(|error| match error {
            ServeError::Tls(TlsError::Key(error)) => error.fault,
            error => panic!("{error}"),
        })
    };
    let fault = bind(SecretReaders::OwnerOnly, 0o666, 0o777).unwrap_err();
    assert!(matches!(fault, SecretFileFault::Directory { mode: 0o777, .. }), "{fault}");
    let fault = bind(SecretReaders::OwnGroups, 0o666, 0o755).unwrap_err();
    assert!(matches!(fault, SecretFileFault::Exposed(0o666)), "{fault}");
    let fault = bind(SecretReaders::OwnerOnly, 0o640, 0o755).unwrap_err();
    assert!(matches!(fault, SecretFileFault::Exposed(0o640)), "{fault}");
    bind(SecretReaders::OwnGroups, 0o640, 0o755).unwrap();
    bind(SecretReaders::OwnerOnly, 0o600, 0o1777).unwrap();

    let limits = Limits { refresh: Duration::from_millis(50), ..Limits::default() };
    let server = TestServer::start(limits, move |_| tls.clone(), SystemClock);
    let times_logged = |text: &str| server.log.text().matches(text).count();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    wait_until(|| times_logged("key.pem is open to others (mode 644)") == 1);
    fs::write(&cert, pem("CERTIFICATE", pairs[1].cert.der())).unwrap();
    write_key(&key, &pairs[1], 0o644);
    wait_until(|| times_logged("is open to others (mode 644)") > 1);
    assert!(shows(&server, pairs[0].cert.der()), "the old one stays");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    wait_until(|| shows(&server, pairs[1].cert.der()));
}

/// The cause was not in the files, so nothing about them changes when it is gone.
#[test]
fn certificates_are_taken_up_when_the_directory_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let pairs = [(); 2].map(|()| generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let write = |pair: &CertifiedKey<rcgen::KeyPair>| {
        fs::write(&cert, pem("CERTIFICATE", pair.cert.der())).unwrap();
        write_key(&key, pair, 0o600);
    };
    let set_mode = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    write(&pairs[0]);
    let limits = Limits { refresh: Duration::from_millis(50), ..Limits::default() };
    let tls = TlsOptions::Files { cert: cert.clone(), key: key.clone() };
    let server = TestServer::start(limits, move |_| tls.clone(), SystemClock);
    let times_logged = || server.log.text().matches("can be replaced by others").count();
    set_mode(0o777);
    write(&pairs[1]);
    wait_until(|| times_logged() > 0);
    // Each of the writes may be reported, but not every check.
    wait_until(|| {
        let before = times_logged();
        thread::sleep(Duration::from_millis(500));
        times_logged() == before
    });
    assert!(shows(&server, pairs[0].cert.der()));
    set_mode(0o700);
    wait_until(|| shows(&server, pairs[1].cert.der()));
}

/// As Kubernetes updates a secret: one link changes, and with it both files.
#[test]
fn certificates_behind_links_below_their_directory_are_taken_up() {
    let volume = tempfile::tempdir().unwrap();
    let at = |name: &str| volume.path().join(name);
    let pairs = [(); 2].map(|()| generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    for (version, pair) in ["..1", "..2"].into_iter().zip(&pairs) {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("tls.crt"), pem("CERTIFICATE", pair.cert.der())).unwrap();
        write_key(&at(version).join("tls.key"), pair, 0o400);
    }
    symlink("..1", at("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), at(name)).unwrap();
    }
    let limits = Limits { refresh: Duration::from_millis(50), ..Limits::default() };
    let tls = TlsOptions::Files { cert: at("tls.crt"), key: at("tls.key") };
    let server = TestServer::start(limits, move |_| tls.clone(), SystemClock);
    assert!(shows(&server, pairs[0].cert.der()));
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    wait_until(|| shows(&server, pairs[1].cert.der()));
}

#[test]
fn what_cannot_be_served_is_refused_before_anything_is() {
    let data = tempfile::tempdir().unwrap();
    let kms = Arc::new(Kms::open(&Options::new(data.path(), Role::Server), SystemClock).unwrap());
    let bind =
        |listen: &str, tls| Server::bind(kms.clone(), ServerOptions::new(listen.parse().unwrap(), tls));
    assert!(matches!(bind("0.0.0.0:0", TlsOptions::Off), Err(ServeError::PlainHttp(_))));
    assert!(matches!(bind("[::]:0", TlsOptions::Off), Err(ServeError::PlainHttp(_))));
    assert!(matches!(bind("192.0.2.1:0", TlsOptions::Off), Err(ServeError::PlainHttp(_))));
    let first = bind("127.0.0.1:0", TlsOptions::Off).unwrap();
    let taken = bind(&first.local_addr().to_string(), TlsOptions::Off);
    assert!(matches!(taken, Err(ServeError::Bind { .. })));
    let nowhere = data.path().join("none.pem");
    let tls = TlsOptions::Files { cert: nowhere.clone(), key: nowhere.clone() };
    let Err(ServeError::Tls(TlsError::File { path, .. })) = bind("127.0.0.1:0", tls) else { panic!() };
    assert_eq!(path, nowhere);
}

fn write_key(path: &Path, pair: &CertifiedKey<rcgen::KeyPair>, mode: u32) {
    fs::write(path, pem("PRIVATE KEY", pair.signing_key.serialized_der())).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn authority(data: &tempfile::TempDir) -> TlsOptions {
    TlsOptions::Authority { data: data.path().to_owned(), names: vec!["kms.example.com".into()] }
}

fn with_authority() -> TestServer {
    TestServer::start(Limits::default(), authority, SystemClock)
}

fn ca(server: &TestServer) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(server.data.path().join("tls/ca.pem")).unwrap()
}

fn stream(
    server: &TestServer,
    root: &CertificateDer<'static>,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> Stream {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), server.tcp())
}

/// Returns whether the server uses this certificate, which is its own root.
fn shows(server: &TestServer, certificate: &CertificateDer<'static>) -> bool {
    let mut stream = stream(server, certificate, "localhost", &[&TLS13]);
    stream.conn.complete_io(&mut stream.sock).is_ok()
}

fn wait_until(ready: impl Fn() -> bool) {
    let begin = Instant::now();
    while !ready() {
        assert!(begin.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns a ClientHello of an old version, with one cipher suite, a signature scheme and a group.
fn client_hello(version: ProtocolVersion) -> Vec<u8> {
    let [high, low] = u16::from(version).to_be_bytes();
    let mut body = vec![high, low];
    body.extend([7; 32]); // random
    body.extend([0, 0, 2, 0xc0, 0x09, 1, 0]); // no session; ECDHE-ECDSA-AES128-SHA; no compression
    body.extend([0, 16, 0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 29]); // ECDSA with SHA-256; X25519
    let mut hello = vec![22, high, low, 0, u8::try_from(body.len() + 4).unwrap(), 1, 0, 0];
    hello.push(u8::try_from(body.len()).unwrap());
    hello.extend(body);
    hello
}
