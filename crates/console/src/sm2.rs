//! The digest that SM2 signs (GB/T 32918.2): e = SM3(Z_A ‖ M), where Z_A identifies the signer and the public key.
//!
//! The API signs a digest, which the client computes. The id of the signer is the default of GM/T 0009, which the cloud's
//! examples and openssl's `distid:1234567812345678` use too.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sm3::{Digest, Sm3};

/// Returns Z_A of a public key in PEM; `None` if it is not an uncompressed point.
pub(crate) fn signer(pem: &str) -> Option<[u8; 32]> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64_STANDARD.decode(text).ok()?;
    let (&UNCOMPRESSED, point) = der[der.len().checked_sub(65)?..].split_first()? else { return None };
    let bits = u16::try_from(NAME.len() * 8).ok()?.to_be_bytes();
    Some(
        Sm3::new_with_prefix(bits)
            .chain_update(NAME)
            .chain_update(CURVE)
            .chain_update(point)
            .finalize()
            .into(),
    )
}

/// Returns the digest of a message.
pub(crate) fn digest(signer: &[u8; 32], message: &[u8]) -> [u8; 32] {
    Sm3::new_with_prefix(signer).chain_update(message).finalize().into()
}

/// The tag of an uncompressed point.
const UNCOMPRESSED: u8 = 0x04;

const NAME: &[u8] = b"1234567812345678";

/// a, b and the base point of the recommended curve (GB/T 32918.5).
#[rustfmt::skip]
const CURVE: [u8; 128] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,
    0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7,
    0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,
    0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,
    0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
    0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53,
    0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The example of GB/T 32918.5, annex A.
    #[test]
    fn the_digest_is_that_of_the_standard() {
        let pem = "-----BEGIN PUBLIC KEY-----\n\
            MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60Y\n\
            M/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==\n\
            -----END PUBLIC KEY-----\n";
        let signer = signer(pem).unwrap();
        assert_eq!(hex(&signer), "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3");
        let digest = digest(&signer, b"message digest");
        assert_eq!(hex(&digest), "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
    }

    #[test]
    fn what_is_no_key_has_no_signer() {
        for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n", "not Base64!", &"A".repeat(120)] {
            assert_eq!(signer(text), None, "{text}");
        }
    }
}
