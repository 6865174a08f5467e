//! The body key, which encrypts the body of one file.

use std::fmt;

use crate::key_bytes::KeyBytes;
use crate::{DataKey, EncryptionContext, KeyService, KeyServiceError, WrappedKey};

/// The 256-bit key of one file's body. Wiped on drop; callers cannot read its bytes.
///
/// It is derived from a data key ([`BodyKey::of_set`](Self::of_set)), or unwrapped and verified
/// ([`UnlockedKey::body_key`](crate::native::UnlockedKey::body_key)). A data key has another type, so neither can be used in
/// place of the other:
///
/// ```compile_fail,E0308
/// # use bulla_envelope::{DataKey, cobblestone::Sealer};
/// Sealer::new(&DataKey::random(), b"context");
/// ```
///
/// ```compile_fail,E0308
/// # use bulla_envelope::{native::BodyKey, text_format};
/// fn seal(key: &BodyKey) {
///     let _ = text_format::seal(&b"plaintext"[..], Vec::new(), key, "YmxvYg==");
/// }
/// ```
pub struct BodyKey(KeyBytes);

impl BodyKey {
    /// Only `native/keys.rs` calls this, to derive a body key.
    pub(crate) fn from_bytes(bytes: KeyBytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &KeyBytes {
        &self.0
    }

    /// Wraps this key under the KMS key `key`. The result is for a wrap of kind [`File`](crate::native::WrapKind::File), which
    /// opens only this file and no other file of the run.
    ///
    /// # Errors
    /// [`KeyServiceError`] if the KMS does not wrap it.
    pub fn wrap(
        &self,
        kms: &dyn KeyService,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        kms.wrap(key, &DataKey::from_bytes(self.0.duplicate()), context)
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyKey")
    }
}
