//! Translates between the API and `crypto.rs` for asymmetric keys: specs, names of algorithms, and failures of a decryption,
//! which are all the same API error.

use bulla_keys::KeySpec;
use bulla_wire::{Error, ErrorCode};
use zeroize::Zeroizing;

use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm};
use crate::keyring::{self, OpenKey};

impl AsymmetricSpec {
    /// Returns the spec of a key pair.
    ///
    /// # Errors
    /// UnsupportedOperation for a key that is not a key pair.
    pub(crate) fn of(spec: KeySpec) -> Result<Self, Error> {
        Ok(match spec {
            KeySpec::Rsa2048 => Self::Rsa2048,
            KeySpec::Rsa3072 => Self::Rsa3072,
            KeySpec::EcP256 => Self::EcP256,
            KeySpec::EcP256K => Self::EcP256K,
            KeySpec::EcSm2 => Self::EcSm2,
            _ => return Err(ErrorCode::UnsupportedOperation.into()),
        })
    }
}

/// Returns the algorithm with this name, if it encrypts data with keys of this spec.
///
/// # Errors
/// InvalidParameter naming `parameter`.
pub(crate) fn data_algorithm(
    name: &str,
    spec: AsymmetricSpec,
    parameter: &str,
) -> Result<EncryptionAlgorithm, Error> {
    EncryptionAlgorithm::from_name(name)
        .filter(|algorithm| algorithm.is_for_data() && algorithm.fits(spec))
        .ok_or_else(|| Error::invalid(parameter))
}

/// Decrypts a ciphertext. Every defect of it is the same error.
///
/// # Errors
/// InvalidParameter naming CiphertextBlob, or `parameter` for an algorithm that other keys use.
pub(crate) fn open(
    key: &OpenKey<'_, keyring::Asymmetric>,
    algorithm: EncryptionAlgorithm,
    ciphertext: &[u8],
    parameter: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let spec = AsymmetricSpec::of(key.spec())?;
    if !algorithm.is_for_data() || !algorithm.fits(spec) {
        return Err(Error::invalid(parameter));
    }
    crypto::decrypt(spec, algorithm, key.private(), ciphertext).map_err(|_| Error::invalid("CiphertextBlob"))
}
