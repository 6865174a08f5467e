//! Seals the chunks of a backup under a subkey of the store's root key.
//!
//! ```text
//! chunk     = XAES-256-GCM(subkey "bulla/root/backup", plaintext, aad)
//! aad       = len ‖ "bulla/backup/v1", len ‖ backup id, len ‖ SHA-256(head), len ‖ number (u64be), len ‖ last (u8, 0 or 1)
//! len       = u32be
//! ```
//!
//! The construction is STREAM of V. T. Hoang, R. Reyhanitabar, P. Rogaway and D. Vizár, *Online Authenticated-Encryption and
//! its Nonce-Reuse Misuse-Resistance*, CRYPTO 2015, in the form that the age format uses: a chunk opens only at its own position,
//! and only the last one opens as the last one, so no chunk can be dropped, moved, repeated or taken from another backup. STREAM
//! has the number and the flag in the nonce. Here they are associated data, and the nonce is random for each chunk, because all
//! backups of a store share one subkey.

use zeroize::Zeroizing;

use crate::aad::length_prefixed;
use crate::random::Random;
use crate::root::RootKeys;
use crate::xaes::{Damaged, Xaes256Gcm};

/// The associated data of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct ChunkBinding<'a> {
    /// The id of the backup.
    pub backup: &'a [u8; 16],
    /// The SHA-256 of the part of the backup that is not encrypted.
    pub head: &'a [u8; 32],
    /// The number of the chunk, from 0.
    pub number: u64,
    /// Whether this is the last chunk.
    pub is_last: bool,
}

impl RootKeys {
    /// The number of bytes by which a sealed chunk is longer than its plaintext.
    pub const CHUNK_OVERHEAD: usize = Xaes256Gcm::OVERHEAD;

    /// Seals a chunk of a backup under the current root key.
    #[must_use]
    pub fn seal_chunk(&self, binding: ChunkBinding<'_>, plaintext: &[u8], random: &impl Random) -> Vec<u8> {
        self.current().backup().seal(&binding.aad(), plaintext, random)
    }

    /// Opens the result of [`RootKeys::seal_chunk`] with the current root key only: the head of the backup contains the root key
    /// that sealed it.
    ///
    /// # Errors
    /// [`Damaged`] if the chunk was changed or belongs to another position or backup.
    pub fn open_chunk(
        &self,
        binding: ChunkBinding<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        self.current().backup().open(&binding.aad(), sealed)
    }
}

impl ChunkBinding<'_> {
    fn aad(&self) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        let is_last = [u8::from(self.is_last)];
        length_prefixed(&[b"bulla/backup/v1", self.backup, self.head, &number, &is_last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StoreId;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    #[test]
    fn a_chunk_opens_in_its_own_place_only() {
        let roots = || RootKey::random(&SystemRandom).keys(StoreId::random(&SystemRandom), 1);
        let here = roots();
        let (backup, head) = ([1; 16], [2; 32]);
        let place = ChunkBinding { backup: &backup, head: &head, number: 7, is_last: false };
        let sealed = here.seal_chunk(place, b"rows", &SystemRandom);
        assert_eq!(sealed.len(), 4 + RootKeys::CHUNK_OVERHEAD);
        assert_eq!(*here.open_chunk(place, &sealed).unwrap(), b"rows");
        let (other_backup, other_head) = ([3; 16], [3; 32]);
        for elsewhere in [
            ChunkBinding { backup: &other_backup, ..place },
            ChunkBinding { head: &other_head, ..place },
            ChunkBinding { number: 8, ..place },
            ChunkBinding { is_last: true, ..place },
        ] {
            assert_eq!(here.open_chunk(elsewhere, &sealed), Err(Damaged), "{elsewhere:?}");
        }
        assert_eq!(roots().open_chunk(place, &sealed), Err(Damaged), "another root key");
    }
}
