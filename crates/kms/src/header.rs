//! The header of a store: its id, its root keys (each wrapped or sealed) and its [`Home`]. `unlock.rs` opens it.
//!
//! ```text
//! header    = { 0: version (6), 1: store id, 2: generation, 3: [slot], 4: [previous], 5: sealed home }     (CBOR)
//! slot      = { 0: provider, 1: wrapped root key, 2: id, 3: parameters }
//! previous  = { 0: generation, 1: wrapped root key }
//! ```
//!
//! It is in plaintext, because it is needed to unseal the rest. Any single slot opens the store; `bulla_keys::root` defines how
//! slots and records are wrapped and sealed. The seal covers the whole header, so no slot can be added or removed without the
//! root key. A header names nothing that would be executed or connected to: paths, modules and addresses come from the
//! configuration.
//!
//! Version 5 has the same fields and no anchor (`state/anchor.rs`). Version 4 has the same fields, and rows that lack some
//! fields of this version. Version 3 has the same fields, and rows of its own (`state/raise.rs`). Versions 1 and 2 have
//! fields 0 to 3 and one slot of fields 0 and 1. Field numbers never change, so older programs can read the version of a
//! newer header and refuse it.

use std::collections::HashSet;

use bulla_keys::root::{PreviousBinding, ProviderKey, RootKey, RootKeys, SlotBinding};
use bulla_keys::{StoreId, SystemRandom};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::home::Home;
use crate::state::RowFormat;
use crate::store::StoreError;

/// A header of this version, or of version 3 to 5, which have the same fields.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StoreHeader {
    #[n(0)]
    version: u32,
    #[n(1)]
    pub(crate) store: StoreId,
    /// The number of changes of the root key.
    #[n(2)]
    pub(crate) generation: u32,
    #[n(3)]
    pub(crate) slots: Vec<RootKeySlot>,
    /// Root keys of earlier generations, for rows that are still sealed under them.
    #[n(4)]
    pub(crate) previous: Vec<PreviousRoot>,
    /// The [`Home`], sealed and bound to the rest of the header.
    #[n(5)]
    sealed: ByteVec,
}

/// The root key, wrapped by one provider key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RootKeySlot {
    /// The kind of provider, numbered in `provider.rs`. A slot of an unknown kind is kept but opens nothing.
    #[n(0)]
    pub(crate) provider: u32,
    #[n(1)]
    pub(crate) wrapped: ByteVec,
    /// Unique in the header.
    #[n(2)]
    pub(crate) id: u32,
    /// What the provider needs to find or derive the provider key.
    #[n(3)]
    pub(crate) parameters: ByteVec,
}

/// A root key of an earlier generation, wrapped under the current one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PreviousRoot {
    #[n(0)]
    pub(crate) generation: u32,
    #[n(1)]
    pub(crate) wrapped: ByteVec,
}

/// A header of version 1 or 2.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OldHeader {
    #[n(0)]
    version: u32,
    #[n(1)]
    pub(crate) store: StoreId,
    #[n(2)]
    pub(crate) generation: u32,
    #[n(3)]
    slots: Vec<OldSlot>,
}

/// The only kind of provider in headers of version 1 and 2.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(index_only)]
enum OldProvider {
    #[n(0)]
    RootKeyFile,
}

#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
struct OldSlot {
    #[n(0)]
    provider: OldProvider,
    #[n(1)]
    wrapped: ByteVec,
}

/// A header of any version that this program reads.
#[derive(Debug)]
pub(crate) enum AnyHeader {
    Current(StoreHeader),
    Old(OldHeader),
}

/// Why bytes are not a valid header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Malformed,
    /// A newer version of this program has written the store.
    Newer,
}

/// The beginning of headers of every version.
#[derive(Decode)]
#[cbor(map)]
struct AnyVersion {
    #[n(0)]
    version: u32,
}

