//! State that the program around the engine keeps in the store, sealed like everything else.

use bulla_wire::Error;
use zeroize::Zeroizing;

use crate::Kms;
use crate::keyring::Keyring;
use crate::state::{Changes, Private, Write};

impl Kms {
    /// The value that was kept under `name`.
    #[must_use]
    pub fn private(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(self.state.published().private(name)?.record.value.to_vec()))
    }

    /// Keeps a value under `name`, durably.
    ///
    /// # Errors
    /// InternalFailure if the store fails.
    pub async fn set_private(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.commit(|keyring| Ok(private_change(keyring, name, value))).await
    }

    /// Fire and forget: errors are ignored, because the value is written again later.
    pub(crate) fn set_private_in_background(&self, name: &str, value: &[u8]) {
        drop(self.stage(|keyring| Ok(private_change(keyring, name, value))));
    }
}

fn private_change(keyring: &Keyring<'_>, name: &str, value: &[u8]) -> Changes {
    let expected = keyring.snapshot.private(name).map_or(0, |row| row.revision);
    vec![(Write::Private(Private { name: name.into(), value: value.to_vec().into() }), expected)]
}
