//! The header: prelude and bound part, which never change, and slots, which a rewrap replaces.

use std::io::{self, Read};
use std::sync::Arc;

use super::error::{HeaderFlaw, OpenError, SealError};
use super::keys::{FileId, SetId};
use super::slot::{Slot, Wrap};
use super::slots::Slots;
use super::template::HeaderTemplate;
use crate::EncryptionContext;

/// The first bytes of every native file. They are not text, and converting line endings damages them.
pub const MAGIC: [u8; 8] = *b"\x89bulla\r\n";

/// Everything before the body. The fields are unauthenticated until [`Header::unlock`] has succeeded.
#[derive(Clone, Debug)]
pub struct Header {
    file_id: FileId,
    set_id: SetId,
    context: Arc<EncryptionContext>,
    source: SourceMetadata,
    /// Prelude and bound part, as they are stored.
    immutable: Vec<u8>,
    slots: Arc<Slots>,
}

/// What is known about the file that contained the plaintext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceMetadata {
    /// The permission bits.
    pub mode: Option<u32>,
    /// The size in bytes.
    pub size: Option<u64>,
    /// The time of the last modification: seconds since the Unix epoch and nanoseconds.
    pub modified: Option<(i64, u32)>,
}

impl Header {
    /// Creates the header of a single file with a new id and these wraps. For many files, use [`HeaderTemplate`].
    ///
    /// # Errors
    /// [`SealError::Header`] if there are no wraps or too many, an id is malformed, or the context is too large.
    pub fn new(
        set_id: SetId,
        context: EncryptionContext,
        source: SourceMetadata,
        wraps: Vec<Wrap>,
    ) -> Result<Self, SealError> {
        HeaderTemplate::new(set_id, context, wraps).map_err(SealError::Header)?.header(source)
    }

    /// Creates the header of a file with a new id.
    pub(super) fn of_template(
        template: &HeaderTemplate,
        source: SourceMetadata,
        slots: &Arc<Slots>,
    ) -> Result<Self, SealError> {
        let HeaderTemplate { set_id, context, canonical_context, .. } = template;
        let file_id = FileId::random();
        let slot_count = slots.as_slice().len();
        let mut immutable = vec![0; PRELUDE_LEN];
        push_bound(&mut immutable, &file_id, set_id, canonical_context, &source);
        if slot_count == 2 {
            immutable.resize(immutable.len().next_multiple_of(PAGE), 0);
        }
        if immutable.len() + slots.len() > MAX_LEN {
            return Err(SealError::Header(HeaderFlaw::TooLong));
        }
        let bound_len = immutable.len() - PRELUDE_LEN;
        let (magic, fields) = immutable[..PRELUDE_LEN].split_at_mut(MAGIC.len());
        let (counts, sizes) = fields.split_at_mut(4);
        let (slot_size, bound_size) = sizes.split_at_mut(4);
        magic.copy_from_slice(&MAGIC);
        counts.copy_from_slice(&[VERSION, SUITE, slot_count as u8, 0]);
        slot_size.copy_from_slice(&(slots.slot_size() as u32).to_be_bytes());
        bound_size.copy_from_slice(&(bound_len as u32).to_be_bytes());
        Ok(Self {
            file_id,
            set_id: *set_id,
            context: context.clone(),
            source,
            immutable,
            slots: slots.clone(),
        })
    }

