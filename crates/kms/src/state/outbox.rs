//! Lines of the audit trail that are part of the changes which they tell of.
//!
//! A change and its line are one transaction, so there is no change without its line, whatever ends the process. The row
//! of a line is kept until the trail has it durably. The store also notes the newest seal of the trail, with the next commit: at
//! the next start, a trail that does not reach it has lost lines.

use bulla_keys::record::{self, Record};
use bulla_keys::root::RootKeys;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::snapshot::Snapshot;
use crate::audit::{Hash, Position};
use crate::store::{Store, StoreError, StoredRow};

/// The number of a line, big-endian: lines in the order of their changes.
pub(crate) type OutboxNumber = ByteArray<8>;

/// A line of a change, without what the trail itself gives it.
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

/// The newest seal of a trail that the store has noted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SealNote {
    /// The process among those that share the store.
    #[n(0)]
    pub(crate) node: Box<str>,
    #[n(1)]
    number: u64,
    #[n(2)]
    hash: ByteArray<32>,
}

impl SealNote {
    pub(crate) fn new(node: &str, seal: Position) -> Self {
        Self { node: node.into(), number: seal.number, hash: (*seal.hash.as_bytes()).into() }
    }

    /// The seal that a store which no engine has open has noted for this process.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn read(store: &Store, roots: &RootKeys, node: &str) -> Result<Option<Position>, StoreError> {
        let found = store.get(&[(Self::TABLE, node.as_bytes())])?;
        let Some(StoredRow { table, primary_key, revision, value }) = found.into_iter().flatten().next()
        else {
            return Ok(None);
        };
        let note: Result<Self, _> = record::open(roots, &primary_key, revision, &value);
        note.map(|note| Some(note.position())).map_err(|_| StoreError::Row { table, primary_key })
    }

    pub(crate) fn position(&self) -> Position {
        Position { number: self.number, hash: Hash::from_bytes(*self.hash) }
    }
}

impl Record for SealNote {
    const TABLE: &'static str = "audit-seal";
    fn primary_key(&self) -> &[u8] {
        self.node.as_bytes()
    }
}

/// Hears of each line once its change is durable and published; in order, each once.
pub(crate) trait Follower: Send + Sync {
    /// Takes a line.
    fn follow(&self, line: &OutboxLine);
}

/// The lines of published changes, on their way to the follower.
pub(super) struct Outbox {
    follower: Option<Box<dyn Follower>>,
    /// The last line that the follower has.
    last: Option<OutboxNumber>,
}

impl Outbox {
    pub(super) fn new(follower: Option<Box<dyn Follower>>) -> Self {
        Self { follower, last: None }
    }

    /// Hands over the lines of a snapshot that is published now.
    pub(super) fn publish(&mut self, snapshot: &Snapshot) {
        let Some(follower) = &self.follower else { return };
        for row in snapshot.rows_after::<OutboxLine>(self.last.as_ref()) {
            follower.follow(&row.record);
            self.last = Some(row.record.number);
        }
    }
}

/// The number of the line after all that a snapshot holds.
pub(super) fn next_number(snapshot: &Snapshot) -> u64 {
    let last = snapshot.last_id::<OutboxLine>();
    last.map_or(0, |last| u64::from_be_bytes(**last)) + 1
}
