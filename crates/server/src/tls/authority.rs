//! The certificate authority of one server, created at the first start and sealed in the store.
//!
//! Its certificate is in `DATA/tls/ca.pem` for the clients, for a while together with that of its predecessor. The
//! server's own key and certificate are in memory only: a new pair at every start, and after two thirds of its life.
//! Authority and server use ECDSA with P-256 (FIPS 186-5), which every client supports.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bulla_kms::Kms;
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::files::read_small;
use super::root::{BACKDATED, LEAF_LIFE, Root, new_key, params, pem};

/// An authority, and the server that it certifies.
pub(super) struct Authority {
    root: Root,
    ca_path: PathBuf,
    server_names: Vec<SanType>,
    renew_at: i64,
}

impl Authority {
    /// Reads the authority from the store, or creates one, and issues the first certificate of the server.
    pub(super) async fn open(
        kms: &Kms,
        data: &Path,
        names: &[String],
        listen: IpAddr,
    ) -> Result<(Self, CertifiedKey), TlsError> {
        let server_names = server_names(names, listen)?;
        let now = kms.now();
        let root = Root::open(kms, now).await?;
        let ca_path = data.join("tls").join("ca.pem");
        let mut authority = Self { root, ca_path, server_names, renew_at: now };
        authority.publish(now)?;
        let key = authority.issue(now)?;
        Ok((authority, key))
    }

    /// Returns the path of the authority's certificate.
    pub(super) fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    /// Returns when the predecessor of this authority expires, if clients may still have only its certificate.
    pub(super) fn predecessor_ends(&self, now: i64) -> Option<i64> {
        Some(self.root.predecessor(now)?.not_after)
    }

    /// Returns a new key and certificate for the server, if two thirds of the life of the current one are over, or if
    /// the authority or its predecessor is due to expire.
    pub(super) async fn renew(&mut self, kms: &Kms, now: i64) -> Result<Option<CertifiedKey>, TlsError> {
        if now < self.renew_at {
            return Ok(None);
        }
        self.renew_at = now + RETRY; // if something fails below; otherwise set by `issue`
        if let Some(successor) = self.root.successor(kms, now).await? {
            self.root = successor;
        }
        self.publish(now)?;
        self.issue(now).map(Some)
    }

    /// Writes the certificates that clients must trust: of this authority, and of its predecessor until that expires.
    fn publish(&self, now: i64) -> Result<(), TlsError> {
        let predecessor = self.root.predecessor(now).map(|predecessor| pem(&predecessor.certificate));
        let text = pem(&self.root.certificate) + &predecessor.unwrap_or_default();
        publish(&self.ca_path, &text).map_err(|source| TlsError::File { path: self.ca_path.clone(), source })
    }

    fn issue(&mut self, now: i64) -> Result<CertifiedKey, TlsError> {
        let not_after = self.root.not_after.min(now + LEAF_LIFE);
        let mut params = params("bulla", now - BACKDATED..not_after);
        params.subject_alt_names.clone_from(&self.server_names);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        // Clients have the authority's own certificate.
        let mut chain = vec![self.root.sign(&params, &key)?];
        let predecessor = self.root.predecessor(now);
        chain.extend(predecessor.map(|predecessor| predecessor.cross.clone()));
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialized_der())).clone_key();
        let certified = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider());
        let due = [
            Some(now + (not_after - now) / 3 * 2),
            Some(self.root.replace_at()).filter(|at| *at > now),
            predecessor.map(|predecessor| predecessor.not_after),
        ];
        self.renew_at = due.into_iter().flatten().min().unwrap_or(now);
        certified.map_err(TlsError::Unusable)
    }
}

/// Returns the names for which the server's certificate is valid.
fn server_names(names: &[String], listen: IpAddr) -> Result<Vec<SanType>, TlsError> {
    let mut all = vec![
        san("localhost")?,
        SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
    ];
    let host = rustix::system::uname();
    // A host name that no certificate can contain is left out; no flag asked for it.
    let host = host.nodename().to_str().ok().and_then(|name| san(name).ok());
    let listen = (!listen.is_unspecified()).then_some(SanType::IpAddress(listen));
    let configured: Result<Vec<_>, _> = names.iter().map(|name| san(name)).collect();
    for name in host.into_iter().chain(listen).chain(configured?) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    Ok(all)
}

