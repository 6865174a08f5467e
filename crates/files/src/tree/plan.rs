//! Decides what to do with an entry of a tree, and where its output is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;
use walkdir::DirEntry;

use super::SkipReason;
use super::directories::{LastParents, Parent, Roots};
use super::run::Transform;
use crate::file_error::FileError;
use crate::output;

/// A file to process.
pub(super) struct Job {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    /// The directory of `from`.
    pub(super) source: Arc<Parent>,
    /// The directory of `to`.
    pub(super) output: Arc<Parent>,
}

pub(super) enum Planned {
    File(Job),
    /// A directory or symbolic link, which needs no more work.
    Nothing,
    Skip(SkipReason),
}

/// Returns the path of an entry in the output.
pub(super) fn place(entry: &DirEntry, from: &Path, to: Option<&Path>) -> PathBuf {
    let relative = entry.path().strip_prefix(from).unwrap_or(entry.path());
    to.map_or_else(|| entry.path().to_owned(), |to| to.join(relative))
}

/// Decides what to do with an entry. With `copy`, creates directories and symbolic links.
pub(super) fn plan(
    entry: &DirEntry,
    place: &Path,
    copy: Option<&Roots>,
    transform: &dyn Transform,
    parents: &mut LastParents,
) -> Result<Planned, FileError> {
    let kind = entry.file_type();
    if entry.depth() == 0 {
        return Ok(Planned::Nothing); // the top directory, or a link to it, whose place exists already
    }
    if kind.is_dir() {
        if let Some(roots) = copy {
            roots.output.make_directory(place, mode(&entry.metadata().map_err(walk_error)?))?;
        }
        return Ok(Planned::Nothing);
    }
    if kind.is_symlink() {
        if let Some(roots) = copy {
            roots.output.make_link(place, &roots.source.read_link(entry.path())?)?;
        }
        return Ok(Planned::Nothing);
    }
    if !kind.is_file() {
        return Ok(Planned::Skip(SkipReason::Special));
    }
    if output::is_hidden_name(entry.file_name()) {
        return Ok(Planned::Skip(SkipReason::Leftover));
    }
    let Some(to) = transform.output_of(place) else { return Ok(Planned::Skip(SkipReason::Name)) };
    let from = entry.path().to_owned();
    let source = parents.source.of(&from);
    let output = parents.output.of(&to);
    Ok(Planned::File(Job { from, to, source, output }))
}

/// Returns the mode for a directory of the output, which must be writable regardless of the mode of the source.
pub(super) fn mode(source: &fs::Metadata) -> u32 {
    source.mode() & 0o777 | 0o700
}

pub(super) fn walk_error(error: walkdir::Error) -> FileError {
    let error = error.into_io_error().unwrap_or_else(|| Errno::LOOP.into());
    FileError::Source(error)
}
