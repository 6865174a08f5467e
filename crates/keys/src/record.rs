//! Records: the rows of a store. Each value is sealed as a whole and bound to its place.
//!
//! ```text
//! value     = XAES-256-GCM(record subkey, format version (u8) ‖ revision (u64be) ‖ CBOR, aad)
//! format    = 02 in stores with an anchor, 01 in older rows; otherwise the two are the same
//! aad       = len ‖ "bulla/record/v1", len ‖ store id, len ‖ generation (u32be), len ‖ table, len ‖ primary key
//! len       = u32be
//! ```
//!
//! The generation is that of the root key under which the value was sealed. A store may have rows of several generations.
//!
//! A value that was edited, or moved to another row, table or store, does not open. The revision changes with every write of a
//! row. The store keeps it beside the value too, and both must agree. A whole row that was rolled back to an older state still
//! opens; [`Anchor`](crate::Anchor) reveals it.

use std::convert::Infallible;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::aad::length_prefixed;
use crate::alias::Alias;
use crate::id::StoreId;
use crate::key::{Key, KeyVersion};
use crate::random::{self, Random};
use crate::root::RootKeys;
use crate::secret::{Secret, SecretValue};
use crate::xaes::Damaged;

/// The revision of a row, changed by every write; 0 means that the row does not exist.
pub type Revision = u64;

/// Returns the revision after `revision`. A new row begins at a random revision: if a row was deleted and created again, a change
/// that was decided on the old row must conflict with the new one.
#[must_use]
pub fn next_revision(revision: Revision, random: &impl Random) -> Revision {
    match revision {
        0 => (u64::from_be_bytes(random::array(random)) >> 2) + 1,
        revision => revision + 1,
    }
}

/// A value that is stored in a table under a primary key.
pub trait Record: Encode<()> + for<'b> Decode<'b, ()> {
    /// The name of the table.
    const TABLE: &'static str;
    /// Returns the primary key.
    fn primary_key(&self) -> &[u8];
}

impl Record for Key {
    const TABLE: &'static str = "key";
    fn primary_key(&self) -> &[u8] {
        self.id.as_bytes()
    }
}

impl Record for KeyVersion {
    const TABLE: &'static str = "version";
    fn primary_key(&self) -> &[u8] {
        self.id.as_bytes()
    }
}

impl Record for Alias {
    const TABLE: &'static str = "alias";
    fn primary_key(&self) -> &[u8] {
        self.name.as_str().as_bytes()
    }
}

impl Record for Secret {
    const TABLE: &'static str = "secret";
    fn primary_key(&self) -> &[u8] {
        self.name.as_str().as_bytes()
    }
}

impl Record for SecretValue {
    const TABLE: &'static str = "secret-value";
    fn primary_key(&self) -> &[u8] {
        self.id.as_bytes()
    }
}

/// Seals a record to be written as `revision`.
#[must_use]
pub fn seal<R: Record>(roots: &RootKeys, revision: Revision, record: &R, random: &impl Random) -> Vec<u8> {
    let mut plaintext = Wiped(Zeroizing::new(Vec::with_capacity(USUAL_LEN)));
    plaintext.extend(&[ANCHORED]);
    plaintext.extend(&revision.to_be_bytes());
    minicbor::encode(record, &mut plaintext).expect("writing to memory does not fail");
    let current = roots.current();
    let aad = aad(roots.store(), current.number(), R::TABLE, record.primary_key());
    current.record().seal(&aad, &plaintext.0, random)
}

/// A growing buffer for a record, which may contain a private key. Wipes the memory that it outgrows.
struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    fn extend(&mut self, bytes: &[u8]) {
        if self.0.capacity() - self.0.len() < bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.0.len() + bytes.len()) * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }
}

impl minicbor::encode::Write for Wiped {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.extend(bytes);
        Ok(())
    }
}

/// Opens the record with this primary key.
///
/// # Errors
/// [`Damaged`] if the row was changed, or if a newer version of this program wrote its format.
pub fn open<R: Record>(
    roots: &RootKeys,
    primary_key: &[u8],
    revision: Revision,
    value: &[u8],
) -> Result<R, Damaged> {
    let plaintext = unseal(roots, R::TABLE, primary_key, value)?;
    let (head, body) = plaintext.split_first_chunk::<9>().ok_or(Damaged)?;
    if !matches!(head[0], UNANCHORED | ANCHORED) || head[1..] != revision.to_be_bytes() {
        return Err(Damaged);
    }
    let record: R = minicbor::decode(body).map_err(|_| Damaged)?;
    if record.primary_key() == primary_key { Ok(record) } else { Err(Damaged) }
}

/// The fields that all sealed rows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whether the row was written to a store with an [`Anchor`](crate::Anchor). If the header of the store says that it has
    /// none, such a row proves that the header was rolled back.
    pub is_anchored: bool,
    /// The revision under which the row was sealed.
    pub revision: Revision,
}

/// Opens a row of any table and returns its [`Head`].
///
/// # Errors
/// [`Damaged`], as [`open`] returns it.
pub fn head(roots: &RootKeys, table: &str, primary_key: &[u8], value: &[u8]) -> Result<Head, Damaged> {
    let plaintext = unseal(roots, table, primary_key, value)?;
    let (format, rest) = plaintext.split_first().ok_or(Damaged)?;
    let (revision, _) = rest.split_first_chunk().ok_or(Damaged)?;
    match *format {
        UNANCHORED | ANCHORED => {
            Ok(Head { is_anchored: *format == ANCHORED, revision: Revision::from_be_bytes(*revision) })
        }
        _ => Err(Damaged),
    }
}

