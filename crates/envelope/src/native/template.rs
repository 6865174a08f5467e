//! The common part of the headers of a run, encoded once.

use std::sync::Arc;

use super::error::{HeaderFlaw, SealError};
use super::header::{Header, MAX_LEN, PAGE, SourceMetadata};
use super::keys::SetId;
use super::slot::{Slot, Wrap};
use super::slots::Slots;
use crate::EncryptionContext;

/// Creates the headers of a run's files, which differ in the file id and in what is known about the source.
#[derive(Clone, Debug)]
pub struct HeaderTemplate {
    pub(super) set_id: SetId,
    pub(super) context: Arc<EncryptionContext>,
    /// The encryption context as it is stored.
    pub(super) canonical_context: Vec<u8>,
    /// One slot, for sources that are known to be small.
    small: Arc<Slots>,
    /// Two slots, which a rewrap writes one after the other.
    large: Arc<Slots>,
}

impl HeaderTemplate {
    /// Creates a template for the files of a new run, whose keys are these wraps.
    ///
    /// # Errors
    /// [`HeaderFlaw`] if there are no wraps or too many, an id is malformed, or the context is too large.
    pub fn new(set_id: SetId, context: EncryptionContext, wraps: Vec<Wrap>) -> Result<Self, HeaderFlaw> {
        let canonical_context = context.to_canonical();
        if canonical_context.len() > MAX_LEN {
            return Err(HeaderFlaw::TooLong);
        }
        let slot = Slot { generation: 1, wraps };
        let slots = |count: usize, unit: usize| {
            let slot_size = (2 * slot.needed_len()).next_multiple_of(unit);
            Slots::new(slot.clone(), slot_size, count).map(Arc::new)
        };
        let small = slots(1, SMALL_UNIT)?;
        let large = slots(2, PAGE)?;
        Ok(Self { set_id, context: Arc::new(context), canonical_context, small, large })
    }

    /// Creates the header of a file with a new id.
    ///
    /// It has one slot if the source is known to be smaller than 1 MiB, otherwise two. Each slot has room for twice the current
    /// wraps.
    ///
    /// # Errors
    /// [`SealError::Header`] if the header is too long.
    pub fn header(&self, source: SourceMetadata) -> Result<Header, SealError> {
        let small = source.size.is_some_and(|size| size < TWO_SLOTS_FROM);
        Header::of_template(self, source, if small { &self.small } else { &self.large })
    }
}

/// The length of slots of small files is a multiple of this.
const SMALL_UNIT: usize = 256;
const TWO_SLOTS_FROM: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WrappedKey;
    use crate::native::WrapKind;

    fn wrap() -> Wrap {
        let key = WrappedKey {
            key_id: "key".to_owned(),
            key_version_id: "version".to_owned(),
            ciphertext_blob: "blob".to_owned(),
        };
        Wrap { kind: WrapKind::Set, region: "region".to_owned(), key }
    }

    #[test]
    fn headers_differ_in_the_file_id_and_the_source() {
        let context = EncryptionContext::default();
        let template = HeaderTemplate::new(SetId::random(), context.clone(), vec![wrap()]).unwrap();
        for (size, slots) in
            [(Some(0), 1), (Some(TWO_SLOTS_FROM - 1), 1), (Some(TWO_SLOTS_FROM), 2), (None, 2)]
        {
            let source = SourceMetadata { mode: Some(0o640), size, modified: Some((1, 2)) };
            let [one, other] = [(); 2].map(|()| template.header(source).unwrap());
            assert_ne!(one.file_id(), other.file_id());
            assert_eq!(one.to_bytes().unwrap().len(), one.len());
            let read = Header::read(&*one.to_bytes().unwrap()).unwrap();
            assert_eq!(read.to_bytes().unwrap(), one.to_bytes().unwrap());
            assert_eq!(read.body_context(), one.body_context());
            assert_eq!((read.file_id(), read.set_id()), (one.file_id(), other.set_id()));
            assert_eq!((read.context(), read.source()), (&context, &source));
            assert_eq!(read.slots(), vec![Some(Slot { generation: 1, wraps: vec![wrap()] }); slots]);
        }
    }

    #[test]
    fn what_no_header_can_hold_is_refused_at_once() {
        let none = EncryptionContext::default();
        assert_eq!(HeaderTemplate::new(SetId::random(), none, vec![]).unwrap_err(), HeaderFlaw::Wraps);
    }
}
