//! The key that seals secrets for which nobody names a key: made with the first of them.

use bulla_keys::{Alias, AliasName, Key, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, SystemRandom};
use bulla_wire::Error;

use super::versions::{NewVersion, make_secret};
use crate::Kms;
use crate::authorize::Allowed;
use crate::state::Write;

/// The alias of the key, which is there when this is answered. Of many who make it at once one succeeds, because the
/// alias is written with the key, and the others find it.
pub(super) async fn service_key<A>(kms: &Kms, allowed: &Allowed<A>) -> Result<AliasName, Error> {
    let name = AliasName::of_service(Key::SECRETS_SERVICE);
    kms.change(allowed, |keyring| {
        if keyring.snapshot.alias(name.as_str()).is_some() {
            return Ok(vec![]);
        }
        let (id, version) = (KeyId::random(&SystemRandom), KeyVersionId::random(&SystemRandom));
        let (spec, made) = (KeySpec::Aes256, (keyring.now, Key::SECRETS_SERVICE));
        let key = Key::new((id, version), made, spec, KeyUsage::EncryptDecrypt, KeyOrigin::Kms);
        let version = make_secret(kms, NewVersion { key: id, id: version, number: 0, spec }, keyring.now);
        let alias = Alias { name: name.clone(), key: id };
        Ok(vec![(Write::Key(key), 0), (Write::Version(version), 0), (Write::Alias(alias), 0)])
    })
    .await?;
    Ok(name)
}
