//! The errors of making, verifying and restoring backups, each with advice for the operator.

use std::error::Error;
use std::path::PathBuf;
use std::{fmt, io};

use crate::open_error::OpenError;
use crate::provider_error::ProviderError;
use crate::role::Role;
use crate::state::StoreFault;
use crate::store::StoreError;

/// Why a backup could not be made, verified or restored. No error leaves a partial file.
#[derive(Debug)]
#[non_exhaustive]
pub enum BackupError {
    /// The file of the backup cannot be read.
    Read(io::Error),
    /// The file cannot be written.
    Write(io::Error),
    /// The path exists already.
    Exists,
    /// The path has a file that is not a backup, so it is not replaced.
    NotReplaced,
    /// The store to back up cannot be opened.
    Open(OpenError),
    /// The store to back up or to restore cannot be read or written.
    Store(StoreError),
    /// The store has a version without an anchor, so nothing could prove that its backup is complete.
    OlderStore,
    /// The file does not begin like a backup.
    NotABackup,
    /// A later version of bulla has made the backup.
    Newer {
        /// The version of its format.
        version: u32,
    },
    /// The part in plaintext is damaged.
    HeadDamaged,
    /// The end is missing.
    Cut,
    /// A sealed part is damaged.
    ChunkDamaged {
        /// Its index.
        number: u64,
        /// Its offset in the file.
        offset: u64,
    },
    /// The content of a sealed part is invalid for this version.
    Malformed {
        /// Its index.
        number: u64,
    },
    /// None of the configured root keys opens the backup.
    RootKey(ProviderError),
    /// The number of records in the backup differs from its manifest, or the records differ from its anchor.
    RecordsMissing {
        /// The number of records in it.
        found: u64,
        /// The expected number.
        expected: u64,
    },
    /// The records are not the state of a store after a commit.
    Faults(Vec<StoreFault>),
    /// The name of the file belongs to another backup.
    Misnamed,
    /// The engine is closing, and stopped the backup.
    Stopped,
    /// The directory contains something other than a store of bulla.
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// One of the names in it.
        name: PathBuf,
    },
    /// The directory holds another store.
    OtherStore {
        /// The id of the store in the directory.
        found: String,
        /// The id of the store in the backup.
        expected: String,
    },
    /// The audit trail names an epoch that no store can reach.
    ForgedEpoch {
        /// The epoch.
        epoch: u64,
    },
    /// The directory contains later changes than the backup, or a store that cannot be read.
    Later(Later),
}

/// What a restore would lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// The store in the directory is at this epoch and commit.
    Store {
        /// The epoch.
        epoch: u64,
        /// The commit.
        commit: u64,
    },
    /// The audit trail in the directory was sealed at this epoch and commit.
    Trail {
        /// The epoch.
        epoch: u64,
        /// The commit.
        commit: u64,
    },
    /// The store in the directory cannot be read, so it may be later.
    Unreadable,
}

