//! The digest of a text that SM2 signs, which includes the public key. Digests for other algorithms are of the text alone.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::kms::GetPublicKey;
use bulla_wire::{Error, Parameters};

use super::{Control, Form};
use crate::context::Context;
use crate::sm2;

/// Whether a request signs or verifies with SM2.
pub(super) fn is_of_sm2(parameters: &Parameters) -> bool {
    parameters.get("Algorithm") == Some("SM2DSA")
}

/// Replaces the SHA-256 digest in a request for SM2 by the digest of SM2.
///
/// # Errors
/// The errors of GetPublicKey, such as for a caller who may not read the public key; InvalidParameter if it is no SM2 key.
pub(super) async fn prepare(
    form: &Form,
    context: &Context<'_>,
    fields: &Parameters,
    parameters: &mut Parameters,
) -> Result<(), Error> {
    let digest = form.fields.iter().find(|field| matches!(field.control, Control::Digest));
    let Some(field) = digest.filter(|_| is_of_sm2(parameters)) else { return Ok(()) };
    let Some(text) = fields.non_empty(field.parameter) else { return Ok(()) };
    let named = |name: &str| parameters.get(name).unwrap_or_default().to_owned();
    let query = GetPublicKey { key_id: named("KeyId"), key_version_id: named("KeyVersionId"), dry_run: None };
    let public_key = context.ask(query).await?.public_key;
    let signer = sm2::signer(&public_key).ok_or_else(|| Error::invalid("Algorithm"))?;
    let digest = sm2::digest(&signer, text.replace("\r\n", "\n").as_bytes());
    parameters.set(field.parameter, BASE64_STANDARD.encode(digest));
    Ok(())
}
