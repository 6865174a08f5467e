//! Cobblestone-256: encrypts a message in chunks that can be sealed and opened independently.
//!
//! ```text
//! key ‖ base nonce ‖ commitment = HKDF-Expand-SHA-512(input key,
//!         "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" ‖ 00 ‖ salt ‖ context, 32 + 12 + 32)
//! message = salt ‖ commitment ‖ chunk 0 ‖ … ‖ last chunk
//! chunk i = AES-256-GCM(key, base nonce ⊕ i, 16 KiB of plaintext, less for the last)
//! ```
//!
//! Specification: [C2SP chunked-encryption](https://c2sp.org/chunked-encryption); PyPI `cryptography` implements it as
//! `cryptography.cobblestone`. The last chunk is always shorter than 16 KiB, so a message that ends with a full chunk is
//! truncated.
//!
//! [`Sealer::take`] returns each chunk number once, as [`Chunks`], which sealing consumes. So no chunk can be sealed twice, by
//! any number of threads in any order. This does not compile:
//!
//! ```compile_fail,E0382
//! # use bulla_envelope::{cobblestone::{Sealer, TooLong}, native::BodyKey};
//! # fn seal(key: &BodyKey) -> Result<(), TooLong> {
//! let sealer = Sealer::new(key, b"context");
//! let chunks = sealer.take(1)?;
//! chunks.seal(b"one", &mut Vec::new());
//! chunks.seal(b"two", &mut Vec::new()); // moved
//! # Ok(())
//! # }
//! ```

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

use crate::body_key::BodyKey;
use crate::key_bytes::KEY_LEN;

/// Bytes of plaintext in each chunk except the last.
pub const CHUNK_LEN: usize = 16 << 10;
/// The number of bytes that sealing adds to a chunk.
pub const TAG_LEN: usize = 16;
/// The length of each sealed chunk except the last, in bytes.
pub const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;
/// The length of salt and commitment, which precede the first chunk, in bytes.
pub const PREFIX_LEN: usize = SALT_LEN + COMMITMENT_LEN;

/// Seals the chunks of one message.
pub struct Sealer {
    chunks: ChunkKey,
    prefix: [u8; PREFIX_LEN],
    next: AtomicU64,
}

/// Consecutive chunk numbers, each of which can be sealed once.
#[must_use = "chunks that were taken and not sealed are missing from the message"]
pub struct Chunks<'a> {
    sealer: &'a Sealer,
    first: u64,
    count: usize,
}

/// Opens the chunks of one message, in any order.
pub struct Opener(ChunkKey);

/// The error for a message that would have too many chunks. A message holds less than 4 PiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLong;

/// The error for a commitment that does not match, because the key or the context is wrong or the message is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongCommitment;

/// The error for a chunk that differs from the one that was sealed at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedChunk {
    /// The number of the chunk, from 0.
    pub index: u64,
}

impl Sealer {
    /// Begins a message under `key`, bound to `context`, with a random salt.
    #[must_use]
    pub fn new(key: &BodyKey, context: &[u8]) -> Self {
        let mut salt = [0; SALT_LEN];
        rand::fill(&mut salt).expect("the operating system gives random bytes once it has booted");
        let (chunks, commitment) = derive(key, &salt, context);
        let mut prefix = [0; PREFIX_LEN];
        prefix[..SALT_LEN].copy_from_slice(&salt);
        prefix[SALT_LEN..].copy_from_slice(&commitment);
        Self { chunks, prefix, next: AtomicU64::new(0) }
    }

    /// Returns salt and commitment, which precede the first chunk.
    #[must_use]
    pub fn prefix(&self) -> &[u8; PREFIX_LEN] {
        &self.prefix
    }

