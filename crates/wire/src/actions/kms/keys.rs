//! CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription, ScheduleKeyDeletion,
//! CancelKeyDeletion, SetDeletionProtection.

use serde::{Deserialize, Serialize};

use crate::flat::MaybeEmpty;
use crate::timestamp::Timestamp;

/// Makes a master key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateKey {
    /// What the key is for; up to 8192 characters.
    pub description: Option<String>,
    /// `Aliyun_AES_256` if absent.
    pub key_spec: Option<String>,
    /// `ENCRYPT/DECRYPT` if absent and the key cannot sign.
    pub key_usage: Option<String>,
    /// `Aliyun_KMS` if absent, or `EXTERNAL`.
    pub origin: Option<String>,
    /// `SOFTWARE` if absent, or `HSM`.
    pub protection_level: Option<String>,
    /// Whether new versions are made by themselves.
    pub enable_automatic_rotation: Option<bool>,
    /// How often; needed when rotation is on, else ignored.
    pub rotation_interval: Option<String>,
    /// JSON list of `TagKey` and `TagValue`.
    pub tags: Option<String>,
    /// JSON key policy.
    pub policy: Option<String>,
    /// The KMS instance to hold the key.
    #[serde(rename = "DKMSInstanceId")]
    pub dkms_instance_id: Option<String>,
    /// `HsmInternal` or `HsmEncryptedDatabase`.
    pub key_storage_mechanism: Option<String>,
}

/// The answer to [`CreateKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateKeyReply {
    /// The key that was made.
    pub key_metadata: KeyMetadata,
}

/// Asks for the metadata of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKey {
    /// Key id, alias or ARN.
    pub key_id: String,
}

/// The answer to [`DescribeKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyReply {
    /// The key.
    pub key_metadata: KeyMetadata,
}

/// What can be said of a key without its material.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    /// When the key was made.
    pub creation_date: Timestamp,
    /// What it is for.
    pub description: String,
    /// Its id, a lower-case UUID.
    pub key_id: String,
    /// `Aliyun_AES_256`; absent in answers of 2019.
    #[serde(default)]
    pub key_spec: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` or `PendingImport`.
    pub key_state: String,
    /// `ENCRYPT/DECRYPT` or `SIGN/VERIFY`.
    pub key_usage: String,
    /// The version that encrypts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key_version: Option<String>,
    /// When the key will be gone; empty unless its deletion is scheduled.
    pub delete_date: String,
    /// The account that made it.
    pub creator: String,
    /// `acs:kms:<region>:<account>:key/<id>`.
    pub arn: String,
    /// `Aliyun_KMS` or `EXTERNAL`.
    pub origin: String,
    /// When imported material ends; empty for never.
    pub material_expire_time: String,
    /// `SOFTWARE`.
    #[serde(default)]
    pub protection_level: String,
    /// When the primary version was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rotation_date: Option<Timestamp>,
    /// `Disabled`, `Enabled` or `Suspended`.
    #[serde(default)]
    pub automatic_rotation: String,
    /// When the next version will be made; only with automatic rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<Timestamp>,
    /// `<seconds>s`; only with automatic rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_interval: Option<String>,
    /// `Disabled` or `Enabled`; told by DescribeKey only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<String>,
    /// Why the key is protected; told by DescribeKey only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection_description: Option<String>,
}

/// Lists the keys of the account, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeys {
    /// From 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
    /// JSON list of `Key` and `Values`; at most ten.
    pub filters: Option<String>,
}

/// The answer to [`ListKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeysReply {
    /// The keys of this page.
    pub keys: KeyList,
    /// How many keys there are on all pages.
    pub total_count: u64,
    /// This page.
    pub page_number: u32,
    /// How many keys a page holds.
    pub page_size: u32,
}

/// The list inside [`ListKeysReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyList {
    /// The keys, oldest first.
    pub key: Vec<KeyEntry>,
}

/// One key of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyEntry {
    /// The key's id.
    pub key_id: String,
    /// Its ARN; absent in old answers.
    #[serde(default)]
    pub key_arn: String,
}

/// Lets a key be used again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnableKey {
    /// The key's id; no alias.
    pub key_id: String,
}

/// Stops all use of a key until it is enabled again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisableKey {
    /// The key's id; no alias.
    pub key_id: String,
}

/// Says anew what a key is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateKeyDescription {
    /// The key's id; no alias.
    pub key_id: String,
    /// Up to 8192 characters.
    pub description: MaybeEmpty,
}

/// Lets a key end after some days, in which it cannot be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleKeyDeletion {
    /// The key's id; no alias.
    pub key_id: String,
    /// 7 to 366; 30 if absent.
    #[serde(default)]
    pub pending_window_in_days: Option<u32>,
}

/// Lets a key stay after all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CancelKeyDeletion {
    /// The key's id; no alias.
    pub key_id: String,
}

/// Protects a key from deletion, or lets it be deleted again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetDeletionProtection {
    /// The ARN of the key.
    #[serde(default)]
    pub protected_resource_arn: Option<String>,
    /// Or its id.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Or a KMS instance; always refused.
    #[serde(default)]
    pub kms_instance_id: Option<String>,
    /// Whether it is protected.
    pub enable_deletion_protection: bool,
    /// Why.
    #[serde(default)]
    pub deletion_protection_description: Option<String>,
}
