//! The requests and replies of GetPublicKey, AsymmetricEncrypt, AsymmetricDecrypt, AsymmetricSign, AsymmetricVerify.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Returns the public key of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPublicKey {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`GetPublicKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPublicKeyReply {
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
    /// The SubjectPublicKeyInfo in PEM.
    pub public_key: String,
}

/// Encrypts with a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricEncrypt {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    pub algorithm: String,
    /// The plaintext in base64.
    pub plaintext: SecretText,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`AsymmetricEncrypt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricEncryptReply {
    /// The ciphertext in base64, without a header.
    pub ciphertext_blob: String,
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
}

/// Decrypts with a private key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricDecrypt {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// The algorithm with which it was encrypted.
    pub algorithm: String,
    /// The ciphertext in base64.
    pub ciphertext_blob: String,
    /// The enclave that receives the plaintext.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`AsymmetricDecrypt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricDecryptReply {
    /// The plaintext in base64.
    pub plaintext: SecretText,
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
}

/// Signs a digest with a private key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricSign {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// `RSA_PSS_SHA_256`, `RSA_PKCS1_SHA_256`, `ECDSA_SHA_256` or `SM2DSA`.
    pub algorithm: String,
    /// The digest of the message in base64: 32 bytes.
    pub digest: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`AsymmetricSign`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricSignReply {
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
    /// The signature in base64.
    pub value: String,
}

/// Verifies a signature with a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricVerify {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// The algorithm of the signature.
    pub algorithm: String,
    /// The digest of the message in base64: 32 bytes.
    pub digest: String,
    /// The signature in base64.
    pub value: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`AsymmetricVerify`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricVerifyReply {
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
    /// Whether the signature is valid.
    pub value: bool,
}
