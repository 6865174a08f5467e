//! The evidence that a store is not in the state of its last commit, even if every record of it opens. The anchor
//! (`state/anchor.rs`) finds it.

use std::fmt;

/// How the rows of a store differ from its anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rollback {
    /// One row does not open.
    RowDamaged {
        /// Its table.
        table: String,
        /// Its key in the table.
        primary_key: Vec<u8>,
    },
    /// One row has an older revision.
    RowRolledBack {
        /// Its table.
        table: String,
        /// Its key in the table.
        primary_key: Vec<u8>,
    },
    /// Several rows have older revisions, or one has a much older one.
    RowsRolledBack,
    /// Rows are missing.
    RowsMissing {
        /// The number of missing rows, minus that of added ones.
        count: u64,
    },
    /// One row exists that the last commit did not leave.
    RowAdded {
        /// Its table.
        table: String,
        /// Its key in the table.
        primary_key: Vec<u8>,
    },
    /// Rows exist that the last commit did not leave.
    RowsAdded {
        /// The number of added rows, minus that of missing ones.
        count: u64,
    },
    /// The anchor is older than the rows, or only one of its two copies is the newest one.
    AnchorRolledBack,
    /// The anchor or one of its copies is missing.
    AnchorMissing,
    /// The header has an earlier version of the store, but there are rows of this version.
    HeaderRolledBack,
    /// The whole store is from before a restore that the audit trail recorded.
    BeforeRestore {
        /// The epoch of the store.
        epoch: u64,
        /// The epoch of the store at the last seal of the trail.
        sealed: u64,
    },
    /// The whole store is older than the audit trail.
    BehindTrail {
        /// The commits of the store.
        commit: u64,
        /// The number of commits at the last seal of the trail.
        sealed: u64,
    },
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowDamaged { table, primary_key } => {
                write!(f, "a record of the table {table:?} was damaged, edited or moved: ")?;
                hex(f, primary_key)
            }
            Self::RowRolledBack { table, primary_key } => {
                write!(f, "a record of the table {table:?} was rolled back to an older state: ")?;
                hex(f, primary_key)
            }
            Self::RowsRolledBack => f.write_str("records were rolled back to an older state"),
            Self::RowsMissing { count: 1 } => f.write_str("a record was removed from the store"),
            Self::RowsMissing { count } => write!(f, "{count} records were removed from the store"),
            Self::RowAdded { table, primary_key } => {
                write!(f, "a record of the table {table:?} was added that had been deleted: ")?;
                hex(f, primary_key)
            }
            Self::RowsAdded { count: 1 } => f.write_str("a record was added that had been deleted"),
            Self::RowsAdded { count } => write!(f, "{count} records were added that had been deleted"),
            Self::AnchorRolledBack => {
                f.write_str("the anchor of the store was rolled back to an older state")
            }
            Self::AnchorMissing => f.write_str("the anchor of the store was removed"),
            Self::HeaderRolledBack => {
                f.write_str("the header of the store was rolled back to that of an earlier version")
            }
            Self::BeforeRestore { epoch, sealed } => write!(
                f,
                "the whole store was rolled back to an older state: its epoch is {epoch}, and its audit trail was sealed after it \
                 was restored, in epoch {sealed}"
            ),
            Self::BehindTrail { commit, sealed } => write!(
                f,
                "the whole store was rolled back to an older state: it has {commit} commits, and its audit trail was sealed at {sealed}"
            ),
        }
    }
}

/// Formats a primary key, as all errors show it.
pub(super) fn hex(f: &mut fmt::Formatter<'_>, primary_key: &[u8]) -> fmt::Result {
    primary_key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
