//! The second gate: finding a key by its name, and opening it for one kind of operation.
//!
//! Material is unsealed here and nowhere else, after the state, the usage and the version were checked, and it
//! is wiped when the [`OpenKey`] goes.

use std::marker::PhantomData;

use bulla_keys::root::RootKeys;
use bulla_keys::{
    AliasName, Construction, Damaged, EncryptionContext, Key, KeyId, KeyState, KeyUsage, KeyVersion,
    KeyVersionId, Material, Operation, Refusal, SystemRandom, blob,
};
use bulla_wire::{Error, ErrorCode};
use zeroize::Zeroizing;

use crate::authorize::Allowed;
use crate::snapshot::{Row, Snapshot};

/// The material of one key version, open for the operation `O` and for the time of one request.
pub(crate) struct OpenKey<'a, O> {
    key: &'a Key,
    version: &'a KeyVersion,
    material: Material,
    operation: PhantomData<O>,
}

/// Making blobs.
pub(crate) struct Encrypt;
/// Opening blobs.
pub(crate) struct Decrypt;

/// Where the engine looks for keys during one request.
pub(crate) struct Keyring<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) roots: &'a RootKeys,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
}

impl<'a> Keyring<'a> {
    /// The key with this id; for actions that take no alias.
    ///
    /// # Errors
    /// Unsupported.Alias, Forbidden.KeyNotFound.
    pub(crate) fn by_id(&self, text: &str) -> Result<&'a Row<Key>, Error> {
        let is_alias_arn = || text.strip_prefix("acs:kms:").is_some_and(|arn| arn.contains(":alias/"));
        if text.starts_with(AliasName::PREFIX) || is_alias_arn() {
            return Err(ErrorCode::UnsupportedAlias.into());
        }
        let id: KeyId = text.parse().map_err(|_| ErrorCode::ForbiddenKeyNotFound)?;
        self.snapshot.key(id).ok_or_else(|| ErrorCode::ForbiddenKeyNotFound.into())
    }

    /// The key with this id, alias or ARN.
    ///
    /// # Errors
    /// Forbidden.KeyNotFound, Forbidden.AliasNotFound.
    pub(crate) fn by_name(&self, text: &str) -> Result<&'a Row<Key>, Error> {
        let name = match text.strip_prefix("acs:kms:") {
            Some(arn) => self.local_name(arn).ok_or(ErrorCode::ForbiddenKeyNotFound)?,
            None => text,
        };
        if !name.starts_with(AliasName::PREFIX) {
            return self.by_id(name);
        }
        let alias = name.parse().ok().and_then(|name| self.snapshot.alias(&name));
        let alias = alias.ok_or(ErrorCode::ForbiddenAliasNotFound)?;
        self.snapshot.key(alias.record.key).ok_or_else(|| ErrorCode::ForbiddenKeyNotFound.into())
    }

    /// What an ARN names, if it is of this region and account: an id or an alias.
    fn local_name<'t>(&self, arn: &'t str) -> Option<&'t str> {
        let resource = arn.strip_prefix(self.region)?.strip_prefix(':')?;
        let resource = resource.strip_prefix(self.account)?.strip_prefix(':')?;
        match resource.strip_prefix("key/") {
            Some(id) => Some(id),
            None => resource.starts_with(AliasName::PREFIX).then_some(resource),
        }
    }

    /// Opens the primary version of a key to encrypt.
    ///
    /// # Errors
    /// As [`Keyring::by_name`]; `Rejected.<State>`; UnsupportedOperation for a key of another usage.
    pub(crate) fn open_to_encrypt<A>(
        &self,
        _allowed: &'a Allowed<A>,
        name: &str,
    ) -> Result<OpenKey<'a, Encrypt>, Error> {
        let key = &*self.by_name(name)?.record;
        let version =
            self.snapshot.version(key.primary).ok_or_else(|| Error::internal("no primary version"))?;
        self.open(key, version)
    }

    /// Opens the version that made a blob.
    ///
    /// # Errors
    /// Forbidden.KeyVersionNotFound; `Rejected.<State>`; UnsupportedOperation for a key of another usage.
    pub(crate) fn open_to_decrypt<A>(
        &self,
        _allowed: &'a Allowed<A>,
        version: KeyVersionId,
    ) -> Result<OpenKey<'a, Decrypt>, Error> {
        let version = self.snapshot.version(version).ok_or(ErrorCode::ForbiddenKeyVersionNotFound)?;
        let key = self.snapshot.key(version.key).ok_or(ErrorCode::ForbiddenKeyNotFound)?;
        self.open(&key.record, version)
    }

    fn open<O>(&self, key: &'a Key, version: &'a KeyVersion) -> Result<OpenKey<'a, O>, Error> {
        key.state.allows(Operation::Use).map_err(refused)?;
        if key.usage != KeyUsage::EncryptDecrypt {
            return Err(ErrorCode::UnsupportedOperation.into());
        }
        let material = Material::open(self.roots, key.id, version.id, &version.sealed_material)
            .map_err(Error::internal)?;
        Ok(OpenKey { key, version, material, operation: PhantomData })
    }
}

impl<O> OpenKey<'_, O> {
    pub(crate) fn key_id(&self) -> KeyId {
        self.key.id
    }

    pub(crate) fn version_id(&self) -> KeyVersionId {
        self.version.id
    }
}

impl OpenKey<'_, Encrypt> {
    /// Makes a blob.
    pub(crate) fn seal(&self, context: &EncryptionContext, plaintext: &[u8]) -> Vec<u8> {
        match self.version.construction {
            Construction::Xaes256Gcm => {
                blob::seal(&self.material, self.version.id, context, plaintext, &SystemRandom)
            }
        }
    }
}

impl OpenKey<'_, Decrypt> {
    /// Opens a blob.
    pub(crate) fn open(
        &self,
        context: &EncryptionContext,
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        match self.version.construction {
            Construction::Xaes256Gcm => blob::open(&self.material, self.version.id, context, blob),
        }
    }
}

/// What the API answers when the state of a key is in the way.
pub(crate) fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::State(state) => Error::with(ErrorCode::RejectedState, KeyState::name(state)),
        Refusal::StateModifiedFailed => ErrorCode::StateModifiedFailed.into(),
    }
}