/// One slot of a header of any version.
pub(crate) struct SlotView<'a> {
    pub(crate) provider: u32,
    pub(crate) parameters: &'a [u8],
    wrapped: &'a [u8],
    binding: SlotBinding<'a>,
    is_old: bool,
}

impl AnyHeader {
    /// Decodes a header. It must have the encoding that this program writes, no fields unknown to its version, and slots with
    /// distinct ids.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let AnyVersion { version } = minicbor::decode(bytes).map_err(|_| HeaderError::Malformed)?;
        match version {
            1 | 2 => decode_exactly(bytes).map(Self::Old),
            3..=StoreHeader::VERSION => {
                let header: StoreHeader = decode_exactly(bytes)?;
                if header.has_unique_ids() { Ok(Self::Current(header)) } else { Err(HeaderError::Malformed) }
            }
            0 => Err(HeaderError::Malformed),
            _ => Err(HeaderError::Newer),
        }
    }
}

/// The version of the rows in a store with this header.
pub(crate) fn row_format(header: &[u8]) -> RowFormat {
    match AnyHeader::decode(header) {
        Ok(AnyHeader::Current(header)) if header.is_current() => RowFormat::Current,
        Ok(_) | Err(_) => RowFormat::Older, // a header that does not decode opens nothing
    }
}

impl SlotView<'_> {
    /// Unwraps the root key, if `provider_key` wraps it in this slot.
    pub(crate) fn open(&self, provider_key: &ProviderKey) -> Option<RootKey> {
        let SlotBinding { store, generation, .. } = self.binding;
        let opened = if self.is_old {
            RootKey::unwrap_v1(provider_key, store, generation, self.wrapped)
        } else {
            RootKey::unwrap(provider_key, self.binding, self.wrapped)
        };
        opened.ok()
    }
}

impl StoreHeader {
    /// 2: keys have more fields. 3: slots have ids and parameters, and account and region are in the header. 4: there are
    /// users, and access keys have an owner. 5: there are MFA devices, which users are bound to. 6: every commit writes an
    /// anchor. Opening a store of an earlier version raises it to this one, and older programs refuse it from then on.
    pub(crate) const VERSION: u32 = 6;

    /// Returns the header of a new store, without slots and not sealed yet.
    pub(crate) fn new(store: StoreId) -> Self {
        Self {
            version: Self::VERSION,
            store,
            generation: FIRST_GENERATION,
            slots: Vec::new(),
            previous: Vec::new(),
            sealed: vec![].into(),
        }
    }

    /// Whether it has this version.
    pub(crate) fn is_current(&self) -> bool {
        self.version == Self::VERSION
    }

    /// Returns this header with the current version number, not sealed yet.
    pub(crate) fn raised(self) -> Self {
        Self { version: Self::VERSION, ..self }
    }

    /// Returns this header with `home`, sealed under `root`, which must be the root key in its slots. Every change of other
    /// fields needs it.
    #[must_use]
    pub(crate) fn seal(self, root: &RootKey, home: &Home) -> Self {
        let keys = root.keys(self.store, self.generation);
        let sealed = keys.seal_in_header(&self.rest(), &home.encode(), &SystemRandom).into();
        Self { sealed, ..self }
    }

    /// Returns the home; none if any part of the header differs from what was sealed.
    pub(crate) fn home(&self, keys: &RootKeys) -> Option<Home> {
        let home = keys.open_in_header(&self.rest(), &self.sealed).ok()?;
        Home::decode(&home)
    }

    /// Returns the keys of the store: those of `root`, the root key in the slots, and of all earlier root keys. None if an
    /// earlier one does not open.
    pub(crate) fn keys(&self, root: &RootKey) -> Option<RootKeys> {
        let current = root.keys(self.store, self.generation);
        self.previous.iter().try_fold(current, |keys, previous| {
            let binding = self.previous_binding(previous.generation);
            let root = root.unwrap_previous(binding, &previous.wrapped).ok()?;
            Some(keys.with_previous(&root, previous.generation))
        })
    }

