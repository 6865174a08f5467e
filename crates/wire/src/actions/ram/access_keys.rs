//! The requests and replies of CreateAccessKey, UpdateAccessKey, DeleteAccessKey, ListAccessKeys, GetAccessKeyLastUsed.
//!
//! Without a UserName, the request is about the access keys of the caller.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Creates an access key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateAccessKey {
    /// The name of the user to create it for.
    pub user_name: Option<String>,
}

/// Enables or disables an access key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAccessKey {
    /// The name of the user who has the access key.
    #[serde(default)]
    pub user_name: Option<String>,
    /// The id of the access key. (`AccessKeyId` is the one that signs the request.)
    pub user_access_key_id: String,
    /// The new status.
    pub status: AccessKeyStatus,
}

/// Deletes an access key in any status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteAccessKey {
    /// The name of the user who has the access key.
    #[serde(default)]
    pub user_name: Option<String>,
    /// The id of the access key.
    pub user_access_key_id: String,
}

/// Lists the access keys of a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListAccessKeys {
    /// The name of the user.
    pub user_name: Option<String>,
}

/// Returns when an access key last signed a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyLastUsed {
    /// The name of the user who has the access key.
    #[serde(default)]
    pub user_name: Option<String>,
    /// The id of the access key.
    pub user_access_key_id: String,
}

/// Whether an access key may sign requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessKeyStatus {
    /// The server accepts its requests.
    Active,
    /// The server refuses its requests.
    Inactive,
}

/// The reply to [`CreateAccessKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccessKeyReply {
    /// The access key with its secret.
    pub access_key: NewAccessKey,
}

/// An access key with its secret, which no later reply contains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewAccessKey {
    /// The id of the access key.
    pub access_key_id: String,
    /// The secret.
    pub access_key_secret: SecretText,
    /// The status.
    pub status: AccessKeyStatus,
    /// The time of CreateAccessKey.
    pub create_date: Timestamp,
}

/// The reply to [`ListAccessKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAccessKeysReply {
    /// The access keys.
    pub access_keys: AccessKeyList,
}

/// The list inside [`ListAccessKeysReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKeyList {
    /// The access keys.
    pub access_key: Vec<AccessKeyEntry>,
}

/// One access key of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKeyEntry {
    /// The id of the access key.
    pub access_key_id: String,
    /// The status.
    pub status: AccessKeyStatus,
    /// The time of CreateAccessKey.
    pub create_date: Timestamp,
}

/// The reply to [`GetAccessKeyLastUsed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyLastUsedReply {
    /// The last use.
    pub access_key_last_used: AccessKeyLastUsed,
}

/// The last use of an access key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKeyLastUsed {
    /// When it last signed a request; empty if it never did.
    #[serde(default)]
    pub last_used_date: String,
}
