//! What an answer to a denied request says beside its code: who was denied what, and by which kind of policy.

use serde::{Deserialize, Serialize};

/// The member `AccessDeniedDetail` of an error answer.
///
/// It names the caller, so it is only for a caller whose signature verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AccessDenied {
    /// The action that was denied, such as `kms:Decrypt`.
    pub auth_action: String,
    /// `SubUser` for a user, `AssumedRoleUser` for the session of a role.
    pub auth_principal_type: String,
    /// The account of the caller.
    pub auth_principal_owner_id: String,
    /// The id of the user, or `<role>:<session name>`.
    pub auth_principal_display_name: String,
    /// `ExplicitDeny` if a statement denies, `ImplicitDeny` if none allows.
    pub no_permission_type: String,
    /// The kind of policy that decided, such as `AccountLevelIdentityBasedPolicy`.
    pub policy_type: String,
    /// What DecodeDiagnosticMessage of the cloud takes; bulla sends none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded_diagnostic_message: Option<String>,
}
