//! GenerateMac, VerifyMac.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Authenticates a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateMac {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// Base64 of the message.
    pub message: SecretText,
    /// `HMAC_SHA_256`, `HMAC_SHA_384`, `HMAC_SHA_512` or `HMAC_SM3`, as the key is.
    pub algorithm: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`GenerateMac`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateMacReply {
    /// The algorithm.
    pub algorithm: String,
    /// The key that was used.
    pub key_id: String,
    /// Base64 of the code.
    pub mac: String,
}

/// Checks the code of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyMac {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// Base64 of the message.
    pub message: SecretText,
    /// Base64 of the code.
    pub mac: String,
    /// As it was made.
    pub algorithm: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`VerifyMac`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyMacReply {
    /// The algorithm.
    pub algorithm: String,
    /// The key that was used.
    pub key_id: String,
    /// Whether the code is right.
    pub value: bool,
}
