//! What shows that a store is not as its last commit left it, though every record of it opens.

use std::fmt;

/// How the rows of a store differ from its anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rollback {
    /// One row does not open.
    RowDamaged {
        /// Its table.
        table: String,
        /// Its place in the table.
        primary_key: Vec<u8>,
    },
    /// One row is an older state of itself.
    RowPutBack {
        /// Its table.
        table: String,
        /// Its place in the table.
        primary_key: Vec<u8>,
    },
    /// Rows are older states of themselves: more than one, or of long ago.
    RowsPutBack,
    /// Rows are missing.
    RowsMissing {
        /// How many more are missing than were added.
        count: u64,
    },
    /// One row is there that the last commit did not leave.
    RowAdded {
        /// Its table.
        table: String,
        /// Its place in the table.
        primary_key: Vec<u8>,
    },
    /// Rows are there that the last commit did not leave.
    RowsAdded {
        /// How many more were added than are missing.
        count: u64,
    },
    /// The anchor is older than the rows, or only one of its two copies is the newest one.
    AnchorPutBack,
    /// The anchor is missing, or one of its copies.
    AnchorMissing,
    /// The header is that of an earlier version of the store, and there are rows of this one.
    HeaderPutBack,
    /// The whole store is that of before a restore which the audit trail knows of.
    BeforeRestore {
        /// The epoch of the store.
        epoch: u64,
        /// The epoch that it had when the trail was sealed last.
        sealed: u64,
    },
    /// The whole store is older than the audit trail.
    BehindTrail {
        /// The commits of the store.
        commit: u64,
        /// The commits that it had when the trail was sealed last.
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
            Self::RowPutBack { table, primary_key } => {
                write!(f, "a record of the table {table:?} was put back to an older state: ")?;
                hex(f, primary_key)
            }
            Self::RowsPutBack => f.write_str("records were put back to an older state"),
            Self::RowsMissing { count: 1 } => f.write_str("a record was removed from the store"),
            Self::RowsMissing { count } => write!(f, "{count} records were removed from the store"),
            Self::RowAdded { table, primary_key } => {
                write!(f, "a record of the table {table:?} was added that had been deleted: ")?;
                hex(f, primary_key)
            }
            Self::RowsAdded { count: 1 } => f.write_str("a record was added that had been deleted"),
            Self::RowsAdded { count } => write!(f, "{count} records were added that had been deleted"),
            Self::AnchorPutBack => f.write_str("the anchor of the store was put back to an older state"),
            Self::AnchorMissing => f.write_str("the anchor of the store was removed"),
            Self::HeaderPutBack => {
                f.write_str("the header of the store was put back to that of an earlier version")
            }
            Self::BeforeRestore { epoch, sealed } => write!(
                f,
                "the whole store was put back to an older state: it is of epoch {epoch}, and its audit trail was sealed after it \
                 was restored, in epoch {sealed}"
            ),
            Self::BehindTrail { commit, sealed } => write!(
                f,
                "the whole store was put back to an older state: it has {commit} commits, and its audit trail was sealed at {sealed}"
            ),
        }
    }
}

/// What tells rows of one table from each other, as every error shows it.
pub(super) fn hex(f: &mut fmt::Formatter<'_>, primary_key: &[u8]) -> fmt::Result {
    primary_key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
