//! The ciphertext blob: the result of Encrypt and GenerateDataKey, and the input of Decrypt.
//!
//! ```text
//! blob = KeyVersionId (36 ASCII characters) ‖ nonce (24) ‖ ciphertext ‖ tag (16)
//! aad  = "bulla/blob/v1" ‖ 0x00 ‖ KeyVersionId (36 ASCII characters) ‖ canonical encryption context
//! ```
//!
//! The construction is XAES-256-GCM or SM4-GCM under the material of the version. The encrypted bytes are the `Plaintext` text as
//! the caller passed it, so base64 for data keys.

use zeroize::Zeroizing;

use crate::context::CanonicalContext;
use crate::id::KeyVersionId;
use crate::material::{Construction, Material};
use crate::random::Random;
use crate::sm4::Sm4Gcm;
use crate::xaes::{Damaged, Xaes256Gcm};

/// The number of bytes by which a blob is longer than its plaintext.
pub const OVERHEAD: usize = ID_LEN + Xaes256Gcm::OVERHEAD;

/// The key of one version's blobs: its material, expanded for its construction.
#[derive(Debug)]
pub struct BlobKey(Cipher);

#[derive(Debug)]
enum Cipher {
    Xaes(Xaes256Gcm),
    Sm4(Sm4Gcm),
}

impl BlobKey {
    /// Expands the material of a version.
    ///
    /// # Errors
    /// [`Damaged`] if the material has the wrong length, or its construction does not encrypt blobs.
    pub fn new(construction: Construction, material: &Material) -> Result<Self, Damaged> {
        let cipher = match construction {
            Construction::Xaes256Gcm => {
                Cipher::Xaes(Xaes256Gcm::new(material.expose().try_into().map_err(|_| Damaged)?))
            }
            Construction::Sm4Gcm => {
                Cipher::Sm4(Sm4Gcm::new(material.expose().try_into().map_err(|_| Damaged)?))
            }
            Construction::PrivateKey | Construction::Mac => return Err(Damaged),
        };
        Ok(Self(cipher))
    }

    /// Seals `plaintext` as a blob of `version`, whose material this key has, bound to `context`.
    #[must_use]
    pub fn seal(
        &self,
        version: KeyVersionId,
        context: &CanonicalContext,
        plaintext: &[u8],
        random: &impl Random,
    ) -> Vec<u8> {
        let aad = aad(version, context);
        let sealed = match &self.0 {
            Cipher::Xaes(key) => key.seal(&aad, plaintext, random),
            Cipher::Sm4(key) => key.seal(&aad, plaintext, random),
        };
        let mut blob = Vec::with_capacity(ID_LEN + sealed.len());
        blob.extend_from_slice(&version.to_ascii());
        blob.extend(sealed);
        blob
    }

    /// Opens a blob of `version`, whose material this key has.
    ///
    /// # Errors
    /// [`Damaged`] if the blob was changed, or was sealed with another context, version or key.
    pub fn open(
        &self,
        version: KeyVersionId,
        context: &CanonicalContext,
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (named, sealed) = blob.split_at_checked(ID_LEN).ok_or(Damaged)?;
        if named != version.to_ascii() {
            return Err(Damaged);
        }
        let aad = aad(version, context);
        match &self.0 {
            Cipher::Xaes(key) => key.open(&aad, sealed),
            Cipher::Sm4(key) => key.open(&aad, sealed),
        }
    }
}

/// Returns the version that a blob names. The name is unauthenticated until the blob opens.
#[must_use]
pub fn version(blob: &[u8]) -> Option<KeyVersionId> {
    str::from_utf8(blob.get(..ID_LEN)?).ok()?.parse().ok()
}

fn aad(version: KeyVersionId, context: &CanonicalContext) -> Vec<u8> {
    [b"bulla/blob/v1\0".as_slice(), &version.to_ascii(), context.canonical()].concat()
}

const ID_LEN: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn new_key() -> BlobKey {
        BlobKey::new(Construction::Xaes256Gcm, &Material::random(32, &SystemRandom)).unwrap()
    }

    #[test]
    fn a_wrapped_data_key_has_the_length_of_the_documented_layout() {
        let (version, key) = (KeyVersionId::random(&SystemRandom), new_key());
        let blob = key.seal(version, &CanonicalContext::default(), &[b'A'; 44], &SystemRandom);
        assert_eq!(blob.len(), 36 + 24 + 44 + 16);
    }

    #[test]
    fn every_other_version_context_or_material_is_refused() {
        let (version, key) = (KeyVersionId::random(&SystemRandom), new_key());
        let context = CanonicalContext::new([("a", "b")]).unwrap();
        let blob = key.seal(version, &context, b"text", &SystemRandom);
        assert_eq!(*key.open(version, &context, &blob).unwrap(), b"text");

        let none = CanonicalContext::default();
        assert_eq!(key.open(version, &none, &blob), Err(Damaged));
        let other = new_key();
        assert_eq!(other.open(version, &context, &blob), Err(Damaged));
        let renamed = KeyVersionId::random(&SystemRandom);
        assert_eq!(key.open(renamed, &context, &blob), Err(Damaged));
        let forged = [&renamed.to_ascii()[..], &blob[36..]].concat();
        assert_eq!(key.open(renamed, &context, &forged), Err(Damaged));
        for length in 0..blob.len() {
            assert_eq!(key.open(version, &context, &blob[..length]), Err(Damaged));
        }
    }

    #[test]
    fn the_version_of_anything_else_is_none() {
        for bytes in [b"".as_slice(), &[b'-'; 36], &[0xff; 100]] {
            assert_eq!(version(bytes), None);
        }
    }
}
