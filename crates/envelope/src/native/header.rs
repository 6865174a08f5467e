//! The header: prelude and bound part, which never change, and the slots, which do.

use std::io::{self, Read};

use super::error::{HeaderFlaw, OpenError, SealError};
use super::keys::{FileId, SetId};
use super::slot::{Slot, Wrap};
use crate::EncryptionContext;

/// The first bytes of every native file: not text, and damaged by whatever converts line ends.
pub const MAGIC: [u8; 8] = *b"\x89bulla\r\n";

/// Everything before the body. Hints, until [`Header::unlock`] has succeeded.
#[derive(Clone, Debug)]
pub struct Header {
    file_id: FileId,
    set_id: SetId,
    context: EncryptionContext,
    source: Source,
    /// Prelude and bound part, as they stand in the file.
    immutable: Vec<u8>,
    slot_size: usize,
    slots: Vec<Option<Slot>>,
}

/// What is known of the plaintext's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Bytes.
    pub size: Option<u64>,
    /// Time of the last change: seconds since 1970 and nanoseconds.
    pub modified: Option<(i64, u32)>,
}

impl Header {
    /// The header of a new file with a new id, whose keys are these wraps.
    ///
    /// It has one slot if the source is known to be smaller than 1 MiB, else two, each with room for twice as much.
    ///
    /// # Errors
    /// [`SealError::Header`]: no wraps or too many, ids that are no ids, or a context that is too large.
    pub fn new(
        set_id: SetId,
        context: EncryptionContext,
        source: Source,
        wraps: Vec<Wrap>,
    ) -> Result<Self, SealError> {
        let file_id = FileId::random();
        let slot = Slot { generation: 1, wraps };
        let small = source.size.is_some_and(|size| size < TWO_SLOTS_FROM);
        let (slot_count, unit) = if small { (1, SMALL_UNIT) } else { (2, PAGE) };
        let slot_size = (2 * slot.needed_len()).next_multiple_of(unit);
        let mut bound = bound(&file_id, &set_id, &context, &source)?;
        if slot_count == 2 {
            bound.resize((PRELUDE_LEN + bound.len()).next_multiple_of(PAGE) - PRELUDE_LEN, 0);
        }
        let mut immutable = MAGIC.to_vec();
        immutable.extend_from_slice(&[VERSION, SUITE, slot_count, 0]);
        for size in [slot_size, bound.len()] {
            immutable.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
        }
        immutable.extend_from_slice(&bound);
        let slots = vec![Some(slot); usize::from(slot_count)];
        let header = Self { file_id, set_id, context, source, immutable, slot_size, slots };
        if header.len() > MAX_LEN {
            return Err(SealError::Header(HeaderFlaw::TooLong));
        }
        header.slot_bytes(0)?;
        Ok(header)
    }

