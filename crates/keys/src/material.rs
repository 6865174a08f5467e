//! Key material: the secret bytes of one key version, and how they are sealed in the store.

use std::fmt;

use aws_lc_rs::digest;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::id::{KeyId, KeyVersionId, StoreId};
use crate::random::Random;
use crate::root::RootKeys;
use crate::spec::{KeyKind, KeySpec, named};
use crate::xaes::Damaged;

named! {
    /// What the material of a version is for. It is a field of the sealed record of the version and not of a blob, so that an
    /// attacker cannot choose a weaker construction.
    Construction {
        /// A key of XAES-256-GCM (C2SP).
        Xaes256Gcm(0) = "XAES-256-GCM",
        /// A key of SM4-GCM (RFC 8998) behind a key derivation of HMAC-SM3.
        Sm4Gcm(1) = "SM4-GCM",
        /// A private key: DER of PKCS #8 (RFC 5958).
        PrivateKey(2) = "PKCS #8",
        /// A key of HMAC (RFC 2104).
        Mac(3) = "HMAC",
    }
}

impl Construction {
    /// Returns the construction of a key of this spec.
    #[must_use]
    pub fn of(spec: KeySpec) -> Self {
        match (spec, spec.kind()) {
            (KeySpec::Sm4, _) => Self::Sm4Gcm,
            (_, KeyKind::Symmetric) => Self::Xaes256Gcm,
            (_, KeyKind::Asymmetric) => Self::PrivateKey,
            (_, KeyKind::Mac) => Self::Mac,
        }
    }
}

/// Secret bytes, wiped on drop and not shown by `Debug`.
pub struct Material(Zeroizing<Vec<u8>>);

impl Material {
    /// Creates `len` random bytes.
    #[must_use]
    pub fn random(len: usize, random: &impl Random) -> Self {
        let mut bytes = Zeroizing::new(vec![0; len]);
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// Creates material of existing bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Returns the secret bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns a hash to compare material of one key for equality. Only sealed records may contain it.
    #[must_use]
    pub fn fingerprint(&self, key: KeyId) -> [u8; 32] {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [b"bulla/fingerprint/v1\0".as_slice(), key.as_bytes(), &self.0] {
            hash.update(part);
        }
        hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// Seals the material for the record of its version.
    #[must_use]
    pub fn seal(&self, roots: &RootKeys, key: KeyId, version: KeyVersionId, random: &impl Random) -> Vec<u8> {
        roots.current().material().seal(&aad(roots.store(), key, version), &self.0, random)
    }

    /// Opens the result of [`Material::seal`] for the same store, key and version.
    ///
    /// # Errors
    /// [`Damaged`] if it was changed, or belongs to another store, key or version.
    pub fn open(roots: &RootKeys, key: KeyId, version: KeyVersionId, sealed: &[u8]) -> Result<Self, Damaged> {
        let aad = aad(roots.store(), key, version);
        roots.open_under_any(|generation| generation.material().open(&aad, sealed)).map(Self)
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[material]")
    }
}

/// Needs no lengths, because all parts but the label have a fixed length.
fn aad(store: StoreId, key: KeyId, version: KeyVersionId) -> Vec<u8> {
    [b"bulla/material/v1\0".as_slice(), store.as_bytes(), key.as_bytes(), version.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    #[test]
    fn material_of_an_earlier_root_key_opens_as_long_as_that_key_is_there() {
        let (store, key) = (StoreId::random(&SystemRandom), KeyId::random(&SystemRandom));
        let version = KeyVersionId::random(&SystemRandom);
        let (first, second) = (RootKey::random(&SystemRandom), RootKey::random(&SystemRandom));
        let material = Material::random(32, &SystemRandom);
        let sealed = material.seal(&first.keys(store, 1), key, version, &SystemRandom);
        let both = second.keys(store, 2).with_previous(&first, 1);
        let opened = Material::open(&both, key, version, &sealed).unwrap();
        assert_eq!(opened.expose(), material.expose());
        assert!(Material::open(&second.keys(store, 2), key, version, &sealed).is_err());
        let resealed = material.seal(&both, key, version, &SystemRandom);
        assert!(Material::open(&second.keys(store, 2), key, version, &resealed).is_ok());
    }
}
