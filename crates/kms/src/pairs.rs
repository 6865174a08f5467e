//! Key pairs as the API names them: their specs and algorithms.

use bulla_keys::KeySpec;
use bulla_wire::{Error, ErrorCode};
use zeroize::Zeroizing;

use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm};
use crate::keyring::{self, OpenKey};

impl AsymmetricSpec {
    /// What a key pair is, as the cryptography knows it.
    ///
    /// # Errors
    /// UnsupportedOperation for a key that is no pair.
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

/// The algorithm with this name, for data and for keys of this spec.
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

/// Opens a ciphertext. All that can be wrong with it is one error.
///
/// # Errors
/// InvalidParameter naming CiphertextBlob, or `parameter` for an algorithm of other keys.
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