    /// Reads the header, and no byte of the body.
    ///
    /// # Errors
    /// [`OpenError`] if the input has another format or a newer version, is truncated or malformed. Damaged slots are no error
    /// here.
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
        let context = Arc::new(context);
        let slots = Arc::new(Slots::read(&mut input, slot_size, slot_count)?);
        Ok(Self { file_id, set_id, context, source, immutable, slots })
    }

    /// Returns the header as it is stored.
    ///
    /// # Errors
    /// [`SealError::Header`] if a slot was damaged when it was read; such a slot is not written back.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
        Ok([&*self.immutable, self.slots.bytes()?].concat())
    }

    /// Returns one slot as it is stored at [`Header::slot_offset`].
    ///
    /// # Errors
    /// Like [`Header::to_bytes`].
    ///
    /// # Panics
    /// If there is no slot with this index.
    pub fn slot_bytes(&self, index: usize) -> Result<Vec<u8>, SealError> {
        Ok(self.slots.slot_bytes(index)?.to_vec())
    }

    /// Returns the offset of a slot in the file.
    #[must_use]
    pub fn slot_offset(&self, index: usize) -> u64 {
        (self.immutable.len() + index * self.slots.slot_size()) as u64
    }

    /// Returns the header with other wraps in every slot, as the next generation.
    ///
    /// # Errors
    /// [`SealError::Header`] if the wraps do not fit into a slot, whose size cannot change.
    pub fn with_wraps(&self, wraps: Vec<Wrap>) -> Result<Self, SealError> {
        let newest = self.slots().iter().flatten().map(|slot| slot.generation).max().unwrap_or(0);
        let slot = Slot { generation: newest.saturating_add(1), wraps };
        let slots = self.slots.with_each(slot).map_err(SealError::Header)?;
        Ok(Self { slots: Arc::new(slots), ..self.clone() })
    }

    /// Returns the context of the body's Cobblestone message, which binds the body to the header.
    #[must_use]
    pub fn body_context(&self) -> Vec<u8> {
        [b"bulla/v1\0", &*self.immutable].concat()
    }

    /// Returns the length of the header, which is the offset of the body.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub fn len(&self) -> usize {
        self.immutable.len() + self.slots.len()
    }

    /// Returns the random id of the file.
    #[must_use]
    pub fn file_id(&self) -> &FileId {
        &self.file_id
    }

    /// Returns the random id of the run that created the file.
    #[must_use]
    pub fn set_id(&self) -> &SetId {
        &self.set_id
    }

    /// Returns the encryption context of the wrapped keys.
    #[must_use]
    pub fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// Returns what is known about the file that contained the plaintext.
    #[must_use]
    pub fn source(&self) -> &SourceMetadata {
        &self.source
    }

    /// Returns the slots; `None` for a damaged one.
    #[must_use]
    pub fn slots(&self) -> &[Option<Slot>] {
        self.slots.as_slice()
    }

    /// Whether a slot is damaged, or the slots differ because a rewrap was interrupted or the disk is failing.
    #[must_use]
    pub fn needs_repair(&self) -> bool {
        self.slots().iter().any(Option::is_none) || self.slots().windows(2).any(|two| two[0] != two[1])
    }

    /// Returns every wrap once, beginning with those of the newest slot.
    pub fn wraps(&self) -> impl Iterator<Item = &Wrap> {
        let mut slots: Vec<_> = self.slots().iter().flatten().collect();
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

/// Appends the bound part, without padding.
fn push_bound(
    bytes: &mut Vec<u8>,
    file_id: &FileId,
    set_id: &SetId,
    canonical_context: &[u8],
    source: &SourceMetadata,
) {
    let known = u8::from(source.mode.is_some())
        | u8::from(source.size.is_some()) << 1
        | u8::from(source.modified.is_some()) << 2;
    let (seconds, nanos) = source.modified.unwrap_or_default();
    let fields: [&[u8]; 9] = [
        &file_id.0,
        &set_id.0,
        &(canonical_context.len() as u32).to_be_bytes(),
        canonical_context,
        &[known],
        &(source.mode.unwrap_or(0) & MODE_BITS).to_be_bytes(),
        &source.size.unwrap_or(0).to_be_bytes(),
        &seconds.to_be_bytes(),
        &nanos.to_be_bytes(),
    ];
    bytes.reserve(fields.iter().map(|field| field.len()).sum());
    fields.iter().for_each(|field| bytes.extend_from_slice(field));
}

/// Parses the bound part. Returns `None` for any encoding that [`push_bound`] does not produce.
fn parse_bound(bytes: &[u8]) -> Option<(FileId, SetId, EncryptionContext, SourceMetadata)> {
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
    let source = SourceMetadata {
        mode: (known & 1 != 0).then_some(mode),
        size: (known & 2 != 0).then_some(size),
        modified: (known & 4 != 0).then_some(modified),
    };
    // A header has only one encoding; any other is refused.
    let mut canonical = Vec::new();
    push_bound(&mut canonical, &file_id, &set_id, &context.to_canonical(), &source);
    let (fields, padding) = bytes.split_at_checked(canonical.len())?;
    let well_formed = fields == canonical
        && padding.iter().all(|byte| *byte == 0)
        && known < 8
        && modified.1 < 1_000_000_000;
    well_formed.then_some((file_id, set_id, context, source))
}

pub(super) fn fill(input: &mut impl Read, buffer: &mut [u8], too_short: OpenError) -> Result<(), OpenError> {
    input.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => too_short,
        _ => OpenError::Read(error),
    })
}

const VERSION: u8 = 1;
/// The number of Cobblestone-256.
const SUITE: u8 = 1;
const PRELUDE_LEN: usize = 20;
/// The unit of disk writes: a torn write within one page leaves the pages around it intact.
pub(super) const PAGE: usize = 4096;
pub(super) const MAX_LEN: usize = 64 << 10;
const MODE_BITS: u32 = 0o7777;