    /// The context that the slot `id` is bound to.
    pub(crate) fn slot_binding<'a>(&self, id: u32, provider: u32, parameters: &'a [u8]) -> SlotBinding<'a> {
        SlotBinding { store: self.store, generation: self.generation, slot: id, provider, parameters }
    }

    /// The context that the root key of an earlier generation is bound to.
    pub(crate) fn previous_binding(&self, previous: u32) -> PreviousBinding {
        PreviousBinding { store: self.store, generation: self.generation, previous }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    pub(crate) fn slots(&self) -> Vec<SlotView<'_>> {
        self.slots.iter().map(|slot| self.view(slot)).collect()
    }

    fn view<'a>(&self, slot: &'a RootKeySlot) -> SlotView<'a> {
        SlotView {
            provider: slot.provider,
            parameters: &slot.parameters,
            wrapped: &slot.wrapped,
            binding: self.slot_binding(slot.id, slot.provider, &slot.parameters),
            is_old: false,
        }
    }

    fn has_unique_ids(&self) -> bool {
        let ids: HashSet<u32> = self.slots.iter().map(|slot| slot.id).collect();
        ids.len() == self.slots.len()
    }

    /// The context of the seal: all other fields, in their stored encoding.
    fn rest(&self) -> Vec<u8> {
        encode(&Self { sealed: vec![].into(), ..self.clone() })
    }
}

impl OldHeader {
    /// Returns the header of this version that replaces it, without slots and not sealed yet. Rows are unchanged.
    pub(crate) fn raised(&self) -> StoreHeader {
        StoreHeader { generation: self.generation, ..StoreHeader::new(self.store) }
    }

    pub(crate) fn slots(&self) -> Vec<SlotView<'_>> {
        self.slots.iter().map(|slot| self.view(slot)).collect()
    }

    fn view<'a>(&self, slot: &'a OldSlot) -> SlotView<'a> {
        let provider = slot.provider.number();
        let &Self { store, generation, .. } = self;
        SlotView {
            provider,
            parameters: &[],
            wrapped: &slot.wrapped,
            binding: SlotBinding { store, generation, slot: 0, provider, parameters: &[] },
            is_old: true,
        }
    }
}

impl OldProvider {
    fn number(self) -> u32 {
        match self {
            Self::RootKeyFile => 0,
        }
    }
}

impl From<HeaderError> for StoreError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Malformed => Self::Header,
            HeaderError::Newer => Self::Newer,
        }
    }
}

fn encode(header: &impl Encode<()>) -> Vec<u8> {
    minicbor::to_vec(header).expect("writing to memory does not fail")
}

fn decode_exactly<H: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<H, HeaderError> {
    let header: H = minicbor::decode(bytes).map_err(|_| HeaderError::Malformed)?;
    if encode(&header) == bytes { Ok(header) } else { Err(HeaderError::Malformed) }
}

