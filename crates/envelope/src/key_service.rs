//! The one joint of the project: a KMS as encryption and decryption see it, whoever runs it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{DataKey, EncryptionContext};

/// A key management service: draws data keys, and wraps and unwraps them by keys that it never gives away.
///
/// Calls block; one service serves many threads. `key` is a key id, an alias (`alias/NAME`) or an ARN. The
/// context given when a data key is wrapped must be given again to unwrap it.
pub trait KeyService: Send + Sync {
    /// Draws a data key and wraps it by `key`.
    ///
    /// # Errors
    /// [`KeyServiceError`].
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError>;

    /// Wraps a data key that exists already by `key`.
    ///
    /// # Errors
    /// [`KeyServiceError`].
    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError>;

    /// Unwraps a [`WrappedKey::ciphertext_blob`], which names its key version itself.
    ///
    /// # Errors
    /// [`KeyServiceError`]; [`KeyServiceError::Damaged`] also for another context than at wrapping.
    fn unwrap(
        &self,
        ciphertext_blob: &str,
        context: &EncryptionContext,
    ) -> Result<UnwrappedDataKey, KeyServiceError>;
}

// A pointer to a service is a service: a caller that takes one by value can also be lent a service, or share it.
macro_rules! by_pointer {
    ($($pointer:ty),+) => {$(
        impl<K: KeyService + ?Sized> KeyService for $pointer {
            fn generate_data_key(
                &self,
                key: &str,
                context: &EncryptionContext,
            ) -> Result<GeneratedDataKey, KeyServiceError> {
                (**self).generate_data_key(key, context)
            }

            fn wrap(
                &self,
                key: &str,
                data_key: &DataKey,
                context: &EncryptionContext,
            ) -> Result<WrappedKey, KeyServiceError> {
                (**self).wrap(key, data_key, context)
            }

            fn unwrap(
                &self,
                ciphertext_blob: &str,
                context: &EncryptionContext,
            ) -> Result<UnwrappedDataKey, KeyServiceError> {
                (**self).unwrap(ciphertext_blob, context)
            }
        }
    )+};
}

by_pointer!(&K, Box<K>, Arc<K>);

/// A data key that only the KMS can open, and which of its keys it is wrapped by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    /// The id of the key, as the KMS answered it.
    pub key_id: String,
    /// The id of the key's version, as the KMS answered it.
    pub key_version_id: String,
    /// Base64, exactly as the KMS answered it.
    pub ciphertext_blob: String,
}

/// A new data key, in the clear and wrapped.
#[derive(Debug)]
pub struct GeneratedDataKey {
    /// The key to encrypt with.
    pub data_key: DataKey,
    /// The same key, to be stored with the ciphertext.
    pub wrapped: WrappedKey,
}

/// A data key that the KMS unwrapped, and which of its keys it was wrapped by.
#[derive(Debug)]
pub struct UnwrappedDataKey {
    /// The key to decrypt with.
    pub data_key: DataKey,
    /// The id of the key, as the KMS answered it.
    pub key_id: String,
    /// The id of the key's version, as the KMS answered it.
    pub key_version_id: String,
}

/// Why a KMS gave no answer, or not the one asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyServiceError {
    /// No answer came: no connection, no trust in its certificate, or no end of waiting.
    Unreachable {
        /// Where the KMS was looked for.
        endpoint: String,
        /// What happened on the way.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The KMS refused, for a reason without a variant of its own.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The KMS's error code.
        code: String,
        /// The KMS's explanation.
        message: String,
        /// The id under which the KMS logged the request.
        request_id: String,
    },
    /// The caller may not do this, or is not known to the KMS.
    Denied {
        /// The KMS's error code.
        code: String,
        /// The KMS's explanation.
        message: String,
        /// The id under which the KMS logged the request.
        request_id: String,
    },
    /// There are no credentials to call the KMS with. The text is that of the error inside.
    NoCredentials(Arc<dyn Error + Send + Sync>),
    /// Too many requests, still after retries.
    Throttled,
    /// There is no such key or alias.
    KeyNotFound {
        /// The key as it was asked for.
        key: String,
    },
    /// The key exists and is of no use now: disabled, waiting for its deletion, or without material.
    KeyUnavailable {
        /// The key, as far as it is known.
        key: String,
        /// The KMS's error code, such as `Rejected.Disabled`.
        code: String,
    },
    /// The wrapped key is damaged or the encryption context is another; a KMS cannot tell these apart.
    Damaged,
    /// The KMS does not know the key version that wrapped this key: another KMS, account or region did.
    UnknownKeyVersion,
    /// The KMS answered something that makes no sense, such as a data key of a wrong length.
    Answer(Arc<dyn Error + Send + Sync>),
    /// The KMS runs in this process and is unavailable. The text is that of `source`.
    Local {
        /// In which way.
        kind: LocalFailure,
        /// What happened, as the KMS reports it.
        source: Arc<dyn Error + Send + Sync>,
    },
}

/// In which way a KMS in the same process is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocalFailure {
    /// Another process holds its keys, and may release them.
    InUse,
    /// It cannot be opened.
    Unopened,
    /// It is open, and a call failed inside it.
    Failed,
}

impl KeyServiceError {
    /// Whether the KMS is unavailable: any other request would fail too.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::NoCredentials(_) | Self::Throttled | Self::Local { .. }
        )
    }

    /// Whether the same request may succeed later without any change to it, the key or the caller: an outage, an internal
    /// error of the KMS, or a clock that is off.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Denied { code, .. } => code.starts_with("InvalidTimeStamp"),
            _ => self.is_outage(),
        }
    }

    /// Whether this wrapped key will never be unwrapped under this context by this KMS.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Damaged | Self::UnknownKeyVersion)
    }
}

