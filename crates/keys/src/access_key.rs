//! Seals the secrets of access keys. HMAC signatures need the plaintext, so a secret is opened for one signature at a time.
//!
//! ```text
//! sealed secret = XAES-256-GCM(material subkey of the root key, secret,
//!                              len ‖ "bulla/access-key/v1", len ‖ store id, len ‖ access key id)
//! len           = u32be
//! ```

use std::mem;

use zeroize::Zeroizing;

use crate::aad::length_prefixed;
use crate::id::StoreId;
use crate::random::Random;
use crate::root::RootKeys;
use crate::xaes::Damaged;

/// Seals the secret of the access key `id`.
#[must_use]
pub fn seal(roots: &RootKeys, id: &str, secret: &str, random: &impl Random) -> Vec<u8> {
    roots.current().material().seal(&aad(roots.store(), id), secret.as_bytes(), random)
}

/// Opens the result of [`seal`] for the same access key of the same store.
///
/// # Errors
/// [`Damaged`] if it was changed, or belongs to another access key or store.
pub fn open(roots: &RootKeys, id: &str, sealed: &[u8]) -> Result<Zeroizing<String>, Damaged> {
    let aad = aad(roots.store(), id);
    let mut opened = roots.open_under_any(|generation| generation.material().open(&aad, sealed))?;
    let text = String::from_utf8(mem::take(&mut *opened)).map_err(|_| Damaged)?;
    Ok(Zeroizing::new(text))
}

fn aad(store: StoreId, id: &str) -> Vec<u8> {
    length_prefixed(&[b"bulla/access-key/v1", store.as_bytes(), id.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    #[test]
    fn a_secret_opens_for_its_own_access_key_and_store_only() {
        let root = RootKey::random(&SystemRandom);
        let roots = root.keys(StoreId::random(&SystemRandom), 1);
        let sealed = seal(&roots, "BULLA1", "secret", &SystemRandom);
        assert_eq!(*open(&roots, "BULLA1", &sealed).unwrap(), "secret");
        assert_eq!(open(&roots, "BULLA2", &sealed), Err(Damaged));
        let other = root.keys(StoreId::random(&SystemRandom), 1);
        assert_eq!(open(&other, "BULLA1", &sealed), Err(Damaged));
    }

    #[test]
    fn a_secret_sealed_under_an_earlier_root_key_opens_as_long_as_that_key_is_there() {
        let store = StoreId::random(&SystemRandom);
        let first = RootKey::random(&SystemRandom);
        let second = RootKey::random(&SystemRandom);
        let sealed = seal(&first.keys(store, 1), "BULLA1", "secret", &SystemRandom);
        let both = second.keys(store, 2).with_previous(&first, 1);
        assert_eq!(*open(&both, "BULLA1", &sealed).unwrap(), "secret");
        assert_eq!(open(&second.keys(store, 2), "BULLA1", &sealed), Err(Damaged));
    }
}
