//! The requests and replies of GetSecretValue, BatchGetSecretValue, PutSecretValue, ListSecretVersionIds,
//! UpdateSecretVersionStage.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Returns the value of a version of a secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValue {
    /// Name or ARN.
    pub secret_name: String,
    /// The id of the version.
    #[serde(default)]
    pub version_id: Option<String>,
    /// The stage that points to the version; `ACSCurrent` if both are absent.
    #[serde(default)]
    pub version_stage: Option<String>,
    /// Has no effect for the type `Generic`.
    #[serde(default)]
    pub fetch_extended_config: Option<bool>,
    /// The enclave that receives the value.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`GetSecretValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValueReply {
    /// The name of the secret.
    pub secret_name: String,
    /// `Generic`.
    pub secret_type: String,
    /// The id of the version.
    pub version_id: String,
    /// The value, exactly as it was stored.
    pub secret_data: SecretText,
    /// `text` or `binary`.
    pub secret_data_type: String,
    /// The stages that point to the version.
    pub version_stages: VersionStageList,
    /// When the secret was created.
    pub create_time: Timestamp,
}

/// The stages that point to a version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionStageList {
    /// The names of the stages; none for a deprecated version.
    #[serde(default)]
    pub version_stage: Vec<String>,
}

/// Returns the values of several secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetSecretValue {
    /// JSON list of up to 20 objects with `SecretName`, and optionally `VersionId`, `VersionStage` or `FetchExtendedConfig`.
    pub secrets_list: String,
}

/// The reply to [`BatchGetSecretValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetSecretValueReply {
    /// The values that could be read.
    #[serde(default)]
    pub secret_values: Vec<GetSecretValueReply>,
    /// The errors of the others.
    #[serde(default)]
    pub errors: Vec<SecretError>,
}

/// Why one of several secrets could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretError {
    /// The secret as the request named it.
    pub secret_name: String,
    /// The error code, such as `Forbidden.ResourceNotFound`.
    pub code: String,
    /// The HTTP status of the code.
    pub http_status: u16,
    /// The text of the code.
    pub message: String,
}

/// Adds a version to a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValue {
    /// Name or ARN.
    pub secret_name: String,
    /// The id of the version: up to 64 characters.
    pub version_id: String,
    /// The value: up to 30,720 bytes.
    pub secret_data: SecretText,
    /// `text` if absent, or `binary`.
    #[serde(default)]
    pub secret_data_type: Option<String>,
    /// The stages to point to the version: a JSON list, also in the form `{"VersionStage":[…]}`; `ACSCurrent` if absent.
    #[serde(default)]
    pub version_stages: Option<String>,
}

/// The reply to [`PutSecretValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValueReply {
    /// The name of the secret.
    pub secret_name: String,
    /// The id of the version.
    pub version_id: String,
    /// The stages that point to the version.
    pub version_stages: VersionStageList,
}

/// Lists the versions of a secret, page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretVersionIds {
    /// Name or ARN.
    pub secret_name: String,
    /// Whether to list versions without a stage too.
    #[serde(default)]
    pub include_deprecated: Option<bool>,
    /// The number of the page, from 1; 1 if absent.
    #[serde(default)]
    pub page_number: Option<u32>,
    /// 1 to 100; 20 if absent.
    #[serde(default)]
    pub page_size: Option<u32>,
}

/// The reply to [`ListSecretVersionIds`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretVersionIdsReply {
    /// The name of the secret.
    pub secret_name: String,
    /// The versions of this page.
    pub version_ids: SecretVersionList,
    /// The number of versions on all pages.
    pub total_count: u64,
    /// The number of this page.
    pub page_number: u32,
    /// The page size.
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
    /// The id of the version.
    pub version_id: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// The stages that point to the version.
    pub version_stages: VersionStageList,
}

/// Points a stage to another version, or removes a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecretVersionStage {
    /// Name or ARN.
    pub secret_name: String,
    /// `ACSCurrent`, `ACSPrevious`, or a name of up to 64 characters.
    pub version_stage: String,
    /// The version to which the stage will point; absent to remove the stage.
    #[serde(default)]
    pub move_to_version: Option<String>,
    /// The version to which the stage points now.
    #[serde(default)]
    pub remove_from_version: Option<String>,
}
