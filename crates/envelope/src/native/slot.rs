//! A slot of the header: the wrapped keys, which are replaced as a whole.

use aws_lc_rs::digest::{SHA256, digest};

use super::error::HeaderFlaw;
use crate::WrappedKey;

/// The content of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Slot {
    /// The generation: 1 at first, raised by each rewrap.
    pub generation: u64,
    /// 1 to 32 wraps, each of which opens the file.
    pub wraps: Vec<Wrap>,
}

/// A key of the file, wrapped by a KMS. Its fields are unauthenticated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wrap {
    /// The kind of key that is wrapped.
    pub kind: WrapKind,
    /// The region of the KMS; empty if it is not known.
    pub region: String,
    /// The wrapped key, and the KMS key that wrapped it, as the KMS returned them.
    pub key: WrappedKey,
}

/// The kind of key in a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrapKind {
    /// The data key that all files of a run share.
    Set,
    /// The body key of this file alone.
    File,
}

impl WrapKind {
    /// Returns the name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::File => "file",
        }
    }
}

impl Slot {
    /// Returns the minimum length of the encoded slot in bytes.
    pub(super) fn needed_len(&self) -> usize {
        FIXED_LEN + self.wraps.iter().map(wrap_len).sum::<usize>()
    }

    /// Encodes the slot in `size` bytes.
    ///
    /// # Errors
    /// [`HeaderFlaw`] if it does not fit, or its wraps are invalid.
    pub(super) fn encode(&self, size: usize) -> Result<Vec<u8>, HeaderFlaw> {
        let count = match self.wraps.len() {
            count @ 1..=MAX_WRAPS => count as u16,
            _ => return Err(HeaderFlaw::Wraps),
        };
        if self.needed_len() > size {
            return Err(HeaderFlaw::SlotFull);
        }
        let mut slot = vec![0; HASH_LEN];
        slot.extend_from_slice(&self.generation.to_be_bytes());
        slot.extend_from_slice(&count.to_be_bytes());
        for wrap in &self.wraps {
            slot.push(match wrap.kind {
                WrapKind::Set => SET,
                WrapKind::File => FILE,
            });
            for (text, limit) in wrap.texts() {
                let length = limit.check(text).ok_or(HeaderFlaw::Wraps)?;
                slot.extend_from_slice(&length.to_be_bytes());
                slot.extend_from_slice(text.as_bytes());
            }
        }
        slot.resize(size, 0);
        let hash = digest(&SHA256, &slot[HASH_LEN..]);
        slot[..HASH_LEN].copy_from_slice(hash.as_ref());
        Ok(slot)
    }

    /// Decodes a slot. Returns `None` if it is torn, damaged or malformed.
    pub(super) fn decode(slot: &[u8]) -> Option<Self> {
        let (hash, mut rest) = slot.split_at_checked(HASH_LEN)?;
        if digest(&SHA256, rest).as_ref() != hash {
            return None;
        }
        let generation = u64::from_be_bytes(*take(&mut rest)?);
        let count = usize::from(u16::from_be_bytes(*take(&mut rest)?));
        if !(1..=MAX_WRAPS).contains(&count) {
            return None;
        }
        let wraps = (0..count).map(|_| Wrap::decode(&mut rest)).collect::<Option<_>>()?;
        rest.iter().all(|byte| *byte == 0).then_some(Self { generation, wraps })
    }
}

impl Wrap {
    fn texts(&self) -> [(&str, Limit); 4] {
        let Self { key, region, .. } = self;
        let [id, version, of_region, blob] = LIMITS;
        [(&key.key_id, id), (&key.key_version_id, version), (region, of_region), (&key.ciphertext_blob, blob)]
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let kind = match take::<1>(bytes)? {
            [SET] => WrapKind::Set,
            [FILE] => WrapKind::File,
            _ => return None,
        };
        let mut text = |limit: Limit| {
            let length = usize::from(u16::from_be_bytes(*take(bytes)?));
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            let text = std::str::from_utf8(text).ok()?;
            limit.check(text).map(|_| text.to_owned())
        };
        let [id, version, region, blob] = LIMITS;
        let key_id = text(id)?;
        let key_version_id = text(version)?;
        let region = text(region)?;
        let ciphertext_blob = text(blob)?;
        Some(Self { kind, region, key: WrappedKey { key_id, key_version_id, ciphertext_blob } })
    }
}

