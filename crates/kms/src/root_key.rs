//! The root key file, which contains the provider key: one line, readable by its owner alone.
//!
//! ```text
//! bulla-root-key-v1:BASE64 of 32 bytes\n
//! ```

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::root::ProviderKey;
use zeroize::Zeroizing;

use crate::files;
use crate::role::Role;
use crate::secret_file::{self, SecretFileFault, SecretReaders};

/// Why a root key file is not accepted.
#[derive(Debug)]
pub struct RootKeyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: RootKeyFault,
}

/// What can be wrong with a root key file.
#[derive(Debug)]
#[non_exhaustive]
pub enum RootKeyFault {
    /// Its directory cannot be created or read.
    Directory(io::Error),
    /// It cannot be read or written, or other users could have read or replaced it.
    File(SecretFileFault),
    /// It does not contain a root key.
    Malformed,
    /// It opens no slot of the store.
    NoSlot,
}

/// Reads the provider key, after checking whose file it is and who may read it.
pub(crate) fn load(path: &Path, readers: SecretReaders) -> Result<ProviderKey, RootKeyError> {
    read(path, readers).map_err(|fault| RootKeyError { path: path.to_owned(), fault })
}

/// Whether the file exists, regardless of its content.
pub(crate) fn exists(path: &Path) -> Result<bool, RootKeyError> {
    files::exists(path).map_err(|error| RootKeyError::directory(path, error))
}

/// Writes a new provider key durably, and creates the directory for it. Never replaces an existing file.
pub(crate) fn create(path: &Path, key: &ProviderKey) -> Result<(), RootKeyError> {
    let directory = files::parent(path);
    files::create_private_dir(directory).map_err(|error| RootKeyError::directory(directory, error))?;
    let encoded = Zeroizing::new(STANDARD.encode(key.expose()));
    // In one piece: a string that grows leaves copies of its beginning in memory, and so of the key.
    let line = Zeroizing::new([PREFIX, &encoded, "\n"].concat());
    files::create_private(path, line.as_bytes()).map_err(|error| RootKeyError {
        path: path.to_owned(),
        fault: RootKeyFault::File(SecretFileFault::Io(error)),
    })
}

fn read(path: &Path, readers: SecretReaders) -> Result<ProviderKey, RootKeyFault> {
    let content = secret_file::read(path, MAX_LEN, readers).map_err(|fault| match fault {
        SecretFileFault::TooLong => RootKeyFault::Malformed,
        fault => RootKeyFault::File(fault),
    })?;
    str::from_utf8(&content).ok().and_then(parse).ok_or(RootKeyFault::Malformed)
}

fn parse(text: &str) -> Option<ProviderKey> {
    let encoded = text.strip_prefix(PREFIX)?.trim_end();
    let mut key = Zeroizing::new([0; 32]);
    let length = STANDARD.decode_slice(encoded, &mut *key).ok()?;
    (length == key.len()).then(|| ProviderKey::from_bytes(key))
}

impl RootKeyError {
    fn directory(path: &Path, error: io::Error) -> Self {
        Self { path: path.to_owned(), fault: RootKeyFault::Directory(error) }
    }

    /// Returns advice for the user.
    #[must_use]
    pub fn hint(&self, role: Role) -> String {
        match &self.fault {
            RootKeyFault::Directory(error) => files::directory_hint(error).into(),
            RootKeyFault::File(SecretFileFault::Missing) | RootKeyFault::NoSlot if role == Role::Command => {
                "restore the root key file that was made with this store".into()
            }
            RootKeyFault::File(SecretFileFault::Missing) | RootKeyFault::NoSlot => {
                "restore the root key file that was made with this store, or name it with --root-key".into()
            }
            RootKeyFault::File(SecretFileFault::Link) => "name the file itself with --root-key".into(),
            RootKeyFault::File(SecretFileFault::NotAFile) => "name the root key file with --root-key".into(),
            RootKeyFault::File(fault) if role == Role::Server => fault.server_hint(&self.path),
            RootKeyFault::File(fault) => fault.hint(&self.path),
            RootKeyFault::Malformed => {
                "restore it from its copy: a root key file is one line beginning with bulla-root-key-v1:"
                    .into()
            }
        }
    }
}

impl fmt::Display for RootKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            RootKeyFault::Directory(error) => write!(f, "{path}: {error}"),
            RootKeyFault::File(fault) => write!(f, "the root key file {path} {fault}"),
            RootKeyFault::Malformed => write!(f, "{path} does not hold a root key"),
            RootKeyFault::NoSlot => write!(
                f,
                "no slot of the store opens with the root key file {path}: it belongs to another store"
            ),
        }
    }
}

impl std::error::Error for RootKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            RootKeyFault::Directory(error) | RootKeyFault::File(SecretFileFault::Io(error)) => error.source(), // the text includes that of the error
            _ => None,
        }
    }
}

const PREFIX: &str = "bulla-root-key-v1:";
const MAX_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use bulla_keys::SystemRandom;

    use super::*;

    fn load(path: &Path) -> Result<ProviderKey, RootKeyError> {
        super::load(path, SecretReaders::OwnerOnly)
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-key");
        let key = ProviderKey::random(&SystemRandom);
        create(&path, &key).unwrap();
        assert_eq!(load(&path).unwrap().expose(), key.expose());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let refused = create(&path, &key).unwrap_err();
        assert!(matches!(refused.fault, RootKeyFault::File(SecretFileFault::Io(_))), "never replaced");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = create(&file.join("root-key"), &ProviderKey::random(&SystemRandom)).unwrap_err();
        assert!(matches!(refused.fault, RootKeyFault::Directory(_)), "{refused}");
        assert_eq!(refused.path, file);
        assert!(refused.hint(Role::Server).contains("directory"), "{}", refused.hint(Role::Server));
    }

    #[test]
    fn files_that_hold_no_root_key_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-key");
        let fault = |path: &Path| load(path).unwrap_err().fault;
        assert!(matches!(fault(&path), RootKeyFault::File(SecretFileFault::Missing)));
        create(&path, &ProviderKey::random(&SystemRandom)).unwrap();
        for content in ["", "bulla-root-key-v1:", "bulla-root-key-v1:AAAA\n", "bulla-root-key-v2:x"] {
            fs::write(&path, content).unwrap();
            assert!(matches!(fault(&path), RootKeyFault::Malformed), "{content}");
        }
        fs::write(&path, [0xff; 300]).unwrap();
        assert!(matches!(fault(&path), RootKeyFault::Malformed));
        fs::write(&path, [0xff; 30]).unwrap();
        assert!(matches!(fault(&path), RootKeyFault::Malformed));
    }
}
