//! The extension point of the project: the trait through which encryption and decryption call any KMS.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{DataKey, EncryptionContext};

/// A key management service. It issues data keys, and wraps and unwraps them under keys that never leave it.
///
/// Calls block, and several threads may share a service. `key` is a key id, an alias (`alias/NAME`) or an ARN. To unwrap a data
/// key, the caller must pass the context with which the key was wrapped.
pub trait KeyService: Send + Sync {
    /// Creates a data key and wraps it under `key`.
    ///
    /// # Errors
    /// [`KeyServiceError`] if the KMS cannot be reached or refuses.
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError>;

    /// Wraps an existing data key under `key`.
    ///
    /// # Errors
    /// [`KeyServiceError`] if the KMS cannot be reached or refuses.
    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError>;

    /// Unwraps a [`WrappedKey::ciphertext_blob`], which itself names the key version that wrapped it.
    ///
    /// # Errors
    /// [`KeyServiceError`] if the KMS cannot be reached or refuses; [`KeyServiceError::Damaged`] also if the context differs from
    /// the one at wrapping.
    fn unwrap(
        &self,
        ciphertext_blob: &str,
        context: &EncryptionContext,
    ) -> Result<UnwrappedDataKey, KeyServiceError>;
}

// Pointers to a service implement the trait too, so that callers can lend or share a service.
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

/// A wrapped data key, and the KMS key that wrapped it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    /// The id of the KMS key, as the KMS returned it.
    pub key_id: String,
    /// The id of the key version, as the KMS returned it.
    pub key_version_id: String,
    /// The wrapped data key in base64, exactly as the KMS returned it.
    pub ciphertext_blob: String,
}

/// A new data key, as plaintext and wrapped.
#[derive(Debug)]
pub struct GeneratedDataKey {
    /// The data key to encrypt with.
    pub data_key: DataKey,
    /// The same data key, wrapped, to store with the ciphertext.
    pub wrapped: WrappedKey,
}

/// An unwrapped data key, and the KMS key that had wrapped it.
#[derive(Debug)]
pub struct UnwrappedDataKey {
    /// The data key to decrypt with.
    pub data_key: DataKey,
    /// The id of the KMS key, as the KMS returned it.
    pub key_id: String,
    /// The id of the key version, as the KMS returned it.
    pub key_version_id: String,
}

/// Why a call of a KMS failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyServiceError {
    /// The KMS did not reply: the connection failed, its certificate is not trusted, or the call timed out.
    Unreachable {
        /// The endpoint of the KMS.
        endpoint: String,
        /// The cause.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The KMS refused the request, for a reason without a variant of its own.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error code of the KMS.
        code: String,
        /// The message of the KMS.
        message: String,
        /// The request id, under which the KMS logged the request.
        request_id: String,
    },
    /// The KMS denied access, or does not know the caller.
    Denied {
        /// The error code of the KMS.
        code: String,
        /// The message of the KMS.
        message: String,
        /// The request id, under which the KMS logged the request.
        request_id: String,
    },
    /// There are no credentials for the KMS. `Display` shows the text of the inner error.
    NoCredentials(Arc<dyn Error + Send + Sync>),
    /// The KMS is rate-limiting the caller, and retries failed too.
    Throttled,
    /// The key or alias does not exist.
    KeyNotFound {
        /// The key as the caller named it.
        key: String,
    },
    /// The key exists but cannot be used: it is disabled, pending deletion, or without material.
    KeyUnavailable {
        /// The key, as far as it is known.
        key: String,
        /// The error code of the KMS, such as `Rejected.Disabled`.
        code: String,
    },
    /// The wrapped key is damaged or the encryption context is wrong. A KMS cannot distinguish the two.
    Damaged,
    /// The KMS does not have the key version that wrapped this key: another KMS, account or region wrapped it.
    UnknownKeyVersion,
    /// The reply of the KMS is invalid, such as a data key of a wrong length.
    InvalidResponse(Arc<dyn Error + Send + Sync>),
    /// The KMS runs in this process and is unavailable. `Display` shows the text of `source`.
    Local {
        /// How the KMS failed.
        kind: LocalFailure,
        /// The error of the KMS.
        source: Arc<dyn Error + Send + Sync>,
    },
}

/// How a KMS in this process failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocalFailure {
    /// Another process has locked the KMS, and may release it.
    InUse,
    /// The KMS could not be opened.
    Unopened,
    /// The KMS is open, and a call failed inside it.
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

    /// Whether this KMS can never unwrap this wrapped key with this context.
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
            Self::InvalidResponse(_) => f.write_str("the answer of the KMS is invalid"),
            Self::NoCredentials(source) | Self::Local { source, .. } => source.fmt(f),
        }
    }
}

impl Error for KeyServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } | Self::InvalidResponse(source) => Some(&**source),
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
        let error = KeyServiceError::InvalidResponse(Arc::new(NotADataKey::NotBase64));
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

    /// A service whose functions fail with different errors.
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
