//! Creates key versions, for new keys, rotations and imported material.

use bulla_keys::{Construction, KeyId, KeyKind, KeySpec, KeyVersion, KeyVersionId, Material, SystemRandom};
use bulla_wire::Error;

use crate::crypto::AsymmetricSpec;
use crate::generator::PairFor;
use crate::keyring::Keyring;
use crate::session::Session;

/// The metadata of a version to be created.
#[derive(Clone, Copy)]
pub(crate) struct NewVersion {
    pub(crate) key: KeyId,
    pub(crate) id: KeyVersionId,
    pub(crate) number: u32,
    pub(crate) spec: KeySpec,
    pub(crate) created: i64,
}

impl NewVersion {
    /// Returns a version with new material, for any kind of key.
    ///
    /// # Errors
    /// Throttling.User if the queue for key pairs is full; InternalFailure.
    pub(crate) async fn generated<A>(
        self,
        session: &Session<'_, A>,
        purpose: PairFor,
    ) -> Result<KeyVersion, Error> {
        match self.spec.kind() {
            KeyKind::Asymmetric => {
                let pair = session.key_pair(purpose, AsymmetricSpec::of(self.spec)?).await?;
                let version = self.with_material(session.keyring(), &Material::from_bytes(pair.private));
                Ok(KeyVersion { public_key: Some(pair.public.into()), ..version })
            }
            KeyKind::Symmetric | KeyKind::Mac => Ok(self.random(session.keyring())),
        }
    }

    /// Returns a version with random material, for keys other than key pairs.
    pub(crate) fn random(self, keyring: &Keyring) -> KeyVersion {
        let len = self.spec.secret_len().expect("a key that is no key pair is a secret");
        self.with_material(keyring, &Material::random(len, &SystemRandom))
    }

    /// Returns a version with this material.
    pub(crate) fn with_material(self, keyring: &Keyring, material: &Material) -> KeyVersion {
        let Self { key, id, number, spec, created } = self;
        let sealed_material = keyring.seal(material, key, id).into();
        let construction = Construction::of(spec);
        KeyVersion { id, key, created, construction, sealed_material, public_key: None, number }
    }
}
