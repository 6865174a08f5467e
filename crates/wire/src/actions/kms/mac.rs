//! The requests and replies of GenerateMac, VerifyMac.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Computes the message authentication code of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateMac {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The message in base64.
    pub message: SecretText,
    /// `HMAC_SHA_256`, `HMAC_SHA_384`, `HMAC_SHA_512` or `HMAC_SM3`, as the spec of the key requires.
    pub algorithm: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`GenerateMac`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateMacReply {
    /// The algorithm.
    pub algorithm: String,
    /// The key that was used.
    pub key_id: String,
    /// The message authentication code in base64.
    pub mac: String,
}

/// Verifies the message authentication code of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyMac {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The message in base64.
    pub message: SecretText,
    /// The message authentication code in base64.
    pub mac: String,
    /// The algorithm of the code.
    pub algorithm: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`VerifyMac`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyMacReply {
    /// The algorithm.
    pub algorithm: String,
    /// The key that was used.
    pub key_id: String,
    /// Whether the code is valid.
    pub value: bool,
}
