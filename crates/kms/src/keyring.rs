//! The second gate: finding a key by its name, and opening it for one kind of operation.
//!
//! Material is unsealed here and nowhere else, after the state, the kind, the usage and the version were checked, and it
//! is wiped when the [`OpenKey`] goes. What needs only the public key of a pair gets a [`PublicKey`], and no material.

use std::marker::PhantomData;

use bulla_keys::blob::BlobKey;
use bulla_keys::root::RootKeys;
use bulla_keys::{
    AliasName, Damaged, EncryptionContext, Key, KeyId, KeyKind, KeySpec, KeyState, KeyUsage, KeyVersion,
    KeyVersionId, Material, Operation, Refusal, SystemRandom,
};
use bulla_wire::{Error, ErrorCode};
use zeroize::Zeroizing;

use crate::authorize::Allowed;
use crate::state::{Row, Snapshot};

/// The material of one key version, open for the purpose `P` and for the time of one request.
pub(crate) struct OpenKey<'a, P> {
    key: &'a Key,
    version: &'a KeyVersion,
    material: Material,
    purpose: PhantomData<P>,
}

/// The public key of one version, for the purpose `P`.
pub(crate) struct PublicKey<'a, P> {
    key: &'a Key,
    version: &'a KeyVersion,
    purpose: PhantomData<P>,
}

/// What a key is opened for: which keys are fit for it.
pub(crate) trait Purpose {
    const KIND: KeyKind;
    /// None if any will do.
    const USAGE: Option<KeyUsage>;
}

/// Making blobs.
pub(crate) struct Encrypt;
/// Opening blobs.
pub(crate) struct Decrypt;
/// Encrypting with a public key, and decrypting with its private key.
pub(crate) struct Asymmetric;
/// Signing with a private key, and verifying with its public key.
pub(crate) struct Sign;
/// Making and checking authentication codes.
pub(crate) struct Mac;
/// Giving a public key away.
pub(crate) struct Publish;

macro_rules! purposes {
    ($($purpose:ident $kind:ident $usage:expr;)*) => {
        $(impl Purpose for $purpose {
            const KIND: KeyKind = KeyKind::$kind;
            const USAGE: Option<KeyUsage> = $usage;
        })*
    };
}

purposes! {
    Encrypt Symmetric Some(KeyUsage::EncryptDecrypt);
    Decrypt Symmetric Some(KeyUsage::EncryptDecrypt);
    Asymmetric Asymmetric Some(KeyUsage::EncryptDecrypt);
    Sign Asymmetric Some(KeyUsage::SignVerify);
    Mac Mac Some(KeyUsage::SignVerify);
    Publish Asymmetric None;
}

/// Where the engine looks for keys during one request.
pub(crate) struct Keyring<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) roots: &'a RootKeys,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    /// The time of the request.
    pub(crate) now: i64,
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
        let alias = self.snapshot.alias(name).ok_or(ErrorCode::ForbiddenAliasNotFound)?;
        self.snapshot.key(alias.record.key).ok_or_else(|| ErrorCode::ForbiddenKeyNotFound.into())
    }

    /// What an ARN names, if it is of this region and account: an id or an alias.
    pub(crate) fn local_name<'t>(&self, arn: &'t str) -> Option<&'t str> {
        let resource = self.local_resource(arn)?;
        match resource.strip_prefix("key/") {
            Some(id) => Some(id).filter(|id| !id.starts_with(AliasName::PREFIX)),
            None => resource.starts_with(AliasName::PREFIX).then_some(resource),
        }
    }

    /// What stands behind region and account in an ARN, if they are those of this KMS.
    pub(crate) fn local_resource<'t>(&self, arn: &'t str) -> Option<&'t str> {
        let resource = arn.strip_prefix(self.region)?.strip_prefix(':')?;
        resource.strip_prefix(self.account)?.strip_prefix(':')
    }

    /// Opens the primary version of a key.
    ///
    /// # Errors
    /// As [`Keyring::by_name`]; `Rejected.<State>`; UnsupportedOperation for a key that is not fit for the purpose.
    pub(crate) fn open_primary<A, P: Purpose>(
        &self,
        _allowed: &'a Allowed<A>,
        name: &str,
    ) -> Result<OpenKey<'a, P>, Error> {
        let key = &*self.by_name(name)?.record;
        self.check::<P>(key)?;
        let version =
            self.snapshot.version(key.primary).ok_or_else(|| Error::internal("no primary version"))?;
        self.open(key, &version.record)
    }

    /// Opens the version that made a blob.
    ///
    /// # Errors
    /// Forbidden.KeyVersionNotFound; `Rejected.<State>`; UnsupportedOperation for a key that is not fit for it.
    pub(crate) fn open_to_decrypt<A>(
        &self,
        _allowed: &'a Allowed<A>,
        version: KeyVersionId,
    ) -> Result<OpenKey<'a, Decrypt>, Error> {
        let version = self.snapshot.version(version).ok_or(ErrorCode::ForbiddenKeyVersionNotFound)?;
        let key = self.snapshot.key(version.record.key).ok_or(ErrorCode::ForbiddenKeyNotFound)?;
        self.check::<Decrypt>(&key.record)?;
        self.open(&key.record, &version.record)
    }

    /// Opens a named version of a key.
    ///
    /// # Errors
    /// As [`Keyring::public`].
    pub(crate) fn open_version<A, P: Purpose>(
        &self,
        allowed: &'a Allowed<A>,
        name: &str,
        version: &str,
    ) -> Result<OpenKey<'a, P>, Error> {
        let PublicKey { key, version, .. } = self.public::<A, P>(allowed, name, version)?;
        self.open(key, version)
    }

    /// The public key of a named version.
    ///
    /// # Errors
    /// As [`Keyring::by_name`] and [`Keyring::version`]; `Rejected.<State>`; UnsupportedOperation for a key that is not
    /// fit for the purpose.
    pub(crate) fn public<A, P: Purpose>(
        &self,
        _allowed: &'a Allowed<A>,
        name: &str,
        version: &str,
    ) -> Result<PublicKey<'a, P>, Error> {
        let key = &*self.by_name(name)?.record;
        self.check::<P>(key)?;
        Ok(PublicKey { key, version: self.version(key, version)?, purpose: PhantomData })
    }

    /// A version of a key, by its id.
    ///
    /// # Errors
    /// Forbidden.KeyVersionNotFound, also for one of another key.
    pub(crate) fn version(&self, key: &Key, id: &str) -> Result<&'a KeyVersion, Error> {
        let version = id.parse().ok().and_then(|id| self.snapshot.version(id));
        let version = version.filter(|version| version.record.key == key.id);
        version.map(|row| &*row.record).ok_or_else(|| ErrorCode::ForbiddenKeyVersionNotFound.into())
    }

    fn check<P: Purpose>(&self, key: &Key) -> Result<(), Error> {
        key.allows(Operation::Use, self.now).map_err(refused)?;
        match key.spec.kind() == P::KIND && P::USAGE.is_none_or(|usage| usage == key.usage) {
            true => Ok(()),
            false => Err(ErrorCode::UnsupportedOperation.into()),
        }
    }

    fn open<P>(&self, key: &'a Key, version: &'a KeyVersion) -> Result<OpenKey<'a, P>, Error> {
        let material = Material::open(self.roots, key.id, version.id, &version.sealed_material)
            .map_err(Error::internal)?;
        Ok(OpenKey { key, version, material, purpose: PhantomData })
    }
}

