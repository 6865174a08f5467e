//! The errors of opening and writing the trail.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::LostFile;

/// The trail could not be opened or written. It is as before: no incomplete line is left behind.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrailError {
    /// The current file was deleted, renamed, replaced or changed by another process. [`super::Trail::resume`] begins another
    /// one.
    Lost(LostFile),
    /// The disk is full, a quota is exhausted, or the file may not grow. [`super::Trail::resume`] continues when there is
    /// space.
    Full {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// An operation on a file does not return, or the file system cancelled it. [`super::Trail::resume`] continues when it
    /// has returned.
    Hangs {
        /// The file.
        path: PathBuf,
    },
    /// The directory belongs to another user, or other users may write to it.
    Exposed {
        /// The directory.
        path: PathBuf,
        /// The id of its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// Any other error of the file system. After a failed sync the durable content is unknown, so [`super::Trail::resume`]
    /// begins another file.
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl TrailError {
    pub(super) fn new(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path, source }
            }
            io::ErrorKind::TimedOut => Self::Hangs { path },
            _ => Self::Io { path, source },
        }
    }

    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Full { source, .. } | Self::Io { source, .. } => source.kind(),
            Self::Hangs { .. } => io::ErrorKind::TimedOut,
            Self::Lost(_) | Self::Exposed { .. } => io::ErrorKind::Other,
        }
    }

    /// Whether the file system accepts no writes at the moment, because it is full, or read-only after a fault of the disk.
    pub(crate) fn is_of_unwritable_disk(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::ReadOnlyFilesystem,
            Self::Lost(_) | Self::Hangs { .. } | Self::Exposed { .. } => false,
        }
    }
}

impl fmt::Display for TrailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(lost) => write!(f, "the audit trail is lost: {lost}"),
            Self::Full { path, .. } => write!(f, "no room for the audit trail in {}", path.display()),
            Self::Hangs { path } => {
                write!(f, "the audit trail cannot be written: the disk of {} hangs", path.display())
            }
            Self::Exposed { path, owner, mode } => write!(
                f,
                "other users may write to the audit trail: {} belongs to user {owner} and has mode {mode:03o}",
                path.display()
            ),
            Self::Io { path, .. } => write!(f, "the audit trail cannot be written: {}", path.display()),
        }
    }
}

impl std::error::Error for TrailError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Full { source, .. } | Self::Io { source, .. } => Some(source),
            Self::Lost(_) | Self::Hangs { .. } | Self::Exposed { .. } => None,
        }
    }
}
