//! CreateSecret, DescribeSecret, ListSecrets, UpdateSecret, DeleteSecret, RestoreSecret, UpdateSecretRotationPolicy,
//! RotateSecret.

use serde::{Deserialize, Serialize};

use crate::flat::{MaybeEmpty, Unread};
use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Makes a secret with its first version, which is the current one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecret {
    /// 1 to 192 letters, digits and `_ / + = . @ -`.
    pub secret_name: String,
    /// What the first version is called: up to 64 characters.
    pub version_id: String,
    /// What it holds: up to 30,720 bytes.
    pub secret_data: SecretText,
    /// `text` if absent, or `binary`.
    #[serde(default)]
    pub secret_data_type: Option<String>,
    /// Key id, alias or ARN of the symmetric key that seals it; a key of the service if absent.
    #[serde(default)]
    pub encryption_key_id: Option<String>,
    /// What the secret is for.
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
    /// How often; ignored without automatic rotation.
    #[serde(default)]
    pub rotation_interval: Option<String>,
    /// JSON list of `TagKey` and `TagValue`.
    #[serde(default)]
    pub tags: Option<String>,
    /// JSON policy.
    #[serde(default)]
    pub policy: Option<String>,
    /// The KMS instance to hold the secret.
    #[serde(rename = "DKMSInstanceId", default)]
    pub dkms_instance_id: Option<String>,
}

/// The answer to [`CreateSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecretReply {
    /// `acs:kms:<region>:<account>:secret/<name>`.
    pub arn: String,
    /// The secret's name.
    pub secret_name: String,
    /// Its first version.
    pub version_id: String,
    /// `Generic`.
    pub secret_type: String,
}

/// Asks what can be said of a secret without opening it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// Whether its tags are wanted.
    #[serde(default)]
    pub fetch_tags: Option<bool>,
}

/// The answer to [`DescribeSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecretReply {
    /// `acs:kms:<region>:<account>:secret/<name>`.
    pub arn: String,
    /// Its name.
    pub secret_name: String,
    /// `Generic`.
    pub secret_type: String,
    /// What it is for.
    pub description: String,
    /// The key that seals it; absent if that is the key of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key_id: Option<String>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When its versions, stages or description last changed.
    pub update_time: Timestamp,
    /// When it will be gone; only in its recovery window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_delete_time: Option<Timestamp>,
    /// Its tags; only if they were wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<SecretTagList>,
}

/// The list inside [`DescribeSecretReply`] and [`SecretEntry`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretTagList {
    /// The tags, by name.
    pub tag: Vec<SecretTagEntry>,
}

/// One tag of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretTagEntry {
    /// The tag's name.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// Lists the secrets of the account, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListSecrets {
    /// From 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
    /// Whether their tags are wanted.
    pub fetch_tags: Option<bool>,
    /// JSON list of `Key` and `Values`; at most ten.
    pub filters: Option<String>,
}

/// The answer to [`ListSecrets`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretsReply {
    /// The secrets of this page.
    pub secret_list: SecretList,
    /// How many secrets there are on all pages.
    pub total_count: u64,
    /// This page.
    pub page_number: u32,
    /// How many secrets a page holds.
    pub page_size: u32,
}

/// The list inside [`ListSecretsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretList {
    /// The secrets, by name.
    pub secret: Vec<SecretEntry>,
}

/// One secret of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretEntry {
    /// Its name.
    pub secret_name: String,
    /// `Generic`.
    pub secret_type: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// When its versions, stages or description last changed.
    pub update_time: Timestamp,
    /// When it will be gone; only in its recovery window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_delete_time: Option<Timestamp>,
    /// Its tags; only if they were wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<SecretTagList>,
}

/// Says anew what a secret is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// Up to 8192 characters; as it was, if absent.
    #[serde(default, deserialize_with = "MaybeEmpty::given")]
    pub description: Option<MaybeEmpty>,
    /// For types other than `Generic`: `ExtendedConfig.CustomData`.
    #[serde(default)]
    pub extended_config: Option<Unread>,
}

/// Names a secret: the answer to [`UpdateSecret`], [`RestoreSecret`], [`UpdateSecretRotationPolicy`] and
/// [`UpdateSecretVersionStage`](super::UpdateSecretVersionStage).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretReply {
    /// The secret's name.
    pub secret_name: String,
}

/// Lets a secret end after some days, in which it can be restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// At once, whatever the window is.
    #[serde(default)]
    pub force_delete_without_recovery: Option<bool>,
    /// 7 to 30; 30 if absent.
    #[serde(default)]
    pub recovery_window_in_days: Option<u32>,
}

/// The answer to [`DeleteSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecretReply {
    /// The secret's name.
    pub secret_name: String,
    /// When it will be gone, or went.
    pub planned_delete_time: Timestamp,
}

/// Lets a secret stay after all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestoreSecret {
    /// Name or ARN.
    pub secret_name: String,
}

/// Says whether a secret changes by itself; for types other than `Generic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecretRotationPolicy {
    /// Name or ARN.
    pub secret_name: String,
    /// Whether it does.
    pub enable_automatic_rotation: bool,
    /// How often.
    #[serde(default)]
    pub rotation_interval: Option<String>,
}

/// Changes a secret now; for types other than `Generic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotateSecret {
    /// Name or ARN.
    pub secret_name: String,
    /// What the new version is called.
    pub version_id: String,
}

/// The answer to [`RotateSecret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotateSecretReply {
    /// `acs:kms:<region>:<account>:secret/<name>`.
    pub arn: String,
    /// The secret's name.
    pub secret_name: String,
    /// The new version.
    pub version_id: String,
}
