//! CreatePolicy, GetPolicy, UpdatePolicyDescription, DeletePolicy, ListPolicies, and the versions of a policy:
//! CreatePolicyVersion, GetPolicyVersion, DeletePolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion.
//!
//! Requests without a PolicyType are about custom policies.

use serde::{Deserialize, Serialize};

use super::tags::{EntryTagList, Tag};
use crate::json_list::JsonList;
use crate::timestamp::Timestamp;

/// Who maintains a policy. Together with its name this identifies the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyType {
    /// Part of the service; no request changes it.
    System,
    /// Made by CreatePolicy.
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
    /// The tags, as one JSON text.
    #[serde(default)]
    pub tag: Option<JsonList<Tag>>,
}

/// Returns one policy with its default version.
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

/// Deletes a custom policy that is attached to nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeletePolicy {
    /// The name of the policy.
    pub policy_name: String,
    /// Whether its versions are deleted too; `false` if absent, which refuses a policy that has several.
    #[serde(default)]
    pub cascading_delete: Option<bool>,
}

/// Lists policies, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListPolicies {
    /// Only policies of this type.
    pub policy_type: Option<PolicyType>,
    /// Where the previous page ended.
    pub marker: Option<String>,
    /// 1 to 1000; 100 if absent.
    pub max_items: Option<u32>,
    /// Only policies with all of these tags, as one JSON text.
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
    /// What happens to older versions; `None` if absent.
    #[serde(default)]
    pub rotate_strategy: Option<RotateStrategy>,
}

/// What happens if a policy already has as many versions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotateStrategy {
    /// The request is refused.
    None,
    /// The oldest version that is not the default one is deleted.
    DeleteOldestNonDefaultVersionWhenLimitExceeded,
}

/// Returns one version of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyVersion {
    /// The type of the policy.
    pub policy_type: PolicyType,
    /// The name of the policy.
    pub policy_name: String,
    /// `v` and a number.
    pub version_id: String,
}

/// Deletes a version of a custom policy that is not the default one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeletePolicyVersion {
    /// The name of the policy.
    pub policy_name: String,
    /// `v` and a number.
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

/// Makes a version of a custom policy the one that is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetDefaultPolicyVersion {
    /// The name of the policy.
    pub policy_name: String,
    /// `v` and a number.
    pub version_id: String,
}

/// The answer to [`CreatePolicy`] and [`UpdatePolicyDescription`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyReply {
    /// The policy.
    pub policy: Policy,
}

/// The answer to [`GetPolicy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyReply {
    /// The policy.
    pub policy: Policy,
    /// Its default version.
    pub default_policy_version: PolicyVersion,
}

/// One policy, without its documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The name, as it was written at its creation.
    pub policy_name: String,
    /// The type.
    pub policy_type: PolicyType,
    /// Any text.
    #[serde(default)]
    pub description: String,
    /// The version that is evaluated.
    pub default_version: String,
    /// The time of CreatePolicy.
    pub create_date: Timestamp,
    /// The time of the last change; absent in the answer to [`CreatePolicy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_date: Option<Timestamp>,
    /// How many users, groups and roles have it; only in the answers to [`GetPolicy`] and [`ListPolicies`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_count: Option<u32>,
    /// The tags; only in the answer to [`ListPolicies`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<EntryTagList>,
}

/// The answer to [`ListPolicies`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPoliciesReply {
    /// The policies of this page.
    pub policies: PolicyList,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where this page ended; absent on the last.
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

/// The answer to [`CreatePolicyVersion`] and [`GetPolicyVersion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersionReply {
    /// The version.
    pub policy_version: PolicyVersion,
}

/// One version of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersion {
    /// `v` and a number, which no other version of the policy ever gets.
    pub version_id: String,
    /// Whether it is the one that is evaluated.
    pub is_default_version: bool,
    /// The document as it was written; absent where the service leaves it out of lists.
    #[serde(default)]
    pub policy_document: String,
    /// When the version was created.
    pub create_date: Timestamp,
}

/// The answer to [`ListPolicyVersions`].
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
