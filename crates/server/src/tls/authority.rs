//! The certificate authority of one server: made at the first start, kept sealed in the store.
//!
//! Its certificate lies in `DATA/tls/ca.pem` for the clients. The server's own key and certificate live in
//! memory only: a new pair at every start, and again after two thirds of its life. Authority and server use
//! ECDSA with P-256 (FIPS 186-5), which every client knows.

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
use super::root::{LEAF_LIFE, Root, new_key, params, pem};

/// An authority, and the server that it certifies.
pub(super) struct Authority {
    root: Root,
    ca_path: PathBuf,
    server_names: Vec<SanType>,
    renew_at: i64,
}

impl Authority {
    /// Takes the authority from the store, or makes one, and issues the first certificate of the server.
    pub(super) async fn open(
        kms: &Kms,
        data: &Path,
        names: &[String],
        listen: IpAddr,
    ) -> Result<(Self, CertifiedKey), TlsError> {
        let (server_names, now) = (server_names(names, listen)?, kms.now());
        let root = Root::open(kms, now).await?;
        let ca_path = data.join("tls").join("ca.pem");
        publish(&ca_path, &pem(&root.certificate))
            .map_err(|source| TlsError::File { path: ca_path.clone(), source })?;
        let mut authority = Self { root, ca_path, server_names, renew_at: now };
        let key = authority.issue(now)?;
        Ok((authority, key))
    }

    /// Where the authority's certificate lies.
    pub(super) fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    /// A new key and certificate for the server, if two thirds of the life of the present one are over.
    pub(super) fn renew(&mut self, now: i64) -> Result<Option<CertifiedKey>, TlsError> {
        match now >= self.renew_at {
            true => self.issue(now).map(Some),
            false => Ok(None),
        }
    }

    fn issue(&mut self, now: i64) -> Result<CertifiedKey, TlsError> {
        let not_after = self.root.not_after.min(now + LEAF_LIFE);
        let mut params = params("bulla", now, not_after);
        params.subject_alt_names.clone_from(&self.server_names);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let certificate = self.root.sign(&params, &key, now)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialized_der())).clone_key();
        let chain = vec![certificate]; // clients have the authority's
        let certified = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider());
        self.renew_at = now + (not_after - now) / 3 * 2;
        certified.map_err(TlsError::Unusable)
    }
}

/// The names that the server's certificate is good for.
fn server_names(names: &[String], listen: IpAddr) -> Result<Vec<SanType>, TlsError> {
    let mut all = vec![
        san("localhost")?,
        SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
    ];
    let host = rustix::system::uname();
    // A host may be called what no certificate can say; nobody asked for that name.
    let host = host.nodename().to_str().ok().and_then(|name| san(name).ok());
    let listen = (!listen.is_unspecified()).then_some(SanType::IpAddress(listen));
    let given: Result<Vec<_>, _> = names.iter().map(|name| san(name)).collect();
    for name in host.into_iter().chain(listen).chain(given?) {
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

/// Sees to it that a file for everybody to read has this content, at every moment the old or the new one.
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
        _ => {} // what a killed run left, or somebody's link
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?; // whatever the umask says
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use bulla_kms::{Options, Role, SystemClock};

    use super::super::root::{DAY, STORED_AS};
    use super::*;

    fn open(data: &Path, names: &[&str]) -> Result<Authority, TlsError> {
        let kms = Kms::open(&Options::new(data, Role::Command), SystemClock).unwrap();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let runtime = crate::runtime().unwrap();
        let opened = runtime.block_on(Authority::open(&kms, data, &names, Ipv4Addr::UNSPECIFIED.into()));
        opened.map(|(authority, _)| authority)
    }

    #[test]
    fn nothing_is_written_through_links() {
        use std::os::unix::fs::symlink;
        let (data, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = theirs.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::create_dir(data.path().join("tls")).unwrap();
        symlink(&victim, data.path().join("tls/ca.pem.new")).unwrap();
        open(data.path(), &[]).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");

        fs::remove_dir_all(data.path().join("tls")).unwrap();
        symlink(theirs.path(), data.path().join("tls")).unwrap();
        assert!(matches!(open(data.path(), &[]), Err(TlsError::File { .. })));
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
        let first = open(data.path(), &[]).unwrap();
        let file = data.path().join("tls/ca.pem");
        assert_eq!(first.ca_path(), file);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        for damage in [None, Some("-----BEGIN CERTIFICATE-----\n")] {
            match damage {
                None => fs::remove_file(&file).unwrap(),
                Some(damage) => fs::write(&file, damage).unwrap(),
            }
            let next = open(data.path(), &[]).unwrap();
            assert_eq!(next.root.certificate, first.root.certificate);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn the_servers_certificate_is_renewed_after_two_thirds_of_its_life() {
        let data = tempfile::tempdir().unwrap();
        let mut authority = open(data.path(), &[]).unwrap();
        let start = authority.renew_at - 60 * DAY;
        assert!(authority.renew(start + 60 * DAY - 1).unwrap().is_none());
        assert!(authority.renew(start + 60 * DAY).unwrap().is_some());
        assert_eq!(authority.renew_at, start + 120 * DAY);
        assert!(authority.renew(start + 61 * DAY).unwrap().is_none());
        // No certificate outlives the authority.
        authority.issue(authority.root.not_after - 3 * DAY).unwrap();
        assert_eq!(authority.renew_at, authority.root.not_after - DAY);
    }

    #[test]
    fn an_authority_near_its_end_is_replaced_at_the_start() {
        let data = tempfile::tempdir().unwrap();
        let first = open(data.path(), &[]).unwrap();
        let ending = Root { not_after: first.renew_at, ..first.root };
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        crate::runtime().unwrap().block_on(kms.set_private(STORED_AS, &ending.to_kept())).unwrap();
        drop(kms);
        let next = open(data.path(), &[]).unwrap();
        assert_ne!(next.root.certificate, ending.certificate);
        assert_ne!(next.root.name, ending.name);
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

    #[test]
    fn what_the_store_gives_back_must_be_whole() {
        let data = tempfile::tempdir().unwrap();
        let kept = open(data.path(), &[]).unwrap().root.to_kept();
        assert!(Root::from_kept(&kept).is_ok());
        assert!(matches!(Root::from_kept(&kept[..kept.len() - 1]), Err(TlsError::Damaged)));
    }
}
