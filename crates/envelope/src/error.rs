//! Errors for callers that handle both formats.
//!
//! Each format has its own errors in its module. `?` converts them to these two, which keep their text and their cause.

use std::error::Error;
use std::fmt;

use crate::native::UnlockError;
use crate::{KeyServiceError, native, text_format};

/// Why a plaintext could not be encrypted in the format that the caller chose.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncryptError {
    /// The KMS did not issue a data key.
    Kms(KeyServiceError),
    /// Sealing in the native format failed.
    Native(native::SealError),
    /// Sealing in the text format failed.
    Text(text_format::SealError),
}

/// Why an input could not be decrypted, in either format.
///
/// ```
/// # use std::io::Read;
/// use bulla_envelope::native::{self, AllowedKeys};
/// use bulla_envelope::{DecryptError, EncryptionContext, KeyService, text_format};
///
/// fn decrypt(
///     file: &[u8],
///     kms: &dyn KeyService,
///     context: &EncryptionContext,
/// ) -> Result<Vec<u8>, DecryptError> {
///     if file.starts_with(&native::MAGIC) {
///         let mut open = native::Reader::new(file)?.unlock(kms, context, &AllowedKeys::all())?;
///         let mut plaintext = Vec::new();
///         open.read_to_end(&mut plaintext).map_err(native::OpenError::of_read)?;
///         return Ok(plaintext);
///     }
///     let reader = text_format::Reader::new(file)?;
///     let unwrapped = kms.unwrap(reader.ciphertext_blob(), context)?;
///     Ok(reader.open_into_discardable(&unwrapped.data_key, Vec::new())?.out)
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DecryptError {
    /// The KMS did not unwrap the data key of a file, in either format.
    Kms(KeyServiceError),
    /// No wrapped key opens the native file, for a reason other than [`DecryptError::Kms`].
    Unlock(UnlockError),
    /// Opening the native format failed.
    Native(native::OpenError),
    /// Opening the text format failed.
    Text(text_format::OpenError),
}

impl From<KeyServiceError> for EncryptError {
    fn from(error: KeyServiceError) -> Self {
        Self::Kms(error)
    }
}

impl From<native::SealError> for EncryptError {
    fn from(error: native::SealError) -> Self {
        Self::Native(error)
    }
}

impl From<text_format::SealError> for EncryptError {
    fn from(error: text_format::SealError) -> Self {
        Self::Text(error)
    }
}

impl From<KeyServiceError> for DecryptError {
    fn from(error: KeyServiceError) -> Self {
        Self::Kms(error)
    }
}

impl From<UnlockError> for DecryptError {
    fn from(error: UnlockError) -> Self {
        match error {
            UnlockError::Kms(error) => Self::Kms(error),
            error => Self::Unlock(error),
        }
    }
}

impl From<native::OpenError> for DecryptError {
    fn from(error: native::OpenError) -> Self {
        Self::Native(error)
    }
}

impl From<text_format::OpenError> for DecryptError {
    fn from(error: text_format::OpenError) -> Self {
        Self::Text(error)
    }
}

impl fmt::Display for EncryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kms(error) => error.fmt(f),
            Self::Native(error) => error.fmt(f),
            Self::Text(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for DecryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kms(error) => error.fmt(f),
            Self::Unlock(error) => error.fmt(f),
            Self::Native(error) => error.fmt(f),
            Self::Text(error) => error.fmt(f),
        }
    }
}

impl Error for EncryptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Kms(error) => error.source(),
            Self::Native(error) => error.source(),
            Self::Text(error) => error.source(),
        }
    }
}

impl Error for DecryptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Kms(error) => error.source(),
            Self::Unlock(error) => error.source(),
            Self::Native(error) => error.source(),
            Self::Text(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_of_either_format_keeps_its_text_and_its_cause() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let text = EncryptError::from(text_format::SealError::Write(full()));
        let native = EncryptError::from(native::SealError::Write(full()));
        for error in [&text, &native] {
            assert_eq!(error.to_string(), "the output cannot be written");
            assert_eq!(error.source().unwrap().to_string(), full().to_string());
        }
        let cut = DecryptError::from(text_format::OpenError::Truncated { line: 3 });
        assert_eq!(cut.to_string(), "the input is truncated in line 3 of 4");
        assert!(cut.source().is_none());
    }

    #[test]
    fn what_the_kms_reports_is_in_one_place_for_both_formats() {
        for error in [
            DecryptError::from(KeyServiceError::Throttled),
            UnlockError::Kms(KeyServiceError::Throttled).into(),
        ] {
            assert!(matches!(error, DecryptError::Kms(KeyServiceError::Throttled)), "{error}");
        }
        assert!(matches!(UnlockError::NoSlot.into(), DecryptError::Unlock(UnlockError::NoSlot)));
    }
}
