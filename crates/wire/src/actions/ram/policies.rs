//! The requests and replies of CreatePolicy, GetPolicy, UpdatePolicyDescription, DeletePolicy, ListPolicies, and the versions of
//! a policy: CreatePolicyVersion, GetPolicyVersion, DeletePolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion.
//!
//! Requests without a PolicyType are about custom policies.

use serde::{Deserialize, Serialize};

use super::tags::{EntryTagList, Tag};
use crate::json_list::JsonList;
use crate::timestamp::Timestamp;

/// Whether the service or the account maintains a policy. Type and name identify a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyType {
    /// A policy of the service, which no request can change.
    System,
    /// A policy created by CreatePolicy.
    Custom,
}

/// Creates a custom policy with its version `v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatePolicy {
    /// 1 to 128 letters, digits and `-`.
    pub policy_name: String,
    /// The policy, up to 6144 characters of JSON.
    pub policy_document: String,
    /// 1 to 1024 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The tags, as JSON text.
    #[serde(default)]
    pub tag: Option<JsonList<Tag>>,
}

/// Returns a policy with its default version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicy {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
}

/// Changes the description of a custom policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdatePolicyDescription {
    /// The name of the policy.
    pub policy_name: String,
    /// 1 to 1024 characters.
    pub new_description: String,
}

/// Deletes a custom policy that is not attached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeletePolicy {
    /// The name of the policy.
    pub policy_name: String,
    /// Whether to delete its versions too; `false` if absent, which refuses a policy with several versions.
    #[serde(default)]
    pub cascading_delete: Option<bool>,
}

/// Lists policies, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListPolicies {
    /// Lists only policies of this type.
    pub policy_type: Option<PolicyType>,
    /// The marker in the reply with the previous page.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
    /// Lists only policies with all of these tags, as JSON text.
    pub tag: Option<JsonList<Tag>>,
}

/// Creates a version of a custom policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatePolicyVersion {
    /// The name of the policy.
    pub policy_name: String,
    /// As in [`CreatePolicy`].
    pub policy_document: String,
    /// Whether it becomes the default version; `false` if absent.
    #[serde(default)]
    pub set_as_default: Option<bool>,
    /// What to do with older versions; `None` if absent.
    #[serde(default)]
    pub rotate_strategy: Option<RotateStrategy>,
}

/// What to do if a policy has the maximum number of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotateStrategy {
    /// Refuse the request.
    None,
    /// Delete the oldest version that is not the default one.
    DeleteOldestNonDefaultVersionWhenLimitExceeded,
}

/// Returns a version of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyVersion {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// `v` followed by a number.
    pub version_id: String,
}

/// Deletes a version of a custom policy that is not the default one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeletePolicyVersion {
    /// The name of the policy.
    pub policy_name: String,
    /// `v` followed by a number.
    pub version_id: String,
}

/// Lists the versions of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPolicyVersions {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
}

/// Makes a version of a custom policy the default one, which is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetDefaultPolicyVersion {
    /// The name of the policy.
    pub policy_name: String,
    /// `v` followed by a number.
    pub version_id: String,
}

/// The reply to [`CreatePolicy`] and [`UpdatePolicyDescription`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyReply {
    /// The policy.
    pub policy: Policy,
}

/// The reply to [`GetPolicy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyReply {
    /// The policy.
    pub policy: Policy,
    /// The default version.
    pub default_policy_version: PolicyVersion,
}

/// A policy without its documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The name, as it was spelled when the policy was created.
    pub policy_name: String,
    /// The type.
    pub policy_type: PolicyType,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The version that is evaluated.
    pub default_version: String,
    /// The time of CreatePolicy.
    pub create_date: Timestamp,
    /// When it last changed; absent in the reply to [`CreatePolicy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
    /// The number of users, groups and roles that the policy is attached to; only in the replies to [`GetPolicy`] and
    /// [`ListPolicies`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_count: Option<u32>,
    /// The tags; only in the reply to [`ListPolicies`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<EntryTagList>,
}

/// The reply to [`ListPolicies`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPoliciesReply {
    /// The policies of this page.
    pub policies: PolicyList,
    /// Whether there are more pages.
    pub is_truncated: bool,
    /// The marker for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// The list inside [`ListPoliciesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyList {
    /// The policies.
    pub policy: Vec<Policy>,
}

/// The reply to [`CreatePolicyVersion`] and [`GetPolicyVersion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersionReply {
    /// The version.
    pub policy_version: PolicyVersion,
}

/// A version of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersion {
    /// `v` followed by a number. The numbers of deleted versions are not reused.
    pub version_id: String,
    /// Whether it is the default version, which is evaluated.
    pub is_default_version: bool,
    /// The document as it was written; absent where the service omits it from lists.
    #[serde(default)]
    pub policy_document: String,
    /// When the version was created.
    pub create_date: Timestamp,
}

/// The reply to [`ListPolicyVersions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPolicyVersionsReply {
    /// The versions.
    pub policy_versions: PolicyVersionList,
}

/// The list inside [`ListPolicyVersionsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersionList {
    /// The versions.
    pub policy_version: Vec<PolicyVersion>,
}
