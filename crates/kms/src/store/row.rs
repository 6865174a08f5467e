//! The types of the storage interface: rows of bytes, and changes of them.

use bulla_keys::record::Revision;

use super::error::StoreError;

/// A row as the store holds it.
#[derive(Clone, Debug)]
pub(crate) struct StoredRow {
    pub(crate) table: String,
    pub(crate) primary_key: Vec<u8>,
    pub(crate) revision: Revision,
    /// A sealed record.
    pub(crate) value: Vec<u8>,
}

/// The version of a state of the store. Later states have greater versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(super) u64);

/// A change of one row by a transaction, which requires an expected revision.
#[derive(Debug)]
pub(crate) struct RowChange {
    pub(crate) table: &'static str,
    pub(crate) primary_key: Vec<u8>,
    /// The revision that the row must have; 0 if it must not exist. None for a row that is written once and belongs to
    /// another one, which the decision depends on.
    pub(crate) expected: Option<Revision>,
    /// The new revision of a row that is put.
    pub(crate) revision: Revision,
    pub(crate) change: Change,
}

#[derive(Debug)]
pub(crate) enum Change {
    Put(Vec<u8>),
    Delete,
    /// No change: the decision depends on this row.
    Keep,
}

/// The effect of a commit on one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move<'a> {
    pub(crate) table: &'a str,
    pub(crate) primary_key: &'a [u8],
    /// The previous revision; 0 if the row did not exist.
    pub(crate) from: Revision,
    /// The new revision; 0 if the row is deleted.
    pub(crate) to: Revision,
}

/// Computes the anchor of the store, whose rows a commit writes with all others.
pub(crate) trait Anchoring {
    /// The places of its rows: table and primary key.
    fn places(&self) -> &[(&'static str, &'static [u8])];

    /// Returns the new rows of the anchor, in its places, from the current ones and the effect of the commit on other rows.
    /// None if they are unchanged. After an error nothing is written.
    fn anchor(
        &mut self,
        found: &[Option<StoredRow>],
        moves: &[Move<'_>],
    ) -> Result<Vec<StoredRow>, StoreError>;
}

/// A row was not as expected, because another transaction changed it meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// The results of the transactions in one commit.
#[derive(Debug)]
pub(crate) struct Committed {
    /// One result for each transaction.
    pub(crate) results: Vec<Result<(), Conflict>>,
    /// The first version that contains the successful transactions.
    pub(crate) version: Version,
}

/// A transaction of another process.
#[derive(Clone, Debug)]
pub(crate) struct ForeignCommit {
    /// The first version that contains it.
    pub(crate) version: Version,
    pub(crate) rows: Vec<ForeignRow>,
}

/// A change of one row by another process.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "a redb file has one writer; stores for several nodes make them")
)]
#[derive(Clone, Debug)]
pub(crate) enum ForeignRow {
    Put(StoredRow),
    Deleted { table: String, primary_key: Vec<u8> },
}

impl ForeignRow {
    pub(crate) fn table(&self) -> &str {
        match self {
            Self::Put(StoredRow { table, .. }) | Self::Deleted { table, .. } => table,
        }
    }
}

/// Writes no anchor.
#[cfg(test)]
pub(crate) struct Unanchored;

#[cfg(test)]
impl Anchoring for Unanchored {
    fn places(&self) -> &[(&'static str, &'static [u8])] {
        &[]
    }

    fn anchor(&mut self, _: &[Option<StoredRow>], _: &[Move<'_>]) -> Result<Vec<StoredRow>, StoreError> {
        Ok(vec![])
    }
}
