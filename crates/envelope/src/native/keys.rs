//! Derives the key of a file's body from the data key.
//!
//! ```text
//! body key = HKDF-Expand-SHA-512(data key, "bulla/v1/file" ‖ file id, 32)
//! ```
//!
//! All files of a run share one data key, but the body key of one file does not open the others.

use std::fmt;

use aws_lc_rs::rand;

use crate::DataKey;
use crate::body_key::BodyKey;
use crate::key_bytes::KeyBytes;

/// The random id of a file. It makes the file's body key different from all others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub(super) [u8; 16]);

/// The random id of a run, whose files share a data key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetId(pub(super) [u8; 16]);

impl FileId {
    pub(super) fn random() -> Self {
        Self(random())
    }

    /// Returns the bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SetId {
    /// Creates an id for a new run.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// Returns the bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl BodyKey {
    /// Derives the body key of a file from the data key of its run.
    #[must_use]
    pub fn of_set(data_key: &DataKey, file: &FileId) -> Self {
        let mut key = KeyBytes::zero();
        data_key.bytes().expand(&[b"bulla/v1/file", &file.0], key.as_mut());
        Self::from_bytes(key)
    }

    /// Converts the content of a wrap of kind [`File`](super::WrapKind::File).
    pub(super) fn of_file(unwrapped: DataKey) -> Self {
        Self::from_bytes(unwrapped.into_bytes())
    }

    pub(super) fn duplicate(&self) -> Self {
        Self::from_bytes(self.bytes().duplicate())
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({:032x})", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetId({:032x})", u128::from_be_bytes(self.0))
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the operating system gives random bytes once it has booted");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with HKDFExpand of PyPI `cryptography`.
    #[test]
    fn body_keys() {
        let data_key = DataKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let key = BodyKey::of_set(&data_key, &FileId(*b"0123456789abcdef"));
        let expected = DataKey::from_base64("qoir9PvcDhW+Ay8FJWuKlMlsLnG6fK6vU9nWRVkqnKA=").unwrap();
        assert_eq!(key.bytes().expose(), expected.expose());
        let other = BodyKey::of_set(&data_key, &FileId(*b"0123456789abcdeg"));
        assert_ne!(key.bytes().expose(), other.bytes().expose());
    }
}
