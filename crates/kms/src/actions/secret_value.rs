//! The value of one version of a secret.

use bulla_keys::secret::binding;
use bulla_keys::{Key, Secret, SecretVersion, blob};
use bulla_wire::{Error, SecretText};

use crate::authorize::{Allowed, View};
use crate::state::Row;

/// Opens the value of a version by the key of its secret.
///
/// # Errors
/// As [`View::open_to_decrypt`].
pub(super) fn open<'v>(
    view: &View<'v>,
    secret: &Secret,
    version: &SecretVersion,
    key: &Allowed<&'v Row<Key>>,
) -> Result<SecretText, Error> {
    let value = view.snapshot().secret_value(version.value);
    let blob = &value.ok_or_else(|| Error::internal("a version without its value"))?.record.blob;
    let by = blob::version(blob).ok_or_else(|| Error::internal("a value that is no blob"))?;
    let key = view.open_to_decrypt(key, by)?;
    let data = key.open(&binding(&secret.name, &version.id), blob)?.map_err(Error::internal)?;
    Ok(str::from_utf8(&data).map_err(Error::internal)?.to_owned().into())
}
