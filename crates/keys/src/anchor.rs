//! The anchor of a store: a hash over all of its rows, which reveals rows that were rolled back, removed or added.
//!
//! ```text
//! anchor    = { 0: copy, 1: epoch, 2: commit, 3: generation of the root key, 4: number of rows, 5: sum, 6: nonce }   (CBOR)
//! ```
//!
//! Every commit writes the anchor in the same transaction, as two rows of the table `anchor`. Their primary key is the number of
//! the copy, 1 or 2; otherwise they are equal. If only one was rolled back, the copies differ, which tells that case from rows
//! that were added. The sum is that of `bulla_keys::row_set`, over all rows of other tables. The revision of both rows is the
//! number of the commit.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::random::Random;
use crate::record::{self, Record, Revision};
use crate::root::RootKeys;
use crate::row_set::{RowHasher, RowSet, StoredHash};
use crate::xaes::Damaged;

/// What a store contains after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Begins at 1. Restoring the store from a backup raises it.
    pub epoch: u64,
    /// The number of commits of the store, including the one that created it.
    pub commit: u64,
    /// The generation of the root key whose subkey hashes the rows.
    pub generation: u32,
    /// The rows of all tables except the anchor's own.
    pub rows: RowSet,
}

/// A sealed copy of the anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCopy {
    /// The primary key in [`Anchor::TABLE`].
    pub primary_key: &'static [u8],
    /// The revision under which it is sealed.
    pub revision: Revision,
    /// The sealed record.
    pub value: Vec<u8>,
}

impl Anchor {
    /// The name of the anchor's table.
    pub const TABLE: &'static str = "anchor";
    /// The primary keys of the two copies.
    pub const COPIES: [&'static [u8]; 2] = [b"1", b"2"];

    /// Returns the first anchor of a store: of a new store, or of one from an earlier version. The rows are hashed by
    /// [`RootKeys::row_hasher`] of `generation`.
    #[must_use]
    pub fn first(generation: u32, rows: RowSet) -> Self {
        Self { epoch: 1, commit: 1, generation, rows }
    }

    /// Returns the anchor after the next commit, which leaves `rows`.
    #[must_use]
    pub fn next(self, rows: RowSet) -> Self {
        Self { commit: self.commit + 1, rows, ..self }
    }

    /// Returns the anchor of a store that is restored to an older state with these rows. `epoch` must be later than every epoch
    /// that the store is known to have had.
    #[must_use]
    pub fn restored(self, epoch: u64, rows: RowSet) -> Self {
        Self { epoch, ..self.next(rows) }
    }

    /// Seals both copies. Returns `None` if there is no root key of the anchor's generation.
    #[must_use]
    pub fn seal(&self, roots: &RootKeys, random: &impl Random) -> Option<[SealedCopy; 2]> {
        let hash = roots.row_hasher(self.generation)?.store(&self.rows, random);
        Some(Self::COPIES.map(|primary_key| {
            let value = record::seal(roots, self.commit, &self.record(primary_key, &hash), random);
            SealedCopy { primary_key, revision: self.commit, value }
        }))
    }

    /// Opens the copy with this primary key.
    ///
    /// # Errors
    /// [`Damaged`] if the row was changed, or if there is no root key of the anchor's generation.
    pub fn open(
        roots: &RootKeys,
        primary_key: &[u8],
        revision: Revision,
        value: &[u8],
    ) -> Result<Self, Damaged> {
        let copy: AnchorRecord = record::open(roots, primary_key, revision, value)?;
        if copy.commit != revision {
            return Err(Damaged);
        }
        let hasher = roots.row_hasher(copy.generation).ok_or(Damaged)?;
        Ok(copy.anchor(hasher))
    }

    fn record(&self, copy: &[u8], hash: &StoredHash) -> AnchorRecord {
        AnchorRecord {
            copy: ByteArray::from(<[u8; 1]>::try_from(copy).expect("a digit")),
            epoch: self.epoch,
            commit: self.commit,
            generation: self.generation,
            rows: hash.rows,
            sum: hash.sum.into(),
            nonce: hash.nonce.into(),
        }
    }
}

/// The stored form of [`Anchor`].
#[derive(Encode, Decode)]
#[cbor(map)]
struct AnchorRecord {
    #[n(0)]
    copy: ByteArray<1>,
    #[n(1)]
    epoch: u64,
    #[n(2)]
    commit: u64,
    #[n(3)]
    generation: u32,
    #[n(4)]
    rows: u64,
    #[n(5)]
    sum: ByteArray<32>,
    #[n(6)]
    nonce: ByteArray<16>,
}

impl Record for AnchorRecord {
    const TABLE: &'static str = Anchor::TABLE;
    fn primary_key(&self) -> &[u8] {
        &*self.copy
    }
}

impl AnchorRecord {
    fn anchor(&self, hasher: &RowHasher) -> Anchor {
        let hash = StoredHash { rows: self.rows, sum: *self.sum, nonce: *self.nonce };
        let &Self { epoch, commit, generation, .. } = self;
        Anchor { epoch, commit, generation, rows: hasher.load(&hash) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StoreId;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    fn roots() -> RootKeys {
        RootKey::random(&SystemRandom).keys(StoreId::random(&SystemRandom), 1)
    }

    fn rows(roots: &RootKeys, count: u64) -> RowSet {
        let mut rows = RowSet::default();
        let hasher = roots.row_hasher(1).unwrap();
        (0..count).for_each(|number| rows.add(hasher.row("t", &number.to_be_bytes(), 1)));
        rows
    }

    #[test]
    fn both_copies_open_in_their_places_only() {
        let roots = roots();
        let anchor = Anchor::first(1, rows(&roots, 3)).next(rows(&roots, 4));
        assert_eq!((anchor.epoch, anchor.commit, anchor.rows.rows()), (1, 2, 4));
        let [one, two] = anchor.seal(&roots, &SystemRandom).unwrap();
        for copy in [&one, &two] {
            assert_eq!(Anchor::open(&roots, copy.primary_key, copy.revision, &copy.value), Ok(anchor));
            assert_eq!(Anchor::open(&roots, copy.primary_key, copy.revision + 1, &copy.value), Err(Damaged));
        }
        assert_eq!(Anchor::open(&roots, two.primary_key, one.revision, &one.value), Err(Damaged));
    }

    #[test]
    fn an_anchor_names_the_root_key_under_which_it_hashes_rows() {
        let (store, first, second) =
            (StoreId::random(&SystemRandom), RootKey::random(&SystemRandom), RootKey::random(&SystemRandom));
        let old = first.keys(store, 1);
        let anchor = Anchor::first(1, rows(&old, 3));
        let [sealed, _] = anchor.seal(&old, &SystemRandom).unwrap();
        let both = second.keys(store, 2).with_previous(&first, 1);
        assert_eq!(Anchor::open(&both, sealed.primary_key, sealed.revision, &sealed.value), Ok(anchor));
        let [moved, _] = anchor.next(anchor.rows).seal(&both, &SystemRandom).unwrap();
        let opened = Anchor::open(&both, moved.primary_key, moved.revision, &moved.value).unwrap();
        assert_eq!((opened.generation, opened.rows), (1, anchor.rows));
        let only_second = second.keys(store, 2);
        assert_eq!(
            Anchor::open(&only_second, moved.primary_key, moved.revision, &moved.value),
            Err(Damaged),
            "its rows cannot be hashed"
        );
        assert!(anchor.seal(&only_second, &SystemRandom).is_none());
    }
}
