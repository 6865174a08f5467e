//! The requests and replies of GetParametersForImport, ImportKeyMaterial, DeleteKeyMaterial.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Returns a public key to wrap key material with, and an import token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetParametersForImport {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// `RSAES_PKCS1_V1_5`, `RSAES_OAEP_SHA_1`, `RSAES_OAEP_SHA_256`, or `SM2PKE`.
    pub wrapping_algorithm: String,
    /// `RSA_2048` or `EC_SM2`.
    pub wrapping_key_spec: String,
}

/// The reply to [`GetParametersForImport`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetParametersForImportReply {
    /// The import token, which ImportKeyMaterial needs.
    pub import_token: String,
    /// The id of the key.
    pub key_id: String,
    /// The public key: base64 of the DER of its SubjectPublicKeyInfo.
    pub public_key: String,
    /// When the token expires.
    pub token_expire_time: Timestamp,
}

/// Imports the material of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImportKeyMaterial {
    /// The id of the key; not an alias.
    pub key_id: String,
    /// The wrapped material in base64.
    pub encrypted_key_material: String,
    /// The import token of GetParametersForImport.
    pub import_token: String,
    /// When the material expires, in seconds since the Unix epoch; never, if 0 or absent.
    #[serde(default)]
    pub key_material_expire_unix: Option<i64>,
}

/// Deletes the imported material of a key. The same material can be imported again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteKeyMaterial {
    /// The id of the key; not an alias.
    pub key_id: String,
}
