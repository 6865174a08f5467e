//! The root key of a store, the keys derived from it, and the slots that hold it wrapped.
//!
//! ```text
//! root key  = 32 random bytes, made with the store
//! subkey    = HKDF-Expand-SHA-512(root key, label, 32)      (RFC 5869; the root key is uniform, no Extract)
//! label     = "bulla/root/" ‖ "record", "material", "anchor", "audit", "backup", "header" or "previous"
//! ```
//!
//! The provider key is what an operator guards: the content of a file today. Changing it rewrites a slot of the header,
//! never the records.

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

/// The key from which every other key of a store is derived. Wiped on drop.
pub struct RootKey(Zeroizing<[u8; 32]>);

/// The key that wraps a root key; what the operator keeps.
pub struct ProviderKey(Zeroizing<[u8; 32]>);

/// The subkeys of a store: of the current root key, and of earlier ones that rows may still be sealed under.
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
    /// A new root key.
    #[must_use]
    pub fn random(random: &impl Random) -> Self {
        Self(Zeroizing::new(random::array(random)))
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Derives the keys of the store, whose current root key this is.
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
    /// A new provider key.
    #[must_use]
    pub fn random(random: &impl Random) -> Self {
        Self(Zeroizing::new(random::array(random)))
    }

    /// The provider key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the file that keeps them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl RootKeys {
    /// The store they belong to.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Opens rows of an earlier root key too. New rows are sealed under the current one.
    #[must_use]
    pub fn with_previous(mut self, root: &RootKey, generation: u32) -> Self {
        self.previous.push(root.generation(generation));
        self
    }

    /// The number of the current root key.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.current.number
    }

    /// What hashes the rows of the store for an anchor of this generation; none if there is no such root key.
    #[must_use]
    pub fn row_hasher(&self, generation: u32) -> Option<&RowHasher> {
        let mut generations = iter::once(&self.current).chain(&self.previous);
        generations.find(|one| one.number == generation).map(|one| &one.anchor)
    }

    /// The generation of the current root key, under which everything new is sealed.
    pub(crate) fn current(&self) -> &Generation {
        &self.current
    }

    /// Tries to open something under each generation, the current one first. What is sealed names no generation: only
    /// while rows are moved from one root key to the next does a row cost more than one try.
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

    /// Computed with Python: HKDFExpand(SHA512, 32, b"bulla/root/record").derive(bytes(range(32))) of PyPI
    /// `cryptography`. A store made today must open for ever, so the derivation must never change.
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