impl BackupError {
    /// Returns advice for the operator.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read(_) => "check the path and the permissions of the file".into(),
            Self::Write(error) if error.kind() == io::ErrorKind::StorageFull => {
                "free space, or name a file on another disk".into()
            }
            Self::Write(_) => "check the permissions of the directory, or name another file".into(),
            Self::Exists => "name another file, or replace it with --force".into(),
            Self::NotReplaced => "name another file; --force replaces nothing but backups".into(),
            Self::Open(error) => error.hint(Role::Command),
            Self::Store(error) => error.hint().into(),
            Self::OlderStore => {
                "copy the data directory while no server runs; start this version once, and back up again".into()
            }
            Self::NotABackup => "name a file that bulla backup create has made".into(),
            Self::Newer { .. } => "use that version of bulla, or a later one".into(),
            Self::HeadDamaged | Self::ChunkDamaged { .. } | Self::Cut | Self::Malformed { .. } => {
                "use another backup, or another copy of this one".into()
            }
            Self::RootKey(_) => {
                "name the root key that the store had when the backup was made: --root-key PATH".into()
            }
            Self::RecordsMissing { .. } | Self::Faults(_) => {
                "use another backup, and check the store with: bulla store check".into()
            }
            Self::Misnamed => "use another copy of the backup that has this name".into(),
            Self::Stopped => "back up again when the server runs".into(),
            Self::NotEmpty { .. } => "name an empty or a missing directory with --data".into(),
            Self::OtherStore { .. } => "name another directory with --data".into(),
            Self::ForgedEpoch { .. } => {
                "check it with `bulla audit verify`; to restore without it, name an empty directory with --audit".into()
            }
            Self::Later(Later::Unreadable) => {
                "to restore the backup all the same, add --accept-older; the file of the store is kept under another name"
                    .into()
            }
            Self::Later(_) => {
                "see what would be lost with --dry-run; to restore the backup all the same, add --accept-older".into()
            }
        }
    }

    /// Whether the backup itself is damaged, as opposed to its environment.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::NotABackup
                | Self::HeadDamaged
                | Self::Cut
                | Self::ChunkDamaged { .. }
                | Self::Malformed { .. }
                | Self::RecordsMissing { .. }
                | Self::Faults(_)
                | Self::Misnamed
        )
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) | Self::Write(error) => error.fmt(f),
            Self::Exists => f.write_str("it exists already"),
            Self::NotReplaced => f.write_str("it exists already, and is not a backup"),
            Self::Open(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::OlderStore => {
                f.write_str("an earlier version of bulla made the store, and it was not opened since")
            }
            Self::NotABackup => f.write_str("it is not a backup of bulla, or its first bytes were damaged"),
            Self::Newer { version } => {
                write!(f, "it is a backup of version {version}, which this version of bulla does not know")
            }
            Self::HeadDamaged => f.write_str("the backup is damaged: its header was changed"),
            Self::Cut => f.write_str("the backup is truncated: its end is missing"),
            Self::ChunkDamaged { number, offset } => {
                write!(f, "the backup is damaged: part {number}, which begins at byte {offset}, was changed")
            }
            Self::Malformed { number } => write!(f, "part {number} of the backup cannot be understood"),
            Self::RootKey(error) => write!(f, "no root key opens the backup: {error}"),
            Self::RecordsMissing { found, expected } => {
                write!(f, "the backup lacks records: it has {found} of {expected}")
            }
            Self::Faults(faults) => match faults.as_slice() {
                [] => f.write_str("the records of the backup do not belong together"),
                [fault] => write!(f, "the records of the backup do not belong together: {fault}"),
                [fault, rest @ ..] => {
                    write!(
                        f,
                        "the records of the backup do not belong together: {fault}, and {} more",
                        rest.len()
                    )
                }
            },
            Self::Misnamed => f.write_str("the file is named like another backup"),
            Self::Stopped => f.write_str("the server is being stopped"),
            Self::NotEmpty { path, name } => {
                write!(f, "{} is not empty, and holds no store: {}", path.display(), name.display())
            }
            Self::OtherStore { found, expected } => {
                write!(f, "the directory holds the store {found}, and the backup holds {expected}")
            }
            Self::ForgedEpoch { epoch } => {
                write!(f, "a seal of the audit trail names epoch {epoch}, which no store reaches")
            }
            Self::Later(later) => later.fmt(f),
        }
    }
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { epoch, commit } => {
                write!(
                    f,
                    "the store in the directory is later than the backup: epoch {epoch}, commit {commit}"
                )
            }
            Self::Trail { epoch, commit } => write!(
                f,
                "the audit trail in the directory has changes after the backup: epoch {epoch}, commit {commit}"
            ),
            Self::Unreadable => {
                f.write_str("the store in the directory cannot be read, so it may be later than the backup")
            }
        }
    }
}

impl Error for BackupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The text includes that of the cause.
        match self {
            Self::Read(error) | Self::Write(error) => error.source(),
            Self::Open(error) => error.source(),
            Self::Store(error) => error.source(),
            Self::RootKey(error) => error.source(),
            _ => None,
        }
    }
}
