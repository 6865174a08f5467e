//! The record of the key that seals session tokens: one for each epoch of the store.

use std::fmt;

use bulla_keys::record::Record;
use bulla_keys::root::RootKeys;
use bulla_keys::{Damaged, SystemRandom, TokenKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// The number of an STS key, big-endian: the epoch of the store in which it was created.
pub(crate) type Epoch = ByteArray<4>;

/// A key for tokens, sealed like the material of keys. Its row is written once.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StsKey {
    #[n(0)]
    pub(crate) epoch: Epoch,
    #[n(1)]
    sealed: ByteVec,
    #[n(2)]
    pub(crate) created: i64,
}

impl StsKey {
    /// Returns a new key for an epoch of its store.
    pub(crate) fn new(roots: &RootKeys, epoch: Epoch, created: i64) -> Self {
        let key = TokenKey::random(roots.store(), u32::from_be_bytes(*epoch), &SystemRandom);
        Self { epoch, sealed: key.seal(roots, &SystemRandom).into(), created }
    }

    /// Opens the key, for one token.
    ///
    /// # Errors
    /// [`Damaged`].
    pub(crate) fn open(&self, roots: &RootKeys) -> Result<TokenKey, Damaged> {
        TokenKey::open(roots, u32::from_be_bytes(*self.epoch), &self.sealed)
    }
}

/// Returns the number of the STS key for an epoch of the store. Tokens of other epochs are refused, so a restore, which
/// begins an epoch, ends all sessions.
pub(crate) fn sts_epoch(epoch: u64) -> Epoch {
    u32::try_from(epoch).unwrap_or(u32::MAX).to_be_bytes().into()
}

impl Record for StsKey {
    const TABLE: &'static str = "sts-key";
    fn primary_key(&self) -> &[u8] {
        &*self.epoch
    }
}

impl fmt::Debug for StsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsKey").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bulla_keys::StoreId;
    use bulla_keys::root::RootKey;

    use super::*;

    #[test]
    fn a_key_opens_from_its_record_and_in_its_epoch_only() {
        let store = StoreId::random(&SystemRandom);
        let roots = RootKey::random(&SystemRandom).keys(store, 1);
        let record = StsKey::new(&roots, sts_epoch(1), 7);
        let back: StsKey = minicbor::decode(&minicbor::to_vec(&record).unwrap()).unwrap();
        let token = record.open(&roots).unwrap().seal_token("STS.a", b"x", &SystemRandom);
        assert_eq!(*back.open(&roots).unwrap().open_token("STS.a", &token).unwrap(), b"x");
        assert!(StsKey { epoch: sts_epoch(2), ..record }.open(&roots).is_err());
    }
}
