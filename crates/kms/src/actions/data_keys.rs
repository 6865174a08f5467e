//! Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::{EncryptionContext, Random, SystemRandom, blob};
use bulla_wire::actions::{
    Decrypt, DecryptReply, Encrypt, EncryptReply, GenerateDataKey, GenerateDataKeyReply,
    GenerateDataKeyWithoutPlaintext,
};
use bulla_wire::{Action, ContextParameter, Error, ErrorCode};
use zeroize::Zeroizing;

use crate::Kms;
use crate::authorize::{Allowed, authorize};
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
        let context = context(request.encryption_context.as_ref())?;
        let damaged = || Error::invalid("CiphertextBlob");
        let blob = STANDARD.decode(request.ciphertext_blob.trim_ascii()).map_err(|_| damaged())?;
        let version = blob::version(&blob).ok_or_else(damaged)?;
        let snapshot = kms.snapshot()?;
        let key = kms.keyring(&snapshot).open_to_decrypt(request, version)?;
        let plaintext = key.open(&context, &blob).map_err(|_| damaged())?;
        let plaintext = str::from_utf8(&plaintext).map_err(|_| damaged())?.to_owned().into();
        Ok(DecryptReply {
            plaintext,
            key_id: key.key_id().to_string(),
            key_version_id: key.version_id().to_string(),
        })
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
fn wrap<A>(
    kms: &Kms,
    allowed: &Allowed<A>,
    key_id: &str,
    pairs: Option<&ContextParameter>,
    plaintext: &str,
) -> Result<EncryptReply, Error> {
    let context = context(pairs)?;
    let snapshot = kms.snapshot()?;
    let key = kms.keyring(&snapshot).open_to_encrypt(allowed, key_id)?;
    Ok(EncryptReply {
        ciphertext_blob: STANDARD.encode(key.seal(&context, plaintext.as_bytes())),
        key_id: key.key_id().to_string(),
        key_version_id: key.version_id().to_string(),
    })
}

/// A new data key in base64. The number of bytes wins over the spec.
fn new_data_key(spec: Option<&str>, bytes: Option<u32>) -> Result<Zeroizing<String>, Error> {
    let by_spec = match spec {
        None | Some("AES_256") => 32,
        Some("AES_128") => 16,
        Some(_) => return Err(Error::invalid("KeySpec")),
    };
    let length = bytes.map_or(Some(by_spec), |bytes| usize::try_from(bytes).ok());
    let length = length.filter(|length| DATA_KEY_LENGTHS.contains(length));
    let mut key = Zeroizing::new(vec![0; length.ok_or_else(|| Error::invalid("NumberOfBytes"))?]);
    SystemRandom.fill(&mut key);
    Ok(Zeroizing::new(STANDARD.encode(&*key)))
}

/// How much data a plaintext is: what base64 stands for, or the text itself where it is not base64.
fn data_len(plaintext: &str) -> usize {
    let decoded = STANDARD.decode(plaintext).map(Zeroizing::new);
    decoded.map_or(plaintext.len(), |data| data.len())
}

fn context(pairs: Option<&ContextParameter>) -> Result<EncryptionContext, Error> {
    let pairs = pairs.iter().flat_map(|context| &context.0);
    EncryptionContext::new(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|_| Error::invalid("EncryptionContext"))
}

/// A plaintext that only an enclave may see cannot be answered to anybody else.
fn refuse_recipient(recipient: Option<&str>) -> Result<(), Error> {
    recipient.map_or(Ok(()), |_| Err(ErrorCode::UnsupportedOperation.into()))
}

/// Runs an action through the first gate; with DryRun its outcome becomes an error that tells it.
fn with_dry_run<A: Action, T>(
    by: &Origin,
    dry_run: Option<bool>,
    request: A,
    run: impl FnOnce(&Allowed<A>) -> Result<T, Error>,
) -> Result<T, Error> {
    let outcome = authorize(by, request).and_then(|allowed| run(&allowed));
    if dry_run != Some(true) {
        return outcome;
    }
    Err(match outcome {
        Ok(_) => ErrorCode::DryRunOperation.into(),
        Err(error) if error.code() == ErrorCode::ForbiddenNoPermission => {
            Error::with(ErrorCode::DryRunAccessDenied, error.message())
        }
        Err(error) => Error::with(ErrorCode::DryRunValidation, error.message()),
    })
}

/// 6 KB, as the API documents it.
const MAX_PLAINTEXT: usize = 6144;
const DATA_KEY_LENGTHS: std::ops::RangeInclusive<usize> = 1..=1024;