    /// Takes the next `count` chunk numbers. No other call returns the same numbers.
    ///
    /// # Errors
    /// [`TooLong`] if the message would have too many chunks.
    pub fn take(&self, count: usize) -> Result<Chunks<'_>, TooLong> {
        // Not `fetch_add`: refused calls must not advance the counter, which could wrap around.
        let end = |first: u64| first.checked_add(count as u64).filter(|end| *end <= CHUNK_LIMIT);
        let first = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end);
        first.map(|first| Chunks { sealer: self, first, count }).map_err(|_| TooLong)
    }
}

impl Chunks<'_> {
    /// Returns the offset of these chunks in the plaintext.
    #[must_use]
    pub fn plaintext_offset(&self) -> u64 {
        self.first * CHUNK_LEN as u64
    }

    /// Returns the offset of these chunks in the sealed message.
    #[must_use]
    pub fn sealed_offset(&self) -> u64 {
        sealed_offset(self.first)
    }

    /// Returns the sealed length of these chunks if they hold `plaintext_len` bytes.
    ///
    /// # Panics
    /// If there is more plaintext than the chunks hold.
    #[must_use]
    pub fn sealed_len(&self, plaintext_len: usize) -> usize {
        let full = plaintext_len / CHUNK_LEN;
        let rest = plaintext_len % CHUNK_LEN;
        assert!(full + usize::from(rest > 0) <= self.count, "chunks hold 16 KiB each");
        plaintext_len + (full + usize::from(full < self.count)) * TAG_LEN
    }

    /// Seals the plaintext of these chunks and replaces the content of `sealed` with the result.
    ///
    /// If the plaintext does not fill the chunks, it ends the message: the last chunk holds the remainder, which may be empty.
    ///
    /// # Panics
    /// If there is more plaintext than the chunks hold.
    pub fn seal(self, plaintext: &[u8], sealed: &mut Vec<u8>) {
        // Not cleared first: zeroing bytes that sealing overwrites would take time.
        sealed.resize(self.sealed_len(plaintext.len()), 0);
        self.seal_into(plaintext, sealed);
    }

    /// Like [`Chunks::seal`], but writes to a buffer of [`Chunks::sealed_len`] bytes.
    ///
    /// # Panics
    /// If there is more plaintext than the chunks hold, or the buffer has another length.
    pub fn seal_into(self, plaintext: &[u8], sealed: &mut [u8]) {
        assert_eq!(sealed.len(), self.sealed_len(plaintext.len()), "room for the sealed chunks");
        let (full, rest) = plaintext.as_chunks::<CHUNK_LEN>();
        let last = (full.len() < self.count).then_some(rest);
        let pieces = full.iter().map(<[u8; CHUNK_LEN]>::as_slice).chain(last);
        let rooms = sealed.chunks_mut(SEALED_CHUNK_LEN);
        for (index, (plaintext, room)) in (self.first..).zip(pieces.zip(rooms)) {
            self.sealer.chunks.seal(index, plaintext, room);
        }
    }
}

impl Opener {
    /// Opens a message that begins with `prefix`, after checking its commitment.
    ///
    /// # Errors
    /// [`WrongCommitment`] if the key or the context is wrong, or the prefix is damaged.
    pub fn new(key: &BodyKey, context: &[u8], prefix: &[u8; PREFIX_LEN]) -> Result<Self, WrongCommitment> {
        let (salt, commitment) = prefix.split_at(SALT_LEN);
        let (chunks, expected) = derive(key, salt, context);
        constant_time::verify_slices_are_equal(commitment, &expected).map_err(|_| WrongCommitment)?;
        Ok(Self(chunks))
    }

    /// Opens consecutive chunks, beginning with number `first`, and replaces the content of `plaintext` with theirs.
    ///
    /// All chunks of a message except the last have [`SEALED_CHUNK_LEN`] bytes. The caller must check that a shorter chunk is the
    /// last one, and that the last one is shorter; [`plaintext_len`] does so.
    ///
    /// # Errors
    /// [`DamagedChunk`]; `plaintext` is empty then.
    pub fn open(&self, first: u64, sealed: &[u8], plaintext: &mut Vec<u8>) -> Result<(), DamagedChunk> {
        plaintext.resize(opened_len(sealed.len()), 0);
        self.open_into(first, sealed, plaintext).inspect_err(|_| plaintext.clear())
    }

