//! Parses and rewrites headers of native files, following `docs/file-format.md` alone: as an attacker can who has
//! access to a file, and no key.

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};

/// A native file, with slots that can be exchanged.
#[derive(Clone)]
pub(crate) struct NativeFile {
    pub(crate) bytes: Vec<u8>,
}

/// A wrap as encoded in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawWrap {
    pub(crate) kind: u8,
    pub(crate) key_id: String,
    pub(crate) key_version_id: String,
    pub(crate) region: String,
    pub(crate) blob: String,
}

pub(crate) const SET: u8 = 1;
pub(crate) const FILE: u8 = 2;

impl NativeFile {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let file = Self { bytes: bytes.into() };
        assert!(file.bytes.starts_with(b"\x89bulla\r\n\x01\x01"), "a native file");
        file
    }

    pub(crate) fn slot_count(&self) -> usize {
        usize::from(self.bytes[10])
    }

    /// Returns the position of a slot.
    pub(crate) fn slot(&self, index: usize) -> Range<usize> {
        let size = |at: usize| u32::from_be_bytes(self.bytes[at..at + 4].try_into().unwrap()) as usize;
        let slot_size = size(12);
        let bound = size(16);
        let from = 20 + bound + index * slot_size;
        from..from + slot_size
    }

    pub(crate) fn body_offset(&self) -> usize {
        self.slot(self.slot_count() - 1).end
    }

    pub(crate) fn generation(&self, slot: usize) -> u64 {
        let slot = &self.bytes[self.slot(slot)];
        u64::from_be_bytes(slot[32..40].try_into().unwrap())
    }

    pub(crate) fn wraps(&self, slot: usize) -> Vec<RawWrap> {
        let slot = &self.bytes[self.slot(slot)];
        let mut rest = &slot[42..];
        let text = |rest: &mut &[u8]| {
            let (length, after) = rest.split_first_chunk::<2>().unwrap();
            let (text, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            *rest = after;
            String::from_utf8(text.to_vec()).unwrap()
        };
        let count = u16::from_be_bytes([slot[40], slot[41]]);
        let mut wrap = |_| {
            let (kind, after) = rest.split_first().unwrap();
            rest = after;
            let [key_id, key_version_id, region, blob] = [(); 4].map(|()| text(&mut rest));
            RawWrap { kind: *kind, key_id, key_version_id, region, blob }
        };
        (0..count).map(&mut wrap).collect()
    }

    /// Writes these wraps into every slot, with a valid hash.
    pub(crate) fn with_wraps(&self, wraps: &[RawWrap]) -> Self {
        let mut file = self.clone();
        for index in 0..self.slot_count() {
            let place = self.slot(index);
            let generation = self.generation(index);
            let mut slot = vec![0; 32];
            slot.extend(generation.to_be_bytes());
            slot.extend(u16::try_from(wraps.len()).unwrap().to_be_bytes());
            for wrap in wraps {
                slot.push(wrap.kind);
                for text in [&wrap.key_id, &wrap.key_version_id, &wrap.region, &wrap.blob] {
                    slot.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
                    slot.extend(text.as_bytes());
                }
            }
            assert!(slot.len() <= place.len(), "the wraps fit");
            slot.resize(place.len(), 0);
            file.bytes[place].copy_from_slice(&slot);
            file.mend_hash(index);
        }
        file
    }

    /// Makes a slot valid, regardless of its content.
    pub(crate) fn mend_hash(&mut self, slot: usize) {
        let slot = self.slot(slot);
        let hash = digest(&SHA256, &self.bytes[slot.start + 32..slot.end]);
        self.bytes[slot.start..slot.start + 32].copy_from_slice(hash.as_ref());
    }

    /// Replaces a slot by that of another version of the same file.
    pub(crate) fn with_slot_of(&self, other: &Self, slot: usize) -> Self {
        let mut file = self.clone();
        file.bytes[self.slot(slot)].copy_from_slice(&other.bytes[other.slot(slot)]);
        file
    }

    /// Replaces half of a slot by that of another version, as a torn write does.
    pub(crate) fn with_torn_slot(&self, slot: usize) -> Self {
        let mut file = self.clone();
        let place = self.slot(slot);
        let half = place.start + 100;
        file.bytes[half..half + 60].fill(0xa5);
        file
    }
}
