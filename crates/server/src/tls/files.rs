//! The operator's own certificate and key, reloaded when the files change.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bulla_kms::{SecretReaders, read_secret_file};
use rustix::fs::OFlags;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::TlsError;
use crate::log::chain;

/// The paths of certificate and key, and their state when they were last read.
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
    readers: SecretReaders,
    seen: [Option<State>; 2],
    /// Why they could not be used then.
    fault: Option<String>,
}

/// The state of a file, which changes with its content and permissions. The inode changes when a file is replaced, even
/// at once and by one of the same size.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    permissions: (u32, u32, u32),
}

impl Files {
    /// Reads certificate and key for the first time.
    pub(super) fn open(
        cert: &Path,
        key: &Path,
        readers: SecretReaders,
    ) -> Result<(Self, CertifiedKey), TlsError> {
        let seen = [State::of(cert), State::of(key)];
        let certified = read(cert, key, readers)?;
        Ok((Self { cert: cert.to_owned(), key: key.to_owned(), readers, seen, fault: None }, certified))
    }

    /// Reads both again if one of them changed, or if they could not be used at the last check: the cause may be
    /// elsewhere and gone. The same fault is reported once.
    pub(super) fn reload(&mut self) -> Result<Option<CertifiedKey>, TlsError> {
        // First the states, then the contents: the next check detects a change in between.
        let found = [State::of(&self.cert), State::of(&self.key)];
        let has_changed = found != self.seen;
        if !has_changed && self.fault.is_none() {
            return Ok(None);
        }
        self.seen = found;
        let read = read(&self.cert, &self.key, self.readers);
        let fault = read.as_ref().err().map(|error| chain(error));
        let is_known = !has_changed && fault == self.fault;
        self.fault = fault;
        if is_known { Ok(None) } else { read.map(Some) }
    }
}

impl State {
    /// `None` if it is unknown; reading the file reports the error.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            permissions: (metadata.uid(), metadata.gid(), metadata.mode()),
        })
    }
}

fn read(cert: &Path, key: &Path, readers: SecretReaders) -> Result<CertifiedKey, TlsError> {
    let not_pem = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    let text = read_small(cert).map_err(|source| TlsError::File { path: cert.to_owned(), source })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(not_pem(cert))?;
    let text = read_secret_file(key, MAX_LEN as usize, readers).map_err(TlsError::Key)?;
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(not_pem(key))?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(TlsError::Unusable)
}

/// Reads a regular file of at most [`MAX_LEN`] bytes. Reading a pipe or device could block the stop of the server.
pub(super) fn read_small(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1));
    match file.take(MAX_LEN + 1).read_to_end(&mut content)? as u64 {
        0..=MAX_LEN => Ok(content),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

/// Certificate chains and keys have a few KiB.
const MAX_LEN: u64 = 256 * 1024;
