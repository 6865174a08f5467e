//! A hash of the multiset of a store's rows. A commit updates it with only the rows that it changes.
//!
//! The construction is MSet-Add-Hash of D. Clarke, S. Devadas, M. van Dijk, B. Gassend and G. E. Suh, *Incremental Multiset
//! Hash Functions and Their Application to Memory Integrity Checking*, ASIACRYPT 2003, with HMAC-SHA-256 as the keyed
//! function and n = 2^256:
//!
//! ```text
//! H(x)  = HMAC-SHA-256(subkey "bulla/root/anchor" of the root key, x), a big-endian number
//! row   = len ‖ table, len ‖ primary key, revision (u64be)                               len = u32be
//! hash  = ( H(00 ‖ nonce) + Σ H(01 ‖ row)  mod 2^256,  number of rows,  nonce )
//! ```
//!
//! Without the key, an attacker cannot find two different multisets of rows with the same hash. MSet-XOR-Hash would be as fast,
//! but is secure for sets only: a row that is added twice cancels out, so it would hide a mistake of the engine that this sum
//! reveals. The nonce is random for each stored hash.

use std::fmt;

use aws_lc_rs::hmac;

use crate::aad::length_prefixed;
use crate::random::{self, Random};
use crate::record::Revision;

/// A multiset of rows: their number and the sum of their hashes. It exists in memory only.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct RowSet {
    rows: u64,
    sum: Number,
}

/// Hashes rows with a subkey of the root key.
pub struct RowHasher(hmac::Key);

/// The hash of one row, or a sum or difference of such hashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowHash(Number);

/// The stored form of a [`RowSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredHash {
    pub(crate) rows: u64,
    pub(crate) sum: [u8; 32],
    pub(crate) nonce: [u8; 16],
}

/// A number of 256 bits, least significant limb first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Number([u64; 4]);

impl RowSet {
    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    pub fn add(&mut self, row: RowHash) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.plus(row.0);
    }

    /// Removes a row. Removing a row that was not added leaves a value that no set of rows has.
    pub fn remove(&mut self, row: RowHash) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.minus(row.0);
    }

    /// Returns the sum of the rows that only this set has, minus the sum of those that only `other` has.
    #[must_use]
    pub fn difference(&self, other: &Self) -> RowHash {
        RowHash(self.sum.minus(other.sum))
    }
}

impl RowHash {
    /// Returns the change of the sum when this row replaces `other`.
    #[must_use]
    pub fn instead_of(self, other: Self) -> Self {
        Self(self.0.minus(other.0))
    }
}

impl RowHasher {
    pub(crate) fn new(subkey: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, subkey))
    }

    /// Returns the hash of a row of a table.
    #[must_use]
    pub fn row(&self, table: &str, primary_key: &[u8], revision: Revision) -> RowHash {
        let mut row = vec![1];
        row.extend(length_prefixed(&[table.as_bytes(), primary_key]));
        row.extend(revision.to_be_bytes());
        RowHash(self.number(&row))
    }

    pub(crate) fn store(&self, set: &RowSet, random: &impl Random) -> StoredHash {
        let nonce = random::array(random);
        StoredHash { rows: set.rows, sum: set.sum.plus(self.mask(&nonce)).to_bytes(), nonce }
    }

    pub(crate) fn load(&self, stored: &StoredHash) -> RowSet {
        let sum = Number::from_bytes(&stored.sum).minus(self.mask(&stored.nonce));
        RowSet { rows: stored.rows, sum }
    }

    fn mask(&self, nonce: &[u8; 16]) -> Number {
        self.number(&[&[0], nonce.as_slice()].concat())
    }

    fn number(&self, message: &[u8]) -> Number {
        let tag = hmac::sign(&self.0, message);
        Number::from_bytes(tag.as_ref().try_into().expect("a tag of HMAC-SHA-256 has 32 bytes"))
    }
}

impl Number {
    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let (limbs, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|at| u64::from_be_bytes(limbs[3 - at])))
    }

    fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (limbs, _) = bytes.as_chunks_mut::<8>();
        limbs.iter_mut().zip(self.0.iter().rev()).for_each(|(bytes, limb)| *bytes = limb.to_be_bytes());
        bytes
    }

    fn plus(self, other: Self) -> Self {
        let mut carry = false;
        Self(std::array::from_fn(|at| {
            let sum;
            (sum, carry) = self.0[at].carrying_add(other.0[at], carry);
            sum
        }))
    }

    /// Subtracts by two's complement: `-x` is `!x + 1`.
    fn minus(self, other: Self) -> Self {
        self.plus(Self(other.0.map(|limb| !limb))).plus(Self([1, 0, 0, 0]))
    }
}

impl fmt::Debug for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowSet").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl fmt::Debug for RowHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key of the row set]")
    }
}