fn san(name: &str) -> Result<SanType, TlsError> {
    let unusable = || TlsError::Name(name.to_owned());
    match ServerName::try_from(name).map_err(|_| unusable())? {
        ServerName::DnsName(name) => Ok(SanType::DnsName(name.as_ref().try_into().map_err(|_| unusable())?)),
        ServerName::IpAddress(address) => Ok(SanType::IpAddress(address.into())),
        _ => Err(unusable()),
    }
}

/// Ensures that a file, readable by all users, has this content, replacing it atomically.
fn publish(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into()); // a link would lead out of the data directory
    }
    if read_small(path).is_ok_and(|present| present.as_slice() == content.as_bytes()) {
        return Ok(());
    }
    let temporary = path.with_extension("pem.new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {} // left by a killed run, or a link of another user
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?; // regardless of the umask
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// The pause after a failure, in seconds.
const RETRY: i64 = 3600;

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use bulla_kms::{Clock, Options, Role, SystemClock};
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, UnixTime};

    use super::super::root::{CA_LIFE, DAY, OVERLAP};
    use super::*;

    /// An authority and its engine, whose clock tests can move.
    struct Trial {
        kms: Kms,
        clock: Arc<AtomicI64>,
        data: PathBuf,
    }

    /// A clock that tests move, and the elapsed time.
    struct Passing(Arc<AtomicI64>);

    impl Clock for Passing {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + self.elapsed()
        }

        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed).unsigned_abs())
        }
    }

    impl Trial {
        fn new(data: &Path) -> Self {
            let clock = Arc::new(AtomicI64::new(NOW));
            let kms = Kms::open(&Options::new(data, Role::Command), Passing(Arc::clone(&clock))).unwrap();
            Self { kms, clock, data: data.to_owned() }
        }

        fn open(&self) -> (Authority, CertifiedKey) {
            let opened = Authority::open(&self.kms, &self.data, &[], Ipv4Addr::UNSPECIFIED.into());
            wait(opened).unwrap()
        }

        fn renew(&self, authority: &mut Authority) -> Option<CertifiedKey> {
            wait(authority.renew(&self.kms, self.kms.now())).unwrap()
        }

        fn set_clock(&self, now: i64) {
            self.clock.store(now, Ordering::Relaxed);
        }

        fn ca_pem(&self) -> String {
            fs::read_to_string(self.data.join("tls/ca.pem")).unwrap()
        }
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        crate::runtime().unwrap().block_on(future)
    }

    fn open(data: &Path) -> Result<Authority, TlsError> {
        let kms = Kms::open(&Options::new(data, Role::Command), SystemClock).unwrap();
        let opened = wait(Authority::open(&kms, data, &[], Ipv4Addr::UNSPECIFIED.into()));
        opened.map(|(authority, _)| authority)
    }

    /// Returns whether a client that trusts `ca` accepts the key at `now`: bulla's own, and openssl.
    fn accepts(ca: &str, key: &CertifiedKey, now: i64) -> bool {
        let accepted = rustls_accepts(ca, key, now);
        assert_eq!(openssl_accepts(ca, key, now), accepted, "openssl at {now}");
        accepted
    }

    fn rustls_accepts(ca: &str, key: &CertifiedKey, now: i64) -> bool {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let (leaf, others) = key.cert.split_first().unwrap();
        let (name, time) =
            (ServerName::try_from("localhost").unwrap(), Duration::from_secs(now.unsigned_abs()));
        verifier.verify_server_cert(leaf, others, &name, &[], UnixTime::since_unix_epoch(time)).is_ok()
    }

    fn openssl_accepts(ca: &str, key: &CertifiedKey, now: i64) -> bool {
        let (leaf, others) = key.cert.split_first().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("ca"), ca).unwrap();
        fs::write(at("leaf"), pem(leaf)).unwrap();
        let mut command = Command::new("openssl");
        command
            .args(["verify", "-purpose", "sslserver", "-attime", &now.to_string(), "-CAfile"])
            .arg(at("ca"));
        if !others.is_empty() {
            fs::write(at("others"), others.iter().map(pem).collect::<String>()).unwrap();
            command.arg("-untrusted").arg(at("others"));
        }
        command.arg(at("leaf")).output().unwrap().status.success()
    }

    #[test]
    fn nothing_is_written_through_links() {
        use std::os::unix::fs::symlink;
        let (data, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = theirs.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::create_dir(data.path().join("tls")).unwrap();
        symlink(&victim, data.path().join("tls/ca.pem.new")).unwrap();
        open(data.path()).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");

        fs::remove_dir_all(data.path().join("tls")).unwrap();
        symlink(theirs.path(), data.path().join("tls")).unwrap();
        assert!(matches!(open(data.path()), Err(TlsError::File { .. })));
        assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_pipe_is_no_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(read_small(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_authority_outlives_the_server_and_its_file() {
        let data = tempfile::tempdir().unwrap();
        let first = open(data.path()).unwrap();
        let file = data.path().join("tls/ca.pem");
        assert_eq!(first.ca_path(), file);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        for damage in [None, Some("-----BEGIN CERTIFICATE-----\n")] {
            match damage {
                None => fs::remove_file(&file).unwrap(),
                Some(damage) => fs::write(&file, damage).unwrap(),
            }
            let next = open(data.path()).unwrap();
            assert_eq!(next.root.certificate, first.root.certificate);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn the_servers_certificate_is_renewed_after_two_thirds_of_its_life() {
        let data = tempfile::tempdir().unwrap();
        let trial = Trial::new(data.path());
        let (mut authority, _) = trial.open();
        for (now, renewed) in [(60 * DAY - 1, false), (60 * DAY, true), (61 * DAY, false), (120 * DAY, true)]
        {
            trial.set_clock(NOW + now);
            assert_eq!(trial.renew(&mut authority).is_some(), renewed, "{now}");
        }
        assert_eq!(trial.ca_pem(), pem(&authority.root.certificate), "the same authority");
    }

    /// While the server runs, and at a start.
    #[test]
    fn an_authority_is_replaced_with_an_overlap() {
        for at_a_start in [false, true] {
            let data = tempfile::tempdir().unwrap();
            let trial = Trial::new(data.path());
            let (mut authority, key) = trial.open();
            let (old, old_ends) = (trial.ca_pem(), authority.root.not_after);
            assert!(accepts(&old, &key, NOW));
            let replacement = old_ends - OVERLAP;
            trial.set_clock(replacement - 1);
            assert_eq!(trial.renew(&mut authority).unwrap().cert.len(), 1);
            assert_eq!((trial.ca_pem(), authority.predecessor_ends(replacement)), (old.clone(), None));

            trial.set_clock(replacement);
            let mut key = if at_a_start {
                let (opened, key) = trial.open();
                authority = opened;
                key
            } else {
                trial.renew(&mut authority).unwrap()
            };
            assert_eq!(authority.predecessor_ends(replacement), Some(old_ends));
            let both = trial.ca_pem();
            let new = both.strip_suffix(&old).unwrap().to_owned();
            assert_eq!(new, pem(&authority.root.certificate));

            // Until the old one expires, also after a restart, clients with either file connect.
            let mut now = replacement;
            while now < old_ends {
                for ca in [&old, &new, &both] {
                    assert!(accepts(ca, &key, now), "{} days before the end", (old_ends - now) / DAY);
                }
                assert_eq!(trial.ca_pem(), both);
                now = (now + 61 * DAY).min(old_ends);
                trial.set_clock(now);
                key = trial.renew(&mut authority).unwrap();
            }
            assert_eq!(key.cert.len(), 1, "what ended is not sent");
            assert_eq!(trial.ca_pem(), new);
            assert!(!accepts(&old, &key, now));
            for ca in [&new, &both] {
                assert!(accepts(ca, &key, now));
            }
        }
    }

    #[test]
    fn an_authority_that_ended_while_the_server_was_off_is_replaced() {
        let data = tempfile::tempdir().unwrap();
        let trial = Trial::new(data.path());
        let (first, _) = trial.open();
        let (old, now) = (trial.ca_pem(), first.root.not_after);
        trial.set_clock(now);
        let (next, key) = trial.open();
        assert_eq!((trial.ca_pem(), key.cert.len()), (pem(&next.root.certificate), 1));
        assert!(accepts(&trial.ca_pem(), &key, now));
        assert!(!accepts(&old, &key, now));
    }

    /// Otherwise a clock that was briefly wrong would lock out clients until they have another file.
    #[test]
    fn an_authority_that_a_wrong_clock_replaced_serves_the_clients_of_the_old_one() {
        for ahead in [CA_LIFE - OVERLAP / 2, CA_LIFE + 100 * DAY] {
            let data = tempfile::tempdir().unwrap();
            let trial = Trial::new(data.path());
            let (_, _) = trial.open();
            let old = trial.ca_pem();
            trial.set_clock(NOW + ahead);
            trial.open();
            drop(trial);
            let trial = Trial::new(data.path());
            let (_, key) = trial.open();
            let both = trial.ca_pem();
            assert_eq!(key.cert.len(), 2);
            for ca in [&old, both.strip_suffix(&old).unwrap(), &both] {
                assert!(accepts(ca, &key, NOW));
            }
        }
    }

    /// OpenSSL enforces the old certificate's limit on authorities below it, and rustls does not.
    #[test]
    fn an_authority_of_the_first_version_has_a_successor() {
        let data = tempfile::tempdir().unwrap();
        let trial = Trial::new(data.path());
        let first = Root::of_the_first_version(NOW).unwrap();
        wait(first.keep(&trial.kms)).unwrap();
        let now = first.replace_at();
        trial.set_clock(now);
        let (_, key) = trial.open();
        let (old, both) = (pem(&first.certificate), trial.ca_pem());
        let new = both.strip_suffix(&old).unwrap();
        assert!(rustls_accepts(&old, &key, now));
        assert!(!openssl_accepts(&old, &key, now));
        assert!(accepts(new, &key, now) && accepts(&both, &key, now));
    }

    #[test]
    fn an_authority_that_cannot_be_kept_is_not_replaced() {
        let data = tempfile::tempdir().unwrap();
        let trial = Trial::new(data.path());
        let (mut authority, _) = trial.open();
        let (old, replacement) = (trial.ca_pem(), authority.root.not_after - OVERLAP);
        let (store, aside) = (data.path().join("store.redb"), data.path().join("aside"));
        fs::rename(&store, &aside).unwrap();
        trial.set_clock(replacement);
        let failed = wait(authority.renew(&trial.kms, replacement));
        assert!(matches!(failed, Err(TlsError::Store(_))));
        assert_eq!(trial.ca_pem(), old);
        assert!(trial.renew(&mut authority).is_none(), "not tried all the time");
        fs::rename(&aside, &store).unwrap();
        trial.set_clock(replacement + RETRY);
        assert_eq!(trial.renew(&mut authority).unwrap().cert.len(), 2);
    }

    #[test]
    fn names_are_host_names_or_addresses() {
        let listen = Ipv4Addr::new(10, 0, 0, 7).into();
        let names =
            server_names(&["kms.example.com".into(), "::1".into(), "10.0.0.8".into()], listen).unwrap();
        for name in ["localhost", "127.0.0.1", "::1", "10.0.0.7", "10.0.0.8", "kms.example.com"] {
            assert_eq!(names.iter().filter(|found| **found == san(name).unwrap()).count(), 1, "{name}");
        }
        for name in ["", "https://kms", "a b", "10.0.0.8:443"] {
            assert!(matches!(server_names(&[name.into()], listen), Err(TlsError::Name(_))), "{name}");
        }
    }

    const NOW: i64 = 1_800_000_000;
}
