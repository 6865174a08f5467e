//! Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncrypt, ExportDataKey,
//! GenerateAndExportDataKey.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::{EncryptionContext, Random, SystemRandom, blob};
use bulla_wire::actions::{
    Decrypt, DecryptReply, Encrypt, EncryptReply, ExportDataKey, ExportDataKeyReply,
    GenerateAndExportDataKey, GenerateAndExportDataKeyReply, GenerateDataKey, GenerateDataKeyReply,
    GenerateDataKeyWithoutPlaintext, ReEncrypt,
};
use bulla_wire::{ContextParameter, Error, ErrorCode};
use zeroize::Zeroizing;

use super::asymmetric;
use super::dry_run::with_dry_run;
use crate::Kms;
use crate::authorize::Allowed;
use crate::crypto::{self, AsymmetricSpec, EncryptionAlgorithm};
use crate::keyring::{self, OpenKey};
use crate::origin::Origin;

pub(super) fn encrypt(kms: &Kms, by: &Origin, request: Encrypt) -> Result<EncryptReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let plaintext = request.plaintext.expose();
        if data_len(plaintext) > MAX_PLAINTEXT {
            return Err(Error::invalid("Plaintext"));
        }
        wrap(kms, request, &request.key_id, request.encryption_context.as_ref(), plaintext)
    })
}

pub(super) fn decrypt(kms: &Kms, by: &Origin, request: Decrypt) -> Result<DecryptReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        refuse_recipient(request.recipient.as_deref())?;
        let context = context(request.encryption_context.as_ref(), "EncryptionContext")?;
        let opened = unwrap(kms, request, &request.ciphertext_blob, &context)?;
        let plaintext = str::from_utf8(&opened.plaintext).map_err(|_| damaged())?.to_owned().into();
        Ok(DecryptReply { plaintext, key_id: opened.key_id, key_version_id: opened.key_version_id })
    })
}

pub(super) fn generate(
    kms: &Kms,
    by: &Origin,
    request: GenerateDataKey,
) -> Result<GenerateDataKeyReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        refuse_recipient(request.recipient.as_deref())?;
        let plaintext = new_data_key(request.key_spec.as_deref(), request.number_of_bytes)?;
        let context = request.encryption_context.as_ref();
        let wrapped = wrap(kms, request, &request.key_id, context, &plaintext)?;
        Ok(GenerateDataKeyReply {
            ciphertext_blob: wrapped.ciphertext_blob,
            key_id: wrapped.key_id,
            key_version_id: wrapped.key_version_id,
            plaintext: plaintext.into(),
        })
    })
}

pub(super) fn generate_wrapped(
    kms: &Kms,
    by: &Origin,
    request: GenerateDataKeyWithoutPlaintext,
) -> Result<EncryptReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let plaintext = new_data_key(request.key_spec.as_deref(), request.number_of_bytes)?;
        wrap(kms, request, &request.key_id, request.encryption_context.as_ref(), &plaintext)
    })
}

/// Encrypts a text with the primary version of a key.
pub(super) fn re_encrypt(kms: &Kms, by: &Origin, request: ReEncrypt) -> Result<EncryptReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let source = context(request.source_encryption_context.as_ref(), "SourceEncryptionContext")?;
        let destination =
            context(request.destination_encryption_context.as_ref(), "DestinationEncryptionContext")?;
        let plaintext = match asymmetric_source(request)? {
            Some(_) if source != EncryptionContext::default() => {
                return Err(Error::invalid("SourceEncryptionContext")); // a key pair cannot check it
            }
            Some(pair) => pair.decrypt(kms, request)?,
            None => unwrap(kms, request, &request.ciphertext_blob, &source)?.plaintext,
        };
        seal(kms, request, &request.destination_key_id, &destination, &plaintext)
    })
}

pub(super) fn export(kms: &Kms, by: &Origin, request: ExportDataKey) -> Result<ExportDataKeyReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let context = context(request.encryption_context.as_ref(), "EncryptionContext")?;
        let target =
            Target::new(&request.public_key_blob, &request.wrapping_algorithm, &request.wrapping_key_spec)?;
        let opened = unwrap(kms, request, &request.ciphertext_blob, &context)?;
        let data_key = crypto::from_base64(&*opened.plaintext).ok_or_else(damaged)?;
        if data_key.is_empty() {
            return Err(damaged()); // there is nothing to wrap
        }
        Ok(ExportDataKeyReply {
            exported_data_key: target.wrap(&data_key, "CiphertextBlob")?,
            key_id: opened.key_id,
            key_version_id: opened.key_version_id,
        })
    })
}

pub(super) fn generate_and_export(
    kms: &Kms,
    by: &Origin,
    request: GenerateAndExportDataKey,
) -> Result<GenerateAndExportDataKeyReply, Error> {
    with_dry_run(by, request.dry_run, request, |request| {
        let target =
            Target::new(&request.public_key_blob, &request.wrapping_algorithm, &request.wrapping_key_spec)?;
        let plaintext = new_data_key(request.key_spec.as_deref(), request.number_of_bytes)?;
        let data_key = crypto::from_base64(&*plaintext).expect("it is base64");
        let exported_data_key = target.wrap(&data_key, "NumberOfBytes")?;
        let wrapped = wrap(kms, request, &request.key_id, request.encryption_context.as_ref(), &plaintext)?;
        Ok(GenerateAndExportDataKeyReply {
            ciphertext_blob: wrapped.ciphertext_blob,
            exported_data_key,
            key_id: wrapped.key_id,
            key_version_id: wrapped.key_version_id,
        })
    })
}

