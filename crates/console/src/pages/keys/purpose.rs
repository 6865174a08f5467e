//! The purpose of a key, by its spec and usage.

use bulla_wire::kms::KeyMetadata;

use super::is_pair;

/// What applications use a key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Purpose {
    /// To wrap data keys, and to encrypt small texts.
    DataKeys,
    /// To encrypt with the public key, and to decrypt.
    Encryption,
    /// To sign, and to verify.
    Signatures,
    /// To compute and verify message authentication codes.
    Macs,
}

impl Purpose {
    pub(in crate::pages) fn of(key: &KeyMetadata) -> Self {
        match (is_pair(key), &*key.key_usage) {
            (true, "SIGN/VERIFY") => Self::Signatures,
            (true, _) => Self::Encryption,
            (false, "SIGN/VERIFY") => Self::Macs,
            (false, _) => Self::DataKeys,
        }
    }

    /// Returns the actions for this purpose.
    pub(in crate::pages) fn actions(self) -> &'static [&'static str] {
        match self {
            Self::DataKeys => &["Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"],
            Self::Encryption => &["AsymmetricEncrypt", "AsymmetricDecrypt"],
            Self::Signatures => &["AsymmetricSign", "AsymmetricVerify"],
            Self::Macs => &["GenerateMac", "VerifyMac"],
        }
    }

    /// Returns the algorithm for examples; `None` if the key determines it.
    pub(in crate::pages) fn algorithm(self, key: &KeyMetadata) -> Option<&'static str> {
        let spec = &*key.key_spec;
        Some(match self {
            Self::DataKeys => return None,
            Self::Encryption if spec == "EC_SM2" => "SM2PKE",
            Self::Encryption => "RSAES_OAEP_SHA_256",
            Self::Signatures if spec == "EC_SM2" => "SM2DSA",
            Self::Signatures if spec.starts_with("RSA") => "RSA_PSS_SHA_256",
            Self::Signatures => "ECDSA_SHA_256",
            Self::Macs => match spec {
                "HMAC_SHA384" => "HMAC_SHA_384",
                "HMAC_SHA512" => "HMAC_SHA_512",
                "HMAC_SM3" => "HMAC_SM3",
                _ => "HMAC_SHA_256",
            },
        })
    }
}
