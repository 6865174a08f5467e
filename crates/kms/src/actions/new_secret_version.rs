//! Creates and seals a version of a secret, for CreateSecret and PutSecretValue.

use bulla_keys::secret::binding;
use bulla_keys::{
    Key, KeyId, SecretDataType, SecretName, SecretValue, SecretValueId, SecretVersion, SecretVersionId,
    SystemRandom,
};
use bulla_wire::{Error, SecretText};

use crate::authorize::{Allowed, View};
use crate::keyring::{self, OpenKey};
use crate::state::{Changes, Row, Write};

/// The parameters of a version to be created.
pub(super) struct NewSecretVersion<'a> {
    id: SecretVersionId,
    data_type: SecretDataType,
    data: &'a SecretText,
}

/// A version with a sealed value.
pub(super) struct Sealed {
    pub(super) version: SecretVersion,
    /// The key that sealed it.
    pub(super) key: KeyId,
    /// The write of the value, with a check that the key is unchanged: otherwise a value might be stored whose key is gone.
    pub(super) writes: Changes,
}

impl<'a> NewSecretVersion<'a> {
    /// # Errors
    /// InvalidParameter naming VersionId, SecretData or SecretDataType.
    pub(super) fn new(id: &str, data: &'a SecretText, data_type: Option<&str>) -> Result<Self, Error> {
        let data_type = data_type.map_or(Some(SecretDataType::Text), SecretDataType::from_name);
        if data.expose().len() > MAX_DATA {
            return Err(Error::invalid("SecretData"));
        }
        Ok(Self {
            id: id.parse().map_err(|_| Error::invalid("VersionId"))?,
            data_type: data_type.ok_or_else(|| Error::invalid("SecretDataType"))?,
            data,
        })
    }

    pub(super) fn id(&self) -> &SecretVersionId {
        &self.id
    }

    /// Seals the value under the primary version of a key.
    ///
    /// # Errors
    /// Like [`View::open_primary`].
    pub(super) fn seal<'v>(
        &self,
        view: &View<'v>,
        name: &SecretName,
        key: &Allowed<&'v Row<Key>>,
    ) -> Result<Sealed, Error> {
        let open: OpenKey<'_, keyring::EncryptBlob> = view.open_primary(key)?;
        let blob = open.seal(&binding(name, &self.id), self.data.expose().as_bytes())?.into();
        let value = SecretValue { id: SecretValueId::random(&SystemRandom), blob };
        let version = SecretVersion {
            id: self.id.clone(),
            created: view.now(),
            data_type: self.data_type,
            value: value.id,
        };
        Ok(Sealed {
            version,
            key: open.key_id(),
            writes: key.changes([(Write::SecretValue(value), 0)]).and(key.unchanged()),
        })
    }

    /// Whether this is the value of an existing version; compared in constant time.
    pub(super) fn has_value(&self, existing: &SecretText) -> bool {
        existing == self.data
    }
}

/// 30 KB of the text as received.
const MAX_DATA: usize = 30_720;
