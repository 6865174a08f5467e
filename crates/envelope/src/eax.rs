//! AES-256-EAX with a 16-byte nonce, a 16-byte tag and an empty header, in two halves that can run in parallel.
//!
//! ```text
//! OMAC^t(x) = CMAC(K, [t] ‖ x)            [t] = t as a block of 16 bytes
//! C         = P ⊕ CTR(K, first counter block = OMAC^0(N))
//! T         = OMAC^0(N) ⊕ OMAC^1("") ⊕ OMAC^2(C)
//! ```
//!
//! Specification: Bellare, Rogaway, Wagner, "The EAX Mode of Operation" (FSE 2004); the same as PyCryptodome's `AES.MODE_EAX`
//! with its defaults. Caveats: a nonce must not repeat under one key, so only this module creates nonces for sealing. The tag
//! does not commit to the key, so no caller may decide by it which of several keys a message belongs to.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};
use aws_lc_rs::{cmac, constant_time, rand};

use crate::DataKey;

/// A nonce. No two messages under one key may have the same one.
#[derive(Clone, Copy)]
pub(crate) struct Nonce(pub(crate) [u8; BLOCK_LEN]);

/// The authentication tag of a message.
pub(crate) type Tag = [u8; BLOCK_LEN];

/// The error for a tag that does not match the message.
#[derive(Debug)]
pub(crate) struct Mismatch;

/// The encrypting half: applies the CTR keystream, which both encrypts and decrypts.
pub(crate) struct Keystream(StreamingEncryptingKey);

/// The authenticating half: computes the tag of the ciphertext.
pub(crate) struct Authenticator {
    ciphertext: cmac::Context,
    nonce_and_header: [u8; BLOCK_LEN],
}

impl Nonce {
    /// Creates a random nonce. 128 bits are enough for that.
    pub(crate) fn random() -> Self {
        let mut nonce = [0; BLOCK_LEN];
        rand::fill(&mut nonce).expect("the operating system gives random bytes once it has booted");
        Self(nonce)
    }
}

impl Keystream {
    pub(crate) fn new(key: &DataKey, nonce: &Nonce) -> Self {
        Self::from_counter(key, omac(&cmac_key(key), 0, &nonce.0))
    }

    /// Encrypts or decrypts the next bytes of the message and replaces the content of `output` with them.
    pub(crate) fn apply(&mut self, input: &[u8], output: &mut Vec<u8>) {
        // aws-lc-rs requires the buffer that a block mode would need.
        output.resize(input.len() + BLOCK_LEN - 1, 0);
        let written = self.0.update(input, output).expect("CTR takes any number of bytes").written().len();
        output.truncate(written);
    }

    fn from_counter(key: &DataKey, counter: [u8; BLOCK_LEN]) -> Self {
        let key = UnboundCipherKey::new(&AES_256, key.expose()).expect("an AES-256 key has 32 bytes");
        let counter = EncryptionContext::Iv128(counter.into());
        Self(StreamingEncryptingKey::less_safe_ctr(key, counter).expect("a counter block has 16 bytes"))
    }
}

impl Authenticator {
    pub(crate) fn new(key: &DataKey, nonce: &Nonce) -> Self {
        let key = cmac_key(key);
        let ciphertext = omac_context(&key, 2);
        Self { ciphertext, nonce_and_header: xor(omac(&key, 0, &nonce.0), omac(&key, 1, b"")) }
    }

    /// Adds the next bytes of the ciphertext.
    pub(crate) fn update(&mut self, ciphertext: &[u8]) {
        self.ciphertext.update(ciphertext).expect(CMAC_DOES_NOT_FAIL);
    }

    /// Returns the tag of the message.
    pub(crate) fn finish(self) -> Tag {
        xor(self.nonce_and_header, finish(self.ciphertext))
    }