impl<P> OpenKey<'_, P> {
    pub(crate) fn key_id(&self) -> KeyId {
        self.key.id
    }

    pub(crate) fn version_id(&self) -> KeyVersionId {
        self.version.id
    }

    pub(crate) fn spec(&self) -> KeySpec {
        self.key.spec
    }

    fn blob_key(&self) -> Result<BlobKey, Error> {
        BlobKey::new(self.version.construction, &self.material).map_err(Error::internal)
    }
}

impl<P> PublicKey<'_, P> {
    pub(crate) fn key_id(&self) -> KeyId {
        self.key.id
    }

    pub(crate) fn version_id(&self) -> KeyVersionId {
        self.version.id
    }

    pub(crate) fn spec(&self) -> KeySpec {
        self.key.spec
    }

    /// DER of its SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// InternalFailure: the record lacks it.
    pub(crate) fn der(&self) -> Result<&[u8], Error> {
        let public = self.version.public_key.as_ref();
        public.map(|der| &***der).ok_or_else(|| Error::internal("a key pair without its public key"))
    }
}

impl OpenKey<'_, Encrypt> {
    /// Makes a blob.
    ///
    /// # Errors
    /// InternalFailure: the material is not that of its construction.
    pub(crate) fn seal(&self, context: &EncryptionContext, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.blob_key()?.seal(self.version.id, context, plaintext, &SystemRandom))
    }
}

impl OpenKey<'_, Decrypt> {
    /// Opens a blob.
    ///
    /// # Errors
    /// InternalFailure: the material is not that of its construction. And [`Damaged`].
    pub(crate) fn open(
        &self,
        context: &EncryptionContext,
        blob: &[u8],
    ) -> Result<Result<Zeroizing<Vec<u8>>, Damaged>, Error> {
        Ok(self.blob_key()?.open(self.version.id, context, blob))
    }
}

impl OpenKey<'_, Asymmetric> {
    /// The private key: DER of PKCS #8.
    pub(crate) fn private(&self) -> &[u8] {
        self.material.expose()
    }
}

impl OpenKey<'_, Sign> {
    /// The private key: DER of PKCS #8.
    pub(crate) fn private(&self) -> &[u8] {
        self.material.expose()
    }
}

impl OpenKey<'_, Mac> {
    /// The key of the HMAC.
    pub(crate) fn secret(&self) -> &[u8] {
        self.material.expose()
    }
}

/// What the API answers when the state of a key is in the way.
pub(crate) fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::State(state) => Error::with(ErrorCode::RejectedState, KeyState::name(state)),
        Refusal::StateModifiedFailed => ErrorCode::StateModifiedFailed.into(),
        Refusal::DeletionProtected => ErrorCode::RejectedDeletionProtected.into(),
        Refusal::Unsupported => ErrorCode::RejectedUnsupportedOperation.into(),
        Refusal::TooManyVersions => ErrorCode::RejectedLimitExceeded.into(),
    }
}
