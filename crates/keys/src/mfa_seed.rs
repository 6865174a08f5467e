//! Seals the seeds of devices for multi-factor authentication. HMAC needs the plaintext, so a seed is opened for one code at a
//! time.
//!
//! ```text
//! sealed seed = XAES-256-GCM(material subkey of the root key, seed,
//!                            len ‖ "bulla/mfa-seed/v1", len ‖ store id, len ‖ device)
//! len         = u32be
//! ```

use zeroize::Zeroizing;

use crate::aad::length_prefixed;
use crate::id::StoreId;
use crate::random::Random;
use crate::root::RootKeys;
use crate::xaes::Damaged;

/// Seals the seed of `device`.
#[must_use]
pub fn seal(roots: &RootKeys, device: &str, seed: &[u8], random: &impl Random) -> Vec<u8> {
    roots.current().material().seal(&aad(roots.store(), device), seed, random)
}

/// Opens the result of [`seal`] for the same device of the same store.
///
/// # Errors
/// [`Damaged`] if it was changed, or belongs to another device or store.
pub fn open(roots: &RootKeys, device: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
    let aad = aad(roots.store(), device);
    roots.open_under_any(|generation| generation.material().open(&aad, sealed))
}

fn aad(store: StoreId, device: &str) -> Vec<u8> {
    length_prefixed(&[b"bulla/mfa-seed/v1", store.as_bytes(), device.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_key;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    #[test]
    fn a_seed_opens_for_its_own_device_and_store_only() {
        let root = RootKey::random(&SystemRandom);
        let roots = root.keys(StoreId::random(&SystemRandom), 1);
        let sealed = seal(&roots, "phone", b"seed", &SystemRandom);
        assert_eq!(*open(&roots, "phone", &sealed).unwrap(), b"seed");
        assert_eq!(open(&roots, "tablet", &sealed), Err(Damaged));
        assert_eq!(access_key::open(&roots, "phone", &sealed), Err(Damaged));
        let other = root.keys(StoreId::random(&SystemRandom), 1);
        assert_eq!(open(&other, "phone", &sealed), Err(Damaged));
    }
}
