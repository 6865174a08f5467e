//! The output file of a backup. It gets its name when it is complete, durable and verified, or not at all.
//!
//! It has no name until then (`O_TMPFILE`), so a killed process leaves no file. On a file system without unnamed files, it
//! has a hidden name, `.NAME.bulla-XXXXXXXX.part`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bulla_keys::{Random, SystemRandom};
use rustix::fs::{Advice, AtFlags, CWD, Mode, OFlags, RenameFlags, fadvise, linkat, openat, renameat_with};
use rustix::io::Errno;

use super::container::MAGIC;
use super::error::BackupError;
use crate::files;

/// Whether to replace an existing file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replace {
    Never,
    /// Replaces an older backup, when the new one is complete. Replaces no other file, because a mistyped path may name the
    /// root key, the store or a device.
    Backup,
}

impl Replace {
    /// Checks that a backup may get this name.
    pub(super) fn check(self, path: &Path) -> Result<(), BackupError> {
        let found = match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(BackupError::Write)?,
        };
        match self {
            Self::Never => Err(BackupError::Exists),
            Self::Backup if found.is_file() && begins_as_backup(path).map_err(BackupError::Write)? => Ok(()),
            Self::Backup => Err(BackupError::NotReplaced),
        }
    }
}

/// Whether a file begins like a backup.
fn begins_as_backup(path: &Path) -> io::Result<bool> {
    let mut magic = [0; MAGIC.len()];
    match files::open_regular(path)?.read_exact(&mut magic) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| &magic == MAGIC),
    }
}

/// A file without a name. Dropping it leaves no file.
pub(super) struct Pending {
    path: PathBuf,
    file: File,
    /// The hidden name, on file systems without unnamed files.
    hidden: Option<Hidden>,
}

/// A hidden name, removed on drop.
struct Hidden(PathBuf);

impl Pending {
    /// Creates a file for `path`, readable by its owner alone.
    pub(super) fn create(path: &Path) -> Result<Self, BackupError> {
        match unnamed(files::parent(path)).map_err(BackupError::Write)? {
            Some(file) => Ok(Self { path: path.to_owned(), file, hidden: None }),
            None => Self::hidden(path),
        }
    }

    /// Creates a file with a hidden name, on file systems without unnamed files.
    pub(super) fn hidden(path: &Path) -> Result<Self, BackupError> {
        let name = hidden_name(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(MODE);
        let file = options.open(&name).map_err(BackupError::Write)?;
        Ok(Self { path: path.to_owned(), file, hidden: Some(Hidden(name)) })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Makes the content durable, and makes the next reader get it from the disk instead of the cache.
    pub(super) fn sync(&self) -> Result<(), BackupError> {
        self.file.sync_all().map_err(BackupError::Write)?;
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed); // if it is refused, the cache has what was written
        Ok(())
    }

    /// Gives the file its name, durably.
    pub(super) fn publish(self, replace: Replace) -> Result<(), BackupError> {
        replace.check(&self.path)?; // another process may have created it meanwhile
        let published = match &self.hidden {
            Some(hidden) => rename(&hidden.0, &self.path, replace),
            None => self.publish_unnamed(replace),
        };
        match published {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(BackupError::Exists),
            published => published.map_err(BackupError::Write)?,
        }
        files::sync_dir(files::parent(&self.path)).map_err(BackupError::Write)
    }

    fn publish_unnamed(&self, replace: Replace) -> io::Result<()> {
        match link(&self.file, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && replace == Replace::Backup => {}
            linked => return linked,
        }
        // Linking cannot replace a file.
        let hidden = Hidden(hidden_name(&self.path));
        link(&self.file, &hidden.0)?;
        rename(&hidden.0, &self.path, replace)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // either it has its final name, or there is nothing else to do
    }
}

/// Whether a file has the hidden name of an unfinished backup.
pub(super) fn is_hidden_name(name: &str) -> bool {
    name.starts_with('.') && name.contains(MARK) && name.ends_with(PART)
}

/// Creates a file without a name; none if the file system does not support it.
fn unnamed(directory: &Path) -> io::Result<Option<File>> {
    if !Path::new(DESCRIPTORS).exists() {
        return Ok(None); // it could not be linked to a name later
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match openat(CWD, directory, flags, Mode::from_raw_mode(MODE)) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let descriptor = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    Ok(linkat(CWD, descriptor, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

fn rename(from: &Path, to: &Path, replace: Replace) -> io::Result<()> {
    if replace == Replace::Backup {
        return fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(from, to), // `Hidden` removes the first name
        renamed => Ok(renamed?),
    }
}

fn hidden_name(path: &Path) -> PathBuf {
    let mut random = [0; 8];
    SystemRandom.fill(&mut random);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!("{MARK}{:016x}{PART}", u64::from_be_bytes(random)));
    path.with_file_name(name)
}

const MARK: &str = ".bulla-";
const PART: &str = ".part";
const MODE: u32 = 0o600;
const DESCRIPTORS: &str = "/proc/self/fd";