    /// Like [`Opener::open`], but writes to a buffer of [`opened_len`] bytes.
    ///
    /// # Errors
    /// [`DamagedChunk`]. The buffer may then hold plaintext of earlier chunks, which must not be used.
    ///
    /// # Panics
    /// If the buffer has another length.
    pub fn open_into(&self, first: u64, sealed: &[u8], plaintext: &mut [u8]) -> Result<(), DamagedChunk> {
        assert_eq!(plaintext.len(), opened_len(sealed.len()), "room for the opened chunks");
        // A last chunk without plaintext has no bytes in the buffer.
        let rooms = plaintext.chunks_mut(CHUNK_LEN).chain([&mut [][..]]);
        let mut pieces = (first..).zip(sealed.chunks(SEALED_CHUNK_LEN).zip(rooms));
        pieces.try_for_each(|(index, (sealed, room))| {
            self.0.open(index, sealed, room).ok_or(DamagedChunk { index })
        })
    }
}

/// Returns the number of plaintext bytes in chunks of `sealed_len` bytes, the last of which may be short.
#[must_use]
pub fn opened_len(sealed_len: usize) -> usize {
    sealed_len.saturating_sub(sealed_len.div_ceil(SEALED_CHUNK_LEN) * TAG_LEN)
}

/// Returns the length of the sealed message for a plaintext of less than 4 PiB.
#[must_use]
pub fn sealed_len(plaintext_len: u64) -> u64 {
    PREFIX_LEN as u64 + plaintext_len + (plaintext_len / CHUNK_LEN as u64 + 1) * TAG_LEN as u64
}

/// Returns the length of the plaintext in a sealed message of this length; `None` if no complete message has it.
#[must_use]
pub fn plaintext_len(sealed_len: u64) -> Option<u64> {
    let chunks = sealed_len.checked_sub(PREFIX_LEN as u64)?;
    let full = chunks / SEALED_CHUNK_LEN as u64;
    let last = chunks % SEALED_CHUNK_LEN as u64;
    let last = last.checked_sub(TAG_LEN as u64)?;
    (full < CHUNK_LIMIT).then_some(full * CHUNK_LEN as u64 + last)
}

/// Returns the offset of a chunk in the sealed message. A message has at most 2^38 chunks.
#[must_use]
pub fn sealed_offset(chunk: u64) -> u64 {
    PREFIX_LEN as u64 + chunk * SEALED_CHUNK_LEN as u64
}

/// The key of all chunks, and the base of their nonces.
struct ChunkKey {
    key: LessSafeKey,
    base_nonce: [u8; NONCE_LEN],
}

impl ChunkKey {
    fn nonce(&self, index: u64) -> Nonce {
        let mut nonce = self.base_nonce;
        for (byte, index) in nonce[NONCE_LEN - 8..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= index;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&self, index: u64, plaintext: &[u8], sealed: &mut [u8]) {
        let (ciphertext, tag) = sealed.split_at_mut(plaintext.len());
        self.key
            .seal_out_of_place_scatter(self.nonce(index), Aad::empty(), plaintext, ciphertext, &[], tag)
            .expect("a chunk is far below the limits of GCM, and its room has the right length");
    }

    fn open(&self, index: u64, sealed: &[u8], plaintext: &mut [u8]) -> Option<()> {
        let (ciphertext, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_LEN)?)?;
        if index >= CHUNK_LIMIT || ciphertext.len() != plaintext.len() {
            return None;
        }
        self.key.open_separate_gather(self.nonce(index), Aad::empty(), ciphertext, tag, plaintext).ok()
    }
}

