//! The root key of a store, the subkeys derived from it, and the slots that store it wrapped.
//!
//! ```text
//! root key  = 32 random bytes, generated when the store is created
//! subkey    = HKDF-Expand-SHA-512(root key, label, 32)      (RFC 5869; the root key is uniform, no Extract)
//! label     = "bulla/root/" ‖ "record", "material", "anchor", "audit", "backup", "header" or "previous"
//! ```
//!
//! The operator protects the provider key, for example in a file. Replacing the provider key rewrites a slot of the header, but
//! no record.

mod slot;

use std::fmt;
use std::iter;

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

pub use self::slot::{PreviousBinding, SlotBinding};
use crate::id::StoreId;
use crate::random::{self, Random};
use crate::row_set::RowHasher;
use crate::xaes::{Damaged, Xaes256Gcm};

/// The key from which all subkeys of a store are derived. Wiped on drop.
pub struct RootKey(Zeroizing<[u8; 32]>);

/// The key that wraps a root key. The operator protects it.
pub struct ProviderKey(Zeroizing<[u8; 32]>);

/// The subkeys of a store: those of the current root key, and those of earlier root keys that rows may still be sealed under.
#[derive(Debug)]
pub struct RootKeys {
    store: StoreId,
    current: Generation,
    previous: Vec<Generation>,
}

/// The subkeys of one root key, by purpose.
#[derive(Debug)]
pub(crate) struct Generation {
    number: u32,
    record: Xaes256Gcm,
    material: Xaes256Gcm,
    audit: Xaes256Gcm,
    backup: Xaes256Gcm,
    anchor: RowHasher,
    header: Xaes256Gcm,
}

impl RootKey {
    /// Creates a random root key.
    #[must_use]
    pub fn random(random: &impl Random) -> Self {
        Self(Zeroizing::new(random::array(random)))
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Derives the subkeys of `store`, with this as the current root key.
    #[must_use]
    pub fn keys(&self, store: StoreId, generation: u32) -> RootKeys {
        RootKeys { store, current: self.generation(generation), previous: Vec::new() }
    }

    fn generation(&self, number: u32) -> Generation {
        let subkey = |label| Xaes256Gcm::new(&self.subkey(label));
        Generation {
            number,
            record: subkey(b"bulla/root/record"),
            material: subkey(b"bulla/root/material"),
            audit: subkey(b"bulla/root/audit"),
            backup: subkey(b"bulla/root/backup"),
            anchor: RowHasher::new(&self.subkey(b"bulla/root/anchor")),
            header: subkey(b"bulla/root/header"),
        }
    }

    fn subkey(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, &*self.0)
            .expand(&[label], Length)
            .and_then(|output| output.fill(&mut *key))
            .expect("HKDF gives 32 bytes");
        key
    }
}

impl ProviderKey {
    /// Creates a random provider key.
    #[must_use]
    pub fn random(random: &impl Random) -> Self {
        Self(Zeroizing::new(random::array(random)))
    }

    /// Creates the provider key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for the file that stores them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl RootKeys {
    /// Returns the store that the keys belong to.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Adds the subkeys of an earlier root key, to open rows that are sealed under it. New rows are sealed under the current one.
    #[must_use]
    pub fn with_previous(mut self, root: &RootKey, generation: u32) -> Self {
        self.previous.push(root.generation(generation));
        self
    }

    /// Returns the generation number of the current root key.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.current.number
    }

    /// Returns the hasher of the rows for an anchor of this generation; `None` if there is no root key of the generation.
    #[must_use]
    pub fn row_hasher(&self, generation: u32) -> Option<&RowHasher> {
        let mut generations = iter::once(&self.current).chain(&self.previous);
        generations.find(|one| one.number == generation).map(|one| &one.anchor)
    }

    /// Returns the subkeys of the current root key, under which all new values are sealed.
    pub(crate) fn current(&self) -> &Generation {
        &self.current
    }

    /// Opens a sealed value with each generation in turn, the current one first, because sealed values do not name their
    /// generation. More than one attempt is needed only while a change of the root key re-encrypts the rows.
    pub(crate) fn open_under_any<T>(
        &self,
        open: impl Fn(&Generation) -> Result<T, Damaged>,
    ) -> Result<T, Damaged> {
        let mut generations = iter::once(&self.current).chain(&self.previous);
        generations.find_map(|generation| open(generation).ok()).ok_or(Damaged)
    }
}

impl Generation {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn record(&self) -> &Xaes256Gcm {
        &self.record
    }

    pub(crate) fn material(&self) -> &Xaes256Gcm {
        &self.material
    }

    pub(crate) fn audit(&self) -> &Xaes256Gcm {
        &self.audit
    }

    pub(crate) fn backup(&self) -> &Xaes256Gcm {
        &self.backup
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[root key]")
    }
}

impl fmt::Debug for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[provider key]")
    }
}

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python: HKDFExpand(SHA512, 32, b"bulla/root/record").derive(bytes(range(32))) of PyPI `cryptography`.
    /// Existing stores must always open, so the derivation must never change.
    #[test]
    fn subkeys_stay_what_they_are() {
        let root = RootKey(Zeroizing::new(std::array::from_fn(|i| u8::try_from(i).unwrap())));
        let hex = |label: &[u8]| root.subkey(label).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(b"bulla/root/record"),
            "3dc4e1de463e704f0a82c730aee56ffd78fd17686cdbc9de6551e075cab958d3"
        );
        assert_eq!(
            hex(b"bulla/root/material"),
            "a3e50874e72f906ea78a38515e49b7d57bac851ab333d72071b05fd7f8b1ebe3"
        );
    }
}