const FIRST_GENERATION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn header() -> StoreHeader {
        let slot = RootKeySlot { provider: 0, wrapped: vec![1].into(), id: 1, parameters: vec![].into() };
        StoreHeader { slots: vec![slot], ..StoreHeader::new(StoreId::random(&SystemRandom)) }
    }

    fn home() -> Home {
        Home {
            account: "42".into(),
            region: "cn-beijing".into(),
            is_account_presumed: false,
            is_region_presumed: true,
        }
    }

    fn decode(bytes: &[u8]) -> Result<StoreHeader, HeaderError> {
        match AnyHeader::decode(bytes)? {
            AnyHeader::Current(header) => Ok(header),
            AnyHeader::Old(_) => panic!("it has this version"),
        }
    }

    /// See CONTRIBUTING.md: each version of the store has a golden store, which every later version opens.
    #[test]
    fn this_version_has_a_golden_store() {
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::copy(golden.join(format!("store-v{}/store.redb", StoreHeader::VERSION)), copy.path())
            .unwrap();
        let header = decode(&Store::open(copy.path()).unwrap().header().unwrap()).unwrap();
        assert_eq!((header.version, header.slots.len()), (StoreHeader::VERSION, 1));
    }

    #[test]
    fn a_header_comes_back() {
        let header = header();
        assert_eq!(decode(&header.encode()), Ok(header));
    }

    /// Regardless of what a newer version does with the other fields.
    #[test]
    fn a_newer_header_is_distinguished_from_a_damaged_one() {
        assert_eq!(decode(&[0xa2, 0, 7, 3, 0x63, b'n', b'e', b'w']), Err(HeaderError::Newer));
        assert_eq!(decode(&[0xa1, 0, 0]), Err(HeaderError::Malformed));
        assert_eq!(decode(&[0xa1, 1, 3]), Err(HeaderError::Malformed), "no version");
        assert_eq!(decode(&[]), Err(HeaderError::Malformed));
    }

    /// They decode the fields that they know and skip the others.
    #[test]
    fn programs_of_version_2_read_that_a_header_is_newer() {
        let old: OldHeader = minicbor::decode(&header().encode()).unwrap();
        assert_eq!(old.version, 6);
    }

    #[test]
    fn a_header_with_a_field_more_or_less_is_refused() {
        let bytes = header().encode();
        assert_eq!(bytes[0], 0xa6, "a map of six fields");
        let more = [&[0xa7], &bytes[1..], &[6, 0]].concat();
        assert_eq!(decode(&more), Err(HeaderError::Malformed));
        let appended = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode(&appended), Err(HeaderError::Malformed));
        let mut older = bytes;
        older[2] = 2;
        assert_eq!(AnyHeader::decode(&older).map(drop), Err(HeaderError::Malformed));
    }

    /// For example one that a later program added: this version opens the store by another slot, and keeps the unknown one.
    #[test]
    fn a_slot_of_an_unknown_provider_comes_back() {
        let mut header = header();
        let unknown =
            RootKeySlot { provider: 7, wrapped: vec![1, 2, 3].into(), id: 2, parameters: vec![4, 5].into() };
        header.slots.insert(0, unknown);
        let decoded = decode(&header.encode()).unwrap();
        assert_eq!(decoded.encode(), header.encode());
        assert_eq!(decoded, header);
    }

    #[test]
    fn a_header_with_two_slots_of_one_id_is_refused() {
        let mut header = header();
        header.slots.push(RootKeySlot { wrapped: vec![2].into(), ..header.slots[0].clone() });
        assert_eq!(decode(&header.encode()), Err(HeaderError::Malformed));
        header.slots[1].id = 2;
        assert_eq!(decode(&header.encode()), Ok(header));
    }

    #[test]
    fn the_seal_shows_every_change_of_the_header() {
        let root = RootKey::random(&SystemRandom);
        let sealed = header().seal(&root, &home());
        let keys = sealed.keys(&root).unwrap();
        assert_eq!(sealed.home(&keys), Some(home()));
        let twice = [sealed.slots[0].clone(), RootKeySlot { id: 2, ..sealed.slots[0].clone() }];
        let previous = PreviousRoot { generation: 0, wrapped: vec![1].into() };
        for changed in [
            StoreHeader { slots: vec![], ..sealed.clone() },
            StoreHeader { slots: twice.into(), ..sealed.clone() },
            StoreHeader { previous: vec![previous], ..sealed.clone() },
            StoreHeader { generation: 2, ..sealed.clone() },
            StoreHeader { store: StoreId::random(&SystemRandom), ..sealed.clone() },
        ] {
            assert_eq!(changed.home(&keys), None, "{changed:?}");
        }
        let other = RootKey::random(&SystemRandom);
        assert_eq!(sealed.home(&sealed.keys(&other).unwrap()), None);
    }
}
