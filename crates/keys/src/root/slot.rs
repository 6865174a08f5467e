//! The sealed parts of a store's header: the root key, wrapped in slots, and the content that is sealed under it.
//!
//! ```text
//! slot      = XAES-256-GCM(provider key, root key, len ‖ "bulla/root-slot/v2", len ‖ store id, len ‖ generation (u32be),
//!                          len ‖ slot id (u32be), len ‖ provider (u32be), len ‖ parameters)
//! previous  = XAES-256-GCM(subkey "bulla/root/previous", earlier root key, len ‖ "bulla/root-previous/v1",
//!                          len ‖ store id, len ‖ generation (u32be), len ‖ generation of the earlier one (u32be))
//! sealed    = XAES-256-GCM(subkey "bulla/root/header", content, len ‖ "bulla/header/v1", len ‖ rest of the header)
//! len       = u32be
//! ```
//!
//! Headers of versions 1 and 2 have one slot without id and parameters:
//!
//! ```text
//! slot      = XAES-256-GCM(provider key, root key, "bulla/root-slot/v1" ‖ 0x00 ‖ store id ‖ generation (u32be))
//! ```
//!
//! A slot that was edited, or moved to another store, generation, id or provider, does not open. The seal over the rest of the
//! header also reveals a slot that was added or removed without the root key.

use zeroize::Zeroizing;

use super::{ProviderKey, RootKey, RootKeys};
use crate::aad::length_prefixed;
use crate::id::StoreId;
use crate::random::Random;
use crate::xaes::{Damaged, Xaes256Gcm};

/// The associated data of a slot.
#[derive(Clone, Copy, Debug)]
pub struct SlotBinding<'a> {
    /// The store of the header.
    pub store: StoreId,
    /// The generation of the root key in the slot.
    pub generation: u32,
    /// The id of the slot in the header.
    pub slot: u32,
    /// The kind of provider that has the provider key, by its number in the header.
    pub provider: u32,
    /// What the provider needs to find or derive the provider key.
    pub parameters: &'a [u8],
}

/// The associated data of a wrapped root key of an earlier generation.
#[derive(Clone, Copy, Debug)]
pub struct PreviousBinding {
    /// The store of the header.
    pub store: StoreId,
    /// The generation of the wrapping root key.
    pub generation: u32,
    /// The generation of the wrapped root key.
    pub previous: u32,
}

impl RootKey {
    /// Wraps the root key for a slot of the store's header.
    #[must_use]
    pub fn wrap(&self, provider: &ProviderKey, slot: SlotBinding<'_>, random: &impl Random) -> Vec<u8> {
        Xaes256Gcm::new(&provider.0).seal(&slot.aad(), &*self.0, random)
    }

    /// Unwraps the result of [`RootKey::wrap`].
    ///
    /// # Errors
    /// [`Damaged`] if the slot was changed, or the provider key belongs to another slot or store.
    pub fn unwrap(provider: &ProviderKey, slot: SlotBinding<'_>, wrapped: &[u8]) -> Result<Self, Damaged> {
        Self::open(&Xaes256Gcm::new(&provider.0), &slot.aad(), wrapped)
    }

    /// Unwraps the slot of a header of version 1 or 2.
    ///
    /// # Errors
    /// As [`RootKey::unwrap`].
    pub fn unwrap_v1(
        provider: &ProviderKey,
        store: StoreId,
        generation: u32,
        wrapped: &[u8],
    ) -> Result<Self, Damaged> {
        let aad = [b"bulla/root-slot/v1\0".as_slice(), store.as_bytes(), &generation.to_be_bytes()].concat();
        Self::open(&Xaes256Gcm::new(&provider.0), &aad, wrapped)
    }

    /// Wraps the root key of an earlier generation under this one, so that a slot of this root key gives access to both.
    #[must_use]
    pub fn wrap_previous(&self, previous: &Self, binding: PreviousBinding, random: &impl Random) -> Vec<u8> {
        self.previous_key().seal(&binding.aad(), &*previous.0, random)
    }

