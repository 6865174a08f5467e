//! What is to be done about an entry of a tree, and where its output belongs.

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

/// A file to be worked on.
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
    /// A directory or link, which is done already.
    Nothing,
    Skip(SkipReason),
}

/// Where an entry has its place in the output.
pub(super) fn place(entry: &DirEntry, from: &Path, to: Option<&Path>) -> PathBuf {
    let relative = entry.path().strip_prefix(from).unwrap_or(entry.path());
    to.map_or_else(|| entry.path().to_owned(), |to| to.join(relative))
}

/// What is to be done about an entry. With `copy`, directories and links are copied.
pub(super) fn plan(
    entry: &DirEntry,
    place: &Path,
    copy: Option<&Roots>,
    transform: &dyn Transform,
    parents: &mut LastParents,
) -> Result<Planned, FileError> {
    let kind = entry.file_type();
    if entry.depth() == 0 {
        return Ok(Planned::Nothing); // a directory or a link to one, whose place is there already
    }
    if kind.is_dir() {
        if let Some(roots) = copy {
            roots.output.make_directory(place, mode(&entry.metadata().map_err(walked)?))?;
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

/// That of a directory which can be written to, whatever the mode of the source.
pub(super) fn mode(source: &fs::Metadata) -> u32 {
    source.mode() & 0o777 | 0o700
}

pub(super) fn walked(error: walkdir::Error) -> FileError {
    let error = error.into_io_error().unwrap_or_else(|| Errno::LOOP.into());
    FileError::Source(error)
}
