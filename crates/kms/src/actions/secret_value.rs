//! Reads the values of secrets from the store, and opens them with their key.

use bulla_keys::secret::binding;
use bulla_keys::{Key, Secret, SecretValue, SecretVersion, blob};
use bulla_wire::{Error, SecretText};

use crate::authorize::{Allowed, View};
use crate::session::Session;
use crate::state::Row;

/// One version of a secret that the request may use.
pub(super) struct Chosen<'v> {
    pub(super) secret: Allowed<&'v Row<Secret>>,
    pub(super) version: &'v SecretVersion,
}

/// Reads the sealed values of some versions, in this order.
///
/// # Errors
/// Like [`Session::values`].
pub(super) async fn read<A>(
    session: &Session<'_, A>,
    chosen: &[&Chosen<'_>],
) -> Result<Vec<SecretValue>, Error> {
    let versions: Vec<_> = chosen.iter().map(|chosen| (&chosen.secret, chosen.version)).collect();
    session.values(&versions).await
}

impl<'v> Chosen<'v> {
    /// Opens the value with the key of the secret.
    ///
    /// # Errors
    /// Like [`View::open_to_decrypt`].
    pub(super) fn open(
        &self,
        view: &View<'v>,
        value: &SecretValue,
        key: &Allowed<&'v Row<Key>>,
    ) -> Result<SecretText, Error> {
        let by = blob::version(&value.blob).ok_or_else(|| Error::internal("a value that is no blob"))?;
        let key = view.open_to_decrypt(key, by)?;
        let binding = binding(&self.secret.record.name, &self.version.id);
        let data = key.open(&binding, &value.blob)?.map_err(Error::internal)?;
        Ok(str::from_utf8(&data).map_err(Error::internal)?.to_owned().into())
    }
}
