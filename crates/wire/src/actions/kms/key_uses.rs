//! The request and the reply of DescribeKeyUses, which only bulla has.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Returns how often the versions of a key were used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyUses {
    /// Key id, alias or ARN.
    pub key_id: String,
}

/// The reply to [`DescribeKeyUses`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyUsesReply {
    /// Since when uses are counted; earlier uses are unknown.
    pub counted_since: Timestamp,
    /// The uses of each version.
    pub key_version_uses: KeyVersionUseList,
}

/// The list inside [`DescribeKeyUsesReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyVersionUseList {
    /// One entry for each version, newest first.
    pub key_version_use: Vec<KeyVersionUse>,
}

/// How often a version of a key was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyVersionUse {
    /// The id of the version.
    pub key_version_id: String,
    /// The number of encryptions, including those of data keys and secrets.
    pub encryptions: u64,
    /// The number of all other operations with the key: decryptions, signatures, verifications.
    pub other_operations: u64,
    /// When it was last used; absent if it was never used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_use_date: Option<Timestamp>,
}

impl DescribeKeyUsesReply {
    /// Returns when the key was last used, in any version.
    #[must_use]
    pub fn last_use_date(&self) -> Option<Timestamp> {
        self.key_version_uses.key_version_use.iter().filter_map(|version| version.last_use_date).max()
    }
}