fn wrap_len(wrap: &Wrap) -> usize {
    1 + wrap.texts().iter().map(|(text, _)| 2 + text.len()).sum::<usize>()
}

/// The length limits of a field. Its characters are printable ASCII.
#[derive(Clone, Copy)]
struct Limit {
    min: usize,
    max: usize,
}

impl Limit {
    fn check(self, text: &str) -> Option<u16> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (self.min..=self.max).contains(&text.len());
        (printable && fits).then_some(text.len() as u16)
    }
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (part, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(part)
}

/// The limits of key id, key version id, region and wrapped key.
const LIMITS: [Limit; 4] = [
    Limit { min: 1, max: 255 },
    Limit { min: 1, max: 255 },
    Limit { min: 0, max: 255 },
    Limit { min: 1, max: (16 << 10) - 1 },
];
const SET: u8 = 1;
const FILE: u8 = 2;
const HASH_LEN: usize = 32;
/// The length of hash, generation and count.
const FIXED_LEN: usize = HASH_LEN + 8 + 2;
/// Maximum number of wraps of a file.
pub(super) const MAX_WRAPS: usize = 32;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn wrap(kind: WrapKind, key_id: &str) -> Wrap {
        let key = WrappedKey {
            key_id: key_id.to_owned(),
            key_version_id: "v1".to_owned(),
            ciphertext_blob: "YmxvYg==".to_owned(),
        };
        Wrap { kind, region: String::new(), key }
    }

    #[test]
    fn slots_come_back_and_every_bit_counts() {
        let mut other = wrap(WrapKind::File, "b");
        other.region = "cn-hangzhou".into();
        let slot = Slot { generation: 7, wraps: vec![wrap(WrapKind::Set, "a"), other] };
        let encoded = slot.encode(200).unwrap();
        assert_eq!(encoded.len(), 200);
        assert_eq!(Slot::decode(&encoded), Some(slot.clone()));
        for bit in 0..encoded.len() * 8 {
            let mut damaged = encoded.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Slot::decode(&damaged), None);
        }
        let needed = slot.needed_len();
        assert_eq!(Slot::decode(&slot.encode(needed).unwrap()), Some(slot.clone()));
        assert_eq!(slot.encode(needed - 1), Err(HeaderFlaw::SlotFull));
    }

    #[test]
    fn what_no_slot_can_hold_is_refused() {
        for count in [0, MAX_WRAPS + 1] {
            let slot = Slot { generation: 1, wraps: vec![wrap(WrapKind::Set, "a"); count] };
            assert_eq!(slot.encode(1 << 14), Err(HeaderFlaw::Wraps));
        }
        for id in ["", "a b", "a\n", "ключ", &"a".repeat(256)] {
            let slot = Slot { generation: 1, wraps: vec![wrap(WrapKind::Set, id)] };
            assert_eq!(slot.encode(1 << 14), Err(HeaderFlaw::Wraps), "{id}");
        }
    }

    /// Invalid fields under a matching hash.
    #[test]
    fn well_hashed_nonsense_is_refused() {
        let good = Slot { generation: 1, wraps: vec![wrap(WrapKind::Set, "a")] }.encode(128).unwrap();
        let edited = |at: usize, value: u8| {
            let mut slot = good.clone();
            slot[at] = value;
            let hash = digest(&SHA256, &slot[HASH_LEN..]);
            slot[..HASH_LEN].copy_from_slice(hash.as_ref());
            Slot::decode(&slot)
        };
        assert!(edited(39, 2).is_some(), "the generation is free");
        for (at, value) in
            [(41, 0), (41, 2), (41, 33), (42, 0), (42, 3), (43, 1), (44, 0), (45, b' '), (127, 1)]
        {
            assert_eq!(edited(at, value), None, "{at}");
        }
        assert_eq!(Slot::decode(b""), None);
    }
}
