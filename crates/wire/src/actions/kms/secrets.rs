//! The requests and replies of CreateSecret, DescribeSecret, ListSecrets, UpdateSecret, DeleteSecret, RestoreSecret,
//! UpdateSecretRotationPolicy, RotateSecret.

use serde::{Deserialize, Serialize};

use crate::flat::{MaybeEmpty, Unread};
use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Creates a secret with its first version, which is the current one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecret {
    /// The name: 1 to 192 letters, digits and `_ / + = . @ -`.
    pub secret_name: String,
    /// The id of the first version: up to 64 characters.
    pub version_id: String,
    /// The value: up to 30,720 bytes.
    pub secret_data: SecretText,
    /// `text` if absent, or `binary`.
    #[serde(default)]
    pub secret_data_type: Option<String>,
    /// Key id, alias or ARN of the symmetric key that encrypts the value; a key of the service if absent.
    #[serde(default)]
    pub encryption_key_id: Option<String>,
    /// The description.
    #[serde(default)]
    pub description: Option<String>,
    /// `Generic` if absent.
    #[serde(default)]
    pub secret_type: Option<String>,
    /// For types other than `Generic`.
    #[serde(default)]
    pub extended_config: Option<Unread>,
    /// For types other than `Generic`.
    #[serde(default)]
    pub enable_automatic_rotation: Option<bool>,
    /// The rotation interval; ignored without automatic rotation.
    #[serde(default)]
    pub rotation_interval: Option<String>,
    /// The tags: a JSON list of objects with `TagKey` and `TagValue`.
    #[serde(default)]
    pub tags: Option<String>,
    /// The policy of the secret in JSON.
    #[serde(default)]
    pub policy: Option<String>,
    /// The KMS instance for the secret.
    #[serde(rename = "DKMSInstanceId", default)]
    pub dkms_instance_id: Option<String>,
}

/// The reply to [`CreateSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecretReply {
    /// `acs:kms:<region>:<account>:secret/<name>`.
    pub arn: String,
    /// The name of the secret.
    pub secret_name: String,
    /// The id of the first version.
    pub version_id: String,
    /// `Generic`.
    pub secret_type: String,
}

/// Returns the metadata of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// Whether to return its tags.
    #[serde(default)]
    pub fetch_tags: Option<bool>,
}

/// The reply to [`DescribeSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecretReply {
    /// `acs:kms:<region>:<account>:secret/<name>`.
    pub arn: String,
    /// Its name.
    pub secret_name: String,
    /// `Generic`.
    pub secret_type: String,
    /// The description.
    pub description: String,
    /// The key that encrypts the values; absent if it is the key of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key_id: Option<String>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When its versions, stages or description last changed.
    pub update_time: Timestamp,
    /// When it will be deleted; only in its recovery window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_delete_time: Option<Timestamp>,
    /// Its tags; only if the request asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<SecretTagList>,
}

/// The list inside [`DescribeSecretReply`] and [`SecretEntry`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretTagList {
    /// The tags, sorted by name.
    pub tag: Vec<SecretTagEntry>,
}

/// One tag of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretTagEntry {
    /// The key of the tag.
    pub tag_key: String,
    /// The value of the tag.
    pub tag_value: String,
}

/// Lists the secrets of the account, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListSecrets {
    /// The number of the page, from 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
    /// Whether to return their tags.
    pub fetch_tags: Option<bool>,
    /// Filters: a JSON list of at most ten objects with `Key` and `Values`.
    pub filters: Option<String>,
}

/// The reply to [`ListSecrets`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretsReply {
    /// The secrets of this page.
    pub secret_list: SecretList,
    /// The number of secrets on all pages.
    pub total_count: u64,
    /// The number of this page.
    pub page_number: u32,
    /// The page size.
    pub page_size: u32,
}

/// The list inside [`ListSecretsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretList {
    /// The secrets, sorted by name.
    pub secret: Vec<SecretEntry>,
}

/// An entry of the list: one secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretEntry {
    /// Its name.
    pub secret_name: String,
    /// `Generic`.
    pub secret_type: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// When its versions, stages or description last changed.
    pub update_time: Timestamp,
    /// When it will be deleted; only in its recovery window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_delete_time: Option<Timestamp>,
    /// Its tags; only if the request asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<SecretTagList>,
}

/// Changes the description of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// The description, up to 8192 characters; unchanged if absent.
    #[serde(default, deserialize_with = "MaybeEmpty::if_present")]
    pub description: Option<MaybeEmpty>,
    /// For types other than `Generic`: `ExtendedConfig.CustomData`.
    #[serde(default)]
    pub extended_config: Option<Unread>,
}

/// The name of a secret: the reply to [`UpdateSecret`], [`RestoreSecret`], [`UpdateSecretRotationPolicy`] and
/// [`UpdateSecretVersionStage`](super::UpdateSecretVersionStage).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretReply {
    /// The name of the secret.
    pub secret_name: String,
}

/// Schedules the deletion of a secret after a recovery window, during which it can be restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// Whether to delete the secret at once, without a recovery window.
    #[serde(default)]
    pub force_delete_without_recovery: Option<bool>,
    /// The recovery window in days, 7 to 30; 30 if absent.
    #[serde(default)]
    pub recovery_window_in_days: Option<u32>,
}

/// The reply to [`DeleteSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecretReply {
    /// The name of the secret.
    pub secret_name: String,
    /// When the secret will be deleted, or was deleted.
    pub planned_delete_time: Timestamp,
}

/// Cancels the scheduled deletion of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestoreSecret {
    /// Name or ARN.
    pub secret_name: String,
}

/// Changes the automatic rotation of a secret. Only for types other than `Generic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecretRotationPolicy {
    /// Name or ARN.
    pub secret_name: String,
    /// Whether the secret is rotated automatically.
    pub enable_automatic_rotation: bool,
    /// The rotation interval.
    #[serde(default)]
    pub rotation_interval: Option<String>,
}

/// Rotates a secret now. Only for types other than `Generic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotateSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// The id of the new version.
    pub version_id: String,
}

/// The reply to [`RotateSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotateSecretReply {
    /// `acs:kms:<region>:<account>:secret/<name>`.
    pub arn: String,
    /// The name of the secret.
    pub secret_name: String,
    /// The id of the new version.
    pub version_id: String,
}
