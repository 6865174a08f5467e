//! What crosses the border of a store: rows of bytes.

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

/// A state of the store. The version of a later state is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(super) u64);

/// What a transaction does to one row, if the row is as expected.
#[derive(Debug)]
pub(crate) struct RowChange {
    pub(crate) table: &'static str,
    pub(crate) primary_key: Vec<u8>,
    /// The revision the row must have now; 0 if it must not be there. None for a row that is written once and belongs to
    /// another one, on which the decision rests.
    pub(crate) expected: Option<Revision>,
    /// The revision a row that is put has from then on.
    pub(crate) revision: Revision,
    pub(crate) change: Change,
}

#[derive(Debug)]
pub(crate) enum Change {
    Put(Vec<u8>),
    Delete,
    /// Nothing: the decision rests on this row.
    Keep,
}

/// What a commit does to one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move<'a> {
    pub(crate) table: &'a str,
    pub(crate) primary_key: &'a [u8],
    /// The revision that the row had; 0 if it was not there.
    pub(crate) from: Revision,
    /// The revision that the row has from then on; 0 if it is deleted.
    pub(crate) to: Revision,
}

/// Makes the anchor of the store, whose rows a commit writes with all others.
pub(crate) trait Anchoring {
    /// The places of its rows: table and primary key.
    fn places(&self) -> &[(&'static str, &'static [u8])];

    /// The rows that the anchor has from then on, in its places, made of those that are there and of what the commit does to
    /// other rows. None if they stay as they are. After an error nothing is written.
    fn anchor(
        &mut self,
        found: &[Option<StoredRow>],
        moves: &[Move<'_>],
    ) -> Result<Vec<StoredRow>, StoreError>;
}

/// A row was not as expected: another transaction changed it in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// What became of the transactions of one commit.
#[derive(Debug)]
pub(crate) struct Committed {
    /// One for each transaction.
    pub(crate) results: Vec<Result<(), Conflict>>,
    /// The first state that holds those that succeeded.
    pub(crate) version: Version,
}

/// A transaction of another process.
#[derive(Clone, Debug)]
pub(crate) struct ForeignCommit {
    /// The first state that holds it.
    pub(crate) version: Version,
    pub(crate) rows: Vec<ForeignRow>,
}

/// What another process did to one row.
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
