//! The place of a store's trail: `DATA/audit`, which is a directory, or a link to the directory that the configuration of the server
//! names. So commands, which do not read that configuration, find the trail, and continue it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::slice;

use bulla_keys::Anchor;
use rustix::fs::{StatVfsMountFlags, statvfs};

use super::closed::is_open;
use super::{AuditOptions, behind_seal, progress};
use crate::audit::{Limits, Progress, ReadError, TrailFile, newest_seal};
use crate::open_error::OpenError;
use crate::store::Rollback;

/// Returns the directory of the trail of the store in `data`, whether or not there is one.
#[must_use]
pub fn trail_directory(data: &Path) -> PathBuf {
    let usual = data.join(TRAIL);
    fs::read_link(&usual).map_or(usual, |target| data.join(target))
}

impl AuditOptions {
    /// Returns the options for a process that adds lines to the trail of another one: it deletes no files, because only the
    /// configuration of the server limits their total.
    #[must_use]
    pub fn continuing(directory: impl Into<PathBuf>, node: impl Into<String>) -> Self {
        let limits = Limits { total: u64::MAX, ..Limits::default() };
        Self { limits, ..Self::new(directory, node) }
    }

    /// Returns the options with which a command uses the store in `data`: it continues the trail of the server, and begins one in
    /// an empty directory. `None` if there is no directory, if the trail was switched off, or if the file system is read-only,
    /// where nothing changes.
    ///
    /// # Errors
    /// [`OpenError::Directory`] if the trail cannot be read, or is not where it should be.
    pub fn of_store(data: &Path, node: impl Into<String>) -> Result<Option<Self>, OpenError> {
        let Some(directory) = existing(data)? else { return Ok(None) };
        let failed =
            |error: rustix::io::Errno| OpenError::Directory { path: directory.clone(), source: error.into() };
        let mount = statvfs(&directory).map_err(failed)?;
        if mount.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Ok(None);
        }
        let options = Self::continuing(directory, node);
        let is_continued = !has_files(&options.directory)? || is_open(&options)?;
        Ok(is_continued.then_some(options))
    }
}

/// Makes `directory` the place of the trail, by a link if it is not `DATA/audit` itself.
///
/// # Errors
/// [`OpenError::OtherTrail`] if there is a trail in another place, which would end without a word; [`OpenError::Directory`].
pub(super) fn claim(data: &Path, directory: &Path) -> Result<(), OpenError> {
    let existing = trail_directory(data);
    if is_same(&existing, directory) {
        return Ok(());
    }
    if existing.is_dir() && has_files(&existing)? {
        return Err(OpenError::OtherTrail { existing, named: directory.to_owned() });
    }
    let usual = data.join(TRAIL);
    link(&usual, directory).map_err(|source| OpenError::Directory { path: usual, source })
}

fn is_same(left: &Path, right: &Path) -> bool {
    left == right
        || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Puts a link in the place of an empty directory, of another link, or of nothing.
fn link(usual: &Path, directory: &Path) -> io::Result<()> {
    match fs::symlink_metadata(usual) {
        Ok(found) if found.is_dir() => fs::remove_dir(usual)?,
        Ok(found) if found.is_symlink() => fs::remove_file(usual)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(directory, usual)
}

fn has_files(directory: &Path) -> Result<bool, OpenError> {
    TrailFile::all(slice::from_ref(&directory.to_owned())).map(|files| !files.is_empty()).map_err(unreadable)
}

/// Returns the rollback of the store in `data` if it is older than the newest seal of its trail. A store of an earlier version has the
/// epoch 0.
///
/// # Errors
/// Like [`sealed_in_files`].
pub(crate) fn behind_files(data: &Path, epoch: u64, commit: u64) -> Result<Option<Rollback>, OpenError> {
    let store = (epoch > 0).then_some(Progress { epoch, commit });
    Ok(sealed_in_files(data)?.and_then(|sealed| behind_seal(store, sealed)))
}

/// Returns the rollback of a store that is older than the newest seal of the trail in `directory`.
///
/// # Errors
/// [`ReadError`].
pub(crate) fn behind_trail(directory: &Path, anchor: Anchor) -> Result<Option<Rollback>, ReadError> {
    Ok(newest_seal(directory)?.and_then(|sealed| behind_seal(Some(progress(anchor)), sealed)))
}

/// Returns how far the store in `data` had come at the newest seal of its trail, as it is in the files: it is not verified. None
/// without a trail.
///
/// # Errors
/// [`OpenError::Directory`] if the trail cannot be read, or is not where it should be.
pub(super) fn sealed_in_files(data: &Path) -> Result<Option<Progress>, OpenError> {
    let Some(directory) = existing(data)? else { return Ok(None) };
    newest_seal(&directory).map_err(unreadable)
}

/// Returns the directory of the trail of the store in `data`; none if there is none. A link to a missing directory is an error: that
/// may be on a disk that is not mounted.
fn existing(data: &Path) -> Result<Option<PathBuf>, OpenError> {
    let directory = trail_directory(data);
    match fs::metadata(&directory) {
        Ok(found) => Ok(found.is_dir().then_some(directory)),
        Err(error) if is_absent(&error) && directory == data.join(TRAIL) => Ok(None),
        Err(source) => Err(OpenError::Directory { path: directory, source }),
    }
}

fn unreadable(error: ReadError) -> OpenError {
    OpenError::Directory { path: error.path, source: error.source }
}

/// The name in the data directory.
const TRAIL: &str = "audit";
