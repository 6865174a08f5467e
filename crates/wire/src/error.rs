//! All error codes of the protocol, with their HTTP status and text.
//!
//! The texts are those of the public API reference and of the gateway in front of the cloud's services, because official clients
//! parse some of them.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::access_denied::AccessDenied;

macro_rules! error_codes {
    ($($variant:ident $status:literal $code:literal $message:literal;)*) => {
        /// An error code, named as in the cloud. `{}` in the code or text is replaced with the argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = concat!(stringify!($status), " `", $code, "`: ", $message)] $variant,)*
        }

        impl ErrorCode {
            /// All codes, for tests and documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            fn row(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($status, $code, $message),)*
                }
            }
        }
    };
}

error_codes! {
    // Before dispatch: the codes of the gateway.
    UnsupportedHttpMethod 403 "UnsupportedHTTPMethod" "This http method is not supported.";
    InvalidActionNotFound 404 "InvalidAction.NotFound" "Specified api is not found, please check your url and method.";
    InvalidVersion 400 "InvalidVersion" "Specified parameter Version is not valid.";
    Missing 400 "Missing{}" "{} is mandatory for this action.";
    ParseRequestParameterException 400 "ParseRequestParameterException" "Server parse parameters exception. Please check your input params.";
    RequestTooLarge 413 "ParseRequestParameterException" "The request is larger than this server accepts. Please check your input params.";
    RequestLineTooLong 414 "ParseRequestParameterException" "The request line is longer than this server accepts. Please check your input params.";
    HeadersTooLarge 431 "ParseRequestParameterException" "The headers are larger than this server accepts. Please check your input params.";
    IncompleteSignature 400 "IncompleteSignature" "The request signature does not conform to Alibaba Cloud standards.";
    SignatureDoesNotMatch 400 "SignatureDoesNotMatch" "Specified signature is not matched with our calculation. server string to sign is:{}";
    InvalidAccessKeyIdNotFound 404 "InvalidAccessKeyId.NotFound" "The Access Key ID provided does not exist in our records.";
    ForbiddenAccessKey 403 "Forbidden.AccessKey" "This AccessKey is not enabled.";
    SecurityTokenMismatch 400 "InvalidSecurityToken.MismatchWithAccessKey" "Specified SecurityToken mismatch with the AccessKey.";
    SecurityTokenMalformed 400 "InvalidSecurityToken.Malformed" "Specified SecurityToken is malformed.";
    SecurityTokenExpired 400 "InvalidSecurityToken.Expired" "Specified SecurityToken is expired.";
    InvalidTimeStampExpired 400 "InvalidTimeStamp.Expired" "Specified time stamp or date value is expired.";
    IllegalTimestamp 400 "IllegalTimestamp" "The input parameter \"Timestamp\" that is mandatory for processing this request is not supplied.";
    SignatureNonceUsed 400 "SignatureNonceUsed" "Specified signature nonce was used already.";
    ThrottlingUser 400 "Throttling.User" "Request was denied due to request throttling.";
    // After dispatch: the codes of the KMS.
    ForbiddenNoPermission 403 "Forbidden.NoPermission" "This operation{} is forbidden by permission system.";
    InvalidParameter 400 "InvalidParameter" "The specified parameter \"{}\" is not valid.";
    InvalidPolicy 400 "InvalidParameter" "The specified parameter \"Policy\" is not valid: {}.";
    ForbiddenKeyNotFound 404 "Forbidden.KeyNotFound" "The specified Key is not found.";
    ForbiddenKeyVersionNotFound 404 "Forbidden.KeyVersionNotFound" "The specified Key version is not found.";
    ForbiddenAliasNotFound 404 "Forbidden.AliasNotFound" "The specified Alias is not found.";
    ForbiddenResourceNotFound 404 "Forbidden.ResourceNotFound" "Resource not found.";
    CertificateNotFound 404 "Certificate.NotFound" "The specified certificate is not found.";
    ForbiddenInstanceNotFound 403 "Forbidden.DKMSInstanceNotFound" "The specified KMS instance is not found.";
    AliasAlreadyExists 400 "AliasAlreadyExists" "AliasName Already Exists.";
    UnsupportedAlias 400 "Unsupported.Alias" "Alias is not valid for this api.";
    UnsupportedOrigin 400 "Unsupported.Origin" "This key origin is not valid for this api.";
    UnsupportedProtectionLevel 400 "Unsupported.ProtectionLevel" "This protection level is not valid for this region";
    UnsupportedOperation 400 "UnsupportedOperation" "This action is not supported.";
    RejectedUnsupportedOperation 400 "Rejected.UnsupportedOperation" "Unsupported operation.";
    RejectedLimitExceeded 400 "Rejected.LimitExceeded" "The request was rejected because user create resource limit was exceeded.";
    InvalidKeyMaterial 400 "InvalidKeyMaterial" "key material is invalid";
    InvalidImportToken 400 "InvalidImportToken" "import token is invalid";
    ExpiredImportToken 400 "ExpiredImportToken" "import token is expired";
    ForbiddenOpened 400 "Forbidden.Opened" "The service has been opened already.";
    StateModifiedFailed 409 "Rejected.StateModifiedFailed" "Keystate modified failed.";
    RejectedDeletionProtected 409 "Rejected.DeletionProtected" "The request was rejected because the key is protected from deletion.";
    RejectedState 409 "Rejected.{}" "The request was rejected because the key state is {}.";
    RejectedResourceExist 409 "Rejected.ResourceExist" "The resource already exists.";
    RejectedResourceInDeleteWindow 409 "Rejected.ResourceInDeleteWindow" "The secret is planned to be deleted.";
    RejectedResourceInUse 409 "Rejected.ResourceInUse" "restore normal secret";
    // The codes of RAM and STS.
    MissingParameter 400 "MissingParameter" "Parameter {} is required.";
    ParameterIncorrect 400 "InvalidParameter.{}" "The parameter - \"{}\" is incorrect.";
    ParameterInvalidChars 400 "InvalidParameter.{}.InvalidChars" "The parameter - \"{}\" contains invalid chars.";
    ParameterLength 400 "InvalidParameter.{}.Length" "The parameter - \"{}\" beyond the length limit.";
    ParameterFormat 400 "InvalidParameter.{}.Format" "The format of the parameter - \"{}\" is incorrect.";
    PasswordTooWeak 400 "InvalidParameter.Password.TooWeak" "The parameter - \"Password\" is not compliant with the password policy.";
    AuthenticationCodeFormat 400 "InvalidParameter.AuthenticationCode.Format" "The parameter - \"AuthenticationCode\" MUST be 6 numbers.";
    MalformedPolicyDocument 400 "MalformedPolicyDocument" "{}";
    NoPermission 403 "NoPermission" "You are not authorized to do this action.{}";
    CheckAuthenticationCodeFail 403 "CheckAuthenticationCodeFail" "The authentication code is incorrect.";
    EntityNotExistUser 404 "EntityNotExist.User" "The user does not exist.";
    EntityNotExistUserAccessKey 404 "EntityNotExist.User.AccessKey" "The user access key does not exist.";
    EntityNotExistUserLoginProfile 404 "EntityNotExist.User.LoginProfile" "The user login profile does not exist.";
    EntityNotExistUserMfaDevice 404 "EntityNotExist.User.MFADevice" "The user has not bound any MFA device.";
    EntityNotExistUserGroup 404 "EntityNotExist.User.Group" "The user has not joined the group.";
    EntityNotExistUserPolicy 404 "EntityNotExist.User.Policy" "The indicate policy of the user does not exist.";
    EntityNotExistGroup 404 "EntityNotExist.Group" "The group does not exist.";
    EntityNotExistGroupPolicy 404 "EntityNotExist.Group.Policy" "The indicate policy attached to the group does not exist.";
    EntityNotExistRole 404 "EntityNotExist.Role" "The role does not exist.";
    EntityNotExistRolePolicy 404 "EntityNotExist.Role.Policy" "The indicate policy attached to the role does not exist.";
    EntityNotExistPolicy 404 "EntityNotExist.Policy" "The policy does not exist.";
    EntityNotExistPolicyVersion 404 "EntityNotExist.Policy.Version" "The policy version does not exist.";
    EntityNotExistVirtualMfaDevice 404 "EntityNotExist.VirtualMFADevice" "The virtual mfa device does not exist.";
    EntityAlreadyExistsUser 409 "EntityAlreadyExists.User" "The user does already EXIST.";
    EntityAlreadyExistsUserLoginProfile 409 "EntityAlreadyExists.User.LoginProfile" "The user login profile does already EXIST.";
    EntityAlreadyExistsUserMfaDevice 409 "EntityAlreadyExists.User.MFADevice" "The user has already bound a MFA device.";
    EntityAlreadyExistsUserGroup 409 "EntityAlreadyExists.User.Group" "The user has already joined the group.";
    EntityAlreadyExistsUserPolicy 409 "EntityAlreadyExists.User.Policy" "The user has already been attached this policy.";
    EntityAlreadyExistsGroup 409 "EntityAlreadyExists.Group" "The group does already EXIST.";
    EntityAlreadyExistsGroupPolicy 409 "EntityAlreadyExists.Group.Policy" "The group has already been attached this policy.";
    EntityAlreadyExistsRole 409 "EntityAlreadyExists.Role" "The role does already EXIST.";
    EntityAlreadyExistsRolePolicy 409 "EntityAlreadyExists.Role.Policy" "The role has already been attached this policy.";
    EntityAlreadyExistsPolicy 409 "EntityAlreadyExists.Policy" "The policy does already EXIST.";
    EntityAlreadyExistsAccountAlias 409 "EntityAlreadyExists.AccountAlias" "The account alias does already exist.";
    EntityAlreadyExistsVirtualMfaDevice 409 "EntityAlreadyExists.VirtualMFADevice" "The virtual mfa device does already EXIST.";
    EntityAlreadyExistsVirtualMfaDeviceUser 409 "EntityAlreadyExists.VirtualMFADevice.User" "The virtual mfa device does already been bound to a user.";
    DeleteConflictUserGroup 409 "DeleteConflict.User.Group" "The user CAN NOT be in any group while deleting the user.";
    DeleteConflictUserAccessKey 409 "DeleteConflict.User.AccessKey" "The user CAN NOT has any access key while deleting the user.";
    DeleteConflictUserLoginProfile 409 "DeleteConflict.User.LoginProfile" "The user CAN NOT has any login profile while deleting the user.";
    DeleteConflictUserMfaDevice 409 "DeleteConflict.User.MFADevice" "The user CAN NOT has any mfa device while deleting the user.";
    DeleteConflictUserPolicy 409 "DeleteConflict.User.Policy" "The user CAN NOT has any attached policy while deleting the user.";
    DeleteConflictRootAccessKey 409 "DeleteConflict.Root.AccessKey" "The last active access key of the root CAN NOT be deleted, and not be disabled unless another administrator has signed a request within 24 hours.";
    DeleteConflictGroupUser 409 "DeleteConflict.Group.User" "The group CAN NOT has any user member while deleting the group.";
    DeleteConflictGroupPolicy 409 "DeleteConflict.Group.Policy" "The entity CAN NOT has any attached policy while deleting the group.";
    DeleteConflictRolePolicy 409 "DeleteConflict.Role.Policy" "The role CAN NOT has any attached policy while deleting the role.";
    DeleteConflictPolicyUser 409 "DeleteConflict.Policy.User" "The policy CAN NOT been attached to any user while deleting the policy.";
    DeleteConflictPolicyGroup 409 "DeleteConflict.Policy.Group" "The policy CAN NOT been attached to any group while deleting the policy.";
    DeleteConflictPolicyRole 409 "DeleteConflict.Policy.Role" "The policy CAN NOT been attached to any role while deleting the policy.";
    DeleteConflictPolicyVersion 409 "DeleteConflict.Policy.Version" "The policy CAN NOT has any version except the default version.";
    DeleteConflictPolicyVersionDefault 409 "DeleteConflict.Policy.Version.Default" "The default policy version CAN NOT been deleted directly.";
    DeleteConflictVirtualMfaDeviceUser 409 "DeleteConflict.VirtualMFADevice.User" "The virtual mfa device CAN NOT been bound to any user while deleting it.";
    LimitExceededUser 409 "LimitExceeded.User" "The count of users beyond the current limits.";
    LimitExceededUserAccessKey 409 "LimitExceeded.User.AccessKey" "The access key count of the user access keys beyond the current limits.";
    LimitExceededUserGroup 409 "LimitExceeded.User.Group" "The count of groups the target user joined beyond the current limits.";
    LimitExceededUserPolicy 409 "LimitExceeded.User.Policy" "The policy count of the user attached policies beyond the current limits.";
    LimitExceededGroup 409 "LimitExceeded.Group" "The count of groups beyond the current limits.";
    LimitExceededGroupPolicy 409 "LimitExceeded.Group.Policy" "The policy count of the group beyond the current limits.";
    LimitExceededRole 409 "LimitExceeded.Role" "The count of roles beyond the current limits.";
    LimitExceededRolePolicy 409 "LimitExceeded.Role.Policy" "The count of policies attached to the role beyond the current limits.";
    LimitExceededPolicy 409 "LimitExceeded.Policy" "The count of policy beyond the current limits.";
    LimitExceededPolicyVersion 409 "LimitExceeded.Policy.Version" "The count of policy version beyond the current limits.";
    LimitExceededVirtualMfaDevice 409 "LimitExceeded.VirtualMFADevice" "The count of virtual mfa devices beyond the current limits.";
    ParameterWronglyFormed 400 "InvalidParameter.{}" "The parameter {} is wrongly formed.";
    ThrottlingUserFlow 400 "Throttling.User" "Request was denied due to user flow control.";
    DurationOutOfRange 400 "InvalidParameter.DurationSeconds" "The Min/Max value of DurationSeconds is 15min/{}.";
    PolicyGrammar 400 "InvalidParameter.PolicyGrammar" "The parameter Policy has not passed grammar check.";
    PolicySize 400 "InvalidParameter.PolicySize" "The size of Policy must be smaller than 2048 bytes.";
    RootAssumesNoRole 403 "NoPermission" "Roles may not be assumed by root accounts.";
    AssumeRoleNoPermission 403 "NoPermission" "No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform sts:AssumeRole or the specified role does not trust you";
    OidcTokenInvalid 400 "AuthenticationFail.OIDCToken.Invalid" "This JsonWebToken is invalid.";
    OidcTokenKeyMismatch 400 "AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch" "The key that signed this JsonWebToken is none of the provider's.";
    OidcTokenExpired 400 "AuthenticationFail.OIDCToken.Expired" "This JsonWebToken is expired.";
    // The codes of a DryRun, whose reply is always an error, even if the request would succeed.
    DryRunOperation 400 "DryRunOperationError" "The request would have succeeded, but DryRun is set.";
    DryRunValidation 400 "ValidationError" "The request would have failed: {}";
    // Faults of the server.
    InternalFailure 500 "InternalFailure" "Internal Failure.";
    // The same in RAM and STS.
    InternalErrorOfRam 500 "InternalError" "An internal error occurred.";
    InternalErrorOfSts 500 "InternalError" "STS Server Internal Error happened.";
    ServiceUnavailableTemporary 503 "ServiceUnavailableTemporary" "Service Unavailable Temporary.";
}

