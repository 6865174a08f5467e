//! Wraps the private key that signs the audit trail: the 32 bytes from which Ed25519 (RFC 8032) derives the rest.
//!
//! ```text
//! wrapped seed = XAES-256-GCM(subkey "bulla/root/audit", seed,
//!                             len ‖ "bulla/seal-seed/v1", len ‖ store id, len ‖ public key)
//! len          = u32be
//! ```

use zeroize::Zeroizing;

use crate::aad::length_prefixed;
use crate::id::StoreId;
use crate::random::Random;
use crate::root::RootKeys;
use crate::xaes::Damaged;

/// Wraps the seed of the key pair with this public key.
#[must_use]
pub fn wrap(roots: &RootKeys, public_key: &[u8; 32], seed: &[u8; 32], random: &impl Random) -> Vec<u8> {
    roots.current().audit().seal(&aad(roots.store(), public_key), seed, random)
}

/// Unwraps the result of [`wrap`] for the same public key and the same store.
///
/// # Errors
/// [`Damaged`] if it was changed, or belongs to another public key or store.
pub fn unwrap(
    roots: &RootKeys,
    public_key: &[u8; 32],
    wrapped: &[u8],
) -> Result<Zeroizing<[u8; 32]>, Damaged> {
    let aad = aad(roots.store(), public_key);
    let opened = roots.open_under_any(|generation| generation.audit().open(&aad, wrapped))?;
    let mut seed = Zeroizing::new([0; 32]);
    if opened.len() != seed.len() {
        return Err(Damaged);
    }
    seed.copy_from_slice(&opened);
    Ok(seed)
}

fn aad(store: StoreId, public_key: &[u8; 32]) -> Vec<u8> {
    length_prefixed(&[b"bulla/seal-seed/v1", store.as_bytes(), public_key])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;
    use crate::root::RootKey;

    #[test]
    fn a_seed_unwraps_for_its_own_public_key_and_store_only() {
        let root = RootKey::random(&SystemRandom);
        let roots = root.keys(StoreId::random(&SystemRandom), 1);
        let wrapped = wrap(&roots, &[1; 32], &[7; 32], &SystemRandom);
        assert_eq!(*unwrap(&roots, &[1; 32], &wrapped).unwrap(), [7; 32]);
        assert_eq!(unwrap(&roots, &[2; 32], &wrapped), Err(Damaged));
        let other = root.keys(StoreId::random(&SystemRandom), 1);
        assert_eq!(unwrap(&other, &[1; 32], &wrapped), Err(Damaged));
        let next = RootKey::random(&SystemRandom).keys(roots.store(), 2).with_previous(&root, 1);
        assert_eq!(*unwrap(&next, &[1; 32], &wrapped).unwrap(), [7; 32]);
    }
}
