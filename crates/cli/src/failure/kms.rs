//! Advice for errors of a KMS: unreachable, an invalid answer, or a refusal.
//!
//! The libraries report errors as data. The advice names flags, commands and variables, so it belongs to the program.

use std::io;

use bulla_client::{CallError, CertificateProblem, CredentialsError, RootsError, SetupError, TransportError};
use bulla_envelope::KeyServiceError;

use super::{Exit, Failure, with_causes};
use crate::embedded;

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let hint = match &error {
            CallError::Credentials(error) => return Self::from(&**error),
            CallError::Local { source, .. } => embedded::hint(&**source),
            error => hint_of_call(error).unwrap_or_default().to_owned(),
        };
        Self::new(Exit::Kms, with_causes(&error), hint)
    }
}

impl From<&KeyServiceError> for Failure {
    fn from(error: &KeyServiceError) -> Self {
        if let KeyServiceError::NoCredentials(source) = error
            && let Some(error) = source.downcast_ref::<CredentialsError>()
        {
            return Self::from(error);
        }
        let exit = match error {
            KeyServiceError::Damaged => Exit::Context,
            KeyServiceError::UnknownKeyVersion => Exit::Damaged,
            _ => Exit::Kms,
        };
        let hint = match error {
            KeyServiceError::Local { source, .. } => embedded::hint(&**source),
            error => hint_of_key_service(error).unwrap_or_default().to_owned(),
        };
        Self::new(exit, with_causes(error), hint)
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        Self::new(Exit::Usage, with_causes(&error), hint_of_setup(&error))
    }
}

pub(super) fn hint_of_setup(error: &SetupError) -> &'static str {
    match error {
        SetupError::Roots(RootsError::NoSystemRoots) => {
            "install the package ca-certificates, or name a PEM file in ALIBABA_CLOUD_CA_BUNDLE"
        }
        SetupError::Roots(_) => {
            "name a PEM file with the certificate of the authority that signed the server's"
        }
        SetupError::Proxy => "write HTTPS_PROXY as http://HOST:PORT",
        _ => "",
    }
}

/// Returns what the user can do about a call without a reply; `None` if that is unknown.
fn hint_of_call(error: &CallError) -> Option<&'static str> {
    match error {
        CallError::Unreachable { source, .. } => hint_of_transport(source),
        CallError::Refused(refusal) => hint_of_code(&refusal.code),
        CallError::Name(_) => Some("write the action as the KMS's API reference does, such as DescribeKey"),
        CallError::InvalidResponse { .. } => Some(NO_KMS),
        _ => None,
    }
}

/// Returns what the user can do about an error of a [`KeyService`](bulla_envelope::KeyService); `None` if that is
/// unknown.
fn hint_of_key_service(error: &KeyServiceError) -> Option<&'static str> {
    match error {
        KeyServiceError::Unreachable { source, .. } => match source.downcast_ref::<TransportError>() {
            Some(error) => hint_of_transport(error),
            None => hint_of_call(source.downcast_ref()?),
        },
        KeyServiceError::Refused { code, .. }
        | KeyServiceError::Denied { code, .. }
        | KeyServiceError::KeyUnavailable { code, .. } => hint_of_code(code),
        KeyServiceError::Throttled => hint_of_code("Throttling"),
        KeyServiceError::KeyNotFound { .. } => hint_of_code("Forbidden.KeyNotFound"),
        KeyServiceError::Damaged => Some(
            "give the same -c NAME=VALUE as for encryption (a .bulla file stores its own), or try another copy",
        ),
        KeyServiceError::UnknownKeyVersion => {
            Some("use the KMS, the account and the region that it was encrypted with")
        }
        KeyServiceError::InvalidResponse(_) => Some(NO_KMS),
        _ => None,
    }
}

fn hint_of_transport(error: &TransportError) -> Option<&'static str> {
    Some(match error {
        TransportError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "check host and port, and whether the KMS is running there"
        }
        TransportError::Io(_) | TransportError::ConnectTimeout => {
            "check the host name, the network and the proxy variables"
        }
        TransportError::AnswerTimeout => "try again; the KMS may be busy",
        TransportError::Certificate { problem, .. } => hint_of_certificate(*problem),
        TransportError::Proxy(_) => "check HTTPS_PROXY, or name the host of the KMS in NO_PROXY",
        TransportError::Tls(_) | TransportError::Http(_) => {
            "check that there is a KMS at this address, and whether it speaks http or https"
        }
        TransportError::TooLarge => NO_KMS,
        _ => return None,
    })
}