impl fmt::Display for KeyServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { endpoint, .. } => write!(f, "the KMS at {endpoint} cannot be reached"),
            Self::Refused { status, code, message, request_id } => {
                write!(f, "the KMS refused with {status} {code}: {message} (request {request_id})")
            }
            Self::Denied { code, message, request_id } => {
                write!(f, "the KMS denied access with {code}: {message} (request {request_id})")
            }
            Self::Throttled => f.write_str("the KMS is busy and answered no request of this run in time"),
            Self::KeyNotFound { key } => write!(f, "the KMS has no key {key}"),
            Self::KeyUnavailable { key, code } => write!(f, "the key {key} cannot be used now: {code}"),
            Self::Damaged => f.write_str("the wrapped key is damaged or the encryption context is wrong"),
            Self::UnknownKeyVersion => {
                f.write_str("the data key was wrapped by a key version that this KMS does not know")
            }
            Self::Answer(_) => f.write_str("the answer of the KMS makes no sense"),
            Self::NoCredentials(source) | Self::Local { source, .. } => source.fmt(f),
        }
    }
}

impl Error for KeyServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } | Self::Answer(source) => Some(&**source),
            Self::NoCredentials(source) | Self::Local { source, .. } => source.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::NotADataKey;

    #[test]
    fn the_cause_is_kept() {
        let error = KeyServiceError::Answer(Arc::new(NotADataKey::NotBase64));
        assert_eq!(error.source().unwrap().to_string(), "the data key is not base64");
        assert!(KeyServiceError::Throttled.source().is_none());
        let cause =
            crate::DecryptError::Text(crate::text_format::OpenError::Read(io::Error::other("no disk")));
        let error = KeyServiceError::Local { kind: LocalFailure::Failed, source: Arc::new(cause) };
        assert_eq!(error.to_string(), "the input cannot be read");
        assert_eq!(error.source().unwrap().to_string(), "no disk");
    }

    #[test]
    fn what_may_pass_is_neither_final_nor_about_the_request() {
        let refused = |status| KeyServiceError::Refused {
            status,
            code: String::new(),
            message: String::new(),
            request_id: String::new(),
        };
        let denied = |code: &str| KeyServiceError::Denied {
            code: code.into(),
            message: String::new(),
            request_id: String::new(),
        };
        let local = |kind| KeyServiceError::Local { kind, source: Arc::new(NotADataKey::NotBase64) };
        let disabled =
            KeyServiceError::KeyUnavailable { key: String::new(), code: "Rejected.Disabled".into() };
        for (error, outage, transient, is_final) in [
            (KeyServiceError::Throttled, true, true, false),
            (KeyServiceError::NoCredentials(Arc::new(NotADataKey::NotBase64)), true, true, false),
            (local(LocalFailure::InUse), true, true, false),
            (local(LocalFailure::Unopened), true, true, false),
            (local(LocalFailure::Failed), true, true, false),
            (refused(500), false, true, false),
            (refused(503), false, true, false),
            (refused(400), false, false, false),
            (denied("InvalidTimeStamp.Expired"), false, true, false),
            (denied("Forbidden.NoPermission"), false, false, false),
            (disabled, false, false, false),
            (KeyServiceError::KeyNotFound { key: String::new() }, false, false, false),
            (KeyServiceError::Damaged, false, false, true),
            (KeyServiceError::UnknownKeyVersion, false, false, true),
        ] {
            let found = (error.is_outage(), error.is_transient(), error.is_final());
            assert_eq!(found, (outage, transient, is_final), "{error}");
        }
    }

    #[test]
    fn a_service_can_be_shared_as_an_object() {
        fn shared<T: Send + Sync + ?Sized>() {}
        shared::<dyn KeyService>();
    }

    /// Each of its functions fails in another way.
    struct Failing;

    impl KeyService for Failing {
        fn generate_data_key(
            &self,
            key: &str,
            _: &EncryptionContext,
        ) -> Result<GeneratedDataKey, KeyServiceError> {
            Err(KeyServiceError::KeyNotFound { key: key.into() })
        }

        fn wrap(&self, key: &str, _: &DataKey, _: &EncryptionContext) -> Result<WrappedKey, KeyServiceError> {
            Err(KeyServiceError::KeyUnavailable { key: key.into(), code: String::new() })
        }

        fn unwrap(&self, blob: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
            assert_eq!(blob, "blob");
            Err(KeyServiceError::Damaged)
        }
    }

    #[test]
    fn a_pointer_to_a_service_is_a_service() {
        fn check<K: KeyService>(service: K) {
            let context = EncryptionContext::default();
            let generated = service.generate_data_key("a", &context).map(drop);
            assert!(matches!(generated, Err(KeyServiceError::KeyNotFound { key }) if key == "a"));
            let wrapped = service.wrap("b", &DataKey::random(), &context).map(drop);
            assert!(matches!(wrapped, Err(KeyServiceError::KeyUnavailable { key, .. }) if key == "b"));
            let unwrapped = service.unwrap("blob", &context).map(drop);
            assert!(matches!(unwrapped, Err(KeyServiceError::Damaged)));
        }
        check(&Failing);
        check(Box::new(Failing));
        check(Arc::new(Failing));
        check::<&dyn KeyService>(&Failing);
        check::<Box<dyn KeyService>>(Box::new(Failing));
        check::<Arc<dyn KeyService>>(Arc::new(Failing));
    }
}
