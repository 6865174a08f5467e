//! The requests and replies of AttachPolicyToUser, DetachPolicyFromUser, ListPoliciesForUser, the same for groups and roles, and
//! ListEntitiesForPolicy.

use serde::{Deserialize, Serialize};

use super::policies::PolicyType;
use crate::timestamp::Timestamp;

/// Attaches a policy to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachPolicyToUser {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// The name of the user.
    pub user_name: String,
    /// A resource group; always refused.
    #[serde(default)]
    pub resource_group_id: Option<String>,
}

/// Detaches a policy from a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DetachPolicyFromUser {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// The name of the user.
    pub user_name: String,
    /// A resource group; always refused.
    #[serde(default)]
    pub resource_group_id: Option<String>,
}

/// Lists the policies that are attached to a user, without those of the user's groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPoliciesForUser {
    /// The name of the user.
    pub user_name: String,
}

/// Attaches a policy to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachPolicyToGroup {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// The name of the group.
    pub group_name: String,
    /// A resource group; always refused.
    #[serde(default)]
    pub resource_group_id: Option<String>,
}

/// Detaches a policy from a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DetachPolicyFromGroup {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// The name of the group.
    pub group_name: String,
    /// A resource group; always refused.
    #[serde(default)]
    pub resource_group_id: Option<String>,
}

/// Lists the policies that are attached to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPoliciesForGroup {
    /// The name of the group.
    pub group_name: String,
}

/// Attaches a policy to a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachPolicyToRole {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// The name of the role.
    pub role_name: String,
    /// A resource group; always refused.
    #[serde(default)]
    pub resource_group_id: Option<String>,
}

/// Detaches a policy from a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DetachPolicyFromRole {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// The name of the role.
    pub role_name: String,
    /// A resource group; always refused.
    #[serde(default)]
    pub resource_group_id: Option<String>,
}

/// Lists the policies that are attached to a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPoliciesForRole {
    /// The name of the role.
    pub role_name: String,
}

/// Lists the users, groups and roles that a policy is attached to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEntitiesForPolicy {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
}

/// The reply to [`ListPoliciesForUser`], [`ListPoliciesForGroup`] and [`ListPoliciesForRole`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPoliciesReply {
    /// The policies.
    pub policies: AttachedPolicyList,
}

/// The list inside [`AttachedPoliciesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPolicyList {
    /// The policies.
    pub policy: Vec<AttachedPolicy>,
}

/// A policy that is attached to a user, group or role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPolicy {
    /// The name of the policy.
    pub policy_name: String,
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The description of the policy.
    #[serde(default)]
    pub description: String,
    /// The version that is evaluated.
    pub default_version: String,
    /// When the policy was attached.
    pub attach_date: Timestamp,
}

/// The reply to [`ListEntitiesForPolicy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEntitiesForPolicyReply {
    /// The users.
    pub users: EntityUserList,
    /// The groups.
    pub groups: EntityGroupList,
    /// The roles.
    pub roles: EntityRoleList,
}

/// The users inside [`ListEntitiesForPolicyReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntityUserList {
    /// The users.
    pub user: Vec<EntityUser>,
}

/// A user that the policy is attached to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntityUser {
    /// The id of the user; absent in old replies.
    #[serde(default)]
    pub user_id: String,
    /// The name of the user.
    pub user_name: String,
    /// The display name.
    #[serde(default)]
    pub display_name: String,
    /// When the policy was attached.
    pub attach_date: Timestamp,
}

/// The groups inside [`ListEntitiesForPolicyReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntityGroupList {
    /// The groups.
    pub group: Vec<EntityGroup>,
}

/// A group that the policy is attached to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntityGroup {
    /// The name of the group.
    pub group_name: String,
    /// The comments of the group.
    #[serde(default)]
    pub comments: String,
    /// When the policy was attached.
    pub attach_date: Timestamp,
}

/// The roles inside [`ListEntitiesForPolicyReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntityRoleList {
    /// The roles.
    pub role: Vec<EntityRole>,
}

/// A role that the policy is attached to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntityRole {
    /// The id of the role.
    #[serde(default)]
    pub role_id: String,
    /// The name of the role.
    pub role_name: String,
    /// `acs:ram::<account>:role/<name>`.
    #[serde(default)]
    pub arn: String,
    /// The description of the role.
    #[serde(default)]
    pub description: String,
    /// When the policy was attached.
    pub attach_date: Timestamp,
}
