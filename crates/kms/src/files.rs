//! Small files that are never half written, and durable directory entries: the file operations that the lock, the root key,
//! the audit trail and backups share.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bulla_keys::{Random, SystemRandom};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::process::geteuid;

/// For `custom_flags`: do not follow a symbolic link in the last component of a path.
pub(crate) const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
const NON_BLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// Creates a directory and its missing parents, for the owner alone, and makes their entries durable.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    create_private_dir(above)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if !path.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        _ => sync_dir(above), // even if another process created it just now
    }
}

/// Advice about a directory that belongs to another user or that others may write to. A directory that only another user can
/// write to stays that user's: giving it to root would lock out that user's server.
pub(crate) fn exposed_hint(path: &Path, owner: u32, mode: u32) -> String {
    let path = path.display();
    if geteuid().is_root() && owner != 0 && mode & 0o022 == 0 {
        return format!(
            "it is another user's: run the command as that one, runuser -u $(id -un {owner}) -- bulla ..."
        );
    }
    format!("if it was not tampered with, run: chown $(id -u) {path} && chmod go-w {path}")
}

/// Advice about a directory that cannot be created or read.
pub(crate) fn directory_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "mount it writable, or name another directory",
        io::ErrorKind::NotFound => "mount it if it is on another disk, or name another directory",
        _ => "check the permissions of the directory, or name another one",
    }
}

/// Writes a file that only its owner may read. After success it is durable; after a failure it does not exist. An existing
/// file is unchanged and reported as `AlreadyExists`.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, content)?;
    let named = match renameat_with(CWD, &temporary, CWD, path, RenameFlags::NOREPLACE) {
        // For file systems without that operation, such as NFS. The second name is removed below.
        Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(&temporary, path),
        result => result.map_err(io::Error::from),
    };
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => named.and(Err(error)),
        _ => named.and_then(|()| sync_dir(parent(path))),
    }
}

/// Like [`create_private`], but replaces an existing file.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, content)?;
    if let Err(error) = fs::rename(&temporary, path) {
        let _ = fs::remove_file(&temporary); // report the first error
        return Err(error);
    }
    sync_dir(parent(path))
}

/// Whether the path exists, even as a dangling link.
pub(crate) fn exists(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a regular file for reading. Refuses anything else as `InvalidInput`, without blocking as a FIFO would.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(NON_BLOCKING).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
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

/// Writes a file with a temporary name in the same directory.
fn write_beside(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let mut suffix = [0; 8];
    SystemRandom.fill(&mut suffix);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.new", u64::from_be_bytes(suffix)));
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary); // report the first error
        return Err(error);
    }
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/root-key");
        create_private_dir(parent(&path)).unwrap();
        fs::write(path.with_extension("new"), "precious").unwrap();
        create_private(&path, b"one").unwrap();
        let refused = create_private(&path, b"two").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace_private(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read(path.with_extension("new")).unwrap(), b"precious");
        let directory_in_the_way = parent(&path).join("key");
        fs::create_dir(&directory_in_the_way).unwrap();
        replace_private(&directory_in_the_way, b"four").unwrap_err();
        assert_eq!(fs::read_dir(parent(&path)).unwrap().count(), 3, "no leftovers");
    }
}
