//! All slots of a header, decoded and encoded. The headers of a run share them, so they are encoded once.

use std::io::Read;

use super::error::{HeaderFlaw, OpenError, SealError};
use super::header::fill;
use super::slot::Slot;

/// The slots of a header; `None` for a damaged one.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Option<Slot>>,
    /// The length of each slot in bytes.
    slot_size: usize,
    bytes: Vec<u8>,
}

impl Slots {
    /// Returns `count` copies of one slot.
    pub(super) fn new(slot: Slot, slot_size: usize, count: usize) -> Result<Self, HeaderFlaw> {
        let bytes = slot.encode(slot_size)?.repeat(count);
        Ok(Self { slots: vec![Some(slot); count], slot_size, bytes })
    }

    pub(super) fn read(input: &mut impl Read, slot_size: usize, count: usize) -> Result<Self, OpenError> {
        let mut bytes = vec![0; count * slot_size];
        fill(input, &mut bytes, OpenError::Truncated)?;
        let slots = bytes.chunks_exact(slot_size).map(Slot::decode).collect();
        Ok(Self { slots, slot_size, bytes })
    }

    /// Returns these slots, each replaced with `slot`.
    pub(super) fn with_each(&self, slot: Slot) -> Result<Self, HeaderFlaw> {
        Self::new(slot, self.slot_size, self.slots.len())
    }

    pub(super) fn as_slice(&self) -> &[Option<Slot>] {
        &self.slots
    }

    pub(super) fn slot_size(&self) -> usize {
        self.slot_size
    }

    /// Returns the length of all slots in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns all slots as they are stored. Fails if one is damaged, because a damaged slot must not be written back.
    pub(super) fn bytes(&self) -> Result<&[u8], SealError> {
        if self.slots.iter().all(Option::is_some) {
            Ok(&self.bytes)
        } else {
            Err(SealError::Header(HeaderFlaw::Slots))
        }
    }

    /// Returns one slot as it is stored. Fails if it is damaged, because a damaged slot must not be written back.
    pub(super) fn slot_bytes(&self, index: usize) -> Result<&[u8], SealError> {
        match self.slots[index] {
            Some(_) => Ok(&self.bytes[index * self.slot_size..][..self.slot_size]),
            None => Err(SealError::Header(HeaderFlaw::Slots)),
        }
    }
}
