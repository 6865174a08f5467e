//! Recognizing in a second pass over an input what the first pass has verified.
//!
//! ```text
//! mark_i = GMAC(K, nonce = u96be(i), chunk_i)    K: 32 random bytes, for one reading
//! ```
//!
//! Specification: GMAC, SP 800-38D. What the first pass saw is remembered by 16 bytes a chunk (21 KiB per
//! GiB); in the second pass another chunk, or the same one elsewhere, passes with probability 2^-112 at most.
//! The prefix states of the file's own CMAC would do as well, at a twentieth of the speed.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

/// The marks of the chunks seen so far.
pub struct Recall {
    key: LessSafeKey,
    marks: Vec<Mark>,
}

impl Recall {
    /// No marks yet, and a key of its own.
    #[must_use]
    pub fn new() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).expect("the operating system gives random bytes once it has booted");
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("an AES-256 key has 32 bytes");
        Self { key: LessSafeKey::new(key), marks: Vec::new() }
    }

    /// Remembers the next chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        let mark = self.mark(self.marks.len(), chunk);
        self.marks.push(mark);
    }

    /// Whether no chunk is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How many chunks are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether this is the chunk that was remembered as number `index`, from 0.
    ///
    /// # Panics
    /// If no chunk was remembered with this number.
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
