//! The record of the key that seals session tokens.

use std::fmt;

use bulla_keys::record::Record;
use bulla_keys::root::RootKeys;
use bulla_keys::{Damaged, SystemRandom, TokenKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// The number of an STS key, big-endian.
pub(crate) type Epoch = ByteArray<4>;

/// A key for tokens, sealed as material of keys is. Its row is written once.
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
    /// A new key, the first one of its store.
    pub(crate) fn first(roots: &RootKeys, created: i64) -> Self {
        let key = TokenKey::random(roots.store(), FIRST, &SystemRandom);
        Self { epoch: epoch(FIRST), sealed: key.seal(roots, &SystemRandom).into(), created }
    }

    /// Opens the key, for one token.
    ///
    /// # Errors
    /// [`Damaged`].
    pub(crate) fn open(&self, roots: &RootKeys) -> Result<TokenKey, Damaged> {
        TokenKey::open(roots, u32::from_be_bytes(*self.epoch), &self.sealed)
    }
}

/// The id of the record of a key.
pub(crate) fn epoch(number: u32) -> Epoch {
    number.to_be_bytes().into()
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

const FIRST: u32 = 1;

#[cfg(test)]
mod tests {
    use bulla_keys::StoreId;
    use bulla_keys::root::RootKey;

    use super::*;

    #[test]
    fn a_key_opens_from_its_record_and_in_its_epoch_only() {
        let store = StoreId::random(&SystemRandom);
        let roots = RootKey::random(&SystemRandom).keys(store, 1);
        let record = StsKey::first(&roots, 7);
        let back: StsKey = minicbor::decode(&minicbor::to_vec(&record).unwrap()).unwrap();
        let token = record.open(&roots).unwrap().seal_token("STS.a", b"x", &SystemRandom);
        assert_eq!(*back.open(&roots).unwrap().open_token("STS.a", &token).unwrap(), b"x");
        assert!(StsKey { epoch: epoch(2), ..record }.open(&roots).is_err());
    }
}
