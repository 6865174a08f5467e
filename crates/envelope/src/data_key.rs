//! The data key: 32 bytes, issued by a KMS to encrypt data. Wiped on drop and not shown.

use std::error::Error;
use std::fmt;

use zeroize::Zeroizing;

use crate::key_bytes::{KEY_LEN, KeyBytes};
use crate::strict_base64::{self, Mismatch};

/// A 256-bit data key, issued by a KMS.
///
/// It is wiped on drop, and moving it leaves no copies. Only [`DataKey::expose`] and [`DataKey::to_base64`] return its bytes.
pub struct DataKey(KeyBytes);

/// The error for a text that is not a data key, because it is not the base64 of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotADataKey {
    /// The text is not base64 of the standard alphabet with padding.
    NotBase64,
    /// The text is base64 of another number of bytes.
    Length {
        /// The number of bytes.
        bytes: usize,
    },
}

impl DataKey {
    /// Returns a copy for a cache. The call is explicit because each copy stays in memory until its owner drops it.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// Creates a random key with the generator of aws-lc, which the operating system seeds.
    #[must_use]
    pub fn random() -> Self {
        Self(KeyBytes::random())
    }

    pub(crate) fn from_bytes(bytes: KeyBytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &KeyBytes {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> KeyBytes {
        self.0
    }

    /// Parses the `Plaintext` of a KMS reply: strict standard base64 of exactly 32 bytes.
    ///
    /// # Errors
    /// [`NotADataKey`], which does not contain the text.
    pub fn from_base64(text: &str) -> Result<Self, NotADataKey> {
        let mut key = KeyBytes::zero();
        match strict_base64::decode_exactly(text.as_bytes(), key.as_mut()) {
            Ok(()) => Ok(Self(key)),
            Err(Mismatch::NotBase64) => Err(NotADataKey::NotBase64),
            Err(Mismatch::Length(bytes)) => Err(NotADataKey::Length { bytes }),
        }
    }

    /// Returns the key in base64, as a KMS expects it for wrapping.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(strict_base64::encode(self.expose()))
    }

    /// Returns the bytes of the key.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_LEN] {
        self.0.expose()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

impl fmt::Display for NotADataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64 => f.write_str("the data key is not base64"),
            Self::Length { bytes } => write!(f, "the data key has {bytes} bytes instead of {KEY_LEN}"),
        }
    }
}

impl Error for NotADataKey {}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "ToT/8cI7bIT/G8QOz5eBNDfSpXdUi5guYYDZp1Ou/tc=";

    #[test]
    fn base64_both_ways() {
        let key = DataKey::from_base64(TEXT).unwrap();
        assert_eq!((key.expose()[0], key.expose()[31]), (0x4e, 0xd7));
        assert_eq!(*key.to_base64(), TEXT);
        assert_eq!(format!("{key:?}"), "DataKey");
    }

    #[test]
    fn anything_but_strict_base64_is_refused() {
        for text in [
            TEXT.trim_end_matches('='),    // no padding
            &TEXT.replace("tc=", "td="),   // padding bits set
            &TEXT.replace('/', "_"),       // another alphabet
            &format!("{TEXT}\n"),          // a newline
            &format!(" {}", &TEXT[1..]),   // a blank
            &TEXT.replace("8cI7", "=cI7"), // padding inside
        ] {
            assert_eq!(DataKey::from_base64(text).unwrap_err(), NotADataKey::NotBase64, "{text:?}");
        }
    }

    #[test]
    fn another_length_is_refused() {
        for (text, bytes) in [("", 0), ("AAAA", 3), (&TEXT[4..], 29), (&format!("AAAA{TEXT}"), 35)] {
            assert_eq!(DataKey::from_base64(text).unwrap_err(), NotADataKey::Length { bytes });
        }
    }

    #[test]
    fn random_keys_differ() {
        assert_ne!(DataKey::random().expose(), DataKey::random().expose());
    }
}