fn hint_of_certificate(problem: CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::Untrusted => {
            "name the file of its authority in ALIBABA_CLOUD_CA_BUNDLE; `bulla serve` keeps it in DATA/tls/ca.pem"
        }
        CertificateProblem::OtherHost => {
            "use a host name that the certificate is for; `bulla serve --tls-name NAME` adds one"
        }
        CertificateProblem::NotNow => {
            "check this machine's clock, or ask the server's operator to renew the certificate"
        }
        _ => "ask the server's operator for a valid certificate",
    }
}

/// Returns what the user can do about an error code of a KMS; `None` if the code does not imply anything.
pub(super) fn hint_of_code(code: &str) -> Option<&'static str> {
    let (family, _) = code.split_once('.').unwrap_or((code, ""));
    Some(match (family, code) {
        ("SignatureDoesNotMatch", _) => "the secret does not belong to this access key: check both",
        (_, "InvalidAccessKeyId.Inactive" | "Forbidden.AccessKey") => {
            "enable it with `bulla access-key enable ID`, or use another access key"
        }
        ("InvalidAccessKeyId", _) => "this KMS does not know the access key: check its id and the address",
        ("InvalidTimeStamp" | "IllegalTimestamp", _) => {
            "set the clock, which must be within 15 minutes of the KMS's, or try again if the KMS was restarted just now"
        }
        ("InvalidSecurityToken" | "MissingSecurityToken", _) => {
            "renew the temporary credentials; unset the security token for a KMS that did not issue one"
        }
        ("InvalidAction", _) => "check the spelling of the action, including upper and lower case",
        ("AliasAlreadyExists", _) => "choose another alias, or point this one at another key",
        ("InvalidParameter", _) => "correct the parameter that the message names",
        (missing, _) if missing.starts_with("Missing") => "add the parameter that the message names",
        ("NoPermission", _) | (_, "Forbidden.NoPermission") => {
            "ask an administrator for permission; `bulla policy explain --as USER ACTION RESOURCE` shows what is missing"
        }
        ("AuthenticationFail", _) => {
            "get a new token of the provider; its issuer, audience and keys must be those of [[oidc]] on the server"
        }
        (_, "EntityNotExist.User") => "check the name: `bulla user list` shows the users",
        (_, "EntityNotExist.Group") => "check the name: `bulla group list` shows the groups",
        (_, "EntityNotExist.Role") => "check the name: `bulla role list` shows the roles",
        (_, "EntityNotExist.Policy") => {
            "check the name: `bulla policy list` shows the policies; write custom/NAME or system/NAME"
        }
        (_, "EntityNotExist.User.AccessKey") => "check the id, and whose it is: --user names the user",
        ("EntityNotExist", _) => {
            "list what exists with `bulla user show`, `bulla group show` or `bulla policy show`"
        }
        ("EntityAlreadyExists", code) if code.matches('.').count() > 1 => {
            "nothing to do: this is already the case"
        }
        ("EntityAlreadyExists", _) => "choose another name",
        (_, "DeleteConflict.Policy.Version.Default") => {
            "put another version in force first: `bulla policy set-default`"
        }
        (_, "DeleteConflict.Root.AccessKey") => {
            "create another access key of root first: `bulla access-key create -o FILE`"
        }
        ("DeleteConflict", _) => {
            "remove or detach that first: `show` lists it, and `bulla policy versions` the versions of a policy"
        }
        ("LimitExceeded", _) | (_, "Rejected.LimitExceeded") => {
            "remove some first; on a server of your own, raise the limit in [quotas]"
        }
        ("MalformedPolicyDocument", _) => {
            "correct the document there; `bulla policy check FILE` checks it without a server"
        }
        (_, "Forbidden.KmsServiceNotEnabled") => "open the KMS service for this account in the console",
        (_, "Forbidden.InDebt" | "Forbidden.InDebtOverdue") => "settle the account's bills",
        (_, "Forbidden.DKMSInstanceNotFound") => {
            "leave DKMSInstanceId out, or give the id of an instance: `bulla serve` has none"
        }
        (_, "Forbidden.KeyNotFound" | "Forbidden.AliasNotFound") => {
            "check the name, the region and the account; `bulla key list` and `bulla alias list` show what exists"
        }
        (_, "Rejected.Disabled") => "enable it with `bulla key enable KEY`",
        (_, "Rejected.PendingDeletion") => {
            "cancel its deletion with `bulla key cancel-deletion KEY` before the key is deleted"
        }
        (_, "Rejected.PendingImport") => {
            "import its key material: `bulla kms GetParametersForImport`, then `bulla kms ImportKeyMaterial`"
        }
        (_, "Rejected.DeletionProtected") => {
            "turn off its deletion protection first: `bulla kms SetDeletionProtection`"
        }
        (_, "Rejected.StateModifiedFailed") => "check the key's state with `bulla key show KEY`",
        ("UnsupportedOperation", _) | (_, "Rejected.UnsupportedOperation") => {
            "use a key of another kind, or leave the field out; docs/compatibility.md lists what is supported"
        }
        (_, "Unsupported.Alias") => "name the key by its id",
        (_, "Unsupported.Origin") => {
            "use a key of the right origin: only EXTERNAL keys take imported material"
        }
        ("InvalidKeyMaterial", _) => {
            "wrap the key's own material with the public key that came with the token"
        }
        ("InvalidImportToken" | "ExpiredImportToken", _) => {
            "get a new token: `bulla kms GetParametersForImport`"
        }
        ("Throttling", _) | (_, "Rejected.Throttling" | "ServiceUnavailableTemporary") => "try again later",
        _ => return None,
    })
}

