//! What a user can do about an error, by the codes that a KMS answers.

use bulla_envelope::KeyServiceError;

use crate::error::CallError;
use crate::transport::TransportError;

/// What the user can do about an error of a [`KeyService`](bulla_envelope::KeyService), if that is known.
#[must_use]
pub fn of_key_service_error(error: &KeyServiceError) -> Option<&str> {
    match error {
        KeyServiceError::Unreachable { source, .. } => match source.downcast_ref::<TransportError>() {
            Some(error) => Some(error.hint()),
            None => source.downcast_ref::<CallError>()?.hint(),
        },
        KeyServiceError::Refused { code, .. }
        | KeyServiceError::Denied { code, .. }
        | KeyServiceError::KeyUnavailable { code, .. } => hint_of_code(code),
        KeyServiceError::Throttled => hint_of_code("Throttling"),
        KeyServiceError::KeyNotFound { .. } => hint_of_code("Forbidden.KeyNotFound"),
        KeyServiceError::Damaged => Some(
            "give the same -c NAME=VALUE as for encryption (a .bulla file holds its own), or another copy",
        ),
        KeyServiceError::UnknownKeyVersion => {
            Some("use the KMS, the account and the region that it was encrypted with")
        }
        KeyServiceError::Answer(_) => Some(NO_KMS),
        _ => None,
    }
}

/// What the user can do about an error code, if it tells.
pub(crate) fn hint_of_code(code: &str) -> Option<&'static str> {
    let (family, _) = code.split_once('.').unwrap_or((code, ""));
    Some(match (family, code) {
        ("SignatureDoesNotMatch", _) => "the secret does not belong to this access key: check both",
        (_, "InvalidAccessKeyId.Inactive" | "Forbidden.AccessKey") => {
            "have the access key enabled, or use another"
        }
        ("InvalidAccessKeyId", _) => "this KMS does not know the access key: check its id and the address",
        ("InvalidTimeStamp" | "IllegalTimestamp", _) => {
            "set the clock, which must be within 15 minutes of the KMS's; or try again, if the KMS was restarted just now"
        }
        ("InvalidSecurityToken" | "MissingSecurityToken", _) => {
            "renew the temporary credentials; unset the security token for a KMS that gave none"
        }
        ("InvalidAction", _) => "check the name of the action, also its capitals",
        ("AliasAlreadyExists", _) => "choose another alias, or point this one at another key",
        ("InvalidParameter", _) => "correct the parameter that it names",
        (missing, _) if missing.starts_with("Missing") => "give the parameter that it names",
        (_, "Forbidden.NoPermission") => "have this action on this key allowed by its policy or yours",
        (_, "Forbidden.KmsServiceNotEnabled") => "open the KMS service for this account in the console",
        (_, "Forbidden.InDebt" | "Forbidden.InDebtOverdue") => "settle the account's bills",
        (_, "Forbidden.KeyNotFound" | "Forbidden.AliasNotFound") => {
            "check the key's name, the region and the account"
        }
        (_, "Rejected.Disabled") => "have the key enabled",
        (_, "Rejected.PendingDeletion") => "cancel the key's deletion while there is time",
        (_, "Rejected.PendingImport") => "import the key's material",
        (_, "Rejected.DeletionProtected") => "lift the key's protection first, with SetDeletionProtection",
        (_, "Rejected.StateModifiedFailed") => "look at the key's state with `bulla key show`",
        ("UnsupportedOperation", _) | (_, "Rejected.UnsupportedOperation") => {
            "take a key of another kind, or leave the field out: the KMS's documents say what goes together"
        }
        (_, "Unsupported.Alias") => "name the key by its id",
        (_, "Unsupported.Origin") => {
            "take a key whose origin fits: EXTERNAL keys get their material from outside"
        }
        ("InvalidKeyMaterial", _) => {
            "wrap the key's own material for the public key that came with the token"
        }
        ("InvalidImportToken" | "ExpiredImportToken", _) => "ask for a new token with GetParametersForImport",
        ("Throttling", _) | (_, "Rejected.Throttling" | "ServiceUnavailableTemporary") => {
            "try again in a while"
        }
        _ => return None,
    })
}

pub(crate) const NO_KMS: &str = "check that there is a KMS at this address";
