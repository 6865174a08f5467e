//! Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncrypt, ExportDataKey,
//! GenerateAndExportDataKey.

use serde::{Deserialize, Serialize};

use crate::context::ContextParameter;
use crate::secret::SecretText;

/// Encrypts a small text, at most 6144 bytes once base64 is taken off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encrypt {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// The text, usually base64; Decrypt gives it back as it is.
    pub plaintext: SecretText,
    /// What Decrypt must be told again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`Encrypt`] and [`GenerateDataKeyWithoutPlaintext`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptReply {
    /// Base64 of the blob, one line.
    pub ciphertext_blob: String,
    /// The key that encrypted.
    pub key_id: String,
    /// The version that encrypted.
    pub key_version_id: String,
}

/// Decrypts a blob; key and version are found in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decrypt {
    /// Base64 of the blob; white space around it is ignored.
    pub ciphertext_blob: String,
    /// What Encrypt was told.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// The enclave that is to receive the plaintext.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`Decrypt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecryptReply {
    /// The text exactly as it was encrypted; base64 of a data key.
    pub plaintext: SecretText,
    /// The key that decrypted.
    pub key_id: String,
    /// The version that decrypted.
    pub key_version_id: String,
}

/// Makes a data key and wraps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKey {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `AES_256` for 32 bytes, `AES_128` for 16.
    #[serde(default)]
    pub key_spec: Option<String>,
    /// 1 to 1024; the spec is ignored then, whatever it says. 32 if both are absent.
    #[serde(default)]
    pub number_of_bytes: Option<u32>,
    /// What Decrypt must be told again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// The enclave that is to receive the plaintext.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`GenerateDataKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyReply {
    /// Base64 of the wrapped data key.
    pub ciphertext_blob: String,
    /// The key that wrapped.
    pub key_id: String,
    /// The version that wrapped.
    pub key_version_id: String,
    /// Base64 of the data key.
    pub plaintext: SecretText,
}

/// Makes a data key and answers it wrapped only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyWithoutPlaintext {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `AES_256` for 32 bytes, `AES_128` for 16.
    #[serde(default)]
    pub key_spec: Option<String>,
    /// 1 to 1024; the spec is ignored then, whatever it says. 32 if both are absent.
    #[serde(default)]
    pub number_of_bytes: Option<u32>,
    /// What Decrypt must be told again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// Decrypts and encrypts under another key, without anybody seeing the plaintext.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReEncrypt {
    /// Base64 of the blob, or of the ciphertext of a key pair.
    pub ciphertext_blob: String,
    /// The key pair that decrypts; for ciphertexts of key pairs.
    #[serde(default)]
    pub source_key_id: Option<String>,
    /// Its version.
    #[serde(default)]
    pub source_key_version_id: Option<String>,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    #[serde(default)]
    pub source_encryption_algorithm: Option<String>,
    /// What Encrypt was told.
    #[serde(default)]
    pub source_encryption_context: Option<ContextParameter>,
    /// Key id, alias or ARN of the symmetric key that encrypts.
    pub destination_key_id: String,
    /// What Decrypt must be told from now on.
    #[serde(default)]
    pub destination_encryption_context: Option<ContextParameter>,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// Unwraps a data key and wraps it for a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportDataKey {
    /// Base64 of the wrapped data key.
    pub ciphertext_blob: String,
    /// What Encrypt was told.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// Base64 of the DER of the SubjectPublicKeyInfo that the data key is wrapped for.
    pub public_key_blob: String,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    pub wrapping_algorithm: String,
    /// `RSA_2048` or `EC_SM2`.
    pub wrapping_key_spec: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`ExportDataKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportDataKeyReply {
    /// Base64 of the data key, wrapped for the public key.
    pub exported_data_key: String,
    /// The key that unwrapped.
    pub key_id: String,
    /// The version that unwrapped.
    pub key_version_id: String,
}

/// Makes a data key, wrapped by a key and for a public key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateAndExportDataKey {
    /// Key id, alias or ARN.
    pub key_id: String,
    /// `AES_256` for 32 bytes, `AES_128` for 16.
    #[serde(default)]
    pub key_spec: Option<String>,
    /// 1 to 1024; the spec is ignored then, whatever it says. 32 if both are absent.
    #[serde(default)]
    pub number_of_bytes: Option<u32>,
    /// What Decrypt must be told again.
    #[serde(default)]
    pub encryption_context: Option<ContextParameter>,
    /// Base64 of the DER of the SubjectPublicKeyInfo that the data key is wrapped for.
    pub public_key_blob: String,
    /// `RSAES_OAEP_SHA_256`, `RSAES_OAEP_SHA_1` or `SM2PKE`.
    pub wrapping_algorithm: String,
    /// `RSA_2048` or `EC_SM2`.
    pub wrapping_key_spec: String,
    /// Check everything, do nothing, answer an error.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// The answer to [`GenerateAndExportDataKey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateAndExportDataKeyReply {
    /// Base64 of the wrapped data key.
    pub ciphertext_blob: String,
    /// Base64 of the data key, wrapped for the public key.
    pub exported_data_key: String,
    /// The key that wrapped.
    pub key_id: String,
    /// The version that wrapped.
    pub key_version_id: String,
}
