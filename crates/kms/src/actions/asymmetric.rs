//! GetPublicKey, AsymmetricEncrypt, AsymmetricDecrypt, AsymmetricSign, AsymmetricVerify.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::KeySpec;
use bulla_wire::actions::{
    AsymmetricDecrypt, AsymmetricDecryptReply, AsymmetricEncrypt, AsymmetricEncryptReply, AsymmetricSign,
    AsymmetricSignReply, AsymmetricVerify, AsymmetricVerifyReply, GetPublicKey, GetPublicKeyReply,
};
use bulla_wire::{Error, ErrorCode};
use zeroize::Zeroizing;

use super::data_keys::refuse_recipient;
use super::dry_run::with_dry_run;
use crate::Kms;
use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm, SignatureAlgorithm};
use crate::keyring::{self, OpenKey, PublicKey};
use crate::origin::Origin;

pub(super) fn public_key(kms: &Kms, by: &Origin, request: GetPublicKey) -> Result<GetPublicKeyReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let snapshot = kms.snapshot()?;
        let key: PublicKey<'_, keyring::Publish> =
            kms.keyring(&snapshot).public(request, &request.key_id, &request.key_version_id)?;
        Ok(GetPublicKeyReply {
            key_id: key.key_id().to_string(),
            key_version_id: key.version_id().to_string(),
            public_key: pem(key.der()?),
        })
    })
}

pub(super) fn encrypt(
    kms: &Kms,
    by: &Origin,
    request: AsymmetricEncrypt,
) -> Result<AsymmetricEncryptReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let snapshot = kms.snapshot()?;
        let key: PublicKey<'_, keyring::Asymmetric> =
            kms.keyring(&snapshot).public(request, &request.key_id, &request.key_version_id)?;
        let spec = asymmetric(key.spec())?;
        let algorithm = encryption(&request.algorithm, spec, "Algorithm")?;
        let plaintext = crypto::from_base64(request.plaintext.expose());
        let plaintext = plaintext.ok_or_else(|| Error::invalid("Plaintext"))?;
        if plaintext.len() > crypto::max_plaintext(spec, algorithm) {
            return Err(Error::invalid("Plaintext"));
        }
        let ciphertext = crypto::encrypt(spec, algorithm, key.der()?, &plaintext);
        Ok(AsymmetricEncryptReply {
            ciphertext_blob: STANDARD.encode(ciphertext.map_err(|_| Error::invalid("Plaintext"))?),
            key_id: key.key_id().to_string(),
            key_version_id: key.version_id().to_string(),
        })
    })
}

pub(super) fn decrypt(
    kms: &Kms,
    by: &Origin,
    request: AsymmetricDecrypt,
) -> Result<AsymmetricDecryptReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        refuse_recipient(request.recipient.as_deref())?;
        let snapshot = kms.snapshot()?;
        let key = kms.keyring(&snapshot).open_version(request, &request.key_id, &request.key_version_id)?;
        let algorithm = encryption(&request.algorithm, asymmetric(key.spec())?, "Algorithm")?;
        let ciphertext = STANDARD
            .decode(request.ciphertext_blob.trim_ascii())
            .map_err(|_| Error::invalid("CiphertextBlob"))?;
        let plaintext = open(&key, algorithm, &ciphertext, "Algorithm")?;
        Ok(AsymmetricDecryptReply {
            plaintext: STANDARD.encode(&*plaintext).into(),
            key_id: key.key_id().to_string(),
            key_version_id: key.version_id().to_string(),
        })
    })
}

pub(super) fn sign(kms: &Kms, by: &Origin, request: AsymmetricSign) -> Result<AsymmetricSignReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let snapshot = kms.snapshot()?;
        let key: OpenKey<'_, keyring::Sign> =
            kms.keyring(&snapshot).open_version(request, &request.key_id, &request.key_version_id)?;
        let spec = asymmetric(key.spec())?;
        let algorithm = signature(&request.algorithm, spec)?;
        let value = crypto::sign(spec, algorithm, key.private(), &digest(&request.digest)?);
        Ok(AsymmetricSignReply {
            key_id: key.key_id().to_string(),
            key_version_id: key.version_id().to_string(),
            value: STANDARD.encode(value.map_err(Error::internal)?),
        })
    })
}

pub(super) fn verify(
    kms: &Kms,
    by: &Origin,
    request: AsymmetricVerify,
) -> Result<AsymmetricVerifyReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let snapshot = kms.snapshot()?;
        let key: PublicKey<'_, keyring::Sign> =
            kms.keyring(&snapshot).public(request, &request.key_id, &request.key_version_id)?;
        let spec = asymmetric(key.spec())?;
        let algorithm = signature(&request.algorithm, spec)?;
        let value = STANDARD.decode(request.value.trim_ascii()).map_err(|_| Error::invalid("Value"))?;
        Ok(AsymmetricVerifyReply {
            key_id: key.key_id().to_string(),
            key_version_id: key.version_id().to_string(),
            value: crypto::verify(spec, algorithm, key.der()?, &digest(&request.digest)?, &value),
        })
    })
}

/// Opens a ciphertext. Whatever is wrong with it, the answer is the same.
///
/// # Errors
/// InvalidParameter naming CiphertextBlob, or `parameter` for an algorithm of other keys.
pub(super) fn open(
    key: &OpenKey<'_, keyring::Asymmetric>,
    algorithm: EncryptionAlgorithm,
    ciphertext: &[u8],
    parameter: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let spec = asymmetric(key.spec())?;
    if !algorithm.is_for_data() || !algorithm.fits(spec) {
        return Err(Error::invalid(parameter));
    }
    crypto::decrypt(spec, algorithm, key.private(), ciphertext).map_err(|_| Error::invalid("CiphertextBlob"))
}

/// What a key pair is, as the cryptography knows it.
pub(super) fn asymmetric(spec: KeySpec) -> Result<AsymmetricSpec, Error> {
    Ok(match spec {
        KeySpec::Rsa2048 => AsymmetricSpec::Rsa2048,
        KeySpec::Rsa3072 => AsymmetricSpec::Rsa3072,
        KeySpec::EcP256 => AsymmetricSpec::EcP256,
        KeySpec::EcP256K => AsymmetricSpec::EcP256K,
        KeySpec::EcSm2 => AsymmetricSpec::EcSm2,
        _ => return Err(ErrorCode::UnsupportedOperation.into()),
    })
}

fn encryption(name: &str, spec: AsymmetricSpec, parameter: &str) -> Result<EncryptionAlgorithm, Error> {
    EncryptionAlgorithm::from_name(name)
        .filter(|algorithm| algorithm.is_for_data() && algorithm.fits(spec))
        .ok_or_else(|| Error::invalid(parameter))
}

fn signature(name: &str, spec: AsymmetricSpec) -> Result<SignatureAlgorithm, Error> {
    SignatureAlgorithm::from_name(name)
        .filter(|algorithm| algorithm.fits(spec))
        .ok_or_else(|| Error::invalid("Algorithm"))
}

fn digest(text: &str) -> Result<[u8; 32], Error> {
    let bytes = STANDARD.decode(text.trim_ascii()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::invalid("Digest"))
}

/// RFC 7468, with a newline at the end.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + "-----END PUBLIC KEY-----\n"
}
