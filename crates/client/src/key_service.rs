//! Adapts the API of a KMS to the trait [`KeyService`], and maps its errors.

use std::sync::Arc;

use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};
use bulla_wire::kms::{Decrypt, Encrypt, GenerateDataKey};
use bulla_wire::{Action, ContextParameter, SecretText};

use crate::api::KmsApi;
use crate::error::CallError;
use crate::refusal::Refusal;
use crate::transport::TransportError;

/// Adapts a KMS that implements the API, remote or in the same process, to the trait [`KeyService`].
///
/// ```no_run
/// # fn client() -> bulla_client::Client { unimplemented!() }
/// use bulla_client::ApiKeyService;
/// use bulla_envelope::{EncryptionContext, KeyService};
///
/// let kms = ApiKeyService::new(client()); // or of a reference or an Arc
/// let data_key = kms.generate_data_key("alias/work", &EncryptionContext::default())?;
/// println!("wrapped by {}", data_key.wrapped.key_id);
/// # Ok::<(), bulla_envelope::KeyServiceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ApiKeyService<A> {
    api: A,
}

impl<A: KmsApi> ApiKeyService<A> {
    /// Creates the key service of a KMS.
    #[must_use]
    pub fn new(api: A) -> Self {
        Self { api }
    }

    /// Returns the KMS.
    #[must_use]
    pub fn api(&self) -> &A {
        &self.api
    }

    /// Calls an action with `key`, and creates the key if the KMS does so on first use.
    fn call_for_key<R: Action>(&self, key: &str, request: &R) -> Result<R::Reply, KeyServiceError> {
        let failed = |error| of_call(error, Some(key));
        match self.api.call(request).map_err(failed) {
            Err(KeyServiceError::KeyNotFound { .. })
                if self.api.create_on_first_use(key).map_err(failed)? =>
            {
                self.api.call(request).map_err(failed)
            }
            response => response,
        }
    }
}

impl<A: KmsApi> KeyService for ApiKeyService<A> {
    /// Calls GenerateDataKey for 32 bytes.
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        let request = GenerateDataKey {
            key_id: key.to_owned(),
            number_of_bytes: Some(32),
            encryption_context: parameter(context),
            ..GenerateDataKey::default()
        };
        let reply = self.call_for_key(key, &request)?;
        let data_key = data_key(&reply.plaintext)?;
        let wrapped = WrappedKey {
            key_id: reply.key_id,
            key_version_id: reply.key_version_id,
            ciphertext_blob: reply.ciphertext_blob,
        };
        Ok(GeneratedDataKey { data_key, wrapped })
    }

    /// Calls Encrypt with the base64 of the data key.
    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        let request = Encrypt {
            key_id: key.to_owned(),
            plaintext: data_key.to_base64().into(),
            encryption_context: parameter(context),
            dry_run: None,
        };
        let reply = self.call_for_key(key, &request)?;
        Ok(WrappedKey {
            key_id: reply.key_id,
            key_version_id: reply.key_version_id,
            ciphertext_blob: reply.ciphertext_blob,
        })
    }

    /// Calls Decrypt.
    fn unwrap(
        &self,
        ciphertext_blob: &str,
        context: &EncryptionContext,
    ) -> Result<UnwrappedDataKey, KeyServiceError> {
        let request = Decrypt {
            ciphertext_blob: ciphertext_blob.to_owned(),
            encryption_context: parameter(context),
            recipient: None,
            dry_run: None,
        };
        let reply = self.api.call(&request).map_err(|error| of_call(error, None))?;
        Ok(UnwrappedDataKey {
            data_key: data_key(&reply.plaintext)?,
            key_id: reply.key_id,
            key_version_id: reply.key_version_id,
        })
    }
}

/// Maps an error of any KMS that uses the error codes of the API.
///
/// `key` is the key in the request; `None` for Decrypt, whose key is named in the ciphertext.
fn key_service_error(refusal: Refusal, key: Option<&str>) -> KeyServiceError {
    let requested = || key.unwrap_or(WRAPPING_KEY).to_owned();
    let Refusal { code, .. } = &refusal;
    match code.as_str() {
        _ if refusal.is_throttled() => KeyServiceError::Throttled,
        "Forbidden.KeyVersionNotFound" => KeyServiceError::UnknownKeyVersion,
        "Forbidden.KeyNotFound" | "Forbidden.AliasNotFound" => {
            KeyServiceError::KeyNotFound { key: requested() }
        }
        _ if is_key_state(code) => KeyServiceError::KeyUnavailable { key: requested(), code: refusal.code },
        // The cloud does not always name the parameter. Besides the context, Decrypt has only the ciphertext.
        "InvalidParameter" if key.is_none() && !refusal.message.contains("EncryptionContext") => {
            KeyServiceError::Damaged
        }
        _ if is_denial(code) => KeyServiceError::Denied {
            message: refusal.message_with_denial(),
            code: refusal.code,
            request_id: refusal.request_id,
        },
        _ => KeyServiceError::Refused {
            status: refusal.status,
            code: refusal.code,
            message: refusal.message,
            request_id: refusal.request_id,
        },
    }
}