fn derive(key: &BodyKey, salt: &[u8], context: &[u8]) -> (ChunkKey, [u8; COMMITMENT_LEN]) {
    let mut derived = Zeroizing::new([0; KEY_LEN + NONCE_LEN + COMMITMENT_LEN]);
    key.bytes().expand(&[LABEL, &[0], salt, context], &mut *derived);
    let (chunk_key, rest) = derived.split_at(KEY_LEN);
    let (base_nonce, commitment) = rest.split_at(NONCE_LEN);
    let chunk_key = UnboundKey::new(&AES_256_GCM, chunk_key).expect("an AES-256 key has 32 bytes");
    let exactly = "the parts have the lengths of the whole";
    let base_nonce = base_nonce.try_into().expect(exactly);
    (ChunkKey { key: LessSafeKey::new(chunk_key), base_nonce }, commitment.try_into().expect(exactly))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("next", &self.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, count, sealer: _ } = self;
        f.debug_struct("Chunks").field("first", first).field("count", count).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message holds less than 4 PiB")
    }
}

impl fmt::Display for WrongCommitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the commitment does not agree with the key and the header")
    }
}

impl fmt::Display for DamagedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the authentication tag of chunk {} does not agree", self.index)
    }
}

impl Error for TooLong {}
impl Error for WrongCommitment {}
impl Error for DamagedChunk {}

