//! From the data key to the key of one file's body.
//!
//! ```text
//! body key = HKDF-Expand-SHA-512(data key, "bulla/v1/file" ‖ file id, 32)
//! ```
//!
//! One data key serves all files of a run; whoever gets the body key of one file cannot open the others.

use std::fmt;

use aws_lc_rs::rand;

use crate::DataKey;
use crate::cobblestone::expand;

/// The random name of a file, which makes its body key another than that of every other file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileId(pub(super) [u8; 16]);

/// The random name of a run: its files share a data key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetId(pub(super) [u8; 16]);

/// The key that a file's body is encrypted with.
#[derive(Debug)]
pub struct BodyKey(DataKey);

impl FileId {
    pub(super) fn random() -> Self {
        Self(random())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SetId {
    /// A name for a new run.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl BodyKey {
    /// The key of a file of a run with this data key.
    #[must_use]
    pub fn of_set(data_key: &DataKey, file: &FileId) -> Self {
        let mut key = DataKey::zero();
        expand(data_key, &[b"bulla/v1/file", &file.0], key.as_mut());
        Self(key)
    }

    /// The key that a wrap of the file itself holds.
    #[must_use]
    pub fn of_file(unwrapped: DataKey) -> Self {
        Self(unwrapped)
    }

    /// As a key to encrypt with, or to have wrapped.
    #[must_use]
    pub fn as_key(&self) -> &DataKey {
        &self.0
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
        assert_eq!(*key.as_key().to_base64(), "qoir9PvcDhW+Ay8FJWuKlMlsLnG6fK6vU9nWRVkqnKA=");
        let other = BodyKey::of_set(&data_key, &FileId(*b"0123456789abcdeg"));
        assert_ne!(key.as_key().expose(), other.as_key().expose());
    }
}
