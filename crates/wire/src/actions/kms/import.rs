//! GetParametersForImport, ImportKeyMaterial, DeleteKeyMaterial.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Asks for a public key to wrap key material with, and the token that goes with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetParametersForImport {
    /// The key's id; no alias.
    pub key_id: String,
    /// `RSAES_PKCS1_V1_5`, `RSAES_OAEP_SHA_1`, `RSAES_OAEP_SHA_256`, or `SM2PKE`.
    pub wrapping_algorithm: String,
    /// `RSA_2048` or `EC_SM2`.
    pub wrapping_key_spec: String,
}

/// The answer to [`GetParametersForImport`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetParametersForImportReply {
    /// What ImportKeyMaterial must bring.
    pub import_token: String,
    /// The key's id.
    pub key_id: String,
    /// Base64 of the DER of a SubjectPublicKeyInfo.
    pub public_key: String,
    /// Until when the token is good.
    pub token_expire_time: Timestamp,
}

/// Brings the material of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImportKeyMaterial {
    /// The key's id; no alias.
    pub key_id: String,
    /// Base64 of the wrapped material.
    pub encrypted_key_material: String,
    /// From GetParametersForImport.
    pub import_token: String,
    /// When the material ends, in seconds since 1970; 0 or absent for never.
    #[serde(default)]
    pub key_material_expire_unix: Option<i64>,
}

/// Takes imported material away; it can be imported again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteKeyMaterial {
    /// The key's id; no alias.
    pub key_id: String,
}