    /// Unwraps the result of [`RootKey::wrap_previous`].
    ///
    /// # Errors
    /// [`Damaged`] if it was changed, or wrapped under another root key or binding.
    pub fn unwrap_previous(&self, binding: PreviousBinding, wrapped: &[u8]) -> Result<Self, Damaged> {
        Self::open(&self.previous_key(), &binding.aad(), wrapped)
    }

    fn previous_key(&self) -> Xaes256Gcm {
        Xaes256Gcm::new(&self.subkey(b"bulla/root/previous"))
    }

    fn open(key: &Xaes256Gcm, aad: &[u8], wrapped: &[u8]) -> Result<Self, Damaged> {
        let bytes = key.open(aad, wrapped)?;
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| Damaged)?;
        Ok(Self(Zeroizing::new(*bytes)))
    }
}

impl RootKeys {
    /// Seals the sealed part of the header, bound to the rest of the header.
    #[must_use]
    pub fn seal_in_header(&self, rest: &[u8], content: &[u8], random: &impl Random) -> Vec<u8> {
        self.current.header.seal(&header_aad(rest), content, random)
    }

    /// Opens the result of [`RootKeys::seal_in_header`].
    ///
    /// # Errors
    /// [`Damaged`] if it or the rest of the header was changed.
    pub fn open_in_header(&self, rest: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        self.current.header.open(&header_aad(rest), sealed)
    }
}

impl SlotBinding<'_> {
    fn aad(&self) -> Vec<u8> {
        length_prefixed(&[
            b"bulla/root-slot/v2",
            self.store.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.slot.to_be_bytes(),
            &self.provider.to_be_bytes(),
            self.parameters,
        ])
    }
}

impl PreviousBinding {
    fn aad(self) -> Vec<u8> {
        length_prefixed(&[
            b"bulla/root-previous/v1",
            self.store.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.previous.to_be_bytes(),
        ])
    }
}

