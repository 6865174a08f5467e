//! The actions on data keys and ciphertext blobs: Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext,
//! ReEncrypt, ExportDataKey, GenerateAndExportDataKey.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::{CanonicalContext, Key, Random, SystemRandom};
use bulla_wire::kms::{
    Decrypt, DecryptReply, Encrypt, EncryptReply, ExportDataKey, ExportDataKeyReply,
    GenerateAndExportDataKey, GenerateAndExportDataKeyReply, GenerateDataKey, GenerateDataKeyReply,
    GenerateDataKeyWithoutPlaintext, ReEncrypt,
};
use bulla_wire::{ContextParameter, Error, ErrorCode};
use zeroize::Zeroizing;

use super::recipient::refuse_recipient;
use crate::authorize::{Allowed, CheckedResource, Permission, SealedBlob, View};
use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm};
use crate::keyring::{self, OpenKey};
use crate::pairs;
use crate::session::Session;
use crate::state::Row;

pub(super) async fn encrypt(session: &Session<'_, Encrypt>) -> Result<EncryptReply, Error> {
    let plaintext = session.request.plaintext.expose();
    if data_len(plaintext) > MAX_PLAINTEXT {
        return Err(Error::invalid("Plaintext"));
    }
    let context = context(session.request.encryption_context.as_ref(), "EncryptionContext")?;
    seal(session, &session.key(&session.request.key_id)?, &context, plaintext.as_bytes())
}

pub(super) async fn decrypt(session: &Session<'_, Decrypt>) -> Result<DecryptReply, Error> {
    refuse_recipient(session.request.recipient.as_deref())?;
    let context = context(session.request.encryption_context.as_ref(), "EncryptionContext")?;
    let opened = unwrap(session, session.ask_blob(&session.request.ciphertext_blob)?, &context)?;
    let plaintext = str::from_utf8(&opened.plaintext).map_err(|_| damaged())?.to_owned().into();
    Ok(DecryptReply { plaintext, key_id: opened.key_id, key_version_id: opened.key_version_id })
}

pub(super) async fn generate(session: &Session<'_, GenerateDataKey>) -> Result<GenerateDataKeyReply, Error> {
    let request = session.request;
    refuse_recipient(request.recipient.as_deref())?;
    let plaintext = new_data_key(request.key_spec.as_deref(), request.number_of_bytes)?;
    let context = context(request.encryption_context.as_ref(), "EncryptionContext")?;
    let wrapped = seal(session, &session.key(&request.key_id)?, &context, plaintext.as_bytes())?;
    Ok(GenerateDataKeyReply {
        ciphertext_blob: wrapped.ciphertext_blob,
        key_id: wrapped.key_id,
        key_version_id: wrapped.key_version_id,
        plaintext: plaintext.into(),
    })
}

pub(super) async fn generate_wrapped(
    session: &Session<'_, GenerateDataKeyWithoutPlaintext>,
) -> Result<EncryptReply, Error> {
    let request = session.request;
    let plaintext = new_data_key(request.key_spec.as_deref(), request.number_of_bytes)?;
    let context = context(request.encryption_context.as_ref(), "EncryptionContext")?;
    seal(session, &session.key(&request.key_id)?, &context, plaintext.as_bytes())
}

pub(super) async fn re_encrypt(session: &Session<'_, ReEncrypt>) -> Result<EncryptReply, Error> {
    let request = session.request;
    let source_context = request.source_encryption_context.as_ref();
    let destination_context = request.destination_encryption_context.as_ref();
    let opened_with = context(source_context, "SourceEncryptionContext")?;
    let sealed_with = context(destination_context, "DestinationEncryptionContext")?;
    let pair = SourcePair::of(request)?;
    if pair.is_some() && opened_with != CanonicalContext::default() {
        return Err(Error::invalid("SourceEncryptionContext")); // a key pair cannot check it
    }
    let from = session.with_permission(Permission::RE_ENCRYPT_FROM).with_context(source_context);
    let to = session.with_permission(Permission::RE_ENCRYPT_TO).with_context(destination_context);
    let (plaintext, destination) = match pair {
        Some(pair) => {
            let key = from.with_algorithm(pair.algorithm_name).ask_key(pair.key_id)?;
            let destination = to.ask_key(&request.destination_key_id)?;
            (pair.decrypt(&from, key, &request.ciphertext_blob)?, destination)
        }
        None => {
            let blob = from.ask_blob(&request.ciphertext_blob)?;
            let destination = to.ask_key(&request.destination_key_id)?;
            (unwrap(&from, blob, &opened_with)?.plaintext, destination)
        }
    };
    seal(&to, &destination?, &sealed_with, &plaintext)
}

