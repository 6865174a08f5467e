//! The actions of the Security Token Service, with their requests and replies.

use serde::{Deserialize, Serialize};

use super::table::{Rules, actions};
use crate::error::{Error, ErrorCode};
use crate::secret::SecretText;
use crate::timestamp::Timestamp;

actions! {
    Sts, "2015-04-01";
    AssumeRole => AssumeRoleReply,
    AssumeRoleWithOIDC => AssumeRoleWithOidcReply,
    GetCallerIdentity => GetCallerIdentityReply,
}

const RULES: Rules = Rules {
    missing: ErrorCode::Missing,
    invalid: ErrorCode::ParameterWronglyFormed,
    denied: |_, _| Error::with(ErrorCode::NoPermission, " You should be authorized by RAM."),
    internal: ErrorCode::InternalErrorOfSts,
    unsigned: &["AssumeRoleWithOIDC"], // its token authenticates the caller
    is_global: true,
};

/// The operations of the official SDK that bulla does not implement, each with the feature that it belongs to.
const NOT_IMPLEMENTED: &[(&str, &str)] = &[("AssumeRoleWithSAML", "identity providers that speak SAML")];

/// Returns temporary credentials of a role to a user or to a session of another role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRole {
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// 2 to 64 letters, digits, `.`, `@`, `-` and `_`.
    pub role_session_name: String,
    /// 900 seconds up to the maximum session duration of the role; 3600 if absent.
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// A policy that limits the session, up to 2048 characters.
    #[serde(default)]
    pub policy: Option<String>,
    /// A text that the trust policy of the role may require, 2 to 1224 characters.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The identity that started a chain of sessions.
    #[serde(default)]
    pub source_identity: Option<String>,
}

/// Returns temporary credentials of a role to the bearer of an OIDC token. The request needs no signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleWithOIDC {
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// `acs:ram::<account>:oidc-provider/<name>`.
    #[serde(rename = "OIDCProviderArn")]
    pub oidc_provider_arn: String,
    /// The JSON Web Token, which authenticates the caller.
    #[serde(rename = "OIDCToken")]
    pub oidc_token: SecretText,
    /// As in [`AssumeRole`].
    pub role_session_name: String,
    /// As in [`AssumeRole`].
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// As in [`AssumeRole`].
    #[serde(default)]
    pub policy: Option<String>,
}

/// Returns the identity of the caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GetCallerIdentity {}

/// The reply to [`AssumeRole`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleReply {
    /// The session.
    pub assumed_role_user: AssumedRoleUser,
    /// The credentials of the session.
    pub credentials: Credentials,
    /// The source identity of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
}

/// The reply to [`AssumeRoleWithOIDC`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleWithOidcReply {
    /// The session.
    pub assumed_role_user: AssumedRoleUser,
    /// The credentials of the session.
    pub credentials: Credentials,
    /// The claims of the token.
    #[serde(rename = "OIDCTokenInfo")]
    pub oidc_token_info: OidcTokenInfo,
}

/// A session of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumedRoleUser {
    /// `acs:ram::<account>:role/<name>/<session name>`.
    pub arn: String,
    /// `<role id>:<session name>`.
    pub assumed_role_id: String,
}

/// Temporary credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credentials {
    /// The access key id, which begins with `STS.`.
    pub access_key_id: String,
    /// The secret that signs requests.
    pub access_key_secret: SecretText,
    /// The security token, which each request must contain.
    pub security_token: SecretText,
    /// When the credentials expire.
    pub expiration: Timestamp,
}

/// The claims of an OIDC token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OidcTokenInfo {
    /// The claim `sub`.
    pub subject: String,
    /// The claim `iss`.
    pub issuer: String,
    /// The audiences of the claim `aud`, separated by commas.
    pub client_ids: String,
    /// The claim `exp`.
    pub expiration_time: Timestamp,
    /// The claim `iat`.
    pub issuance_time: Timestamp,
    /// `Success`.
    pub verification_info: String,
}

/// The reply to [`GetCallerIdentity`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCallerIdentityReply {
    /// The kind of caller.
    pub identity_type: IdentityType,
    /// The account.
    pub account_id: String,
    /// The id of the account or user, or `<role id>:<session name>`.
    pub principal_id: String,
    /// The id of the account or user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The id of the role, if the caller is a session of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// `acs:ram::<account>:root`, `…:user/<name>` or `…:assumed-role/<role>/<session name>`.
    pub arn: String,
}

/// The kind of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentityType {
    /// The account's root.
    Account,
    /// A user.
    #[serde(rename = "RAMUser", alias = "RamUser")]
    RamUser,
    /// A session of a role.
    AssumedRoleUser,
}
