//! The second gate: opens a key that the request may use, for one kind of operation. Actions call it with the [`Allowed`]
//! that the first gate returned.
//!
//! The material of keys is unsealed only here, after checks of the state, the kind, the usage and the version, and is wiped
//! when the [`OpenKey`] is dropped. An operation that needs only the public key of a pair gets a [`PublicKey`], and no
//! material.
//!
//! The keyring has the root keys. So it also seals and opens the other secrets of the account: those of access keys for
//! authentication, seeds of MFA devices for sign-in, session tokens, and private keys of import tokens.

use std::marker::PhantomData;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bulla_keys::blob::BlobKey;
use bulla_keys::root::RootKeys;
use bulla_keys::{
    CanonicalContext, Damaged, Key, KeyId, KeyKind, KeySpec, KeyUsage, KeyVersion, KeyVersionId, Material,
    Operation, SystemRandom, access_key, mfa_seed,
};
use bulla_wire::signature::Signature;
use bulla_wire::{Error, ErrorCode, SecretText};
use zeroize::Zeroizing;

use crate::authorize::{Allowed, SealedBlob, View};
use crate::key_uses::Use;
use crate::mfa::Seed;
use crate::origin::RoleSession;
use crate::people::{DeviceName, MfaDevice};
use crate::refusal::key_refused;
use crate::sessions::{self, Epoch, SealedToken, StsKey, sts_epoch};
use crate::state::{AccessKey, AccessKeyOwner, ImportToken, Row, Snapshot};

/// The material of one key version, open for the purpose `P` during one request.
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

/// A purpose of opening a key, which determines the keys that it needs.
pub(crate) trait Purpose {
    const KIND: KeyKind;
    /// The required usage of the key; none if any is accepted.
    const USAGE: Option<KeyUsage>;
    /// The kind of use that opening the material counts as.
    const OPENED: Use;
    /// The kind of use that reading only the public key counts as; none if that does not count as a use of the key.
    const PUBLIC: Option<Use>;
}

/// Encrypting to a ciphertext blob.
pub(crate) struct EncryptBlob;
/// Decrypting a ciphertext blob.
pub(crate) struct DecryptBlob;
/// Encrypting with a public key, and decrypting with its private key.
pub(crate) struct Asymmetric;
/// Signing with a private key, and verifying with its public key.
pub(crate) struct Sign;
/// Computing and verifying MACs.
pub(crate) struct Mac;
/// Returning the public key to the caller.
pub(crate) struct Publish;

macro_rules! purposes {
    ($($purpose:ident $kind:ident $usage:expr, $opened:ident $public:expr;)*) => {
        $(impl Purpose for $purpose {
            const KIND: KeyKind = KeyKind::$kind;
            const USAGE: Option<KeyUsage> = $usage;
            const OPENED: Use = Use::$opened;
            const PUBLIC: Option<Use> = $public;
        })*
    };
}

purposes! {
    EncryptBlob Symmetric Some(KeyUsage::EncryptDecrypt), Encryption None;
    DecryptBlob Symmetric Some(KeyUsage::EncryptDecrypt), Other None;
    Asymmetric Asymmetric Some(KeyUsage::EncryptDecrypt), Other Some(Use::Encryption);
    Sign Asymmetric Some(KeyUsage::SignVerify), Other Some(Use::Other);
    Mac Mac Some(KeyUsage::SignVerify), Other None;
    Publish Asymmetric None, Other None;
}

/// The root keys that unseal material. They have no accessor, so only this module uses them.
pub(crate) struct Keyring {
    roots: Arc<RootKeys>,
    /// A sealed placeholder, which is opened instead of the secret of an access key that does not exist.
    no_secret: Vec<u8>,
}

/// The private key of an import token.
pub(crate) struct ImportKey(Material);

impl Keyring {
    pub(crate) fn new(roots: Arc<RootKeys>) -> Self {
        let no_secret = access_key::seal(&roots, NO_ID, &"0".repeat(30), &SystemRandom);
        Self { roots, no_secret }
    }

    /// Returns a new, active access key with its secret sealed.
    pub(crate) fn access_key(
        &self,
        id: Box<str>,
        secret: &SecretText,
        owner: AccessKeyOwner,
        created: i64,
    ) -> AccessKey {
        let sealed_secret = access_key::seal(&self.roots, &id, secret.expose(), &SystemRandom).into();
        AccessKey { id, active: true, created, owner, sealed_secret }
    }

    /// Opens the secret of an access key and verifies a signature with it. Without an access key it does the same work and
    /// fails.
    ///
    /// # Errors
    /// SignatureDoesNotMatch; InternalFailure if the secret does not open.
    pub(crate) fn verify(&self, key: Option<&AccessKey>, signature: &Signature) -> Result<(), Error> {
        signature.verify(&self.secret_of(key)?)?;
        key.map(|_| ()).ok_or_else(|| ErrorCode::InvalidAccessKeyIdNotFound.into())
    }

