//! Checks that a second pass over an input reads the same chunks as the first pass, which verified them.
//!
//! ```text
//! mark_i = GMAC(K, nonce = u96be(i), chunk_i)    K: 32 random bytes, for one reading
//! ```
//!
//! Specification: GMAC, SP 800-38D, with a random key for each input. The first pass stores 16 bytes per chunk (21 KiB per GiB
//! for chunks of 768 KiB). In the second pass, a different chunk, or the same one at another position, is accepted with a
//! probability of at most 2^-112. The intermediate states of the file's own CMAC would serve too, at a twentieth of the speed.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

/// The marks of the chunks that were read so far.
pub struct Recall {
    key: LessSafeKey,
    marks: Vec<Mark>,
}

impl Recall {
    /// Creates an empty list of marks with a new key.
    #[must_use]
    pub fn new() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).expect("the operating system gives random bytes once it has booted");
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("an AES-256 key has 32 bytes");
        Self { key: LessSafeKey::new(key), marks: Vec::new() }
    }

    /// Adds the mark of the next chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        let mark = self.mark(self.marks.len(), chunk);
        self.marks.push(mark);
    }

    /// Whether there are no marks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Returns the number of marks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether this is the chunk that was added with number `index`, from 0.
    ///
    /// # Panics
    /// If there is no mark with this number.
    #[must_use]
    pub fn knows(&self, index: usize, chunk: &[u8]) -> bool {
        let mark = self.mark(index, chunk);
        constant_time::verify_slices_are_equal(&mark, &self.marks[index]).is_ok()
    }

    fn mark(&self, index: usize, chunk: &[u8]) -> Mark {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&(index as u64).to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(chunk), &mut []);
        tag.expect("chunks are far below the limits of GCM").as_ref().try_into().expect("a tag has 16 bytes")
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Default for Recall {
    fn default() -> Self {
        Self::new()
    }
}

type Mark = [u8; 16];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_chunk_in_the_same_place_is_known() {
        let mut recall = Recall::new();
        recall.push(b"one");
        recall.push(b"two");
        assert_eq!(recall.len(), 2);
        assert!(recall.knows(0, b"one") && recall.knows(1, b"two"));
        assert!(!recall.knows(0, b"two") && !recall.knows(1, b"one"));
        assert!(!recall.knows(0, b"on") && !recall.knows(0, b"one\0") && !recall.knows(0, b""));
    }
}
