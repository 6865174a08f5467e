//! The key that seals secrets without a key of the account: made with the first of them.

use bulla_keys::{Alias, AliasName, Key, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, SystemRandom};
use bulla_wire::Error;
use bulla_wire::kms::CreateSecret;

use crate::authorize::Container;
use crate::new_version::NewVersion;
use crate::session::Session;
use crate::state::{Changes, Write};

/// Sees to it that the key exists. Of many requests that make it at once one succeeds, because the alias is written with
/// the key, and the others find it.
pub(super) async fn ensure_service_key(session: &Session<'_, CreateSecret>) -> Result<(), Error> {
    let name = AliasName::of_service(Key::SECRETS_SERVICE);
    session
        .change(|state| {
            let secrets = state.container(Container::Secrets)?;
            if state.has_key_of_service(&secrets) {
                return Ok(Changes::none().answering(()));
            }
            let key = KeyId::random(&SystemRandom);
            let version = KeyVersionId::random(&SystemRandom);
            let spec = KeySpec::Aes256;
            let created = state.now();
            let made = (created, Key::SECRETS_SERVICE);
            let record = Key::new((key, version), made, spec, KeyUsage::EncryptDecrypt, KeyOrigin::Kms);
            let version = NewVersion { key, id: version, number: 0, spec, created }.random(state.keyring());
            let alias = Alias { name: name.clone(), key };
            let writes = [Write::Key(record), Write::Version(version), Write::Alias(alias)];
            Ok(secrets.changes(writes.map(|write| (write, 0))).answering(()))
        })
        .await
}
