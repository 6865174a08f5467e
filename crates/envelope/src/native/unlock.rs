//! Unlocks a file. This module alone decides whether to trust an unwrapped key.

use std::collections::BTreeSet;

use super::error::UnlockError;
use super::header::Header;
use super::slot::{Wrap, WrapKind};
use crate::body_key::BodyKey;
use crate::cobblestone::{Opener, PREFIX_LEN};
use crate::{DataKey, EncryptionContext, KeyService, KeyServiceError, UnwrappedDataKey};

/// The keys that the caller allows a file to be unlocked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedKeys(Allowed);

/// A file whose header is verified.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unlocked {
    /// Opens the chunks of the body.
    pub opener: Opener,
    /// The wrap that unlocked the file.
    pub wrap: Wrap,
    /// The content of the wrap.
    pub key: UnlockedKey,
    /// The key version in the reply of the KMS.
    pub key_version_id: String,
}

/// The content of a wrap, which can be wrapped again.
#[derive(Debug)]
pub enum UnlockedKey {
    /// The data key of the run.
    Set(DataKey),
    /// The body key of this file.
    File(BodyKey),
}

impl AllowedKeys {
    /// Allows every key that the caller may use.
    #[must_use]
    pub fn all() -> Self {
        Self(Allowed::All)
    }

    /// Allows only the keys with these ids. An empty list allows no key.
    #[must_use]
    pub fn only<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Self {
        Self(Allowed::Only(ids.into_iter().map(Into::into).collect()))
    }

    /// Whether the key with this id is allowed.
    #[must_use]
    pub fn allows(&self, key_id: &str) -> bool {
        match &self.0 {
            Allowed::All => true,
            Allowed::Only(ids) => ids.contains(key_id),
        }
    }
}

impl UnlockedKey {
    /// Returns the key of the body.
    #[must_use]
    pub fn body_key(&self, header: &Header) -> BodyKey {
        match self {
            Self::Set(data_key) => BodyKey::of_set(data_key, header.file_id()),
            Self::File(key) => key.duplicate(),
        }
    }
}

impl Header {
    /// Unlocks the body that begins with `prefix`: calls the KMS for one wrap after the other until one succeeds.
    ///
    /// The file's context must have every pair of `required`; an empty `required` accepts any context. The result of a call is
    /// trusted only if the KMS used the key that the wrap names, that key is allowed, and the commitment matches.
    ///
    /// # Errors
    /// [`UnlockError`] if no wrap unlocks the body.
    pub fn unlock(
        &self,
        prefix: &[u8; PREFIX_LEN],
        kms: &dyn KeyService,
        required: &EncryptionContext,
        allowed: &AllowedKeys,
    ) -> Result<Unlocked, UnlockError> {
        let wraps: Vec<_> = self.wraps().collect();
        if wraps.is_empty() {
            return Err(UnlockError::NoSlot);
        }
        if !self.context().contains(required) {
            return Err(UnlockError::Context);
        }
        let mut failed = Vec::new();
        for wrap in wraps.iter().filter(|wrap| allowed.allows(&wrap.key.key_id)) {
            match self.try_wrap(wrap, prefix, kms, allowed) {
                Ok(unlocked) => return Ok(unlocked),
                // The header is wrong, or the KMS is unavailable: calls for the other wraps would not help.
                Err(error @ UnlockError::KeyMismatch { .. }) => return Err(error),
                Err(UnlockError::Kms(error)) if error.is_outage() => return Err(UnlockError::Kms(error)),
                Err(error) => failed.push(error),
            }
        }
        let none =
            || UnlockError::NotAllowed { keys: wraps.iter().map(|wrap| wrap.key.key_id.clone()).collect() };
        Err(failed.into_iter().min_by_key(rank).unwrap_or_else(none))
    }

    /// Unlocks the body with one wrap.
    ///
    /// # Errors
    /// [`UnlockError`] if the wrap does not unlock the body.
    pub fn try_wrap(
        &self,
        wrap: &Wrap,
        prefix: &[u8; PREFIX_LEN],
        kms: &dyn KeyService,
        allowed: &AllowedKeys,
    ) -> Result<Unlocked, UnlockError> {
        let UnwrappedDataKey { data_key, key_id, key_version_id } =
            kms.unwrap(&wrap.key.ciphertext_blob, self.context()).map_err(UnlockError::Kms)?;
        if key_id != wrap.key.key_id {
            return Err(UnlockError::KeyMismatch { named: wrap.key.key_id.clone(), answered: key_id });
        }
        if !allowed.allows(&key_id) {
            return Err(UnlockError::NotAllowed { keys: vec![key_id] });
        }
        let key = match wrap.kind {
            WrapKind::Set => UnlockedKey::Set(data_key),
            WrapKind::File => UnlockedKey::File(BodyKey::of_file(data_key)),
        };
        let opener = Opener::new(&key.body_key(self), &self.body_context(), prefix)
            .map_err(|_| UnlockError::Commitment)?;
        Ok(Unlocked { opener, wrap: wrap.clone(), key, key_version_id })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    All,
    Only(BTreeSet<String>),
}

/// Ranks errors, the most actionable first. With several keys, a wrap of another KMS is to be expected, so that is last.
fn rank(error: &UnlockError) -> u8 {
    match error {
        UnlockError::Commitment => 0,
        UnlockError::Kms(KeyServiceError::UnknownKeyVersion) => 3,
        UnlockError::Kms(KeyServiceError::Damaged) => 2,
        _ => 1,
    }
}