fn unseal(
    roots: &RootKeys,
    table: &str,
    primary_key: &[u8],
    value: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Damaged> {
    roots.open_under_any(|generation| {
        generation.record().open(&aad(roots.store(), generation.number(), table, primary_key), value)
    })
}

fn aad(store: StoreId, generation: u32, table: &str, primary_key: &[u8]) -> Vec<u8> {
    let generation = generation.to_be_bytes();
    length_prefixed(&[b"bulla/record/v1", store.as_bytes(), &generation, table.as_bytes(), primary_key])
}

/// The format of rows written before stores had an anchor.
const UNANCHORED: u8 = 1;
const ANCHORED: u8 = 2;
/// The initial capacity, enough for most records.
const USUAL_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::KeyId;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    fn roots() -> RootKeys {
        RootKey::random(&SystemRandom).keys(StoreId::random(&SystemRandom), 1)
    }

    fn alias(name: &str) -> Alias {
        Alias { name: name.parse().unwrap(), key: KeyId::random(&SystemRandom), made_by: None }
    }

    #[test]
    fn a_record_opens_in_its_own_row_only() {
        let (roots, alias) = (roots(), alias("alias/a"));
        let value = seal(&roots, 3, &alias, &SystemRandom);
        assert_eq!(open::<Alias>(&roots, b"alias/a", 3, &value), Ok(alias));
        assert_eq!(open::<Alias>(&roots, b"alias/b", 3, &value), Err(Damaged), "another row");
        assert_eq!(open::<Alias>(&roots, b"alias/a", 4, &value), Err(Damaged), "another revision");
        assert_eq!(open::<Key>(&roots, b"alias/a", 3, &value), Err(Damaged), "another table");
        let other = RootKey::random(&SystemRandom).keys(roots.store(), 1);
        assert_eq!(open::<Alias>(&other, b"alias/a", 3, &value), Err(Damaged), "another root key");
    }

    /// This is the case while a change of the root key re-encrypts the rows one by one.
    #[test]
    fn records_of_two_generations_open_side_by_side() {
        let (store, first, second) =
            (StoreId::random(&SystemRandom), RootKey::random(&SystemRandom), RootKey::random(&SystemRandom));
        let (old, new) = (alias("alias/old"), alias("alias/new"));
        let old_value = seal(&first.keys(store, 1), 1, &old, &SystemRandom);
        let both = second.keys(store, 2).with_previous(&first, 1);
        let new_value = seal(&both, 1, &new, &SystemRandom);
        assert_eq!(open(&both, b"alias/old", 1, &old_value), Ok(old.clone()));
        assert_eq!(open(&both, b"alias/new", 1, &new_value), Ok(new.clone()));

        let only_second = second.keys(store, 2);
        assert_eq!(
            open(&only_second, b"alias/new", 1, &new_value),
            Ok(new),
            "new rows need no earlier root key"
        );
        assert_eq!(open::<Alias>(&only_second, b"alias/old", 1, &old_value), Err(Damaged));
        let resealed = seal(&only_second, 2, &old, &SystemRandom);
        assert_eq!(open(&both, b"alias/old", 2, &resealed), Ok(old));
        let renumbered = second.keys(store, 2).with_previous(&first, 3);
        assert_eq!(
            open::<Alias>(&renumbered, b"alias/old", 1, &old_value),
            Err(Damaged),
            "bound to its number"
        );
    }

    /// The table `alias` of the golden store of version 1 has a value of format 01 (docs/blob-format.md).
    #[test]
    fn a_row_shows_that_its_store_had_an_anchor() {
        let (roots, alias) = (roots(), alias("alias/a"));
        let value = seal(&roots, 3, &alias, &SystemRandom);
        let anchored = |is_anchored| Ok(Head { is_anchored, revision: 3 });
        assert_eq!(head(&roots, "alias", b"alias/a", &value), anchored(true));
        assert_eq!(head(&roots, "alias", b"alias/b", &value), Err(Damaged));
        let sealed_as = |format: u8| {
            let plaintext =
                [&[format][..], &3_u64.to_be_bytes(), &minicbor::to_vec(&alias).unwrap()].concat();
            let aad = aad(roots.store(), 1, "alias", b"alias/a");
            roots.current().record().seal(&aad, &plaintext, &SystemRandom)
        };
        let older = sealed_as(1);
        assert_eq!(head(&roots, "alias", b"alias/a", &older), anchored(false));
        assert_eq!(open::<Alias>(&roots, b"alias/a", 3, &older), Ok(alias.clone()));
        for unknown in [0, 3] {
            assert_eq!(open::<Alias>(&roots, b"alias/a", 3, &sealed_as(unknown)), Err(Damaged));
            assert_eq!(head(&roots, "alias", b"alias/a", &sealed_as(unknown)), Err(Damaged));
        }
    }

    #[test]
    fn revisions_do_not_come_back() {
        assert_eq!(next_revision(7, &SystemRandom), 8);
        let (one, other) = (next_revision(0, &SystemRandom), next_revision(0, &SystemRandom));
        assert!(one != other && one.max(other) <= 1 << 62 && one.min(other) > 0);
    }

    #[test]
    fn long_records_are_whole() {
        let mut wiped = Wiped(Zeroizing::new(Vec::new()));
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        bytes.chunks(77).for_each(|part| wiped.extend(part));
        assert_eq!(*wiped.0, bytes);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (roots, alias) = (roots(), alias("alias/a"));
        let value = seal(&roots, 1, &alias, &SystemRandom);
        for bit in 0..value.len() * 8 {
            let mut broken = value.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open::<Alias>(&roots, b"alias/a", 1, &broken), Err(Damaged));
        }
    }
}
