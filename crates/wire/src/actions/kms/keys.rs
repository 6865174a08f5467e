//! The requests and replies of CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription,
//! ScheduleKeyDeletion, CancelKeyDeletion, SetDeletionProtection.

use serde::{Deserialize, Serialize};

use crate::flat::MaybeEmpty;
use crate::timestamp::Timestamp;

/// Creates a master key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateKey {
    /// The description, up to 8192 characters.
    pub description: Option<String>,
    /// `Aliyun_AES_256` if absent.
    pub key_spec: Option<String>,
    /// `ENCRYPT/DECRYPT` if absent and the key cannot sign.
    pub key_usage: Option<String>,
    /// `Aliyun_KMS` if absent, or `EXTERNAL`.
    pub origin: Option<String>,
    /// `SOFTWARE` if absent, or `HSM`.
    pub protection_level: Option<String>,
    /// Whether the key is rotated automatically.
    pub enable_automatic_rotation: Option<bool>,
    /// The rotation interval; required with automatic rotation, otherwise ignored.
    pub rotation_interval: Option<String>,
    /// The tags: a JSON list of objects with `TagKey` and `TagValue`.
    pub tags: Option<String>,
    /// The key policy in JSON.
    pub policy: Option<String>,
    /// The KMS instance for the key.
    #[serde(rename = "DKMSInstanceId")]
    pub dkms_instance_id: Option<String>,
    /// `HsmInternal` or `HsmEncryptedDatabase`.
    pub key_storage_mechanism: Option<String>,
}

/// The reply to [`CreateKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateKeyReply {
    /// The created key.
    pub key_metadata: KeyMetadata,
}

/// Returns the metadata of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKey {
    /// Key id, alias or ARN.
    pub key_id: String,
}

/// The reply to [`DescribeKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyReply {
    /// The key.
    pub key_metadata: KeyMetadata,
}

/// The metadata of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    /// When the key was created.
    pub creation_date: Timestamp,
    /// The description.
    pub description: String,
    /// The id of the key, a lower-case UUID.
    pub key_id: String,
    /// The spec, such as `Aliyun_AES_256`; absent in replies of 2019.
    #[serde(default)]
    pub key_spec: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` or `PendingImport`.
    pub key_state: String,
    /// `ENCRYPT/DECRYPT` or `SIGN/VERIFY`.
    pub key_usage: String,
    /// The version that encrypts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key_version: Option<String>,
    /// When the key will be deleted; empty unless its deletion is scheduled.
    pub delete_date: String,
    /// The account that created the key.
    pub creator: String,
    /// `acs:kms:<region>:<account>:key/<id>`.
    pub arn: String,
    /// `Aliyun_KMS` or `EXTERNAL`.
    pub origin: String,
    /// When imported material expires; empty if it does not.
    pub material_expire_time: String,
    /// `SOFTWARE`.
    #[serde(default)]
    pub protection_level: String,
    /// When the primary version was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rotation_date: Option<Timestamp>,
    /// `Disabled`, `Enabled` or `Suspended`.
    #[serde(default)]
    pub automatic_rotation: String,
    /// When the next version will be created; only with automatic rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<Timestamp>,
    /// `<seconds>s`; only with automatic rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_interval: Option<String>,
    /// `Disabled` or `Enabled`; only in the reply to [`DescribeKey`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<String>,
    /// The reason for the deletion protection; only in the reply to [`DescribeKey`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection_description: Option<String>,
}

/// Lists the keys of the account, page by page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeys {
    /// The number of the page, from 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
    /// Filters: a JSON list of at most ten objects with `Key` and `Values`.
    pub filters: Option<String>,
}

/// The reply to [`ListKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeysReply {
    /// The keys of this page.
    pub keys: KeyList,
    /// The number of keys on all pages.
    pub total_count: u64,
    /// The number of this page.
    pub page_number: u32,
    /// The page size.
    pub page_size: u32,
}

/// The list inside [`ListKeysReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyList {
    /// The keys, oldest first.
    pub key: Vec<KeyEntry>,
}

/// An entry of the list: one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyEntry {
    /// The id of the key.
    pub key_id: String,
    /// The ARN of the key; absent in old replies.
    #[serde(default)]
    pub key_arn: String,
}

/// Enables a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnableKey {
    /// The id of the key; not an alias.
    pub key_id: String,
}

/// Disables a key: it cannot be used until it is enabled again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisableKey {
    /// The id of the key; not an alias.
    pub key_id: String,
}

/// Changes the description of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateKeyDescription {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// Up to 8192 characters.
    pub description: MaybeEmpty,
}

/// Schedules the deletion of a key after some days, during which it cannot be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleKeyDeletion {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// The number of days, 7 to 366; 30 if absent.
    #[serde(default)]
    pub pending_window_in_days: Option<u32>,
}

/// Cancels the scheduled deletion of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CancelKeyDeletion {
    /// The id of the key; not an alias.
    pub key_id: String,
}

/// Enables or disables the deletion protection of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetDeletionProtection {
    /// The ARN of the key.
    #[serde(default)]
    pub protected_resource_arn: Option<String>,
    /// The id of the key, instead of its ARN.
    #[serde(default)]
    pub key_id: Option<String>,
    /// A KMS instance; always refused.
    #[serde(default)]
    pub kms_instance_id: Option<String>,
    /// Whether the key is protected.
    pub enable_deletion_protection: bool,
    /// The reason.
    #[serde(default)]
    pub deletion_protection_description: Option<String>,
}
