//! GetPublicKey, AsymmetricEncrypt, AsymmetricDecrypt, AsymmetricSign, AsymmetricVerify.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Asks for the public key of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPublicKey {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`GetPublicKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPublicKeyReply {
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
    /// PEM of the SubjectPublicKeyInfo.
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
    /// Base64 of what is to be encrypted.
    pub plaintext: SecretText,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`AsymmetricEncrypt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricEncryptReply {
    /// Base64 of the ciphertext, without any header.
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
    /// As it was encrypted.
    pub algorithm: String,
    /// Base64 of the ciphertext.
    pub ciphertext_blob: String,
    /// The enclave that is to receive the plaintext.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`AsymmetricDecrypt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricDecryptReply {
    /// Base64 of the plaintext.
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
    /// Base64 of the 32 bytes that a message hashes to.
    pub digest: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`AsymmetricSign`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricSignReply {
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
    /// Base64 of the signature.
    pub value: String,
}

/// Checks a signature with a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricVerify {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The version.
    pub key_version_id: String,
    /// As it was signed.
    pub algorithm: String,
    /// Base64 of the 32 bytes that the message hashes to.
    pub digest: String,
    /// Base64 of the signature.
    pub value: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`AsymmetricVerify`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsymmetricVerifyReply {
    /// The key that was used.
    pub key_id: String,
    /// The version that was used.
    pub key_version_id: String,
    /// Whether the signature is right.
    pub value: bool,
}
