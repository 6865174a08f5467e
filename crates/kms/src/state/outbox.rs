//! The outbox: lines of the audit trail that are written in the same transaction as the change that they describe.
//!
//! So no change lacks its line, even after a crash. The row of a line is kept until the line is durable in the trail. The
//! store also records the newest seal of the trail with each commit: if the trail does not reach that seal at the next start,
//! it has lost lines.

use bulla_keys::record::{self, Record};
use bulla_keys::root::RootKeys;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::snapshot::Snapshot;
use crate::audit::{Hash, Position, Unwritten};
use crate::store::{Store, StoreError, StoredRow};

/// The number of a line, big-endian, so that lines are in the order of their changes.
pub(crate) type OutboxNumber = ByteArray<8>;

/// The line of a change, without the members that the trail adds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OutboxLine {
    #[n(0)]
    pub(crate) number: OutboxNumber,
    #[n(1)]
    pub(crate) members: Box<str>,
}

impl Record for OutboxLine {
    const TABLE: &'static str = "audit-outbox";
    fn primary_key(&self) -> &[u8] {
        &*self.number
    }
}

/// The newest seal of a trail that the store has recorded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SealNote {
    /// The process, among those that share the store.
    #[n(0)]
    pub(crate) node: Box<str>,
    #[n(1)]
    number: u64,
    #[n(2)]
    hash: ByteArray<32>,
    /// Lines that the files accepted no more, if there are such lines: the highest number that one may have, and a count.
    #[n(3)]
    unwritten: Option<(u64, u64)>,
}

impl SealNote {
    pub(crate) fn new(node: &str, seal: Position, unwritten: Option<Unwritten>) -> Self {
        let unwritten = unwritten.map(|Unwritten { up_to, lines }| (up_to, lines));
        Self { node: node.into(), number: seal.number, hash: (*seal.hash.as_bytes()).into(), unwritten }
    }

    /// Reads what the store has recorded for this process. No engine has the store open.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn read(store: &Store, roots: &RootKeys, node: &str) -> Result<Option<Self>, StoreError> {
        let found = store.get(&[(Self::TABLE, node.as_bytes())])?;
        let Some(StoredRow { table, primary_key, revision, value }) = found.into_iter().flatten().next()
        else {
            return Ok(None);
        };
        let note: Result<Self, _> = record::open(roots, &primary_key, revision, &value);
        note.map(Some).map_err(|_| StoreError::Row { table, primary_key })
    }

    pub(crate) fn position(&self) -> Position {
        Position { number: self.number, hash: Hash::from_bytes(*self.hash) }
    }

    pub(crate) fn unwritten(&self) -> Option<Unwritten> {
        self.unwritten.map(|(up_to, lines)| Unwritten { up_to, lines })
    }
}

impl Record for SealNote {
    const TABLE: &'static str = "audit-seal";
    fn primary_key(&self) -> &[u8] {
        self.node.as_bytes()
    }
}

/// Receives each line once its change is durable and published: in order, each once.
pub(crate) trait Follower: Send + Sync {
    /// Receives a line.
    fn follow(&self, line: &OutboxLine);
}

/// Passes the lines of published changes to the follower.
pub(super) struct Outbox {
    follower: Option<Box<dyn Follower>>,
    /// The last line that the follower received.
    last: Option<OutboxNumber>,
}

impl Outbox {
    pub(super) fn new(follower: Option<Box<dyn Follower>>) -> Self {
        Self { follower, last: None }
    }

    /// Passes on the lines of a snapshot that was just published.
    pub(super) fn publish(&mut self, snapshot: &Snapshot) {
        let Some(follower) = &self.follower else { return };
        for row in snapshot.rows_after::<OutboxLine>(self.last.as_ref()) {
            follower.follow(&row.record);
            self.last = Some(row.record.number);
        }
    }
}

/// Returns the number after the last line in a snapshot.
pub(super) fn next_number(snapshot: &Snapshot) -> u64 {
    let last = snapshot.last_id::<OutboxLine>();
    last.map_or(0, |last| u64::from_be_bytes(**last)) + 1
}