const NO_KMS: &str = "check that there is a KMS at this address";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use bulla_client::{Refusal, ResponseProblem};

    use super::*;

    fn refused(code: &str) -> CallError {
        CallError::Refused(Refusal::new(400, code, "m", "r"))
    }

    fn unreachable(source: TransportError) -> CallError {
        CallError::Unreachable { endpoint: "https://kms".into(), source }
    }

    #[test]
    fn the_code_of_a_refusal_selects_the_hint() {
        for (code, hint) in [
            ("SignatureDoesNotMatch", Some("the secret does not belong to this access key: check both")),
            ("Throttling.User", Some("try again later")),
            (
                "Forbidden.DKMSInstanceNotFound",
                Some("leave DKMSInstanceId out, or give the id of an instance: `bulla serve` has none"),
            ),
            ("MissingKeyId", Some("add the parameter that the message names")),
            ("InternalFailure", None),
        ] {
            assert_eq!(hint_of_call(&refused(code)), hint, "{code}");
        }
    }

    #[test]
    fn a_key_service_gets_the_hint_of_its_cause() {
        let denied = |code: &str| KeyServiceError::Denied {
            code: code.into(),
            message: String::new(),
            request_id: String::new(),
        };
        for code in [
            "Forbidden.NoPermission",
            "Forbidden.AccessKey",
            "InvalidAccessKeyId.NotFound",
            "SignatureDoesNotMatch",
            "InvalidSecurityToken.MismatchWithAccessKey",
            "InvalidTimeStamp.Expired",
            "IllegalTimestamp",
        ] {
            assert!(hint_of_key_service(&denied(code)).is_some(), "{code}");
        }
        let missing = KeyServiceError::KeyNotFound { key: "k".into() };
        assert_eq!(
            hint_of_key_service(&missing),
            Some(
                "check the name, the region and the account; `bulla key list` and `bulla alias list` show what exists"
            )
        );
        let outage = |source| KeyServiceError::Unreachable { endpoint: String::new(), source };
        assert_eq!(hint_of_key_service(&outage(Arc::new(TransportError::TooLarge))), Some(NO_KMS));
        let answer = CallError::InvalidResponse {
            endpoint: String::new(),
            status: 200,
            problem: ResponseProblem::NotJson,
        };
        assert_eq!(hint_of_key_service(&outage(Arc::new(answer))), Some(NO_KMS));
    }

    #[test]
    fn transport_errors_have_a_hint() {
        let certificate = |problem| TransportError::Certificate { problem, source: "x".into() };
        for (error, part) in [
            (TransportError::Io(io::ErrorKind::ConnectionRefused.into()), "is running there"),
            (TransportError::Io(io::ErrorKind::ConnectionReset.into()), "the network"),
            (TransportError::Tls("x".into()), "whether it speaks http or https"),
            (TransportError::Http("x".into()), "whether it speaks http or https"),
            (certificate(CertificateProblem::Untrusted), "ALIBABA_CLOUD_CA_BUNDLE"),
            (certificate(CertificateProblem::OtherHost), "--tls-name"),
        ] {
            let failure = Failure::from(unreachable(error));
            assert!(failure.hint.contains(part), "{failure:?}");
            assert_eq!(failure.exit, Exit::Kms);
        }
    }

    #[test]
    fn a_client_that_cannot_be_made_is_a_mistake_of_usage() {
        let empty = RootsError::Empty { path: PathBuf::from("ca.pem") };
        let failure = Failure::from(SetupError::Roots(empty));
        assert_eq!((failure.exit, &*failure.what), (Exit::Usage, "ca.pem holds no certificate"));
        assert!(failure.hint.contains("PEM"), "{failure:?}");
    }
}
