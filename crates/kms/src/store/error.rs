//! The errors of reading and writing a store, independent of the storage engine.

use std::error::Error;
use std::{fmt, io};

use super::file::LostFile;
use super::rollback::{Rollback, hex};

/// The store could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The storage engine failed: disk full, I/O error, damaged file.
    Engine(Box<dyn Error + Send + Sync>),
    /// The file could not be opened.
    Io(io::Error),
    /// A write is needed, but the file system is read-only.
    ReadOnly,
    /// A thread that reads or writes could not be started.
    Thread(io::Error),
    /// The file is so damaged that the storage engine failed unexpectedly.
    Damaged,
    /// Another process has the file open, though the lock was free.
    InUse,
    /// The header does not have this program's format.
    Header,
    /// The root key belongs to the store, but the rest of the header was damaged or edited.
    HeaderDamaged,
    /// A newer version of this program has opened the store, and may have written data that this one does not know.
    Newer,
    /// The file is not in the state in which this process left it.
    Lost(LostFile),
    /// A row does not unseal: it was edited, moved, or written by a newer version.
    Row {
        /// Its table.
        table: String,
        /// Its key in the table.
        primary_key: Vec<u8>,
    },
    /// The store is not in the state of its last commit.
    RolledBack(Rollback),
    /// A row is missing that another one refers to.
    Missing {
        /// Its table.
        table: String,
        /// Its key in the table.
        primary_key: Vec<u8>,
    },
}

impl From<LostFile> for StoreError {
    fn from(lost: LostFile) -> Self {
        Self::Lost(lost)
    }
}

impl From<Rollback> for StoreError {
    fn from(rollback: Rollback) -> Self {
        Self::RolledBack(rollback)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io(error),
        }
    }
}

impl StoreError {
    /// Returns advice for the user of a command or the operator of a server.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ReadOnly => {
                "mount it writable to change keys; commands that only read the store, such as decrypt, work meanwhile"
            }
            Self::Newer => "use that version, or restore the data directory as it was before",
            Self::Thread(_) => {
                "raise the process limit of the user (`ulimit -u`) or the pids limit of the container"
            }
            Self::RolledBack(_) => {
                "restore the whole data directory from its backup; to accept the rollback, start once with: \
                 bulla serve --data DIR --accept-rollback"
            }
            _ => {
                "free space or repair the disk; if the file is damaged, restore the data directory from its backup"
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => write!(f, "the store: {error}"),
            Self::Io(error) => write!(f, "the store: {error}"),
            Self::ReadOnly => f.write_str("the store is on a read-only file system"),
            Self::Thread(error) => write!(f, "the store: no further thread can be started: {error}"),
            Self::Damaged => f.write_str("the store is damaged"),
            Self::InUse => f.write_str("the store is in use by another process"),
            Self::Header => f.write_str("the file is not a store of bulla"),
            Self::HeaderDamaged => f.write_str("the header of the store was damaged or edited"),
            Self::Newer => f.write_str("a newer version of bulla has opened the store"),
            Self::Lost(lost) => lost.fmt(f),
            Self::RolledBack(rollback) => rollback.fmt(f),
            Self::Row { table, primary_key } => {
                write!(f, "a record of the table {table:?} was damaged, edited or moved: ")?;
                hex(f, primary_key)
            }
            Self::Missing { table, primary_key } => {
                write!(f, "a record of the table {table:?} is missing: ")?;
                hex(f, primary_key)
            }
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The text includes that of the cause.
        match self {
            Self::Engine(error) => error.source(),
            Self::Io(error) | Self::Thread(error) => error.source(),
            Self::ReadOnly
            | Self::Lost(_)
            | Self::Damaged
            | Self::InUse
            | Self::Header
            | Self::HeaderDamaged
            | Self::Newer
            | Self::Row { .. }
            | Self::RolledBack(_)
            | Self::Missing { .. } => None,
        }
    }
}
