//! Small files that must not be half written, and directories whose entries must survive a power cut.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// For `custom_flags`: do not follow a symbolic link in the last place of a path.
pub(crate) const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Makes a directory and its parents, for the owner alone, and makes the entry durable.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    sync_dir(parent(path))
}

/// Writes a file that only its owner may read; after success it is durable, after a failure it is not there.
/// An existing file is left alone and reported as `AlreadyExists`.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, content)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    linked?;
    sync_dir(parent(path))
}

/// As [`create_private`], but takes the place of an existing file.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    fs::rename(write_beside(path, content)?, path)?;
    sync_dir(parent(path))
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A leftover of a killed run has the same name and is written anew: callers hold the lock of the store.
fn write_beside(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary); // the first error is the one to tell
        return Err(error);
    }
    Ok(temporary)
}