    /// Reads the header and no byte of the body.
    ///
    /// # Errors
    /// [`OpenError`]: not this format, a newer one, truncated, or not well formed. Damaged slots are no error here.
    pub fn read(mut input: impl Read) -> Result<Self, OpenError> {
        let mut prelude = [0; PRELUDE_LEN];
        let (magic, fields) = prelude.split_at_mut(MAGIC.len());
        fill(&mut input, magic, OpenError::NotNative)?;
        if magic != MAGIC {
            return Err(OpenError::NotNative);
        }
        fill(&mut input, fields, OpenError::Truncated)?;
        let [version, suite, slot_count, reserved, sizes @ ..] = fields else { unreachable!("12 bytes") };
        if (*version, *suite) != (VERSION, SUITE) {
            return Err(OpenError::Newer { version: *version, suite: *suite });
        }
        let size = |at: usize| u32::from_be_bytes(sizes[at..at + 4].try_into().expect("4 bytes"));
        let slot_size = size(0) as usize;
        let bound_len = size(4) as usize;
        let slot_count = usize::from(*slot_count);
        if *reserved != 0 || !(1..=2).contains(&slot_count) || slot_size == 0 {
            return Err(OpenError::Header(HeaderFlaw::Prelude));
        }
        if slot_count == 2
            && !(slot_size.is_multiple_of(PAGE) && (PRELUDE_LEN + bound_len).is_multiple_of(PAGE))
        {
            return Err(OpenError::Header(HeaderFlaw::Prelude));
        }
        if PRELUDE_LEN as u64 + bound_len as u64 + slot_count as u64 * slot_size as u64 > MAX_LEN as u64 {
            return Err(OpenError::Header(HeaderFlaw::TooLong));
        }
        let mut immutable = prelude.to_vec();
        immutable.resize(PRELUDE_LEN + bound_len, 0);
        fill(&mut input, &mut immutable[PRELUDE_LEN..], OpenError::Truncated)?;
        let (file_id, set_id, context, source) =
            parse_bound(&immutable[PRELUDE_LEN..]).ok_or(OpenError::Header(HeaderFlaw::Bound))?;
        let mut slot = vec![0; slot_size];
        let slots = (0..slot_count).map(|_| {
            fill(&mut input, &mut slot, OpenError::Truncated)?;
            Ok(Slot::decode(&slot))
        });
        let slots = slots.collect::<Result<_, OpenError>>()?;
        Ok(Self { file_id, set_id, context, source, immutable, slot_size, slots })
    }

    /// The whole header as it stands in the file.
    ///
    /// # Errors
    /// [`SealError::Header`]; slots that were damaged when they were read cannot be written again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
        let mut bytes = self.immutable.clone();
        for index in 0..self.slots.len() {
            bytes.extend_from_slice(&self.slot_bytes(index)?);
        }
        Ok(bytes)
    }

    /// One slot as it stands in the file, at [`Header::slot_offset`].
    ///
    /// # Errors
    /// As for [`Header::to_bytes`].
    ///
    /// # Panics
    /// If there is no slot with this index.
    pub fn slot_bytes(&self, index: usize) -> Result<Vec<u8>, SealError> {
        let slot = self.slots[index].as_ref().ok_or(SealError::Header(HeaderFlaw::Slots))?;
        slot.encode(self.slot_size).map_err(SealError::Header)
    }

    /// Where a slot begins in the file.
    #[must_use]
    pub fn slot_offset(&self, index: usize) -> u64 {
        (self.immutable.len() + index * self.slot_size) as u64
    }

    /// The same file with other wraps, in every slot, as the next generation.
    ///
    /// # Errors
    /// [`SealError::Header`]: the wraps do not fit into the slot, whose size cannot change.
    pub fn with_wraps(&self, wraps: Vec<Wrap>) -> Result<Self, SealError> {
        let newest = self.slots.iter().flatten().map(|slot| slot.generation).max().unwrap_or(0);
        let slot = Slot { generation: newest.saturating_add(1), wraps };
        let mut header = self.clone();
        header.slots.fill(Some(slot));
        header.slot_bytes(0)?;
        Ok(header)
    }

    /// What the body is bound to: the context of its Cobblestone message.
    #[must_use]
    pub fn body_context(&self) -> Vec<u8> {
        [b"bulla/v1\0", &*self.immutable].concat()
    }

    /// Bytes of the header: where the body begins.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub fn len(&self) -> usize {
        self.immutable.len() + self.slots.len() * self.slot_size
    }

    /// The random name of the file.
    #[must_use]
    pub fn file_id(&self) -> &FileId {
        &self.file_id
    }

    /// The random name of the run that made the file.
    #[must_use]
    pub fn set_id(&self) -> &SetId {
        &self.set_id
    }

    /// The encryption context of the wrapped keys.
    #[must_use]
    pub fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// What is known of the plaintext's file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The slots; none for one that is damaged.
    #[must_use]
    pub fn slots(&self) -> &[Option<Slot>] {
        &self.slots
    }

    /// Whether a slot is damaged, or the slots differ: a rewrap was cut short, or the disk is failing.
    #[must_use]
    pub fn needs_repair(&self) -> bool {
        self.slots.iter().any(Option::is_none) || self.slots.windows(2).any(|two| two[0] != two[1])
    }

    /// Every wrap once, those of the newest slot first.
    pub fn wraps(&self) -> impl Iterator<Item = &Wrap> {
        let mut slots: Vec<_> = self.slots.iter().flatten().collect();
        slots.sort_by_key(|slot| std::cmp::Reverse(slot.generation));
        let mut wraps = Vec::<&Wrap>::new();
        for wrap in slots.into_iter().flat_map(|slot| &slot.wraps) {
            if !wraps.contains(&wrap) {
                wraps.push(wrap);
            }
        }
        wraps.into_iter()
    }
}

