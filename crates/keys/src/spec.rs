//! The kinds of keys, as the API names them.

use std::fmt;

use minicbor::{Decode, Encode};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident($n:literal) = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $name {
            $($(#[$variant_doc])* #[n($n)] $variant,)*
        }

        impl $name {
            /// The name the API uses, case sensitive.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The one with this name.
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
    /// What a key is.
    KeySpec {
        /// 256 bits for AES in XAES-256-GCM.
        Aes256(0) = "Aliyun_AES_256",
    }
}

impl KeySpec {
    /// Specs that the API has and bulla does not make.
    pub const UNSUPPORTED: [&str; 12] = [
        "Aliyun_AES_128",
        "Aliyun_AES_192",
        "Aliyun_SM4",
        "RSA_2048",
        "RSA_3072",
        "EC_P256",
        "EC_P256K",
        "EC_SM2",
        "HMAC_SHA256",
        "HMAC_SHA384",
        "HMAC_SHA512",
        "HMAC_SM3",
    ];
}

named! {
    /// What a key may be used for.
    KeyUsage {
        /// Encryption and decryption.
        EncryptDecrypt(0) = "ENCRYPT/DECRYPT",
        /// Signatures.
        SignVerify(1) = "SIGN/VERIFY",
    }
}

named! {
    /// Where the material of a key comes from.
    KeyOrigin {
        /// Made by this KMS.
        Kms(0) = "Aliyun_KMS",
        /// Imported.
        External(1) = "EXTERNAL",
    }
}

named! {
    /// What guards the material of a key.
    ProtectionLevel {
        /// This program.
        Software(0) = "SOFTWARE",
        /// A hardware module.
        Hsm(1) = "HSM",
    }
}
