//! Checks which files a data directory without a store contains, before a restore creates a store in it.
//!
//! A mistyped name must not create a store among other files. So a restore accepts only files that a server keeps beside a
//! store. The configuration can give the directories of backups and of the audit trail any name, and a restore does not read
//! it; so these are recognised by their content.

use std::fs::{self, DirEntry};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::container::MAGIC;
use super::error::BackupError;
use super::notes::FILE as NOTES;
use crate::audit::is_of_trail;
use crate::data::STORE;
use crate::files::open_regular;
use crate::open_error::OpenError;

/// Refuses a directory with anything that no server keeps there.
pub(super) fn check_no_others(data: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Open(OpenError::Directory { path: data.to_owned(), source });
    match first_other(data).map_err(failed)? {
        None => Ok(()),
        Some(name) => Err(BackupError::NotEmpty { path: data.to_owned(), name }),
    }
}

fn first_other(data: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_known = name
            .to_str()
            .is_some_and(|name| KNOWN.contains(&name) || name.starts_with('.') || name.starts_with(STORE));
        if !is_known && !is_ours(&entry, MAX_DEPTH)? {
            return Ok(Some(name.into()));
        }
    }
    Ok(None)
}

/// Whether the entry is a backup, notes about backups, a file of a trail, or a directory that contains only such files, which
/// may be a link to another disk.
fn is_ours(entry: &DirEntry, depth: u8) -> io::Result<bool> {
    let path = entry.path();
    let kind = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false), // a dangling link
        found => found?.file_type(),
    };
    if kind.is_file() {
        return Ok(entry.file_name().to_str().is_some_and(|name| name == NOTES || is_of_trail(name))
            || is_backup(&path)?);
    }
    if !kind.is_dir() || depth == 0 {
        return Ok(false);
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // A name with a leading dot is an unfinished backup.
        let is_left_out =
            entry.file_name().to_str().is_some_and(|name| name.starts_with('.') || name == LOST_AND_FOUND);
        if !is_left_out && !is_ours(&entry, depth - 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_backup(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::with_capacity(MAGIC.len());
    open_regular(path)?.take(MAGIC.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == MAGIC)
}

const MAX_DEPTH: u8 = 3;
const LOST_AND_FOUND: &str = "lost+found";
/// Files with a fixed name.
const KNOWN: &[&str] =
    &["audit", "backups", "control.sock", "lock", LOST_AND_FOUND, "root-access-key.json", "root-key", "tls"];
