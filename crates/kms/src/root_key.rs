//! The file that keeps the provider key: one line, for its owner alone.
//!
//! ```text
//! bulla-root-key-v1:BASE64 of 32 bytes\n
//! ```

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::root::ProviderKey;
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::files;
use crate::lock::Role;

/// Why a root key file is not taken.
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
    /// It is not there, but the store is.
    Missing,
    /// It is a symbolic link.
    Link,
    /// It is a directory, a device or a pipe.
    NotAFile,
    /// Others than its owner may read or write it; its mode.
    Exposed(u32),
    /// It belongs to the user with this id.
    Foreign(u32),
    /// It is not a root key.
    Malformed,
    /// It is the root key of another store.
    OtherStore,
    /// It could not be read or written.
    Io(io::Error),
}

/// Reads the provider key, after checking whose file it is and who may read it.
pub(crate) fn load(path: &Path) -> Result<ProviderKey, RootKeyError> {
    read(path).map_err(|fault| RootKeyError { path: path.to_owned(), fault })
}

/// Writes a new provider key, durably; an existing file is never replaced.
pub(crate) fn create(path: &Path, key: &ProviderKey) -> Result<(), RootKeyError> {
    let line = Zeroizing::new(format!("{PREFIX}{}\n", *Zeroizing::new(STANDARD.encode(key.expose()))));
    files::create_private(path, line.as_bytes())
        .map_err(|error| RootKeyError { path: path.to_owned(), fault: RootKeyFault::Io(error) })
}

fn read(path: &Path) -> Result<ProviderKey, RootKeyFault> {
    // NONBLOCK: opening a pipe must not wait for a writer.
    let flags = files::NO_FOLLOW | rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RootKeyFault::Missing),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(RootKeyFault::Link);
        }
        Err(error) => return Err(RootKeyFault::Io(error)),
    };
    let metadata = file.metadata().map_err(RootKeyFault::Io)?;
    if !metadata.is_file() {
        return Err(RootKeyFault::NotAFile);
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(RootKeyFault::Foreign(metadata.uid()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(RootKeyFault::Exposed(metadata.mode() & 0o777));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_LEN));
    let length = file.by_ref().take(MAX_LEN as u64).read_to_string(&mut text);
    length.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => RootKeyFault::Malformed,
        _ => RootKeyFault::Io(error),
    })?;
    parse(&text).ok_or(RootKeyFault::Malformed)
}

fn parse(text: &str) -> Option<ProviderKey> {
    let encoded = text.strip_prefix(PREFIX)?.trim_end();
    let mut key = Zeroizing::new([0; 32]);
    let length = STANDARD.decode_slice(encoded, &mut *key).ok()?;
    (length == key.len()).then(|| ProviderKey::from_bytes(key))
}

impl RootKeyError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self, role: Role) -> String {
        let path = self.path.display();
        match &self.fault {
            RootKeyFault::Missing | RootKeyFault::OtherStore if role == Role::Command => {
                "put back the root key file that was made with this store".into()
            }
            RootKeyFault::Missing | RootKeyFault::OtherStore => {
                "put back the root key file that was made with this store, or name it with --root-key".into()
            }
            RootKeyFault::Link => "name the file itself with --root-key".into(),
            RootKeyFault::NotAFile => "name the root key file with --root-key".into(),
            RootKeyFault::Exposed(_) => {
                format!("run: chmod 600 {path}; if others may have read it, its keys are known to them")
            }
            RootKeyFault::Foreign(_) => {
                format!("run as its owner, or give it to this user: chown $(id -u) {path}")
            }
            RootKeyFault::Malformed => {
                "restore it from its copy: a root key file is one line beginning with bulla-root-key-v1:"
                    .into()
            }
            RootKeyFault::Io(_) => "check that the file and its directory can be read and written".into(),
        }
    }
}

impl fmt::Display for RootKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            RootKeyFault::Missing => write!(f, "the root key file {path} is missing"),
            RootKeyFault::Link => write!(f, "the root key file {path} is a symbolic link"),
            RootKeyFault::NotAFile => write!(f, "the root key {path} is not a regular file"),
            RootKeyFault::Exposed(mode) => {
                write!(f, "the root key file {path} is open to others (mode {mode:03o})")
            }
            RootKeyFault::Foreign(user) => write!(f, "the root key file {path} belongs to user {user}"),
            RootKeyFault::Malformed => write!(f, "{path} does not hold a root key"),
            RootKeyFault::OtherStore => write!(f, "the root key file {path} belongs to another store"),
            RootKeyFault::Io(error) => write!(f, "the root key file {path}: {error}"),
        }
    }
}

impl std::error::Error for RootKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            RootKeyFault::Io(error) => error.source(), // the text holds that of the error already
            _ => None,
        }
    }
}

const PREFIX: &str = "bulla-root-key-v1:";
const MAX_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use bulla_keys::SystemRandom;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-key");
        let key = ProviderKey::random(&SystemRandom);
        create(&path, &key).unwrap();
        assert_eq!(load(&path).unwrap().expose(), key.expose());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(create(&path, &key).unwrap_err().fault, RootKeyFault::Io(_)), "never replaced");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn files_that_are_not_safe_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-key");
        let fault = |path: &Path| load(path).unwrap_err().fault;
        assert!(matches!(fault(&path), RootKeyFault::Missing));
        assert!(matches!(fault(directory.path()), RootKeyFault::NotAFile));

        create(&path, &ProviderKey::random(&SystemRandom)).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(fault(&path), RootKeyFault::Exposed(found) if found == mode));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(fault(&link), RootKeyFault::Link));
        for content in ["", "bulla-root-key-v1:", "bulla-root-key-v1:AAAA\n", "bulla-root-key-v2:x"] {
            fs::write(&path, content).unwrap();
            assert!(matches!(fault(&path), RootKeyFault::Malformed), "{content}");
        }
        fs::write(&path, [0xff; 300]).unwrap();
        assert!(matches!(fault(&path), RootKeyFault::Malformed));
    }
}