    /// Whether a text is the secret of an access key. Without an access key it does the same work and returns false. It
    /// compares digests, so the time does not reveal the length of the secret either.
    ///
    /// # Errors
    /// InternalFailure if the secret does not open.
    pub(crate) fn is_secret_of(&self, key: Option<&AccessKey>, text: &SecretText) -> Result<bool, Error> {
        let sha256 = |text: &str| digest(&SHA256, text.as_bytes());
        let expected = sha256(&self.secret_of(key)?);
        let is_equal = verify_slices_are_equal(expected.as_ref(), sha256(text.expose()).as_ref()).is_ok();
        Ok(is_equal & key.is_some())
    }

    fn secret_of(&self, key: Option<&AccessKey>) -> Result<Zeroizing<String>, Error> {
        let id = key.map_or(NO_ID, |key| &key.id);
        let sealed = key.map_or(&*self.no_secret, |key| &key.sealed_secret);
        access_key::open(&self.roots, id, sealed).map_err(Error::internal)
    }

    /// Returns a new MFA device with its seed sealed.
    pub(crate) fn mfa_device(&self, name: DeviceName, seed: &Seed, created: i64) -> MfaDevice {
        let sealed_seed = mfa_seed::seal(&self.roots, name.key.as_str(), seed.expose(), &SystemRandom).into();
        MfaDevice { name, sealed_seed, created, user: None, spent: 0 }
    }

    /// Opens the seed of an MFA device, to verify one code.
    ///
    /// # Errors
    /// InternalFailure if the seed does not open.
    pub(crate) fn seed_of(&self, device: &MfaDevice) -> Result<Seed, Error> {
        let seed = mfa_seed::open(&self.roots, device.name.key.as_str(), &device.sealed_seed);
        seed.map(Seed::from_bytes).map_err(Error::internal)
    }

    /// Returns a new key for session tokens of an epoch of the store.
    pub(crate) fn sts_key(&self, epoch: Epoch, created: i64) -> StsKey {
        StsKey::new(&self.roots, epoch, created)
    }

    /// Seals a session and the secret of its access key; `policy` is the text of its policy.
    ///
    /// # Errors
    /// InternalFailure if the key does not open.
    pub(crate) fn seal_token(
        &self,
        key: &StsKey,
        session: &RoleSession,
        policy: Option<&str>,
        secret: &SecretText,
    ) -> Result<SecretText, Error> {
        let key = key.open(&self.roots).map_err(Error::internal)?;
        Ok(sessions::seal(&key, session, policy, secret))
    }

    /// Opens a session token with the key of its epoch. Returns the session and the secret of its access key; none if the
    /// token is of another epoch, or no key opens it.
    pub(crate) fn open_token(
        &self,
        snapshot: &Snapshot,
        token: &SealedToken,
        account: &str,
    ) -> Option<(RoleSession, SecretText)> {
        let epoch = Some(Epoch::from(token.epoch())).filter(|epoch| *epoch == sts_epoch(snapshot.epoch()))?;
        let key = snapshot.get::<StsKey>(&epoch)?;
        token.open(&key.record.open(&self.roots).ok()?, account)
    }

    /// Seals the material of a key version, or the private key of an import token.
    pub(crate) fn seal(&self, material: &Material, key: KeyId, version: KeyVersionId) -> Vec<u8> {
        material.seal(&self.roots, key, version, &SystemRandom)
    }

    /// Opens the private key of an import token.
    ///
    /// # Errors
    /// [`Damaged`], also if the token belongs to another key.
    pub(crate) fn import_key(
        &self,
        key: &Allowed<&Row<Key>>,
        token: &ImportToken,
    ) -> Result<ImportKey, Damaged> {
        let Key { id, primary, .. } = *key.record;
        Material::open(&self.roots, id, primary, &token.private_key).map(ImportKey)
    }

    fn open<'a, P>(&self, key: &'a Key, version: &'a KeyVersion) -> Result<OpenKey<'a, P>, Error> {
        let material = Material::open(&self.roots, key.id, version.id, &version.sealed_material)
            .map_err(Error::internal)?;
        Ok(OpenKey { key, version, material, purpose: PhantomData })
    }
}

