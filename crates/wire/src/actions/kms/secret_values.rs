//! GetSecretValue, BatchGetSecretValue, PutSecretValue, ListSecretVersionIds, UpdateSecretVersionStage.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Asks for what a version of a secret holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValue {
    /// Name or ARN.
    pub secret_name: String,
    /// The version.
    #[serde(default)]
    pub version_id: Option<String>,
    /// What points at the version; `ACSCurrent` if both are absent.
    #[serde(default)]
    pub version_stage: Option<String>,
    /// Of no effect for the type `Generic`.
    #[serde(default)]
    pub fetch_extended_config: Option<bool>,
    /// The enclave that is to receive the data.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`GetSecretValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValueReply {
    /// The secret's name.
    pub secret_name: String,
    /// `Generic`.
    pub secret_type: String,
    /// The version.
    pub version_id: String,
    /// What it holds, exactly as it was given.
    pub secret_data: SecretText,
    /// `text` or `binary`.
    pub secret_data_type: String,
    /// What points at the version.
    pub version_stages: VersionStageList,
    /// When the secret was made.
    pub create_time: Timestamp,
}

/// The stages that point at a version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionStageList {
    /// Their names; none for a deprecated version.
    #[serde(default)]
    pub version_stage: Vec<String>,
}

/// Asks for several secrets at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetSecretValue {
    /// JSON list of up to 20 `SecretName`, with `VersionId`, `VersionStage` or `FetchExtendedConfig`.
    pub secrets_list: String,
}

/// The answer to [`BatchGetSecretValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetSecretValueReply {
    /// What could be read.
    #[serde(default)]
    pub secret_values: Vec<GetSecretValueReply>,
    /// What could not.
    #[serde(default)]
    pub errors: Vec<SecretError>,
}

/// Why one secret of several could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretError {
    /// The secret, as it was asked for.
    pub secret_name: String,
    /// The code, such as `Forbidden.ResourceNotFound`.
    pub code: String,
    /// The HTTP status that goes with it.
    pub http_status: u16,
    /// The text that goes with it.
    pub message: String,
}

/// Adds a version to a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValue {
    /// Name or ARN.
    pub secret_name: String,
    /// What the version is called: up to 64 characters.
    pub version_id: String,
    /// What it holds: up to 30,720 bytes.
    pub secret_data: SecretText,
    /// `text` if absent, or `binary`.
    #[serde(default)]
    pub secret_data_type: Option<String>,
    /// JSON list of its stages, also as `{"VersionStage":[…]}`; `ACSCurrent` if absent.
    #[serde(default)]
    pub version_stages: Option<String>,
}

/// The answer to [`PutSecretValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValueReply {
    /// The secret's name.
    pub secret_name: String,
    /// The version.
    pub version_id: String,
    /// What points at it.
    pub version_stages: VersionStageList,
}

/// Lists the versions of a secret, a page at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretVersionIds {
    /// Name or ARN.
    pub secret_name: String,
    /// Also those at which no stage points.
    #[serde(default)]
    pub include_deprecated: Option<bool>,
    /// From 1; 1 if absent.
    #[serde(default)]
    pub page_number: Option<u32>,
    /// 1 to 100; 20 if absent.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The answer to [`ListSecretVersionIds`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretVersionIdsReply {
    /// The secret's name.
    pub secret_name: String,
    /// The versions of this page.
    pub version_ids: SecretVersionList,
    /// How many versions there are on all pages.
    pub total_count: u64,
    /// This page.
    pub page_number: u32,
    /// How many versions a page holds.
    pub page_size: u32,
}

/// The list inside [`ListSecretVersionIdsReply`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretVersionList {
    /// The versions, newest first.
    pub version_id: Vec<SecretVersionEntry>,
}

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretVersionEntry {
    /// What it is called.
    pub version_id: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// What points at it.
    pub version_stages: VersionStageList,
}

/// Points a stage at another version, or takes a stage away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecretVersionStage {
    /// Name or ARN.
    pub secret_name: String,
    /// `ACSCurrent`, `ACSPrevious`, or a name of up to 64 characters.
    pub version_stage: String,
    /// What it points at from now on; nothing if absent.
    #[serde(default)]
    pub move_to_version: Option<String>,
    /// What it points at now.
    #[serde(default)]
    pub remove_from_version: Option<String>,
}
