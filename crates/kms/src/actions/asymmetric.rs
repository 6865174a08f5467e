//! The actions on key pairs: GetPublicKey, AsymmetricEncrypt, AsymmetricDecrypt, AsymmetricSign, AsymmetricVerify.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_wire::Error;
use bulla_wire::kms::{
    AsymmetricDecrypt, AsymmetricDecryptReply, AsymmetricEncrypt, AsymmetricEncryptReply, AsymmetricSign,
    AsymmetricSignReply, AsymmetricVerify, AsymmetricVerifyReply, GetPublicKey, GetPublicKeyReply,
};

use super::recipient::refuse_recipient;
use crate::crypto::{self, AsymmetricSpec, SignatureAlgorithm};
use crate::keyring::{self, OpenKey, PublicKey};
use crate::pairs;
use crate::session::Session;

pub(super) async fn public_key(session: &Session<'_, GetPublicKey>) -> Result<GetPublicKeyReply, Error> {
    let request = session.request;
    let key = session.key(&request.key_id)?;
    let key: PublicKey<'_, keyring::Publish> = session.public_key(&key, &request.key_version_id)?;
    Ok(GetPublicKeyReply {
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
        public_key: pem(key.der()?),
    })
}

pub(super) async fn encrypt(
    session: &Session<'_, AsymmetricEncrypt>,
) -> Result<AsymmetricEncryptReply, Error> {
    let request = session.request;
    let key = session.with_algorithm(&request.algorithm).key(&request.key_id)?;
    let key: PublicKey<'_, keyring::Asymmetric> = session.public_key(&key, &request.key_version_id)?;
    let spec = AsymmetricSpec::of(key.spec())?;
    let algorithm = pairs::data_algorithm(&request.algorithm, spec, "Algorithm")?;
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
}

pub(super) async fn decrypt(
    session: &Session<'_, AsymmetricDecrypt>,
) -> Result<AsymmetricDecryptReply, Error> {
    let request = session.request;
    refuse_recipient(request.recipient.as_deref())?;
    let key = session.with_algorithm(&request.algorithm).key(&request.key_id)?;
    let key = session.open_version(&key, &request.key_version_id)?;
    let spec = AsymmetricSpec::of(key.spec())?;
    let algorithm = pairs::data_algorithm(&request.algorithm, spec, "Algorithm")?;
    let ciphertext = STANDARD
        .decode(request.ciphertext_blob.trim_ascii())
        .map_err(|_| Error::invalid("CiphertextBlob"))?;
    let plaintext = pairs::open(&key, algorithm, &ciphertext, "Algorithm")?;
    Ok(AsymmetricDecryptReply {
        plaintext: STANDARD.encode(&*plaintext).into(),
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
    })
}

pub(super) async fn sign(session: &Session<'_, AsymmetricSign>) -> Result<AsymmetricSignReply, Error> {
    let request = session.request;
    let key = session.key(&request.key_id)?;
    let key: OpenKey<'_, keyring::Sign> = session.open_version(&key, &request.key_version_id)?;
    let spec = AsymmetricSpec::of(key.spec())?;
    let algorithm = signature(&request.algorithm, spec)?;
    let value = crypto::sign(spec, algorithm, key.private(), &digest(&request.digest)?);
    Ok(AsymmetricSignReply {
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
        value: STANDARD.encode(value.map_err(Error::internal)?),
    })
}

pub(super) async fn verify(session: &Session<'_, AsymmetricVerify>) -> Result<AsymmetricVerifyReply, Error> {
    let request = session.request;
    let key = session.key(&request.key_id)?;
    let key: PublicKey<'_, keyring::Sign> = session.public_key(&key, &request.key_version_id)?;
    let spec = AsymmetricSpec::of(key.spec())?;
    let algorithm = signature(&request.algorithm, spec)?;
    let value = STANDARD.decode(request.value.trim_ascii()).map_err(|_| Error::invalid("Value"))?;
    Ok(AsymmetricVerifyReply {
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
        value: crypto::verify(spec, algorithm, key.der()?, &digest(&request.digest)?, &value),
    })
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

/// Encodes as PEM (RFC 7468), with a newline at the end.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + "-----END PUBLIC KEY-----\n"
}
