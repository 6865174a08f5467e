//! The ciphertext blob: what Encrypt and GenerateDataKey answer and Decrypt takes.
//!
//! ```text
//! blob = KeyVersionId (36 ASCII characters) ‖ nonce (24) ‖ ciphertext ‖ tag (16)
//! aad  = "bulla/blob/v1" ‖ 0x00 ‖ KeyVersionId (36 ASCII characters) ‖ canonical encryption context
//! ```
//!
//! The construction is XAES-256-GCM under the material of the version. What is encrypted is the `Plaintext`
//! text as the caller gave it, so base64 for data keys.

use zeroize::Zeroizing;

use crate::context::EncryptionContext;
use crate::id::KeyVersionId;
use crate::material::Material;
use crate::random::Random;
use crate::xaes::{Damaged, Xaes256Gcm};

/// Bytes that a blob has more than its plaintext.
pub const OVERHEAD: usize = ID_LEN + Xaes256Gcm::OVERHEAD;

/// Seals `plaintext` under the material of `version`, bound to `context`.
#[must_use]
pub fn seal(
    material: &Material,
    version: KeyVersionId,
    context: &EncryptionContext,
    plaintext: &[u8],
    random: &impl Random,
) -> Vec<u8> {
    let mut blob = Vec::with_capacity(plaintext.len() + OVERHEAD);
    blob.extend_from_slice(&version.to_ascii());
    blob.extend(material.cipher().seal(&aad(version, context), plaintext, random));
    blob
}

/// The version that a blob names. It is a hint until the blob opens.
#[must_use]
pub fn version(blob: &[u8]) -> Option<KeyVersionId> {
    str::from_utf8(blob.get(..ID_LEN)?).ok()?.parse().ok()
}

/// Opens a blob of `version` under its material.
///
/// # Errors
/// [`Damaged`], also for another context, another version or other material.
pub fn open(
    material: &Material,
    version: KeyVersionId,
    context: &EncryptionContext,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Damaged> {
    let (named, sealed) = blob.split_at_checked(ID_LEN).ok_or(Damaged)?;
    if named != version.to_ascii() {
        return Err(Damaged);
    }
    material.cipher().open(&aad(version, context), sealed)
}

fn aad(version: KeyVersionId, context: &EncryptionContext) -> Vec<u8> {
    [b"bulla/blob/v1\0".as_slice(), &version.to_ascii(), context.canonical()].concat()
}

const ID_LEN: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_wrapped_data_key_has_the_length_of_the_documented_layout() {
        let (version, material) = (KeyVersionId::random(&SystemRandom), Material::random(&SystemRandom));
        let blob = seal(&material, version, &EncryptionContext::default(), &[b'A'; 44], &SystemRandom);
        assert_eq!(blob.len(), 36 + 24 + 44 + 16);
    }

    #[test]
    fn every_other_version_context_or_material_is_refused() {
        let (version, material) = (KeyVersionId::random(&SystemRandom), Material::random(&SystemRandom));
        let context = EncryptionContext::new([("a", "b")]).unwrap();
        let blob = seal(&material, version, &context, b"text", &SystemRandom);
        assert_eq!(*open(&material, version, &context, &blob).unwrap(), b"text");

        let none = EncryptionContext::default();
        assert_eq!(open(&material, version, &none, &blob), Err(Damaged));
        let other = Material::random(&SystemRandom);
        assert_eq!(open(&other, version, &context, &blob), Err(Damaged));
        let renamed = KeyVersionId::random(&SystemRandom);
        assert_eq!(open(&material, renamed, &context, &blob), Err(Damaged));
        let forged = [&renamed.to_ascii()[..], &blob[36..]].concat();
        assert_eq!(open(&material, renamed, &context, &forged), Err(Damaged));
        for length in 0..blob.len() {
            assert_eq!(open(&material, version, &context, &blob[..length]), Err(Damaged));
        }
    }

    #[test]
    fn the_version_of_anything_else_is_none() {
        for bytes in [b"".as_slice(), &[b'-'; 36], &[0xff; 100]] {
            assert_eq!(version(bytes), None);
        }
    }
}