impl ErrorCode {
    /// Returns the HTTP status of the code.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// Returns the code with its placeholder, such as `Rejected.{}`, so that it does not depend on the request.
    #[must_use]
    pub fn template(self) -> &'static str {
        self.row().1
    }
}

/// An error for the caller, with a cause that only the server's log contains.
pub struct Error {
    code: ErrorCode,
    /// May be a string to sign that contains a plaintext, so it is wiped and not shown by `Debug`.
    argument: Zeroizing<String>,
    /// Boxed to keep the results of the engine small.
    detail: Option<Box<Detail>>,
}

/// Additional data of some errors.
enum Detail {
    /// The cause of a fault of the server.
    Cause(Box<dyn StdError + Send + Sync>),
    /// The details of a denial.
    AccessDenied(AccessDenied),
    /// The time after which the same request would be accepted.
    RetryAfter(Duration),
}

impl Error {
    /// Creates an error whose code and text have no argument.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self::with(code, "")
    }

    /// Creates an error whose code or text has an argument: a parameter, a key state, a string to sign.
    #[must_use]
    pub fn with(code: ErrorCode, argument: impl Into<String>) -> Self {
        Self { code, argument: Zeroizing::new(argument.into()), detail: None }
    }

    /// Adds the details of a denial to the reply.
    #[must_use]
    pub fn with_access_denied(mut self, access_denied: AccessDenied) -> Self {
        self.detail = Some(Box::new(Detail::AccessDenied(access_denied)));
        self
    }

    /// Creates a temporary error: after `retry_after` the same request would be accepted.
    #[must_use]
    pub fn throttled(code: ErrorCode, retry_after: Duration) -> Self {
        Self { detail: Some(Box::new(Detail::RetryAfter(retry_after))), ..Self::new(code) }
    }

    /// Creates an InvalidParameter error for a parameter.
    #[must_use]
    pub fn invalid(parameter: &str) -> Self {
        Self::with(ErrorCode::InvalidParameter, parameter)
    }

    /// Creates an InternalFailure error. The caller does not see `cause`; the log does.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let detail = Some(Box::new(Detail::Cause(cause.into())));
        Self { code: ErrorCode::InternalFailure, argument: Zeroizing::default(), detail }
    }

    /// Returns the cause, if this is a fault of the server.
    #[must_use]
    pub fn into_cause(self) -> Option<Box<dyn StdError + Send + Sync>> {
        match *self.detail? {
            Detail::Cause(cause) => Some(cause),
            Detail::AccessDenied(_) | Detail::RetryAfter(_) => None,
        }
    }

    /// Converts the error of a request to the one for its DryRun, which says that the request would have failed.
    #[must_use]
    pub fn of_dry_run(self) -> Self {
        match self.code {
            ErrorCode::ForbiddenNoPermission => self, // the same for every denied request
            code if code.status() >= 500 => self,     // it must be logged
            _ => Self::with(ErrorCode::DryRunValidation, self.message()),
        }
    }

    /// Returns the row of the table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the HTTP status of the reply.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// Returns the code in the reply, such as `Forbidden.KeyNotFound`.
    #[must_use]
    pub fn code_text(&self) -> String {
        filled(self.code.row().1, &self.argument)
    }

    /// Returns the text for the caller. It may contain the caller's own string to sign, so never log it.
    #[must_use]
    pub fn message(&self) -> String {
        filled(self.code.row().2, &self.argument)
    }

    /// Returns the argument of code or text; empty if there is none. It may be the caller's own string to sign, so never log it.
    #[must_use]
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// Returns the cause, for the log only.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        match self.detail.as_deref()? {
            Detail::Cause(cause) => Some(&**cause),
            Detail::AccessDenied(_) | Detail::RetryAfter(_) => None,
        }
    }

    /// Returns the details of a denial, if the reply contains them.
    #[must_use]
    pub fn access_denied(&self) -> Option<&AccessDenied> {
        match self.detail.as_deref()? {
            Detail::AccessDenied(access_denied) => Some(access_denied),
            Detail::Cause(_) | Detail::RetryAfter(_) => None,
        }
    }

    /// Returns the time after which the same request would be accepted, if it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.detail.as_deref()? {
            Detail::RetryAfter(wait) => Some(*wait),
            Detail::Cause(_) | Detail::AccessDenied(_) => None,
        }
    }
}