    /// Compares the tag of the message with `tag` in constant time.
    pub(crate) fn verify(self, tag: &Tag) -> Result<(), Mismatch> {
        constant_time::verify_slices_are_equal(&self.finish(), tag).map_err(|_| Mismatch)
    }
}

fn cmac_key(key: &DataKey) -> cmac::Key {
    cmac::Key::new(cmac::AES_256, key.expose()).expect("an AES-256 key has 32 bytes")
}

fn omac(key: &cmac::Key, t: u8, message: &[u8]) -> [u8; BLOCK_LEN] {
    let mut context = omac_context(key, t);
    context.update(message).expect(CMAC_DOES_NOT_FAIL);
    finish(context)
}

fn omac_context(key: &cmac::Key, t: u8) -> cmac::Context {
    let mut block = [0; BLOCK_LEN];
    block[BLOCK_LEN - 1] = t;
    let mut context = cmac::Context::with_key(key);
    context.update(&block).expect(CMAC_DOES_NOT_FAIL);
    context
}

fn finish(context: cmac::Context) -> [u8; BLOCK_LEN] {
    let tag = context.sign().expect(CMAC_DOES_NOT_FAIL);
    tag.as_ref().try_into().expect("a CMAC over AES has 16 bytes")
}

fn xor(a: [u8; BLOCK_LEN], b: [u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

/// The length of an AES block, a nonce and a tag, in bytes.
pub(crate) const BLOCK_LEN: usize = 16;
const CMAC_DOES_NOT_FAIL: &str = "CMAC over AES takes any number of bytes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_make_the_same_message() {
        let (key, nonce) = (DataKey::random(), Nonce::random());
        let plaintext: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let (ciphertext, tag) = seal_in_pieces(&key, &nonce, &plaintext, 1000);
        for size in [1, 15, 16, 17, 48, 999] {
            assert_eq!(seal_in_pieces(&key, &nonce, &plaintext, size), (ciphertext.clone(), tag));
        }
        let mut opened = Vec::new();
        Keystream::new(&key, &nonce).apply(&ciphertext, &mut opened);
        assert_eq!(opened, plaintext);
    }

    fn seal_in_pieces(key: &DataKey, nonce: &Nonce, plaintext: &[u8], size: usize) -> (Vec<u8>, Tag) {
        let (mut keystream, mut authenticator) = (Keystream::new(key, nonce), Authenticator::new(key, nonce));
        let (mut ciphertext, mut output) = (Vec::new(), Vec::new());
        for piece in plaintext.chunks(size) {
            keystream.apply(piece, &mut output);
            authenticator.update(&output);
            ciphertext.extend_from_slice(&output);
        }
        (ciphertext, authenticator.finish())
    }

    /// All 128 bits of the block are counted, as in PyCryptodome; some libraries count only the last 32.
    #[test]
    fn the_counter_carries_through_the_whole_block() {
        let key = DataKey::random();
        for counter in [0xffff_ffff, 0xffff_ffff_ffff_ffff, u128::MAX >> 8, u128::MAX] {
            let mut two = Vec::new();
            Keystream::from_counter(&key, counter.to_be_bytes()).apply(&[0; 32], &mut two);
            let mut second = Vec::new();
            Keystream::from_counter(&key, counter.wrapping_add(1).to_be_bytes()).apply(&[0; 16], &mut second);
            assert_eq!(two[16..], second);
        }
    }

    #[test]
    fn another_ciphertext_nonce_or_key_has_another_tag() {
        let (key, nonce) = (DataKey::random(), Nonce::random());
        let tag = Authenticator::new(&key, &nonce).finish();
        assert!(Authenticator::new(&key, &nonce).verify(&tag).is_ok());
        assert!(Authenticator::new(&key, &Nonce::random()).verify(&tag).is_err());
        assert!(Authenticator::new(&DataKey::random(), &nonce).verify(&tag).is_err());
        let mut longer = Authenticator::new(&key, &nonce);
        longer.update(b"0");
        assert!(longer.verify(&tag).is_err());
    }
}
