//! The requests and replies of CreateKeyVersion, DescribeKeyVersion, ListKeyVersions, UpdateRotationPolicy.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Creates a version of a key. A symmetric key encrypts with it from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateKeyVersion {
    /// Key id, alias or ARN.
    pub key_id: String,
}

/// Returns the metadata of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyVersion {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
}

/// The reply to [`CreateKeyVersion`] and [`DescribeKeyVersion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyVersionReply {
    /// The version.
    pub key_version: KeyVersionEntry,
}

/// Lists the versions of a key, page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyVersions {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The number of the page, from 1; 1 if absent.
    #[serde(default)]
    pub page_number: Option<u32>,
    /// 0 to 101; 10 if absent.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The reply to [`ListKeyVersions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyVersionsReply {
    /// The versions of this page.
    pub key_versions: KeyVersionList,
    /// The number of versions on all pages.
    pub total_count: u64,
    /// The number of this page.
    pub page_number: u32,
    /// The page size.
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
    /// The id of the key.
    pub key_id: String,
    /// The id of the version.
    pub key_version_id: String,
    /// When it was created.
    pub creation_date: Timestamp,
}

/// Changes the automatic rotation of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRotationPolicy {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// Whether the key is rotated automatically.
    pub enable_automatic_rotation: bool,
    /// The rotation interval, `<integer>[d|h|m|s]`, 7 to 730 days; required with automatic rotation, otherwise ignored.
    #[serde(default)]
    pub rotation_interval: Option<String>,
}