fn wrap<A>(
    kms: &Kms,
    allowed: &Allowed<A>,
    key_id: &str,
    pairs: Option<&ContextParameter>,
    plaintext: &str,
) -> Result<EncryptReply, Error> {
    seal(kms, allowed, key_id, &context(pairs, "EncryptionContext")?, plaintext.as_bytes())
}

fn seal<A>(
    kms: &Kms,
    allowed: &Allowed<A>,
    key_id: &str,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<EncryptReply, Error> {
    let snapshot = kms.snapshot()?;
    let key: OpenKey<'_, keyring::Encrypt> = kms.keyring(&snapshot).open_primary(allowed, key_id)?;
    Ok(EncryptReply {
        ciphertext_blob: STANDARD.encode(key.seal(context, plaintext)?),
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
    })
}

/// What a blob held, and which key opened it.
struct Unwrapped {
    plaintext: Zeroizing<Vec<u8>>,
    key_id: String,
    key_version_id: String,
}

fn unwrap<A>(
    kms: &Kms,
    allowed: &Allowed<A>,
    blob: &str,
    context: &EncryptionContext,
) -> Result<Unwrapped, Error> {
    let blob = STANDARD.decode(blob.trim_ascii()).map_err(|_| damaged())?;
    let version = blob::version(&blob).ok_or_else(damaged)?;
    let snapshot = kms.snapshot()?;
    let key = kms.keyring(&snapshot).open_to_decrypt(allowed, version)?;
    Ok(Unwrapped {
        plaintext: key.open(context, &blob)?.map_err(|_| damaged())?,
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
    })
}

/// One text for a damaged blob and for another context: a cipher cannot tell them apart.
fn damaged() -> Error {
    Error::invalid("CiphertextBlob")
}

/// The key pair that made the ciphertext which is encrypted anew.
struct AsymmetricSource<'a> {
    key_id: &'a str,
    version_id: &'a str,
    algorithm: EncryptionAlgorithm,
}

/// Named as a whole or not at all.
fn asymmetric_source(request: &ReEncrypt) -> Result<Option<AsymmetricSource<'_>>, Error> {
    let ReEncrypt { source_key_id, source_key_version_id, source_encryption_algorithm, .. } = request;
    let (key_id, version_id, algorithm) =
        match (source_key_id, source_key_version_id, source_encryption_algorithm) {
            (None, None, None) => return Ok(None),
            (None, ..) => return Err(Error::with(ErrorCode::Missing, "SourceKeyId")),
            (_, None, _) => return Err(Error::with(ErrorCode::Missing, "SourceKeyVersionId")),
            (.., None) => return Err(Error::with(ErrorCode::Missing, "SourceEncryptionAlgorithm")),
            (Some(key_id), Some(version_id), Some(algorithm)) => (key_id, version_id, algorithm),
        };
    let algorithm = EncryptionAlgorithm::from_name(algorithm)
        .ok_or_else(|| Error::invalid("SourceEncryptionAlgorithm"))?;
    Ok(Some(AsymmetricSource { key_id, version_id, algorithm }))
}

impl AsymmetricSource<'_> {
    /// What the ciphertext holds, in base64 as AsymmetricDecrypt would answer it.
    fn decrypt(&self, kms: &Kms, allowed: &Allowed<ReEncrypt>) -> Result<Zeroizing<Vec<u8>>, Error> {
        let ciphertext = STANDARD.decode(allowed.ciphertext_blob.trim_ascii()).map_err(|_| damaged())?;
        let snapshot = kms.snapshot()?;
        let key = kms.keyring(&snapshot).open_version(allowed, self.key_id, self.version_id)?;
        let plaintext = asymmetric::open(&key, self.algorithm, &ciphertext, "SourceEncryptionAlgorithm")?;
        Ok(Zeroizing::new(STANDARD.encode(&*plaintext).into_bytes()))
    }
}

/// The public key that a data key is exported for.
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

    /// `parameter` is to blame for a data key that is too long.
    fn wrap(&self, data_key: &[u8], parameter: &str) -> Result<String, Error> {
        if data_key.len() > crypto::max_plaintext(self.spec, self.algorithm) {
            return Err(Error::invalid(parameter));
        }
        let wrapped = crypto::encrypt(self.spec, self.algorithm, &self.public, data_key);
        Ok(STANDARD.encode(wrapped.map_err(Error::internal)?))
    }
}

/// A new data key in base64.
fn new_data_key(spec: Option<&str>, bytes: Option<u32>) -> Result<Zeroizing<String>, Error> {
    let mut key = Zeroizing::new(vec![0; data_key_length(spec, bytes)?]);
    SystemRandom.fill(&mut key);
    Ok(Zeroizing::new(STANDARD.encode(&*key)))
}

/// The length of a data key. The spec is ignored beside the number of bytes, also if no data key has such a spec.
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

/// How much data a plaintext is: what base64 stands for, or the text itself where it is not base64.
fn data_len(plaintext: &str) -> usize {
    crypto::from_base64(plaintext).map_or(plaintext.len(), |data| data.len())
}

fn context(pairs: Option<&ContextParameter>, parameter: &str) -> Result<EncryptionContext, Error> {
    let pairs = pairs.iter().flat_map(|context| &context.0);
    EncryptionContext::new(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|_| Error::invalid(parameter))
}

/// A plaintext that only an enclave may see cannot be answered to anybody else.
pub(super) fn refuse_recipient(recipient: Option<&str>) -> Result<(), Error> {
    recipient.map_or(Ok(()), |_| Err(ErrorCode::UnsupportedOperation.into()))
}

/// 6 KB, as the API documents it.
const MAX_PLAINTEXT: usize = 6144;
const DATA_KEY_LENGTHS: std::ops::RangeInclusive<usize> = 1..=1024;
