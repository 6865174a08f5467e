//! Specs, usages and origins of keys, with their names in the API.

use std::fmt;

use minicbor::{Decode, Encode};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident($n:literal) = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $name {
            $($(#[$variant_doc])* #[n($n)] $variant,)*
        }

        impl $name {
            /// Returns the name in the API. Case matters.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns the variant with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// The algorithm and size of a key.
    KeySpec {
        /// 256 bits for AES in XAES-256-GCM.
        Aes256(0) = "Aliyun_AES_256",
        /// 128 bits for SM4-GCM.
        Sm4(1) = "Aliyun_SM4",
        /// RSA with a modulus of 2048 bits.
        Rsa2048(2) = "RSA_2048",
        /// RSA with a modulus of 3072 bits.
        Rsa3072(3) = "RSA_3072",
        /// The curve secp256r1 (SEC 2), for ECDSA.
        EcP256(4) = "EC_P256",
        /// The curve secp256k1 (SEC 2), for ECDSA.
        EcP256K(5) = "EC_P256K",
        /// The curve of SM2 (GB/T 32918.5).
        EcSm2(6) = "EC_SM2",
        /// HMAC with SHA-256.
        HmacSha256(7) = "HMAC_SHA256",
        /// HMAC with SHA-384.
        HmacSha384(8) = "HMAC_SHA384",
        /// HMAC with SHA-512.
        HmacSha512(9) = "HMAC_SHA512",
        /// HMAC with SM3.
        HmacSm3(10) = "HMAC_SM3",
    }
}

/// The kind of cryptography that a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A secret key that encrypts and decrypts ciphertext blobs.
    Symmetric,
    /// A key pair.
    Asymmetric,
    /// A secret key that authenticates messages.
    Mac,
}

impl KeySpec {
    /// The specs of the API that bulla does not support: the cloud has them in hardware only.
    pub const UNSUPPORTED: [&str; 2] = ["Aliyun_AES_128", "Aliyun_AES_192"];

    /// Returns the kind of cryptography that keys of this spec are for.
    #[must_use]
    pub fn kind(self) -> KeyKind {
        match self {
            Self::Aes256 | Self::Sm4 => KeyKind::Symmetric,
            Self::Rsa2048 | Self::Rsa3072 | Self::EcP256 | Self::EcP256K | Self::EcSm2 => KeyKind::Asymmetric,
            Self::HmacSha256 | Self::HmacSha384 | Self::HmacSha512 | Self::HmacSm3 => KeyKind::Mac,
        }
    }

    /// Returns the usages that keys of this spec may have. The first one is the default.
    #[must_use]
    pub fn usages(self) -> &'static [KeyUsage] {
        match self {
            Self::Aes256 | Self::Sm4 => &[KeyUsage::EncryptDecrypt],
            Self::Rsa2048 | Self::Rsa3072 | Self::EcSm2 => &[KeyUsage::SignVerify, KeyUsage::EncryptDecrypt],
            Self::EcP256 | Self::EcP256K => &[KeyUsage::SignVerify],
            Self::HmacSha256 | Self::HmacSha384 | Self::HmacSha512 | Self::HmacSm3 => &[KeyUsage::SignVerify],
        }
    }

    /// Returns the length of the secret in bytes: the key length of the cipher, or the output length of the hash of HMAC. Returns
    /// `None` for a key pair.
    #[must_use]
    pub fn secret_len(self) -> Option<usize> {
        match self {
            Self::Sm4 => Some(16),
            Self::Aes256 | Self::HmacSha256 | Self::HmacSm3 => Some(32),
            Self::HmacSha384 => Some(48),
            Self::HmacSha512 => Some(64),
            Self::Rsa2048 | Self::Rsa3072 | Self::EcP256 | Self::EcP256K | Self::EcSm2 => None,
        }
    }
}

named! {
    /// The operations that a key is for.
    KeyUsage {
        /// Encryption and decryption.
        EncryptDecrypt(0) = "ENCRYPT/DECRYPT",
        /// Signatures, and message authentication codes.
        SignVerify(1) = "SIGN/VERIFY",
    }
}

named! {
    /// Where the material of a key comes from.
    KeyOrigin {
        /// This KMS generated it.
        Kms(0) = "Aliyun_KMS",
        /// It is imported.
        External(1) = "EXTERNAL",
    }
}

named! {
    /// How the material of a key is protected.
    ProtectionLevel {
        /// By this program.
        Software(0) = "SOFTWARE",
        /// By a hardware security module.
        Hsm(1) = "HSM",
    }
}
