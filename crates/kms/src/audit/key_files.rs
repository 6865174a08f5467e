//! The files that keep the private key of the seals, and how one is destroyed.
//!
//! The key of the next file is durable before the current file names it, and takes the place of the current one when the next
//! file is there. Before that, zeros are written over the current one and synced. Whoever has the directory, and the root key,
//! can then sign no line of earlier files. (A disk may keep what was overwritten in places that files do not show, as a
//! copy-on-write file system does; it is of use with the root key alone.)

use std::io::{self, Read};

use bulla_keys::root::RootKeys;

use super::files::{Directory, LogFile};
use super::seal::SealKey;

/// The current key.
pub(super) const CURRENT: &str = "seal-key";
/// The key of the file that is being begun.
pub(super) const NEXT: &str = "seal-key.next";

/// Writes a key durably. A key that is there is replaced.
pub(super) fn keep(
    directory: &impl Directory,
    name: &str,
    key: &SealKey,
    roots: &RootKeys,
) -> io::Result<()> {
    write_new(directory, name, key.wrap(roots).as_bytes()).map(drop)
}

/// Reads a key; none if there is no file, or it holds no key of this store.
pub(super) fn load(directory: &impl Directory, name: &str, roots: &RootKeys) -> io::Result<Option<SealKey>> {
    let file = match directory.open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = Vec::new();
    file.reader()?.take(MAX_LEN).read_to_end(&mut text)?;
    Ok(str::from_utf8(&text).ok().and_then(|text| SealKey::unwrap(text, roots)))
}

/// Destroys the current key and puts the next one in its place. Killed in between, or after a failure, it can be called again.
pub(super) fn advance(directory: &impl Directory) -> io::Result<()> {
    match directory.open(NEXT) {
        // It is in its place: the current key is the next one already.
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

/// Writes a file that appears whole and durable, or not at all; one of the same name is replaced.
pub(super) fn write_new<D: Directory>(directory: &D, name: &str, content: &[u8]) -> io::Result<D::File> {
    let unfinished = format!("{name}{UNFINISHED}");
    let _ = directory.remove(&unfinished); // left by a failure; usually it is not there
    let written = directory.create(&unfinished).and_then(|mut file| {
        file.append(content)?;
        file.sync()?;
        directory.rename(&unfinished, name)?;
        directory.sync()?;
        Ok(file)
    });
    if written.is_err() {
        let _ = directory.remove(&unfinished); // the first error is the one to tell
    }
    written
}

/// What files are called until they are whole.
pub(super) const UNFINISHED: &str = ".new";
/// Beyond the length of any file of a key.
const MAX_LEN: u64 = 1024;