fn header_aad(rest: &[u8]) -> Vec<u8> {
    length_prefixed(&[b"bulla/header/v1", rest])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Fixed, SystemRandom};

    const STORE: [u8; 16] = [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];

    fn binding() -> SlotBinding<'static> {
        let store = StoreId::from_bytes(STORE);
        SlotBinding { store, generation: 2, slot: 3, provider: 0, parameters: b"par" }
    }

    fn previous() -> PreviousBinding {
        PreviousBinding { store: StoreId::from_bytes(STORE), generation: 2, previous: 1 }
    }

    fn counted<const N: usize>(first: u8) -> [u8; N] {
        std::array::from_fn(|i| first + u8::try_from(i).unwrap())
    }

    fn root(first: u8) -> RootKey {
        RootKey(Zeroizing::new(counted(first)))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        assert_eq!(hex.len(), 2 * N);
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn a_slot_opens_for_what_it_is_bound_to_only() {
        let (root, provider) = (RootKey::random(&SystemRandom), ProviderKey::random(&SystemRandom));
        let bound = binding();
        let wrapped = root.wrap(&provider, bound, &SystemRandom);
        assert_eq!(*RootKey::unwrap(&provider, bound, &wrapped).unwrap().0, *root.0);
        for other in [
            SlotBinding { store: StoreId::random(&SystemRandom), ..bound },
            SlotBinding { generation: 1, ..bound },
            SlotBinding { slot: 4, ..bound },
            SlotBinding { provider: 1, ..bound },
            SlotBinding { parameters: b"pa", ..bound },
        ] {
            assert!(RootKey::unwrap(&provider, other, &wrapped).is_err(), "{other:?}");
        }
        assert!(RootKey::unwrap(&ProviderKey::random(&SystemRandom), bound, &wrapped).is_err());
        assert!(RootKey::unwrap_v1(&provider, bound.store, 2, &wrapped).is_err(), "not in an older header");
    }

    /// Computed with Python: CMAC, AESGCM and HKDFExpand of PyPI `cryptography`, combined by the formulas above. Existing stores
    /// must always open.
    #[test]
    fn what_a_header_holds_stays_what_it_is() {
        let nonce = || Fixed(counted::<24>(0).into());
        let provider = ProviderKey(Zeroizing::new([7; 32]));
        assert_eq!(
            hex(&root(0).wrap(&provider, binding(), &nonce())),
            "000102030405060708090a0b0c0d0e0f1011121314151617bf2d34e7aa7cea905bea56b14ebf6cda1f1c2cca477c8d95\
             97e31f6ce02ad42428a26cf144f545ad79d10d1a857b992f"
        );
        assert_eq!(
            hex(&root(0).wrap_previous(&root(32), previous(), &nonce())),
            "000102030405060708090a0b0c0d0e0f101112131415161793e44dbd91f52f2c7ace8635fb7ad016a0abe1f255c34394\
             f6de612d0ba4ccf4568263ee199107fccf1cfbf9d835e993"
        );
        assert_eq!(
            hex(&root(0).keys(binding().store, 2).seal_in_header(b"rest", b"sealed", &nonce())),
            "000102030405060708090a0b0c0d0e0f10111213141516170788eea3815fbd3f93a7bb95244b9ed749fc93043839"
        );
    }

    /// The slot of the golden store of version 1 (docs/blob-format.md).
    #[test]
    fn slots_of_older_headers_open_for_their_store_and_generation_only() {
        let provider: [u8; 32] = bytes("beabd25eec54c52ad2403a933c2a0c3392a60e868b57b534f3d989f34fac2176");
        let provider = ProviderKey(Zeroizing::new(provider));
        let slot: [u8; 72] = bytes(
            "6eec15ef3c9a15031c3a09293ea8d562c6dae2f428fd4d69a1b74f800bf71fb24a9efab65d3174c3\
             2406e0a7e0dfa2c2afb2efb3ecf5a0d4fc755f760510f211836b7261f5eb89ce",
        );
        let store: StoreId = "933ceeaf-776d-4cc6-be53-700d5358391c".parse().unwrap();
        let root = RootKey::unwrap_v1(&provider, store, 1, &slot).unwrap();
        assert_eq!(hex(&*root.0), "a27dfa85a79a14e954783878097d09e69936c065de30ab0578296fcb5d7ef264");
        let other = StoreId::random(&SystemRandom);
        assert!(RootKey::unwrap_v1(&provider, other, 1, &slot).is_err());
        assert!(RootKey::unwrap_v1(&provider, store, 2, &slot).is_err());
        assert!(RootKey::unwrap_v1(&ProviderKey::random(&SystemRandom), store, 1, &slot).is_err());
        let bound = SlotBinding { store, generation: 1, slot: 1, provider: 0, parameters: b"" };
        assert!(RootKey::unwrap(&provider, bound, &slot).is_err(), "not in a newer header");
    }

    #[test]
    fn an_earlier_root_key_opens_in_its_place_only() {
        let (current, earlier, bound) = (root(0), root(32), previous());
        let wrapped = current.wrap_previous(&earlier, bound, &SystemRandom);
        assert_eq!(*current.unwrap_previous(bound, &wrapped).unwrap().0, *earlier.0);
        for other in [
            PreviousBinding { store: StoreId::random(&SystemRandom), ..bound },
            PreviousBinding { generation: 3, ..bound },
            PreviousBinding { previous: 0, ..bound },
        ] {
            assert!(current.unwrap_previous(other, &wrapped).is_err(), "{other:?}");
        }
        assert!(earlier.unwrap_previous(bound, &wrapped).is_err());
    }

    #[test]
    fn what_is_sealed_in_a_header_opens_with_the_rest_of_it_only() {
        let keys = root(0).keys(StoreId::from_bytes(STORE), 1);
        let sealed = keys.seal_in_header(b"rest", b"content", &SystemRandom);
        assert_eq!(*keys.open_in_header(b"rest", &sealed).unwrap(), b"content");
        assert!(keys.open_in_header(b"rest!", &sealed).is_err());
        assert!(root(1).keys(StoreId::from_bytes(STORE), 1).open_in_header(b"rest", &sealed).is_err());
    }
}
