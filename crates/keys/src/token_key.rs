//! The key that seals the tokens of temporary credentials.
//!
//! ```text
//! sealed key   = XAES-256-GCM(material subkey of the root key, key, len ‖ "bulla/sts-key/v1", len ‖ store id, len ‖ epoch)
//! sealed token = XAES-256-GCM(key, content, len ‖ "bulla/sts-token/v1", len ‖ store id, len ‖ epoch, len ‖ access key id)
//! len          = u32be
//! ```
//!
//! The key is random and stored in a record of its own, so a change of the root key does not end sessions. The epoch numbers the
//! keys of a store. A token opens only for the access key id, the epoch and the store that it was sealed for.

use std::fmt;

use zeroize::Zeroizing;

use crate::aad::length_prefixed;
use crate::id::StoreId;
use crate::random::{self, Random};
use crate::root::RootKeys;
use crate::xaes::{Damaged, Xaes256Gcm};

/// A key for tokens. Wiped on drop.
pub struct TokenKey {
    bytes: Zeroizing<[u8; 32]>,
    store: StoreId,
    epoch: u32,
}

impl TokenKey {
    /// The number of bytes that sealing adds to the content of a token.
    pub const OVERHEAD: usize = Xaes256Gcm::OVERHEAD;

    /// Creates a random key with number `epoch` for its store.
    #[must_use]
    pub fn random(store: StoreId, epoch: u32, random: &impl Random) -> Self {
        Self { bytes: Zeroizing::new(random::array(random)), store, epoch }
    }

    /// Returns the number of the key among those of its store.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Seals the key itself, for its record.
    #[must_use]
    pub fn seal(&self, roots: &RootKeys, random: &impl Random) -> Vec<u8> {
        roots.current().material().seal(&key_aad(self.store, self.epoch), &*self.bytes, random)
    }

    /// Opens the result of [`TokenKey::seal`] for the same store and epoch.
    ///
    /// # Errors
    /// [`Damaged`] if it was changed, or sealed for another store or epoch.
    pub fn open(roots: &RootKeys, epoch: u32, sealed: &[u8]) -> Result<Self, Damaged> {
        let store = roots.store();
        let aad = key_aad(store, epoch);
        let opened = roots.open_under_any(|generation| generation.material().open(&aad, sealed))?;
        let mut bytes = Zeroizing::new([0; 32]);
        if opened.len() != bytes.len() {
            return Err(Damaged);
        }
        bytes.copy_from_slice(&opened);
        Ok(Self { bytes, store, epoch })
    }

    /// Seals the content of a token for the access key with this id.
    #[must_use]
    pub fn seal_token(&self, access_key_id: &str, content: &[u8], random: &impl Random) -> Vec<u8> {
        Xaes256Gcm::new(&self.bytes).seal(&self.token_aad(access_key_id), content, random)
    }

    /// Opens the content of a token.
    ///
    /// # Errors
    /// [`Damaged`] if it was changed, or sealed for another access key id, epoch or store.
    pub fn open_token(&self, access_key_id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        Xaes256Gcm::new(&self.bytes).open(&self.token_aad(access_key_id), sealed)
    }

    fn token_aad(&self, access_key_id: &str) -> Vec<u8> {
        let epoch = self.epoch.to_be_bytes();
        length_prefixed(&[b"bulla/sts-token/v1", self.store.as_bytes(), &epoch, access_key_id.as_bytes()])
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

fn key_aad(store: StoreId, epoch: u32) -> Vec<u8> {
    length_prefixed(&[b"bulla/sts-key/v1", store.as_bytes(), &epoch.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    fn store() -> StoreId {
        StoreId::random(&SystemRandom)
    }

    #[test]
    fn a_token_opens_for_its_access_key_epoch_and_store_only() {
        let (here, root) = (store(), RootKey::random(&SystemRandom));
        let key = TokenKey::random(here, 1, &SystemRandom);
        let token = key.seal_token("STS.a", b"content", &SystemRandom);
        assert_eq!(*key.open_token("STS.a", &token).unwrap(), b"content");
        assert_eq!(key.open_token("STS.b", &token), Err(Damaged));

        let sealed = key.seal(&root.keys(here, 1), &SystemRandom);
        let opened = |store, epoch| TokenKey::open(&root.keys(store, 1), epoch, &sealed);
        assert!(opened(here, 1).unwrap().open_token("STS.a", &token).is_ok());
        assert!(opened(here, 2).is_err(), "another epoch");
        assert!(opened(store(), 1).is_err(), "another store");
        for (store, epoch) in [(here, 2), (store(), 1)] {
            let moved = TokenKey { bytes: key.bytes.clone(), store, epoch };
            assert_eq!(moved.open_token("STS.a", &token), Err(Damaged), "the same bytes elsewhere");
        }
    }

    #[test]
    fn another_root_key_ends_no_session() {
        let here = store();
        let (first, second) = (RootKey::random(&SystemRandom), RootKey::random(&SystemRandom));
        let key = TokenKey::random(here, 1, &SystemRandom);
        let token = key.seal_token("STS.a", b"content", &SystemRandom);
        let sealed = key.seal(&first.keys(here, 1), &SystemRandom);
        let both = second.keys(here, 2).with_previous(&first, 1);
        let resealed = TokenKey::open(&both, 1, &sealed).unwrap().seal(&both, &SystemRandom);
        let key = TokenKey::open(&second.keys(here, 2), 1, &resealed).unwrap();
        assert_eq!(*key.open_token("STS.a", &token).unwrap(), b"content");
    }

    #[test]
    fn every_flipped_bit_of_a_token_is_noticed() {
        let key = TokenKey::random(store(), 1, &SystemRandom);
        let token = key.seal_token("STS.a", b"content", &SystemRandom);
        for bit in 0..token.len() * 8 {
            let mut broken = token.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open_token("STS.a", &broken), Err(Damaged));
        }
    }
}