/// Inserts the argument into a text of the table, in one allocation, because a string to sign may contain a plaintext.
fn filled(template: &str, argument: &str) -> String {
    match template.split_once("{}") {
        Some((before, after)) => [before, argument, after].concat(),
        None => template.to_owned(),
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code)
            .field("cause", &self.cause())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code_text(), self.message())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// The body of an error reply, as a client parses it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ErrorReply {
    /// The code, such as `Forbidden.KeyNotFound`.
    pub code: String,
    /// The text of the code.
    #[serde(default)]
    pub message: String,
    /// The request id, under which the KMS logged the request.
    #[serde(default)]
    pub request_id: String,
    /// The details of a denial; not in every reply to a denied request.
    #[serde(default, rename = "AccessDeniedDetail", skip_serializing_if = "Option::is_none")]
    pub access_denied: Option<AccessDenied>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_code_and_text() {
        let missing = Error::with(ErrorCode::Missing, "KeyId");
        assert_eq!(missing.to_string(), "MissingKeyId: KeyId is mandatory for this action.");
        let state = Error::with(ErrorCode::RejectedState, "Disabled");
        assert_eq!(state.code_text(), "Rejected.Disabled");
        assert_eq!(state.status(), 409);
    }

    /// The old Python SDK evaluates `Message.split(':')[1]` for this code and crashes without a colon.
    #[test]
    fn signature_mismatch_always_has_a_colon() {
        assert!(Error::new(ErrorCode::SignatureDoesNotMatch).message().contains("sign is:"));
    }

    #[test]
    fn an_error_is_as_small_as_without_details() {
        assert_eq!(size_of::<Error>(), size_of::<Zeroizing<String>>() + 2 * size_of::<usize>());
        let error = Error::internal("disk");
        assert!(error.access_denied().is_none() && error.source().is_some());
        assert_eq!(error.into_cause().map(|cause| cause.to_string()).as_deref(), Some("disk"));
        let denied = Error::new(ErrorCode::NoPermission).with_access_denied(AccessDenied::default());
        assert!(denied.cause().is_none() && denied.source().is_none());
        assert!(denied.into_cause().is_none());
        let throttled = Error::throttled(ErrorCode::ThrottlingUser, Duration::from_millis(20));
        assert_eq!(throttled.retry_after(), Some(Duration::from_millis(20)));
        assert!(throttled.cause().is_none() && throttled.access_denied().is_none());
        assert!(
            Error::new(ErrorCode::ThrottlingUser).retry_after().is_none() && throttled.into_cause().is_none()
        );
    }

    #[test]
    fn every_row_has_an_error_status_and_a_sentence() {
        for code in ErrorCode::ALL {
            let (status, name, message) = code.row();
            assert!([name, message].iter().all(|text| text.matches("{}").count() <= 1), "{name}");
            assert!((400..600).contains(&status), "{name}");
            assert!(!name.is_empty() && !message.is_empty());
        }
    }
}
