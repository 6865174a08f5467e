//! CreateKeyVersion, DescribeKeyVersion, ListKeyVersions, UpdateRotationPolicy.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Makes a new version of a key; a symmetric key encrypts with it from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateKeyVersion {
    /// Key id, alias or ARN.
    pub key_id: String,
}

/// Asks for one version of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyVersion {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
}

/// The answer to [`CreateKeyVersion`] and [`DescribeKeyVersion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyVersionReply {
    /// The version.
    pub key_version: KeyVersionEntry,
}

/// Lists the versions of a key, a page at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyVersions {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// From 1; 1 if absent.
    #[serde(default)]
    pub page_number: Option<u32>,
    /// 0 to 101; 10 if absent.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The answer to [`ListKeyVersions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyVersionsReply {
    /// The versions of this page.
    pub key_versions: KeyVersionList,
    /// How many versions there are on all pages.
    pub total_count: u64,
    /// This page.
    pub page_number: u32,
    /// How many versions a page holds.
    pub page_size: u32,
}

/// The list inside [`ListKeyVersionsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyVersionList {
    /// The versions, newest first.
    pub key_version: Vec<KeyVersionEntry>,
}

/// One version of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyVersionEntry {
    /// The key's id.
    pub key_id: String,
    /// The version's id.
    pub key_version_id: String,
    /// When it was made.
    pub creation_date: Timestamp,
}

/// Says whether new versions of a key are made by themselves, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRotationPolicy {
    /// The key's id; no alias.
    pub key_id: String,
    /// Whether they are.
    pub enable_automatic_rotation: bool,
    /// `<integer>[d|h|m|s]`, 7 to 730 days; needed when rotation is on, else ignored.
    #[serde(default)]
    pub rotation_interval: Option<String>,
}