/// Maps the error of a call. `key` is as for [`key_service_error`].
fn of_call(error: CallError, key: Option<&str>) -> KeyServiceError {
    match error {
        CallError::Refused(refusal) => key_service_error(refusal, key),
        CallError::Local { kind, source } => KeyServiceError::Local { kind, source },
        CallError::Credentials(error) => KeyServiceError::NoCredentials(error),
        // A gateway replied because it cannot reach the KMS.
        CallError::InvalidResponse { endpoint, status: status @ (429 | 500..), problem } => {
            let source = CallError::InvalidResponse { endpoint: endpoint.clone(), status, problem };
            KeyServiceError::Unreachable { endpoint, source: Arc::new(source) }
        }
        CallError::Unreachable { source: TransportError::TooLarge | TransportError::Http(_), .. }
        | CallError::Name(_)
        | CallError::InvalidResponse { .. } => KeyServiceError::InvalidResponse(Arc::new(error)),
        CallError::Unreachable { endpoint, source } => {
            KeyServiceError::Unreachable { endpoint, source: Arc::new(source) }
        }
    }
}

fn parameter(context: &EncryptionContext) -> Option<ContextParameter> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    (!context.is_empty()).then(|| ContextParameter(context.iter().map(owned).collect()))
}

fn data_key(plaintext: &SecretText) -> Result<DataKey, KeyServiceError> {
    DataKey::from_base64(plaintext.expose())
        .map_err(|error| KeyServiceError::InvalidResponse(Arc::new(error)))
}

/// Whether a code is `Rejected.<state>`, also in the misspelling of the cloud's documentation.
fn is_key_state(code: &str) -> bool {
    let state = code.strip_prefix("Rejected.").or_else(|| code.strip_prefix("Rejetced."));
    matches!(state, Some("Disabled" | "PendingDeletion" | "PendingImport" | "Unavailable"))
}

/// Whether a code means that the KMS does not know the caller or denies access.
fn is_denial(code: &str) -> bool {
    let (family, _) = code.split_once('.').unwrap_or((code, ""));
    DENIALS.contains(&family)
}

const DENIALS: [&str; 8] = [
    "Forbidden",
    "IllegalTimestamp",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidSecurityToken",
    "InvalidTimeStamp",
    "MissingSecurityToken",
    "SignatureDoesNotMatch",
];

/// Replaces the name of the key that wrapped a data key, which only the KMS knows.
const WRAPPING_KEY: &str = "that wrapped this data key";

#[cfg(test)]
mod tests {
    use super::*;
    use bulla_wire::{Error, ErrorCode};

    fn meaning(error: &Error, key: Option<&str>) -> KeyServiceError {
        let refusal = Refusal::new(error.status(), &error.code_text(), &error.message(), "r");
        key_service_error(refusal, key)
    }

    #[test]
    fn keys_and_their_states() {
        let key = Some("alias/work");
        for code in [ErrorCode::ForbiddenKeyNotFound, ErrorCode::ForbiddenAliasNotFound] {
            let error = meaning(&code.into(), key);
            assert_eq!(error.to_string(), "the KMS has no key alias/work");
            assert!(matches!(error, KeyServiceError::KeyNotFound { .. }));
        }
        for state in ["Disabled", "PendingDeletion", "PendingImport", "Unavailable"] {
            let error = meaning(&Error::with(ErrorCode::RejectedState, state), None);
            let text = format!("the key that wrapped this data key cannot be used now: Rejected.{state}");
            assert_eq!(error.to_string(), text);
        }
        let misspelt = key_service_error(Refusal::new(409, "Rejetced.PendingDeletion", "", ""), key);
        assert!(matches!(misspelt, KeyServiceError::KeyUnavailable { .. }));
        let unknown = meaning(&ErrorCode::ForbiddenKeyVersionNotFound.into(), None);
        assert!(matches!(unknown, KeyServiceError::UnknownKeyVersion));
    }

    #[test]
    fn invalid_parameter_means_damage_to_decrypt_only() {
        let blob = Error::invalid("CiphertextBlob");
        assert!(matches!(meaning(&blob, None), KeyServiceError::Damaged));
        assert!(matches!(meaning(&blob, Some("k")), KeyServiceError::Refused { .. }));
        let unnamed = Refusal::new(400, "InvalidParameter", "The specified parameter is not valid.", "");
        assert!(matches!(key_service_error(unnamed, None), KeyServiceError::Damaged));
        let context = Error::invalid("EncryptionContext");
        assert!(matches!(meaning(&context, None), KeyServiceError::Refused { status: 400, .. }));
    }

    #[test]
    fn callers_without_rights() {
        for code in [
            ErrorCode::ForbiddenNoPermission,
            ErrorCode::ForbiddenAccessKey,
            ErrorCode::InvalidAccessKeyIdNotFound,
            ErrorCode::SignatureDoesNotMatch,
            ErrorCode::SecurityTokenMismatch,
            ErrorCode::InvalidTimeStampExpired,
            ErrorCode::IllegalTimestamp,
        ] {
            // A denial names the resource, which is not secret; an echo of the request is.
            let denied = code == ErrorCode::ForbiddenNoPermission;
            let detail = if denied { "acs:kms:r:1:key/k" } else { "Plaintext=hunter2" };
            let error = meaning(&Error::with(code, detail), Some("k"));
            assert!(matches!(error, KeyServiceError::Denied { .. }), "{code:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn the_rest() {
        assert!(matches!(meaning(&ErrorCode::ThrottlingUser.into(), None), KeyServiceError::Throttled));
        let refused = meaning(&ErrorCode::InternalFailure.into(), None);
        assert!(matches!(&refused, KeyServiceError::Refused { status: 500, .. }));
    }

    #[test]
    fn no_context_is_no_parameter() {
        assert_eq!(parameter(&EncryptionContext::default()), None);
        let context = EncryptionContext::new([("a", "b")]).unwrap();
        assert_eq!(parameter(&context).unwrap().0["a"], "b");
    }
}