pub(super) async fn export(session: &Session<'_, ExportDataKey>) -> Result<ExportDataKeyReply, Error> {
    let request = session.request;
    let context = context(request.encryption_context.as_ref(), "EncryptionContext")?;
    let target =
        Target::new(&request.public_key_blob, &request.wrapping_algorithm, &request.wrapping_key_spec)?;
    let opened = unwrap(session, session.ask_blob(&request.ciphertext_blob)?, &context)?;
    let data_key = crypto::from_base64(&*opened.plaintext).ok_or_else(damaged)?;
    if data_key.is_empty() {
        return Err(damaged()); // the plaintext is empty
    }
    Ok(ExportDataKeyReply {
        exported_data_key: target.wrap(&data_key, "CiphertextBlob")?,
        key_id: opened.key_id,
        key_version_id: opened.key_version_id,
    })
}

pub(super) async fn generate_and_export(
    session: &Session<'_, GenerateAndExportDataKey>,
) -> Result<GenerateAndExportDataKeyReply, Error> {
    let request = session.request;
    let target =
        Target::new(&request.public_key_blob, &request.wrapping_algorithm, &request.wrapping_key_spec)?;
    let plaintext = new_data_key(request.key_spec.as_deref(), request.number_of_bytes)?;
    let data_key = crypto::from_base64(&*plaintext).expect("it is base64");
    let context = context(request.encryption_context.as_ref(), "EncryptionContext")?;
    let key = session.key(&request.key_id)?;
    let exported_data_key = target.wrap(&data_key, "NumberOfBytes")?;
    let wrapped = seal(session, &key, &context, plaintext.as_bytes())?;
    Ok(GenerateAndExportDataKeyReply {
        ciphertext_blob: wrapped.ciphertext_blob,
        exported_data_key,
        key_id: wrapped.key_id,
        key_version_id: wrapped.key_version_id,
    })
}

/// Encrypts a plaintext with the primary version of a key.
fn seal<'v>(
    view: &View<'v>,
    key: &Allowed<&'v Row<Key>>,
    context: &CanonicalContext,
    plaintext: &[u8],
) -> Result<EncryptReply, Error> {
    let key: OpenKey<'_, keyring::EncryptBlob> = view.open_primary(key)?;
    Ok(EncryptReply {
        ciphertext_blob: STANDARD.encode(key.seal(context, plaintext)?),
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
    })
}

/// The plaintext of a blob, and the key that decrypted it.
struct Unwrapped {
    plaintext: Zeroizing<Vec<u8>>,
    key_id: String,
    key_version_id: String,
}

fn unwrap<'v>(
    view: &View<'v>,
    blob: CheckedResource<SealedBlob<'v>>,
    context: &CanonicalContext,
) -> Result<Unwrapped, Error> {
    let blob = blob?;
    let key = view.open_blob(&blob)?;
    Ok(Unwrapped {
        plaintext: key.open(context, &blob.bytes)?.map_err(|_| damaged())?,
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
    })
}

/// The error for a damaged blob and for a wrong context: the cipher cannot distinguish them.
fn damaged() -> Error {
    Error::invalid("CiphertextBlob")
}

/// The key pair of a ciphertext that is to be re-encrypted under another key.
struct SourcePair<'a> {
    key_id: &'a str,
    version_id: &'a str,
    algorithm: EncryptionAlgorithm,
    algorithm_name: &'a str,
}

impl<'a> SourcePair<'a> {
    /// Returns the key pair; the request must name all of its parameters or none.
    fn of(request: &'a ReEncrypt) -> Result<Option<Self>, Error> {
        let ReEncrypt { source_key_id, source_key_version_id, source_encryption_algorithm, .. } = request;
        let missing = |parameter| Err(Error::with(ErrorCode::Missing, parameter));
        match (source_key_id, source_key_version_id, source_encryption_algorithm) {
            (None, None, None) => Ok(None),
            (None, ..) => missing("SourceKeyId"),
            (_, None, _) => missing("SourceKeyVersionId"),
            (.., None) => missing("SourceEncryptionAlgorithm"),
            (Some(key_id), Some(version_id), Some(name)) => {
                let algorithm = EncryptionAlgorithm::from_name(name)
                    .ok_or_else(|| Error::invalid("SourceEncryptionAlgorithm"))?;
                Ok(Some(Self { key_id, version_id, algorithm, algorithm_name: name }))
            }
        }
    }

