//! The trusted certificates: the system's, or those of one file instead.
//!
//! The system's certificates are used rather than Mozilla's list, compiled in, so that an operator can add or remove an authority
//! on the machine, as with curl and the `aliyun` command line, and no list in the binary becomes outdated.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use ureq::tls::Certificate;

/// Loads the certificates of `ca`, or the system's.
pub(super) fn load(ca: Option<&Path>) -> Result<Vec<Certificate<'static>>, RootsError> {
    let found = match ca {
        Some(path) => of_file(path)?,
        None => of_system()?,
    };
    Ok(found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

/// Why there are no trusted CA certificates.
#[derive(Debug)]
#[non_exhaustive]
pub enum RootsError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not PEM, or one of its certificates is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file contains no certificate.
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// This system has no trusted certificates.
    NoSystemRoots,
}

impl fmt::Display for RootsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::Damaged { path, .. } => write!(f, "{} holds a damaged certificate", path.display()),
            Self::Empty { path } => write!(f, "{} holds no certificate", path.display()),
            Self::NoSystemRoots => f.write_str("this system has no trusted certificates"),
        }
    }
}

impl Error for RootsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Damaged { source, .. } => Some(&**source),
            Self::Empty { .. } | Self::NoSystemRoots => None,
        }
    }
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let text = fs::read(path).map_err(|source| RootsError::Read { path: path.to_owned(), source })?;
    let found = parse(&text).map_err(|source| RootsError::Damaged { path: path.to_owned(), source })?;
    if found.is_empty() { Err(RootsError::Empty { path: path.to_owned() }) } else { Ok(found) }
}

/// Parses all certificates of a PEM file. A certificate that TLS would ignore later is an error.
fn parse(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error + Send + Sync>> {
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    let found = found?;
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store.add(certificate.clone())?;
    }
    Ok(found)
}

/// Loads the system's certificates. Single certificates that cannot be read are skipped, as other clients do.
fn of_system() -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() { Err(RootsError::NoSystemRoots) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<usize, RootsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        fs::write(&path, text).unwrap();
        load(Some(&path)).map(|found| found.len())
    }

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn a_bundle_gives_all_its_certificates() {
        let bundle = format!("# comment\n{}\n{}", certificate(), certificate());
        assert_eq!(load_text(&bundle).unwrap(), 2);
    }

    #[test]
    fn a_file_without_certificates_is_an_error() {
        assert!(matches!(load_text(""), Err(RootsError::Empty { .. })));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(load_text(&key), Err(RootsError::Empty { .. })));
        let missing = load(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert_eq!(missing.to_string(), "/nonexistent/ca.pem cannot be read");
    }

    #[test]
    fn a_damaged_certificate_is_an_error() {
        let good = certificate();
        for damaged in [
            good.replace("-----END", "----END"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
        ] {
            let error = load_text(&format!("{good}{damaged}")).unwrap_err();
            assert!(matches!(error, RootsError::Damaged { .. }), "{error:?}");
        }
    }
}
