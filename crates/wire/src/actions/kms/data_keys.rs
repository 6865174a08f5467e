//! The requests and replies of Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncrypt, ExportDataKey,
//! GenerateAndExportDataKey.

use serde::{Deserialize, Serialize};

use crate::context::ContextParameter;
use crate::secret::SecretText;

/// Encrypts a short text: at most 6144 bytes, counted after base64 decoding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encrypt {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The text, usually base64. Decrypt returns it unchanged.
    pub plaintext: SecretText,
    /// The encryption context, which Decrypt needs again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`Encrypt`] and [`GenerateDataKeyWithoutPlaintext`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptReply {
    /// The blob in base64, on one line.
    pub ciphertext_blob: String,
    /// The key that encrypted.
    pub key_id: String,
    /// The version that encrypted.
    pub key_version_id: String,
}

/// Decrypts a blob, which names its key and version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decrypt {
    /// The blob in base64. White space around it is ignored.
    pub ciphertext_blob: String,
    /// The encryption context with which it was encrypted.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// The enclave that receives the plaintext.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`Decrypt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecryptReply {
    /// The text exactly as it was encrypted. For a data key it is base64.
    pub plaintext: SecretText,
    /// The key that decrypted.
    pub key_id: String,
    /// The version that decrypted.
    pub key_version_id: String,
}

/// Creates a data key and returns it as plaintext and wrapped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKey {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `AES_256` for 32 bytes, `AES_128` for 16.
    #[serde(default)]
    pub key_spec: Option<String>,
    /// 1 to 1024; overrides the spec. 32 if both are absent.
    #[serde(default)]
    pub number_of_bytes: Option<u32>,
    /// The encryption context, which Decrypt needs again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// The enclave that receives the plaintext.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`GenerateDataKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyReply {
    /// The wrapped data key in base64.
    pub ciphertext_blob: String,
    /// The key that wrapped the data key.
    pub key_id: String,
    /// The version that wrapped the data key.
    pub key_version_id: String,
    /// The data key in base64.
    pub plaintext: SecretText,
}

/// Creates a data key and returns it only wrapped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyWithoutPlaintext {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `AES_256` for 32 bytes, `AES_128` for 16.
    #[serde(default)]
    pub key_spec: Option<String>,
    /// 1 to 1024; overrides the spec. 32 if both are absent.
    #[serde(default)]
    pub number_of_bytes: Option<u32>,
    /// The encryption context, which Decrypt needs again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// Decrypts a ciphertext and encrypts it under another key, without returning the plaintext.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReEncrypt {
    /// The blob, or the ciphertext of a key pair, in base64.
    pub ciphertext_blob: String,
    /// The key pair that decrypts. Only for ciphertexts of key pairs.
    #[serde(default)]
    pub source_key_id: Option<String>,
    /// The version of the key pair.
    #[serde(default)]
    pub source_key_version_id: Option<String>,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    #[serde(default)]
    pub source_encryption_algorithm: Option<String>,
    /// The encryption context with which it was encrypted.
    #[serde(default)]
    pub source_encryption_context: Option<ContextParameter>,
    /// Key id, alias or ARN of the symmetric key that encrypts.
    pub destination_key_id: String,
    /// The encryption context that Decrypt needs from now on.
    #[serde(default)]
    pub destination_encryption_context: Option<ContextParameter>,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// Unwraps a data key and wraps it for a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportDataKey {
    /// The wrapped data key in base64.
    pub ciphertext_blob: String,
    /// The encryption context with which it was encrypted.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// The public key to wrap the data key for: base64 of the DER of its SubjectPublicKeyInfo.
    pub public_key_blob: String,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    pub wrapping_algorithm: String,
    /// `RSA_2048` or `EC_SM2`.
    pub wrapping_key_spec: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`ExportDataKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportDataKeyReply {
    /// The data key, wrapped for the public key, in base64.
    pub exported_data_key: String,
    /// The key that had wrapped the data key.
    pub key_id: String,
    /// The version that had wrapped the data key.
    pub key_version_id: String,
}

/// Creates a data key and returns it wrapped under a key and wrapped for a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateAndExportDataKey {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `AES_256` for 32 bytes, `AES_128` for 16.
    #[serde(default)]
    pub key_spec: Option<String>,
    /// 1 to 1024; overrides the spec. 32 if both are absent.
    #[serde(default)]
    pub number_of_bytes: Option<u32>,
    /// The encryption context, which Decrypt needs again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// The public key to wrap the data key for: base64 of the DER of its SubjectPublicKeyInfo.
    pub public_key_blob: String,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    pub wrapping_algorithm: String,
    /// `RSA_2048` or `EC_SM2`.
    pub wrapping_key_spec: String,
    /// Checks the request without executing it. The reply is always an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The reply to [`GenerateAndExportDataKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateAndExportDataKeyReply {
    /// The wrapped data key in base64.
    pub ciphertext_blob: String,
    /// The data key, wrapped for the public key, in base64.
    pub exported_data_key: String,
    /// The key that wrapped the data key.
    pub key_id: String,
    /// The version that wrapped the data key.
    pub key_version_id: String,
}