    /// Decrypts the ciphertext to base64, like the reply of AsymmetricDecrypt.
    fn decrypt<'v>(
        &self,
        view: &View<'v>,
        key: CheckedResource<&'v Row<Key>>,
        ciphertext: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let ciphertext = STANDARD.decode(ciphertext.trim_ascii()).map_err(|_| damaged())?;
        let key = view.open_version(&key?, self.version_id)?;
        let plaintext = pairs::open(&key, self.algorithm, &ciphertext, "SourceEncryptionAlgorithm")?;
        Ok(Zeroizing::new(STANDARD.encode(&*plaintext).into_bytes()))
    }
}

/// The public key under which a data key is exported.
struct Target {
    spec: AsymmetricSpec,
    algorithm: EncryptionAlgorithm,
    public: Vec<u8>,
}

impl Target {
    fn new(public: &str, algorithm: &str, spec: &str) -> Result<Self, Error> {
        let spec = match spec {
            "RSA_2048" => AsymmetricSpec::Rsa2048,
            "EC_SM2" => AsymmetricSpec::EcSm2,
            _ => return Err(Error::invalid("WrappingKeySpec")),
        };
        let algorithm = EncryptionAlgorithm::from_name(algorithm)
            .filter(|algorithm| algorithm.is_for_data() && algorithm.fits(spec))
            .ok_or_else(|| Error::invalid("WrappingAlgorithm"))?;
        let public = STANDARD.decode(public.trim_ascii()).ok().filter(|der| crypto::check_public(spec, der));
        Ok(Self { spec, algorithm, public: public.ok_or_else(|| Error::invalid("PublicKeyBlob"))? })
    }

    /// Encrypts a data key. The error for one that is too long names `parameter`.
    fn wrap(&self, data_key: &[u8], parameter: &str) -> Result<String, Error> {
        if data_key.len() > crypto::max_plaintext(self.spec, self.algorithm) {
            return Err(Error::invalid(parameter));
        }
        let wrapped = crypto::encrypt(self.spec, self.algorithm, &self.public, data_key);
        Ok(STANDARD.encode(wrapped.map_err(Error::internal)?))
    }
}

/// Returns a new random data key in base64.
fn new_data_key(spec: Option<&str>, bytes: Option<u32>) -> Result<Zeroizing<String>, Error> {
    let mut key = Zeroizing::new(vec![0; data_key_length(spec, bytes)?]);
    SystemRandom.fill(&mut key);
    Ok(Zeroizing::new(STANDARD.encode(&*key)))
}

/// The length of a data key. If a number of bytes is given, the spec is ignored, even an unknown one.
fn data_key_length(spec: Option<&str>, bytes: Option<u32>) -> Result<usize, Error> {
    match (bytes, spec) {
        (Some(bytes), _) => usize::try_from(bytes)
            .ok()
            .filter(|length| DATA_KEY_LENGTHS.contains(length))
            .ok_or_else(|| Error::invalid("NumberOfBytes")),
        (None, None | Some("AES_256")) => Ok(32),
        (None, Some("AES_128")) => Ok(16),
        (None, Some(_)) => Err(Error::invalid("KeySpec")),
    }
}

/// The length of a plaintext: of the decoded base64, or of the text itself if it is not base64.
fn data_len(plaintext: &str) -> usize {
    crypto::from_base64(plaintext).map_or(plaintext.len(), |data| data.len())
}

fn context(pairs: Option<&ContextParameter>, parameter: &str) -> Result<CanonicalContext, Error> {
    let pairs = pairs.iter().flat_map(|context| &context.0);
    CanonicalContext::new(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|_| Error::invalid(parameter))
}

/// 6 KB, as in the documentation of the API.
const MAX_PLAINTEXT: usize = 6144;
const DATA_KEY_LENGTHS: std::ops::RangeInclusive<usize> = 1..=1024;