fn bound(
    file_id: &FileId,
    set_id: &SetId,
    context: &EncryptionContext,
    source: &Source,
) -> Result<Vec<u8>, SealError> {
    let context = context.to_canonical();
    if context.len() > MAX_LEN {
        return Err(SealError::Header(HeaderFlaw::TooLong));
    }
    let known = u8::from(source.mode.is_some())
        | u8::from(source.size.is_some()) << 1
        | u8::from(source.modified.is_some()) << 2;
    let (seconds, nanos) = source.modified.unwrap_or_default();
    Ok([
        &file_id.0[..],
        &set_id.0,
        &(context.len() as u32).to_be_bytes(),
        &context,
        &[known],
        &(source.mode.unwrap_or(0) & MODE_BITS).to_be_bytes(),
        &source.size.unwrap_or(0).to_be_bytes(),
        &seconds.to_be_bytes(),
        &nanos.to_be_bytes(),
    ]
    .concat())
}

/// None for anything that [`bound`] does not make.
fn parse_bound(bytes: &[u8]) -> Option<(FileId, SetId, EncryptionContext, Source)> {
    fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
        let (part, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(part)
    }
    let mut rest = bytes;
    let file_id = FileId(*take(&mut rest)?);
    let set_id = SetId(*take(&mut rest)?);
    let context_len = u32::from_be_bytes(*take(&mut rest)?);
    let (context, mut rest) = rest.split_at_checked(context_len as usize)?;
    let context = EncryptionContext::from_canonical(context)?;
    let [known] = *take(&mut rest)?;
    let mode = u32::from_be_bytes(*take(&mut rest)?);
    let size = u64::from_be_bytes(*take(&mut rest)?);
    let modified = (i64::from_be_bytes(*take(&mut rest)?), u32::from_be_bytes(*take(&mut rest)?));
    let source = Source {
        mode: (known & 1 != 0).then_some(mode),
        size: (known & 2 != 0).then_some(size),
        modified: (known & 4 != 0).then_some(modified),
    };
    // There is one way to write a header: the other ones are refused.
    let canonical = bound(&file_id, &set_id, &context, &source).ok()?;
    let (fields, padding) = bytes.split_at_checked(canonical.len())?;
    let well_formed = fields == canonical
        && padding.iter().all(|byte| *byte == 0)
        && known < 8
        && modified.1 < 1_000_000_000;
    well_formed.then_some((file_id, set_id, context, source))
}

fn fill(input: &mut impl Read, buffer: &mut [u8], too_short: OpenError) -> Result<(), OpenError> {
    input.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => too_short,
        _ => OpenError::Read(error),
    })
}

const VERSION: u8 = 1;
/// Cobblestone-256.
const SUITE: u8 = 1;
const PRELUDE_LEN: usize = 20;
/// What one write of a disk cannot tear apart from its neighbours.
const PAGE: usize = 4096;
/// Slots of small files have a multiple of this.
const SMALL_UNIT: usize = 256;
const TWO_SLOTS_FROM: u64 = 1 << 20;
const MAX_LEN: usize = 64 << 10;
const MODE_BITS: u32 = 0o7777;
