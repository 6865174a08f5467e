//! The request and the reply of DescribeKeyBackups, which only bulla has.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Returns which scheduled backups contain a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyBackups {
    /// Key id, alias or ARN.
    pub key_id: String,
}

/// The reply to [`DescribeKeyBackups`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyBackupsReply {
    /// Whether the KMS makes backups by a schedule. It knows of no other backups.
    pub scheduled: bool,
    /// The number of scheduled backups that contain the key; absent without a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backups: Option<u64>,
    /// The time of the newest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// How long the newest is kept at least; absent if the schedule has no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}
