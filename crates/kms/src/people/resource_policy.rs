//! Policies of keys and secrets. If there is no row, the default policy applies, which allows only root.

use bulla_keys::record::Record;
use bulla_keys::{KeyId, SecretName};
use minicbor::{Decode, Encode};

use super::document::{Document, OfKey, OfSecret};

/// The policy of a key. It is deleted with the key.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct KeyPolicy {
    #[n(0)]
    pub(crate) key: KeyId,
    #[n(1)]
    pub(crate) document: Document<OfKey>,
}

/// The policy of a secret. It is deleted with the secret.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SecretPolicy {
    #[n(0)]
    pub(crate) secret: SecretName,
    #[n(1)]
    pub(crate) document: Document<OfSecret>,
}

impl Record for KeyPolicy {
    const TABLE: &'static str = "key-policy";
    fn primary_key(&self) -> &[u8] {
        self.key.as_bytes()
    }
}

impl Record for SecretPolicy {
    const TABLE: &'static str = "secret-policy";
    fn primary_key(&self) -> &[u8] {
        self.secret.as_str().as_bytes()
    }
}
