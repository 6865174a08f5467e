//! The member `AccessDeniedDetail` of error replies: which caller was denied which action, and by which kind of policy.

use serde::{Deserialize, Serialize};

/// The member `AccessDeniedDetail` of an error reply.
///
/// It names the caller, so it must only be sent to a caller whose signature was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AccessDenied {
    /// The denied action, such as `kms:Decrypt`.
    pub auth_action: String,
    /// `SubUser` for a user, `AssumedRoleUser` for a session of a role.
    pub auth_principal_type: String,
    /// The account of the caller.
    pub auth_principal_owner_id: String,
    /// The id of the user, or `<role>:<session name>`.
    pub auth_principal_display_name: String,
    /// `ExplicitDeny` if a statement denies the action, `ImplicitDeny` if none allows it.
    pub no_permission_type: String,
    /// The kind of the deciding policy, such as `AccountLevelIdentityBasedPolicy`.
    pub policy_type: String,
    /// The input of the cloud's DecodeDiagnosticMessage. bulla does not send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded_diagnostic_message: Option<String>,
}
