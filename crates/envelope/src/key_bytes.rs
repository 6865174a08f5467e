//! The secret bytes of data keys and body keys, and the derivation of one from another.

use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use aws_lc_rs::rand;
use zeroize::Zeroize;

/// A 256-bit key. Boxed, so that moving it leaves no copy; wiped on drop.
///
/// It has no `Debug` implementation; the types that contain it have one that shows only their name.
pub(crate) struct KeyBytes(Box<[u8; KEY_LEN]>);

/// The length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;

impl KeyBytes {
    /// Returns zeros, to be overwritten.
    pub(crate) fn zero() -> Self {
        Self(Box::new([0; KEY_LEN]))
    }

    /// Creates a random key with the generator of aws-lc, which the operating system seeds.
    pub(crate) fn random() -> Self {
        let mut key = Self::zero();
        rand::fill(key.as_mut()).expect("the operating system gives random bytes once it has booted");
        key
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8; KEY_LEN] {
        &mut self.0
    }

    /// Computes HKDF-Expand with SHA-512 (RFC 5869). Needs no Extract, because the key is uniformly random.
    pub(crate) fn expand(&self, info: &[&[u8]], output: &mut [u8]) {
        struct Length(usize);
        impl KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        let prk = Prk::new_less_safe(HKDF_SHA512, self.expose());
        prk.expand(info, Length(output.len()))
            .and_then(|okm| okm.fill(output))
            .expect("HKDF gives up to 255 hashes");
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
