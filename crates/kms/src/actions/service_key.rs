//! The service key, which seals the secrets that were created without a KeyId. It belongs to the service, not to the
//! account. CreateSecret creates it when it is first needed.

use bulla_keys::{
    Alias, AliasName, Key, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, NewKey, SystemRandom, Tags,
};
use bulla_wire::Error;
use bulla_wire::kms::CreateSecret;

use crate::authorize::Container;
use crate::new_version::NewVersion;
use crate::session::Session;
use crate::state::{Changes, Write};

/// Creates the service key if it does not exist. If several requests create it at once, one succeeds, because the alias is
/// written with the key, and the others find it.
///
/// `tags` are those of the secret, which the permission may depend on.
pub(super) async fn ensure_service_key(
    session: &Session<'_, CreateSecret>,
    tags: &Tags,
) -> Result<(), Error> {
    let name = AliasName::of_service(Key::SECRETS_SERVICE);
    session
        .change(|state| {
            let secrets = state.with_tags(tags).container(Container::Secrets)?;
            if state.has_key_of_service(&secrets) {
                return Ok(Changes::none().answering(()));
            }
            let id = KeyId::random(&SystemRandom);
            let primary = KeyVersionId::random(&SystemRandom);
            let spec = KeySpec::Aes256;
            let created = state.now();
            let record = Key::new(NewKey {
                id,
                primary,
                created,
                creator: Key::SECRETS_SERVICE,
                spec,
                usage: KeyUsage::EncryptDecrypt,
                origin: KeyOrigin::Kms,
            });
            let version =
                NewVersion { key: id, id: primary, number: 0, spec, created }.random(state.keyring());
            let alias = Alias { name: name.clone(), key: id, made_by: None };
            let writes = [Write::Key(record), Write::Version(version), Write::Alias(alias)];
            Ok(secrets.changes(writes.map(|write| (write, 0))).answering(()))
        })
        .await
}
