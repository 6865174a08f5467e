//! The hashes of the signature schemes, each with its HMAC (RFC 2104).

use ::hmac::{Hmac, KeyInit, Mac};
use aws_lc_rs::{digest, hmac};
use sm3::{Digest, Sm3};
use zeroize::Zeroizing;

/// A hash of 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hash {
    /// FIPS 180-4.
    Sha256,
    /// GB/T 32905-2016.
    Sm3,
}

impl Hash {
    /// Returns the hash of `bytes` in lower-case hex.
    pub(super) fn hex(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256 => hex(digest::digest(&digest::SHA256, bytes).as_ref()),
            Self::Sm3 => hex(&Sm3::digest(bytes)),
        }
    }

    /// Returns the HMAC of `text`. It is wiped on drop, because it may be used as a key.
    pub(super) fn mac(self, key: &[u8], text: &[u8]) -> Zeroizing<[u8; 32]> {
        match self {
            Self::Sha256 => {
                let mut mac = Zeroizing::new([0; 32]);
                hmac::sign_to_buffer(&sha256_key(key), text, &mut *mac).expect("32 bytes hold the tag");
                mac
            }
            Self::Sm3 => Zeroizing::new(sm3_mac(key, text).finalize().into_bytes().into()),
        }
    }

    /// Compares `mac` with the HMAC of `text` in constant time.
    pub(super) fn verify(self, key: &[u8], text: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::Sha256 => hmac::verify(&sha256_key(key), text, mac).is_ok(),
            Self::Sm3 => sm3_mac(key, text).verify_slice(mac).is_ok(),
        }
    }
}

fn sha256_key(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

fn sm3_mac(key: &[u8], text: &[u8]) -> Hmac<Sm3> {
    Hmac::<Sm3>::new_from_slice(key).expect("HMAC takes keys of any length").chain_update(text)
}

/// Returns lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Decodes lower-case hex only, so that a signature has one spelling.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?));
    rest.is_empty().then(|| bytes.collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two examples of GB/T 32905-2016, appendix A.
    #[test]
    fn sm3_vectors() {
        let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        assert_eq!(Hash::Sm3.hex(b"abc"), abc);
        let block = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732";
        assert_eq!(Hash::Sm3.hex("abcd".repeat(16).as_bytes()), block);
    }

    /// HMAC-SM3 from GM/T 0042-2015, appendix D.3, and HMAC-SHA-256 from RFC 4231, 4.2, 4.3 and 4.7.
    #[test]
    fn hmac_vectors() {
        let counting = |last| (1..=last).collect::<Vec<u8>>();
        let letters = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".repeat(2);
        let jefe = b"Jefe".to_vec();
        let question = b"what do ya want for nothing?";
        for (hash, key, text, expected) in [
            (
                Hash::Sm3,
                counting(32),
                letters.as_bytes(),
                "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a",
            ),
            (
                Hash::Sm3,
                counting(37),
                &[0xcd; 50],
                "220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae",
            ),
            (
                Hash::Sm3,
                vec![0x0b; 32],
                b"Hi There",
                "c0ba18c68b90c88bc07de794bfc7d2c8d19ec31ed8773bc2b390c9604e0be11e",
            ),
            (
                Hash::Sm3,
                jefe.clone(),
                question,
                "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882",
            ),
            (
                Hash::Sha256,
                vec![0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                Hash::Sha256,
                jefe,
                question,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                Hash::Sha256,
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&*hash.mac(&key, text)), expected);
            assert!(hash.verify(&key, text, &unhex(expected).unwrap()));
            let other = expected.replacen(&expected[..1], "0", 1);
            assert!(!hash.verify(&key, text, &unhex(&other).unwrap()));
        }
    }

    #[test]
    fn a_part_of_a_mac_is_none() {
        for hash in [Hash::Sha256, Hash::Sm3] {
            let mac = hash.mac(b"key", b"text");
            for length in 0..32 {
                assert!(!hash.verify(b"key", b"text", &mac[..length]), "{hash:?}, {length} bytes");
            }
            assert!(!hash.verify(b"key", b"text", &[&*mac, &[0][..]].concat()));
        }
    }

    #[test]
    fn hex_has_one_spelling() {
        assert_eq!(unhex("00ff7a"), Some(vec![0, 0xff, 0x7a]));
        for text in ["0", "0F", "0g", "é0", " 00"] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }
}
