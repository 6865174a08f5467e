//! The table of the Security Token Service, with its requests and replies.

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
    unsigned: &["AssumeRoleWithOIDC"], // its token proves who asks
    is_global: true,
};

/// Operations of the official SDK that bulla does not implement, with the feature that each is for.
const NOT_IMPLEMENTED: &[(&str, &str)] = &[("AssumeRoleWithSAML", "identity providers that speak SAML")];

/// Gives a user, or the session of another role, temporary credentials of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRole {
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// 2 to 64 letters, digits, `.`, `@`, `-` and `_`.
    pub role_session_name: String,
    /// 900 seconds to the longest session of the role; 3600 if absent.
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// A policy that the session does not exceed, up to 2048 characters.
    #[serde(default)]
    pub policy: Option<String>,
    /// What the role's trust policy may ask for; 2 to 1224 characters.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Who started the chain of sessions.
    #[serde(default)]
    pub source_identity: Option<String>,
}

/// Gives the bearer of an OIDC token temporary credentials of a role. The request needs no signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleWithOIDC {
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// `acs:ram::<account>:oidc-provider/<name>`.
    #[serde(rename = "OIDCProviderArn")]
    pub oidc_provider_arn: String,
    /// The JSON Web Token, which proves who asks.
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

/// Returns who signed the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GetCallerIdentity {}

/// The answer to [`AssumeRole`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleReply {
    /// The session.
    pub assumed_role_user: AssumedRoleUser,
    /// Its credentials.
    pub credentials: Credentials,
    /// As it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
}

/// The answer to [`AssumeRoleWithOIDC`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleWithOidcReply {
    /// The session.
    pub assumed_role_user: AssumedRoleUser,
    /// Its credentials.
    pub credentials: Credentials,
    /// The token.
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
    /// The token that comes with each request.
    pub security_token: SecretText,
    /// When they end.
    pub expiration: Timestamp,
}

/// What an OIDC token says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OidcTokenInfo {
    /// Its `sub`.
    pub subject: String,
    /// Its `iss`.
    pub issuer: String,
    /// Its `aud`, separated by commas.
    pub client_ids: String,
    /// Its `exp`.
    pub expiration_time: Timestamp,
    /// Its `iat`.
    pub issuance_time: Timestamp,
    /// `Success`.
    pub verification_info: String,
}

/// The answer to [`GetCallerIdentity`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCallerIdentityReply {
    /// What the caller is.
    pub identity_type: IdentityType,
    /// The account.
    pub account_id: String,
    /// The id of the account or user, or `<role id>:<session name>`.
    pub principal_id: String,
    /// The id of the account or user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The id of the role whose session the caller has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// `acs:ram::<account>:root`, `…:user/<name>` or `…:assumed-role/<role>/<session name>`.
    pub arn: String,
}

/// What a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentityType {
    /// The account's root.
    Account,
    /// A user.
    #[serde(rename = "RAMUser", alias = "RamUser")]
    RamUser,
    /// The session of a role.
    AssumedRoleUser,
}
