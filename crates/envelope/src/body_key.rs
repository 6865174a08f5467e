//! The body key: what one file's body is sealed with, and nothing else.

use std::fmt;

use crate::key_bytes::KeyBytes;
use crate::{DataKey, EncryptionContext, KeyService, KeyServiceError, WrappedKey};

/// The 256-bit key that the body of one file is sealed with. Wiped on drop; it cannot be read.
///
/// It is derived from a data key ([`BodyKey::of_set`](Self::of_set)) or comes out of a wrap that was believed
/// ([`UnlockedKey::body_key`](crate::native::UnlockedKey::body_key)). A data key is of another type, so neither can
/// be used for the other:
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
    /// For the derivation alone (`native/keys.rs`).
    pub(crate) fn from_bytes(bytes: KeyBytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &KeyBytes {
        &self.0
    }

    /// Has the KMS wrap this very key by `key`: for a wrap of kind [`File`](crate::native::WrapKind::File), which opens
    /// this file and no other of its run.
    ///
    /// # Errors
    /// [`KeyServiceError`].
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
