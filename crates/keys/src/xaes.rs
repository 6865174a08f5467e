//! XAES-256-GCM: AES-256-GCM with a 192-bit nonce, which can be random for up to 2^80 messages.
//!
//! ```text
//! K' = CMAC(K, 0x0001 ‖ "X" ‖ 0x00 ‖ N[..12]) ‖ CMAC(K, 0x0002 ‖ "X" ‖ 0x00 ‖ N[..12])
//! sealed = N ‖ AES-256-GCM(K', nonce = N[12..], plaintext, aad)
//! ```
//!
//! Specification: C2SP XAES-256-GCM, a counter KDF of SP 800-108r1 over AES-CMAC. Caveat: like GCM it does not commit to its key.
//! This crate does not rely on commitment: no decision depends on which of several keys opens a message.

use std::fmt;

use aws_lc_rs::{aead, cmac};
use zeroize::Zeroizing;

use crate::random::{self, Random};

/// An expanded key.
pub struct Xaes256Gcm(cmac::Key);

/// The error for a message that does not open because it was damaged, forged, or sealed for another key or other associated data.
/// These cases are indistinguishable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged;

impl Xaes256Gcm {
    /// The number of bytes that sealing adds: a nonce before the ciphertext, a tag after it.
    pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

    /// Expands a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(cmac::Key::new(cmac::AES_256, key).expect("an AES-256 key has 32 bytes"))
    }

    /// Seals `plaintext`, bound to `aad`. Returns nonce, ciphertext and tag.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8], random: &impl Random) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random::array(random);
        let mut sealed = Vec::with_capacity(plaintext.len() + Self::OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let (key, gcm_nonce) = self.derive(&nonce);
        let tag = key
            .seal_in_place_separate_tag(gcm_nonce, aead::Aad::from(aad), &mut sealed[NONCE_LEN..])
            .expect("messages are far below the 64 GiB of GCM");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens the result of [`Xaes256Gcm::seal`] under the same key and `aad`.
    ///
    /// # Errors
    /// [`Damaged`]; no plaintext is returned.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Damaged)?;
        let (key, gcm_nonce) = self.derive(nonce);
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let length =
            key.open_in_place(gcm_nonce, aead::Aad::from(aad), &mut plaintext).map_err(|_| Damaged)?.len();
        plaintext.truncate(length);
        Ok(plaintext)
    }

    fn derive(&self, nonce: &[u8; NONCE_LEN]) -> (aead::LessSafeKey, aead::Nonce) {
        let mut key = Zeroizing::new([0; 32]);
        let mut block = *b"\0\0X\0............";
        block[4..].copy_from_slice(&nonce[..12]);
        for (counter, half) in (1..).zip(key.chunks_exact_mut(16)) {
            block[1] = counter;
            let tag = cmac::sign(&self.0, &block).expect("the CMAC of one block does not fail");
            half.copy_from_slice(tag.as_ref());
        }
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &*key).expect("an AES-256 key has 32 bytes");
        let nonce = aead::Nonce::try_assume_unique_for_key(&nonce[12..]).expect("a GCM nonce has 12 bytes");
        (aead::LessSafeKey::new(key), nonce)
    }
}

impl fmt::Debug for Xaes256Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xaes256Gcm")
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("damaged, forged, or sealed for something else")
    }
}

impl std::error::Error for Damaged {}

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = aead::MAX_TAG_LEN;

#[cfg(test)]
mod tests {
    use sha3::digest::{ExtendableOutput, Update, XofReader};
    use sha3::{Shake128, Shake128Reader};

    use super::*;
    use crate::random::{Fixed, SystemRandom};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The two vectors of the specification, which differ in the top bit of the CMAC subkey.
    #[test]
    fn c2sp_vectors() {
        let nonce = Fixed(b"ABCDEFGHIJKLMNOPQRSTUVWX".to_vec());
        for (byte, aad, expected) in [
            (1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
            (3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
        ] {
            let key = Xaes256Gcm::new(&[byte; 32]);
            let sealed = key.seal(aad.as_bytes(), b"XAES-256-GCM", &nonce);
            assert_eq!(hex(&sealed[24..]), expected);
            assert_eq!(*key.open(aad.as_bytes(), &sealed).unwrap(), b"XAES-256-GCM");
        }
    }

    /// The accumulated test vectors: random messages generated with SHAKE-128, and a hash over all ciphertexts.
    #[test]
    fn c2sp_accumulated_10_000() {
        let mut random = Shake128::default().finalize_xof();
        let mut hash = Shake128::default();
        for _ in 0..10_000 {
            let key = read::<32>(&mut random);
            let nonce = Fixed(read::<24>(&mut random).to_vec());
            let plaintext = read_short(&mut random);
            let aad = read_short(&mut random);
            let key = Xaes256Gcm::new(&key);
            let sealed = key.seal(&aad, &plaintext, &nonce);
            assert_eq!(*key.open(&aad, &sealed).unwrap(), plaintext);
            hash.update(&sealed[24..]);
        }
        let accumulated = read::<32>(&mut hash.finalize_xof());
        assert_eq!(hex(&accumulated), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
    }

    fn read<const N: usize>(random: &mut Shake128Reader) -> [u8; N] {
        let mut bytes = [0; N];
        random.read(&mut bytes);
        bytes
    }

    fn read_short(random: &mut Shake128Reader) -> Vec<u8> {
        let mut bytes = vec![0; usize::from(read::<1>(random)[0])];
        random.read(&mut bytes);
        bytes
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = Xaes256Gcm::new(&[7; 32]);
        let sealed = key.seal(b"aad", b"secret", &SystemRandom);
        for bit in 0..sealed.len() * 8 {
            let mut broken = sealed.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"aad", &broken), Err(Damaged), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(b"aad", &sealed[..length]), Err(Damaged), "cut to {length}");
        }
        assert_eq!(key.open(b"other", &sealed), Err(Damaged));
        assert_eq!(Xaes256Gcm::new(&[8; 32]).open(b"aad", &sealed), Err(Damaged));
    }

    #[test]
    fn each_call_draws_a_new_nonce() {
        let key = Xaes256Gcm::new(&[7; 32]);
        assert_ne!(key.seal(b"", b"", &SystemRandom)[..24], key.seal(b"", b"", &SystemRandom)[..24]);
    }
}
