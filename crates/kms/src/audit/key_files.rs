//! The files of the private key of the seals, and its destruction.
//!
//! The key of the next file is durable before the current file names it. When the next file exists, the current key is
//! overwritten with zeros, that is synced, and then the next key takes its name. From then on, an attacker with the
//! directory and the root key can sign no line of earlier files. (A disk or a copy-on-write file system may keep overwritten
//! data in hidden places; using it requires the root key.)

use std::io::{self, Read};

use bulla_keys::root::RootKeys;

use super::files::{Directory, LogFile};
use super::seal::SealKey;

/// The current key.
pub(super) const CURRENT: &str = "seal-key";
/// The key of the file that is being begun.
pub(super) const NEXT: &str = "seal-key.next";

/// Writes a key durably. Replaces an existing one.
pub(super) fn keep(
    directory: &impl Directory,
    name: &str,
    key: &SealKey,
    roots: &RootKeys,
) -> io::Result<()> {
    write_new(directory, name, key.wrap(roots).as_bytes()).map(drop)
}

/// Reads a key; none if the file is missing, or contains no key of this store.
pub(super) fn load(directory: &impl Directory, name: &str, roots: &RootKeys) -> io::Result<Option<SealKey>> {
    let file = match directory.open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = Vec::new();
    file.reader()?.take(MAX_LEN).read_to_end(&mut text)?;
    Ok(str::from_utf8(&text).ok().and_then(|text| SealKey::unwrap(text, roots)))
}

/// Destroys the current key and replaces it with the next one. If it is killed or fails, it can be called again.
pub(super) fn advance(directory: &impl Directory) -> io::Result<()> {
    match directory.open(NEXT) {
        // It was renamed already: the current key is the next one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return directory.sync(),
        next => drop(next?),
    }
    match directory.open(CURRENT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        file => {
            let mut file = file?;
            file.overwrite()?;
            file.sync()?;
        }
    }
    directory.rename(NEXT, CURRENT)?;
    directory.sync()
}

/// Writes a file atomically and durably; replaces an existing one.
pub(super) fn write_new<D: Directory>(directory: &D, name: &str, content: &[u8]) -> io::Result<D::File> {
    let unfinished = format!("{name}{UNFINISHED}");
    let _ = directory.remove(&unfinished); // left by a failure; usually it does not exist
    let written = directory.create(&unfinished).and_then(|mut file| {
        file.append(content)?;
        file.sync()?;
        directory.rename(&unfinished, name)?;
        directory.sync()?;
        Ok(file)
    });
    if written.is_err() {
        let _ = directory.remove(&unfinished); // report the first error
    }
    written
}

/// The suffix of unfinished files.
pub(super) const UNFINISHED: &str = ".new";
/// Greater than the length of any key file.
const MAX_LEN: u64 = 1024;