impl fmt::Debug for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash of a row]")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use zeroize::Zeroizing;

    use super::*;
    use crate::id::StoreId;
    use crate::random::{Fixed, SystemRandom};
    use crate::root::RootKey;

    fn hasher() -> RowHasher {
        RowHasher::new(&[7; 32])
    }

    fn bytes(value: &Value) -> Vec<u8> {
        let hex = value.as_str().unwrap();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn set(rows: impl IntoIterator<Item = RowHash>) -> RowSet {
        let mut set = RowSet::default();
        rows.into_iter().for_each(|row| set.add(row));
        set
    }

    /// Computed with Python's standard library (`testdata/anchor`). Existing stores must always open.
    #[test]
    fn sets_have_the_hashes_of_the_vectors() {
        let table: Value =
            serde_json::from_str(include_str!("../../../testdata/anchor/vectors.json")).unwrap();
        let root_key: [u8; 32] = bytes(&table["root_key"]).try_into().unwrap();
        let roots = RootKey::from_bytes(Zeroizing::new(root_key)).keys(StoreId::random(&SystemRandom), 1);
        let hasher = roots.row_hasher(1).unwrap();
        let rows: Vec<_> = table["rows"].as_array().unwrap().iter().collect();
        let hashes: Vec<_> = rows
            .iter()
            .map(|row| {
                let revision = row["revision"].as_str().unwrap().parse().unwrap();
                hasher.row(row["table"].as_str().unwrap(), &bytes(&row["primary_key"]), revision)
            })
            .collect();
        for (row, hash) in rows.iter().zip(&hashes) {
            assert_eq!(hash.0.to_bytes().as_slice(), bytes(&row["hash"]));
        }
        let sets = table["sets"].as_array().unwrap();
        assert_eq!((rows.len(), sets.len()), (6, 7));
        for stored in sets {
            let members = stored["rows"].as_array().unwrap().iter();
            let set = set(members.map(|at| hashes[usize::try_from(at.as_u64().unwrap()).unwrap()]));
            let hash = hasher.store(&set, &Fixed(bytes(&stored["nonce"])));
            assert_eq!(hash.sum.as_slice(), bytes(&stored["sum"]));
            assert_eq!(hasher.load(&hash), set);
        }
    }

    #[test]
    fn a_set_forgets_the_order_of_its_rows_and_nothing_else() {
        let hasher = hasher();
        let row = |name: &str, revision| hasher.row("t", name.as_bytes(), revision);
        let rows = [row("a", 1), row("b", 1), row("c", 9)];
        let all = set(rows);
        assert_eq!(all, set([rows[2], rows[0], rows[1]]));
        let mut changed = all;
        changed.remove(rows[1]);
        assert_eq!(changed, set([rows[0], rows[2]]));
        changed.add(rows[1]);
        assert_eq!(changed, all);
        for other in [
            set([rows[0], rows[1]]),
            set([rows[0], rows[1], row("c", 8)]),
            set([rows[0], rows[1], rows[2], rows[2]]),
            set([rows[0], rows[1], hasher.row("u", b"c", 9)]),
        ] {
            assert_ne!(other, all);
        }
        assert_ne!(hasher.row("t", b"uc", 1), hasher.row("tu", b"c", 1), "the parts are distinguished");
        assert_ne!(set([RowHasher::new(&[8; 32]).row("t", b"a", 1)]), set([rows[0]]), "under another key");
    }

    /// With exclusive or instead of a sum, the two additions would cancel out.
    #[test]
    fn a_row_that_is_taken_in_twice_or_out_without_being_in_shows() {
        let row = hasher().row("t", b"a", 1);
        assert_ne!(set([row, row]), set([]));
        let mut none = set([]);
        none.remove(row);
        assert_ne!(none, set([]));
        assert_ne!(none, set([row]));
        none.add(row);
        assert_eq!(none, set([]));
    }

    #[test]
    fn the_difference_of_sets_names_the_row() {
        let hasher = hasher();
        let row = |revision| hasher.row("t", b"a", revision);
        let other = hasher.row("t", b"b", 1);
        assert_eq!(set([row(3), other]).difference(&set([row(2), other])), row(3).instead_of(row(2)));
        assert_eq!(set([row(3), other]).difference(&set([other])), row(3));
        assert_ne!(set([other]).difference(&set([row(3), other])), row(3));
    }

    #[test]
    fn numbers_carry_and_borrow_over_all_limbs() {
        let one = Number([1, 0, 0, 0]);
        let zero = Number::default();
        let largest = Number([u64::MAX; 4]);
        assert_eq!(largest.plus(one), zero);
        assert_eq!(zero.minus(one), largest);
        assert_eq!(Number([u64::MAX, u64::MAX, 0, 0]).plus(one), Number([0, 0, 1, 0]));
        assert_eq!(Number([0, 0, 1, 0]).minus(one), Number([u64::MAX, u64::MAX, 0, 0]));
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(Number::from_bytes(&bytes).to_bytes(), bytes);
        assert_eq!(Number::from_bytes(&bytes).0[0], 0x1819_1a1b_1c1d_1e1f);
    }
}
