//! Output files appear whole, verified and durable, or not at all.
//!
//! A file is written without a name (`O_TMPFILE`) in the directory where it goes, and then given its name in one
//! step that replaces nothing unless asked to. File systems without unnamed files get a hidden one, `.NAME.bulla-XXXX.part`,
//! that is removed on failure, and by [`remove_partials`] when the process is told to stop. A file that replaces another
//! one has such a name for a moment too.

mod directory;
mod error;
mod hidden;
mod pending;
mod target;

use std::path::Path;

pub(crate) use self::directory::Directory;
pub use self::error::OutputError;
pub use self::hidden::remove_partials;
pub(crate) use self::hidden::{is_hidden_name, without_a_stop};
pub(crate) use self::pending::Pending;
pub(crate) use self::target::Target;
pub use crate::links::resolve_in_place;

/// When a published file is safe from a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it has its name.
    Synced,
    /// When the system writes it, or somebody syncs the file system.
    Later,
}

/// The directory that a path names something in.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
