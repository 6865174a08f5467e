//! The records that only the engine has: access keys, uses of access keys and keys, import tokens and private state.

use std::fmt;

use bulla_keys::record::Record;
use bulla_keys::{KeyId, KeyVersionId, Random, SystemRandom};
use bulla_wire::SecretText;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::kind::Kept;
use crate::key_uses::UseCounts;
use crate::people::{PrincipalId, principal_id};

/// An access key, of the account's root or of a user. Its secret is sealed again inside the sealed record, like the material
/// of keys, so a snapshot holds it sealed; the keyring opens it for one verification.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AccessKey {
    // Field 1 was the secret in plaintext, up to version 3 of the store.
    #[n(0)]
    pub(crate) id: Box<str>,
    #[n(2)]
    pub(crate) active: bool,
    #[n(3)]
    pub(crate) created: i64,
    /// A record without an owner is damaged, and never belongs to root.
    #[n(4)]
    pub(crate) owner: AccessKeyOwner,
    /// See `bulla_keys::access_key`.
    #[n(5)]
    pub(crate) sealed_secret: ByteVec,
}

/// The owner of an access key, whose rights it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) enum AccessKeyOwner {
    #[n(0)]
    Root,
    #[n(1)]
    User(
        #[n(0)]
        #[cbor(with = "principal_id")]
        PrincipalId,
    ),
}

impl AccessKey {
    /// Returns the id of a new access key: 80 random bits.
    pub(crate) fn random_id() -> Box<str> {
        format!("BULLA{}", &*random_letters::<16>()).into()
    }

    /// Returns the secret of a new access key: 30 letters, 150 random bits.
    pub(crate) fn random_secret() -> SecretText {
        random_letters::<30>().into()
    }
}

impl Record for AccessKey {
    const TABLE: &'static str = "access-key";
    fn primary_key(&self) -> &[u8] {
        self.id.as_bytes()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// When an access key was last used. It is written up to a minute later, because a write for each request would cost more
/// than the request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AccessKeyUse {
    #[n(0)]
    pub(crate) id: Box<str>,
    /// Seconds since 1970.
    #[n(1)]
    pub(crate) last_used: i64,
}

impl Record for AccessKeyUse {
    const TABLE: &'static str = "access-key-use";
    fn primary_key(&self) -> &[u8] {
        self.id.as_bytes()
    }
}

/// How often a key version was used. It is written up to a minute later, like [`AccessKeyUse`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct KeyUse {
    #[n(0)]
    pub(crate) version: KeyVersionId,
    #[n(1)]
    encryptions: u64,
    /// Decryptions, signatures, verifications.
    #[n(2)]
    others: u64,
    /// Seconds since 1970.
    #[n(3)]
    last_used: Option<i64>,
}

impl KeyUse {
    pub(crate) fn new(version: KeyVersionId, counts: UseCounts) -> Self {
        let UseCounts { encryptions, others, last_used } = counts;
        Self { version, encryptions, others, last_used }
    }

    pub(crate) fn counts(&self) -> UseCounts {
        let Self { encryptions, others, last_used, .. } = *self;
        UseCounts { encryptions, others, last_used }
    }
}

impl Record for KeyUse {
    const TABLE: &'static str = "key-use";
    fn primary_key(&self) -> &[u8] {
        self.version.as_bytes()
    }
}

/// The id of an import token. The importer sends it back, so it must not be guessable.
pub(crate) type TokenId = ByteArray<32>;

/// Lets an importer bring the material of a key, wrapped under the token's own key pair.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ImportToken {
    #[n(0)]
    pub(crate) id: TokenId,
    #[n(1)]
    pub(crate) key: KeyId,
    /// The name of the algorithm in the API.
    #[n(2)]
    pub(crate) algorithm: Box<str>,
    /// Sealed like the material of its key.
    #[n(3)]
    pub(crate) private_key: ByteVec,
    #[n(4)]
    pub(crate) expires: i64,
    /// Attempts that failed or are pending.
    #[n(5)]
    pub(crate) failures: u8,
}

impl Record for ImportToken {
    const TABLE: &'static str = "import-token";
    fn primary_key(&self) -> &[u8] {
        &*self.id
    }
}

impl fmt::Debug for ImportToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportToken").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a snapshot keeps of an import token: enough to find it and decide whether it can be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenFacts {
    pub(crate) id: TokenId,
    pub(crate) key: KeyId,
    pub(crate) expires: i64,
    pub(crate) failures: u8,
}

impl Kept<ImportToken> for TokenFacts {
    type Facts = Self;

    fn of(ImportToken { id, key, expires, failures, .. }: ImportToken) -> Self {
        Self { id, key, expires, failures }
    }

    fn facts(&self) -> &Self {
        self
    }
}

/// A value that the server keeps in the store, such as the key of its CA.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Private {
    #[n(0)]
    pub(crate) name: Box<str>,
    #[n(1)]
    pub(crate) value: ByteVec,
}

impl Record for Private {
    const TABLE: &'static str = "private";
    fn primary_key(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut **self.value);
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Private").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns `N` random letters of an alphabet of 32, without those that look alike.
pub(crate) fn random_letters<const N: usize>() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom.fill(&mut *bytes);
    Zeroizing::new(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

pub(crate) mod secret_text {
    use bulla_wire::SecretText;
    use minicbor::{Decoder, Encoder};

    pub(crate) fn encode<C, W: minicbor::encode::Write>(
        secret: &SecretText,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(secret.expose())?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<SecretText, minicbor::decode::Error> {
        Ok(d.str()?.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_keys_are_random() {
        assert_eq!(AccessKey::random_id().len(), 21);
        assert_ne!(AccessKey::random_id(), AccessKey::random_id());
        assert_eq!(AccessKey::random_secret().expose().len(), 30);
        assert_ne!(AccessKey::random_secret(), AccessKey::random_secret());
    }

    #[test]
    fn an_access_key_comes_back_with_its_owner() {
        for owner in [AccessKeyOwner::Root, AccessKeyOwner::User(crate::people::random_principal_id())] {
            let sealed_secret = vec![1, 2, 3].into();
            let key = AccessKey { id: "a".into(), active: false, created: 7, owner, sealed_secret };
            let back: AccessKey = minicbor::decode(&minicbor::to_vec(&key).unwrap()).unwrap();
            assert_eq!(back, key);
        }
    }
}
