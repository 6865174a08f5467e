//! Output files are published atomically: complete, verified and durable, or not at all.
//!
//! A file is written without a name (`O_TMPFILE`) in its directory, and then linked to its name in one step, which replaces an
//! existing file only on request. On file systems without unnamed files it has a hidden name, `.NAME.bulla-XXXX.part`; it is
//! removed on failure, and by [`remove_partials`] when a signal stops the process. A file that replaces another one briefly has
//! such a name too.

mod directory;
mod error;
mod hidden;
mod pending;
mod target;

use std::path::Path;

pub(crate) use self::directory::Directory;
pub use self::error::OutputError;
pub use self::hidden::remove_partials;
pub(crate) use self::hidden::{defer_exit, is_hidden_name};
pub(crate) use self::pending::Pending;
pub(crate) use self::target::Target;
pub use crate::links::resolve_in_place;

/// When a published file is durable, that is, survives a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it has its name.
    Synced,
    /// When the system writes it to disk, or a program syncs the file system.
    Later,
}

/// Returns the directory that contains the last component of a path.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
