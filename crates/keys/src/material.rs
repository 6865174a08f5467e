//! Key material: the secret bytes of one key version, and how they lie in the store.

use std::fmt;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::id::{KeyId, KeyVersionId, StoreId};
use crate::random::{self, Random};
use crate::root::RootKeys;
use crate::spec::named;
use crate::xaes::{Damaged, Xaes256Gcm};

named! {
    /// How a key version makes its blobs. It stands in the sealed record of the version, never in a blob, so
    /// that nobody can choose a weaker one for it.
    Construction {
        /// XAES-256-GCM (C2SP).
        Xaes256Gcm(0) = "XAES-256-GCM",
    }
}

/// 256 secret bits, wiped on drop and never shown.
pub struct Material(Zeroizing<[u8; 32]>);

impl Material {
    /// New material.
    #[must_use]
    pub fn random(random: &impl Random) -> Self {
        Self(Zeroizing::new(random::array(random)))
    }

    /// The key for blobs.
    pub(crate) fn cipher(&self) -> Xaes256Gcm {
        Xaes256Gcm::new(&self.0)
    }

    /// Seals the material for the record of its version.
    #[must_use]
    pub fn seal(&self, roots: &RootKeys, key: KeyId, version: KeyVersionId, random: &impl Random) -> Vec<u8> {
        roots.material().seal(&aad(roots.store(), key, version), &*self.0, random)
    }

    /// Opens what [`Material::seal`] sealed for the same store, key and version.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn open(roots: &RootKeys, key: KeyId, version: KeyVersionId, sealed: &[u8]) -> Result<Self, Damaged> {
        let bytes = roots.material().open(&aad(roots.store(), key, version), sealed)?;
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| Damaged)?;
        Ok(Self(Zeroizing::new(*bytes)))
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[material]")
    }
}

/// All parts but the label have a fixed length.
fn aad(store: StoreId, key: KeyId, version: KeyVersionId) -> Vec<u8> {
    [b"bulla/material/v1\0".as_slice(), store.as_bytes(), key.as_bytes(), version.as_bytes()].concat()
}
