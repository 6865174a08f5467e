//! The key of a key slot: 64 random bytes that a KMS generates, wraps and unwraps.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_client::CallError;
use bulla_wire::SecretText;
use bulla_wire::kms::{Decrypt, Encrypt, GenerateDataKey};
use zeroize::Zeroizing;

use super::token::{Token, TokenSlot, WrappedSlotKey, volume_context};
use super::uuid::VolumeUuid;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;

/// The key of a key slot.
pub(crate) struct SlotKey(Zeroizing<Vec<u8>>);

/// A KMS, for the keys of one volume.
pub(crate) struct VolumeKms<'k> {
    pub(crate) kms: &'k KmsConnection,
    pub(crate) volume: &'k VolumeUuid,
}

/// The keys that wrap the key of a new key slot.
pub(crate) struct Wrapping {
    /// Key ids, aliases or ARNs; at least one.
    pub(crate) keys: Vec<String>,
    pub(crate) context: BTreeMap<String, String>,
    /// The name of the KMS, for display only.
    pub(crate) kms: String,
}

/// A key for a future key slot, and for each key that wraps it a token that names no key slot yet.
pub(crate) struct NewKey {
    pub(super) key: SlotKey,
    pub(super) tokens: Vec<Token>,
}

impl SlotKey {
    const BYTES: usize = 64;

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_base64(text: &SecretText) -> Result<Self, Failure> {
        // Decoding needs room for whole groups.
        let mut bytes = Zeroizing::new(vec![0; Self::BYTES + 3]);
        match STANDARD.decode_slice(text.expose(), &mut bytes) {
            Ok(Self::BYTES) => {
                bytes.truncate(Self::BYTES);
                Ok(Self(bytes))
            }
            _ => {
                let what = format!("the KMS returned a key of another length than {} bytes", Self::BYTES);
                Err(Failure::new(Exit::Damaged, what, ENROLL_AGAIN))
            }
        }
    }

    fn to_base64(&self) -> SecretText {
        let mut text = Zeroizing::new(String::with_capacity(Self::BYTES.div_ceil(3) * 4));
        STANDARD.encode_string(self.bytes(), &mut text);
        text.into()
    }
}

impl VolumeKms<'_> {
    /// Returns a new key, wrapped by each of these keys. Each has unwrapped it, so a key that cannot unwrap causes no
    /// change.
    pub(crate) fn prepare(&self, wrapping: &Wrapping) -> Result<NewKey, Failure> {
        let Wrapping { keys, context, kms } = wrapping;
        let (first, others) = keys.split_first().expect("there is at least one key");
        let (key, wrapped) = self.generate(first, context)?;
        let others = others.iter().map(|name| self.wrap(name, &key, context));
        let tokens = self.checked_tokens(&key, [Ok(wrapped)].into_iter().chain(others), context, kms)?;
        Ok(NewKey { key, tokens })
    }

    /// Wraps a key with the newest versions of these keys. Each has unwrapped it.
    pub(super) fn wrap_by_all(&self, key: &SlotKey, wrapping: &Wrapping) -> Result<Vec<Token>, Failure> {
        let Wrapping { keys, context, kms } = wrapping;
        let wrapped = keys.iter().map(|name| self.wrap(name, key, context));
        self.checked_tokens(key, wrapped, context, kms)
    }

    /// Returns a token without key slot for each wrapped key, after the KMS has unwrapped it with the key that it
    /// names.
    fn checked_tokens(
        &self,
        key: &SlotKey,
        wrapped: impl Iterator<Item = Result<WrappedSlotKey, Failure>>,
        context: &BTreeMap<String, String>,
        kms: &str,
    ) -> Result<Vec<Token>, Failure> {
        let mut tokens = Vec::<Token>::new();
        for wrapped in wrapped {
            let token = Token::new(TokenSlot::WithoutKeySlot, wrapped?, context.clone(), kms.to_owned());
            let key_id = &token.wrapped.key_id;
            if tokens.iter().any(|other| other.wrapped.key_id == *key_id) {
                let what = format!("{key_id} was named twice");
                return Err(Failure::new(Exit::Usage, what, "name each key once"));
            }
            if !self.unwraps(&token, key)? {
                let what = format!("{key_id} does not decrypt what it encrypted");
                return Err(Failure::new(Exit::Kms, what, "nothing was changed; use another key"));
            }
            tokens.push(token);
        }
        Ok(tokens)
    }

    fn generate(
        &self,
        key: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<(SlotKey, WrappedSlotKey), Failure> {
        let reply = self.kms.call(&GenerateDataKey {
            key_id: key.to_owned(),
            number_of_bytes: Some(64),
            encryption_context: Some(volume_context(self.volume, context)),
            ..GenerateDataKey::default()
        })?;
        let slot_key = SlotKey::from_base64(&reply.plaintext)?;
        let wrapped = WrappedSlotKey {
            key_id: reply.key_id,
            key_version_id: reply.key_version_id,
            blob: reply.ciphertext_blob,
        };
        Ok((slot_key, wrapped))
    }

    fn wrap(
        &self,
        key: &str,
        slot_key: &SlotKey,
        context: &BTreeMap<String, String>,
    ) -> Result<WrappedSlotKey, Failure> {
        let reply = self.kms.call(&Encrypt {
            key_id: key.to_owned(),
            plaintext: slot_key.to_base64(),
            encryption_context: Some(volume_context(self.volume, context)),
            dry_run: None,
        })?;
        Ok(WrappedSlotKey {
            key_id: reply.key_id,
            key_version_id: reply.key_version_id,
            blob: reply.ciphertext_blob,
        })
    }

    /// Unwraps the key of a token. The KMS refuses the token of another volume. It is not called if the blob is visibly
    /// of another key than the token names, because only the named key was compared with the allowed keys.
    pub(crate) fn unwrap(&self, token: &Token) -> Result<SlotKey, Failure> {
        if !token.wrapped.is_of_its_version() {
            let what = format!("the token names {}, and has no wrapped key of it", token.wrapped.key_id);
            return Err(Failure::new(Exit::Damaged, what, ENROLL_AGAIN));
        }
        let reply = self.kms.call(&Decrypt {
            ciphertext_blob: token.wrapped.blob.clone(),
            encryption_context: Some(token.encryption_context(self.volume)),
            recipient: None,
            dry_run: None,
        });
        let reply = reply.map_err(|error| self.refused(error))?;
        if reply.key_id != token.wrapped.key_id {
            let what =
                format!("the token names {}, and {} wrapped its key", token.wrapped.key_id, reply.key_id);
            return Err(Failure::new(Exit::Damaged, what, ENROLL_AGAIN));
        }
        SlotKey::from_base64(&reply.plaintext)
    }

    /// Returns whether the key of a token is this one.
    pub(super) fn unwraps(&self, token: &Token, key: &SlotKey) -> Result<bool, Failure> {
        Ok(self.unwrap(token)?.bytes() == key.bytes())
    }

    /// Explains a refusal: a KMS does not distinguish a damaged blob from another context, and so from another volume.
    fn refused(&self, error: CallError) -> Failure {
        match &error {
            CallError::Refused(refusal)
                if ["InvalidParameter", "MissingCiphertextBlob"].contains(&refusal.code.as_str()) =>
            {
                let what = format!("the token has no wrapped key for the volume {}", self.volume);
                let hint = "it belongs to another volume, or was changed: open the volume by its recovery \
                            passphrase and enroll it again";
                Failure::new(Exit::Context, what, hint)
            }
            _ => error.into(),
        }
    }
}

const ENROLL_AGAIN: &str = "the token was changed: enroll the volume again";