/// Opening keys that the request may use, in the state of one snapshot.
impl<'a> View<'a> {
    /// Opens the primary version of a key.
    ///
    /// # Errors
    /// `Rejected.<State>`; UnsupportedOperation for a key that does not support the purpose.
    pub(crate) fn open_primary<P: Purpose>(
        &self,
        key: &Allowed<&'a Row<Key>>,
    ) -> Result<OpenKey<'a, P>, Error> {
        self.check::<P>(&key.record)?;
        let version = self.version_of(key, key.record.primary);
        let version = version.ok_or_else(|| Error::internal("no primary version"))?;
        self.open(&key.record, &version.record)
    }

    /// Opens the key version that encrypted a blob.
    ///
    /// # Errors
    /// Like [`View::open_primary`].
    pub(crate) fn open_blob(
        &self,
        blob: &Allowed<SealedBlob<'a>>,
    ) -> Result<OpenKey<'a, DecryptBlob>, Error> {
        self.check::<DecryptBlob>(&blob.key.record)?;
        self.open(&blob.key.record, blob.version)
    }

    /// Opens the key version that encrypted a stored blob.
    ///
    /// # Errors
    /// Like [`View::open_primary`]; Forbidden.KeyVersionNotFound.
    pub(crate) fn open_to_decrypt(
        &self,
        key: &Allowed<&'a Row<Key>>,
        version: KeyVersionId,
    ) -> Result<OpenKey<'a, DecryptBlob>, Error> {
        let version = self.known_version(key, version)?;
        self.check::<DecryptBlob>(&key.record)?;
        self.open(&key.record, version)
    }

    /// Opens a named version of a key.
    ///
    /// # Errors
    /// Like [`View::public_key`].
    pub(crate) fn open_version<P: Purpose>(
        &self,
        key: &Allowed<&'a Row<Key>>,
        version: &str,
    ) -> Result<OpenKey<'a, P>, Error> {
        self.check::<P>(&key.record)?;
        self.open(&key.record, self.version(key, version)?)
    }

    /// Returns the public key of a named version.
    ///
    /// # Errors
    /// Like [`View::open_primary`] and [`View::version`].
    pub(crate) fn public_key<P: Purpose>(
        &self,
        key: &Allowed<&'a Row<Key>>,
        version: &str,
    ) -> Result<PublicKey<'a, P>, Error> {
        self.check::<P>(&key.record)?;
        let version = self.version(key, version)?;
        self.note_version(key.record.id, version.id);
        P::PUBLIC.into_iter().for_each(|kind| self.note_key_use(version, kind));
        Ok(PublicKey { key: &key.record, version, purpose: PhantomData })
    }

    /// Opens a version whose key was checked, and counts the use.
    fn open<P: Purpose>(&self, key: &'a Key, version: &'a KeyVersion) -> Result<OpenKey<'a, P>, Error> {
        self.note_version(key.id, version.id);
        let open = self.keyring().open(key, version)?;
        self.note_key_use(version, P::OPENED);
        Ok(open)
    }

    /// Returns a version of a key, by its id.
    ///
    /// # Errors
    /// Forbidden.KeyVersionNotFound, also for a version of another key.
    pub(crate) fn version(&self, key: &Allowed<&'a Row<Key>>, id: &str) -> Result<&'a KeyVersion, Error> {
        let id = id.parse().map_err(|_| ErrorCode::ForbiddenKeyVersionNotFound)?;
        self.known_version(key, id)
    }

    fn known_version(&self, key: &Allowed<&'a Row<Key>>, id: KeyVersionId) -> Result<&'a KeyVersion, Error> {
        self.version_of(key, id)
            .map(|row| &*row.record)
            .ok_or_else(|| ErrorCode::ForbiddenKeyVersionNotFound.into())
    }

    fn check<P: Purpose>(&self, key: &Key) -> Result<(), Error> {
        key.allows(Operation::Use, self.now()).map_err(key_refused)?;
        if key.spec.kind() == P::KIND && P::USAGE.is_none_or(|usage| usage == key.usage) {
            Ok(())
        } else {
            Err(ErrorCode::UnsupportedOperation.into())
        }
    }
}

impl ImportKey {
    /// The private key in PKCS#8 DER.
    pub(crate) fn private(&self) -> &[u8] {
        self.0.expose()
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

    /// The public key as SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// InternalFailure if the record has none.
    pub(crate) fn der(&self) -> Result<&[u8], Error> {
        let public = self.version.public_key.as_ref();
        public.map(|der| &***der).ok_or_else(|| Error::internal("a key pair without its public key"))
    }
}

impl OpenKey<'_, EncryptBlob> {
    /// Encrypts to a ciphertext blob.
    ///
    /// # Errors
    /// InternalFailure if the material has the wrong type.
    pub(crate) fn seal(&self, context: &CanonicalContext, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.blob_key()?.seal(self.version.id, context, plaintext, &SystemRandom))
    }
}

impl OpenKey<'_, DecryptBlob> {
    /// Decrypts a ciphertext blob.
    ///
    /// # Errors
    /// InternalFailure if the material has the wrong type; [`Damaged`].
    pub(crate) fn open(
        &self,
        context: &CanonicalContext,
        blob: &[u8],
    ) -> Result<Result<Zeroizing<Vec<u8>>, Damaged>, Error> {
        Ok(self.blob_key()?.open(self.version.id, context, blob))
    }
}

impl OpenKey<'_, Asymmetric> {
    /// The private key in PKCS#8 DER.
    pub(crate) fn private(&self) -> &[u8] {
        self.material.expose()
    }
}

impl OpenKey<'_, Sign> {
    /// The private key in PKCS#8 DER.
    pub(crate) fn private(&self) -> &[u8] {
        self.material.expose()
    }
}

impl OpenKey<'_, Mac> {
    /// The HMAC key.
    pub(crate) fn secret(&self) -> &[u8] {
        self.material.expose()
    }
}

/// No access key has an empty id.
const NO_ID: &str = "";