const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM";
const SALT_LEN: usize = 24;
const COMMITMENT_LEN: usize = 32;
/// Maximum number of chunks of a message.
const CHUNK_LIMIT: u64 = 1 << 38;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_bytes::KeyBytes;

    impl BodyKey {
        fn random() -> Self {
            Self::from_bytes(KeyBytes::random())
        }
    }

    fn plaintext(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i ^ i >> 8 ^ i >> 16) as u8).collect()
    }

    fn seal(key: &BodyKey, plaintext: &[u8], at_once: usize) -> Vec<u8> {
        let sealer = Sealer::new(key, b"context");
        let (mut message, mut sealed) = (sealer.prefix().to_vec(), Vec::new());
        let total = plaintext.len() / CHUNK_LEN + 1;
        for _ in 0..total.div_ceil(at_once) {
            let chunks = sealer.take(at_once).unwrap();
            let from = chunks.plaintext_offset() as usize;
            assert_eq!(message.len() as u64, chunks.sealed_offset());
            let to = plaintext.len().min(from + at_once * CHUNK_LEN);
            chunks.seal(&plaintext[from..to], &mut sealed);
            message.extend_from_slice(&sealed);
        }
        message
    }

    #[test]
    fn every_size_at_the_borders_of_chunks() {
        let key = BodyKey::random();
        let whole = plaintext(5 * CHUNK_LEN + 1);
        for size in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 4 * CHUNK_LEN, whole.len()] {
            for at_once in [1, 2, 3, 64] {
                let message = seal(&key, &whole[..size], at_once);
                assert_eq!(message.len() as u64, sealed_len(size as u64));
                assert_eq!(plaintext_len(message.len() as u64), Some(size as u64));
                let (prefix, chunks) = message.split_first_chunk().unwrap();
                let opener = Opener::new(&key, b"context", prefix).unwrap();
                let mut opened = Vec::new();
                opener.open(0, chunks, &mut opened).unwrap();
                assert!(opened == whole[..size], "{size} bytes");
            }
        }
    }

    #[test]
    fn a_place_of_the_right_length_serves_as_well_as_a_buffer() {
        let key = BodyKey::random();
        for size in [0, 1, CHUNK_LEN, 2 * CHUNK_LEN + 7] {
            let sealer = Sealer::new(&key, b"context");
            let chunks = sealer.take(3).unwrap();
            let mut sealed = vec![0; chunks.sealed_len(size)];
            chunks.seal_into(&plaintext(size), &mut sealed);
            assert_eq!((PREFIX_LEN + sealed.len()) as u64, sealed_len(size as u64));
            let opener = Opener::new(&key, b"context", sealer.prefix()).unwrap();
            let mut opened = vec![0; opened_len(sealed.len())];
            opener.open_into(0, &sealed, &mut opened).unwrap();
            assert!(opened == plaintext(size), "{size} bytes");
            *sealed.last_mut().unwrap() ^= 1;
            let index = (size / CHUNK_LEN) as u64;
            assert_eq!(opener.open_into(0, &sealed, &mut opened), Err(DamagedChunk { index }));
        }
    }

    #[test]
    #[should_panic(expected = "room for the sealed chunks")]
    fn a_place_of_another_length_is_a_mistake() {
        let sealer = Sealer::new(&BodyKey::random(), b"context");
        sealer.take(1).unwrap().seal_into(b"plaintext", &mut [0; 9 + TAG_LEN + 1]);
    }

    #[test]
    fn chunks_open_in_their_place_only() {
        let key = BodyKey::random();
        let message = seal(&key, &plaintext(3 * CHUNK_LEN), 8);
        let (prefix, chunks) = message.split_first_chunk().unwrap();
        let opener = Opener::new(&key, b"context", prefix).unwrap();
        let mut opened = Vec::new();
        let chunk = |i: usize| &chunks[i * SEALED_CHUNK_LEN..(i + 1) * SEALED_CHUNK_LEN];
        opener.open(1, chunk(1), &mut opened).unwrap();
        assert!(opened == plaintext(2 * CHUNK_LEN)[CHUNK_LEN..]);
        assert_eq!(opener.open(2, chunk(1), &mut opened), Err(DamagedChunk { index: 2 }));
        assert!(opened.is_empty());
        assert_eq!(opener.open(CHUNK_LIMIT, chunk(0), &mut opened), Err(DamagedChunk { index: CHUNK_LIMIT }));
        for short in 0..TAG_LEN {
            assert!(opener.open(0, &chunk(0)[..short], &mut opened).is_err() == (short > 0));
        }
        let mut damaged = chunk(0).to_vec();
        damaged[5] ^= 1;
        assert!(opener.open(0, &damaged, &mut opened).is_err());
    }

    #[test]
    fn key_context_salt_and_commitment_belong_together() {
        let key = BodyKey::random();
        let prefix = *Sealer::new(&key, b"context").prefix();
        assert!(Opener::new(&key, b"context", &prefix).is_ok());
        assert!(Opener::new(&key, b"contexts", &prefix).is_err());
        assert!(Opener::new(&BodyKey::random(), b"context", &prefix).is_err());
        for at in 0..PREFIX_LEN {
            let mut prefix = prefix;
            prefix[at] ^= 1;
            assert!(Opener::new(&key, b"context", &prefix).is_err());
        }
        assert_ne!(Sealer::new(&key, b"context").prefix(), &prefix, "each sealer draws a new salt");
    }

    #[test]
    fn lengths_that_no_message_has() {
        for length in [0, 55, 56, 71, 56 + 16400, 56 + 16400 + 15] {
            assert_eq!(plaintext_len(length), None, "{length}");
        }
        assert_eq!(plaintext_len(72), Some(0));
        assert_eq!(plaintext_len(u64::MAX), None);
    }

    #[test]
    fn a_message_ends_at_four_pebibytes() {
        let sealer = Sealer::new(&BodyKey::random(), b"");
        sealer.next.store(CHUNK_LIMIT - 1, Ordering::Relaxed);
        assert!(sealer.take(1).is_ok());
        assert!(matches!(sealer.take(1), Err(TooLong)));
        let sealer = Sealer::new(&BodyKey::random(), b"");
        assert_eq!(sealer.take(10).unwrap().first, 0);
        for _ in 0..3 {
            assert!(matches!(sealer.take(usize::MAX), Err(TooLong)));
        }
        assert_eq!(sealer.take(1).unwrap().first, 10, "no number comes twice");
    }
}
