//! The state that one request may see: each function resolves a name and checks the permission for it in one step. Actions
//! reach records only through it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::cmp::Reverse;

use bulla_keys::{
    Alias, AliasName, Key, KeyId, KeyVersion, KeyVersionId, Secret, SecretName, SecretRefusal, Tags, blob,
};
use bulla_wire::{ContextParameter, Error, ErrorCode};

use super::denial::Written;
use super::inquiry::Target;
use super::resource::ARN;
use super::{Allowed, Container, Facts, Inquiry, Part, Permission, Resource, TokenFacts};
use crate::key_uses::{Use, UseCounts};
use crate::keyring::Keyring;
use crate::origin::Caller;
use crate::state::{ImportToken, KeyUse, Row, Snapshot, TokenId};

/// A snapshot, and the permission that is checked for its resources. In a change, it is the state that all accepted changes
/// before it will leave, so a name that moved meanwhile is resolved and authorized again.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub(super) snapshot: &'v Snapshot,
    pub(super) inquiry: &'v Inquiry<'v>,
    pub(super) permission: Permission,
    facts: Facts<'v>,
}

/// A resource that the request may use, or the error that it does not exist. Separate from the denial, for an action that
/// checks all of its resources before it reveals anything about one.
pub(crate) type CheckedResource<R> = Result<Allowed<R>, Error>;

/// The aliases of a key, or all aliases.
pub(crate) type Aliases<'v> = Part<'v, Option<KeyId>, AliasName, Alias>;

/// The versions of a key, newest first.
pub(crate) type Versions<'v> = Part<'v, KeyId, (Reverse<u32>, KeyVersionId), KeyVersion>;

/// A blob, and the key version that encrypted it.
pub(crate) struct SealedBlob<'v> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: &'v KeyVersion,
    pub(crate) key: &'v Row<Key>,
}

impl<'v> View<'v> {
    pub(crate) fn new(snapshot: &'v Snapshot, inquiry: &'v Inquiry<'v>, permission: Permission) -> Self {
        Self { snapshot, inquiry, permission, facts: Facts::default() }
    }

    /// Returns this view with another state.
    pub(crate) fn of<'w>(&self, snapshot: &'w Snapshot) -> View<'w>
    where
        'v: 'w,
    {
        View { snapshot, ..*self }
    }

    /// Returns this view with another permission, without facts of the request.
    pub(crate) fn with_permission(self, permission: Permission) -> Self {
        Self { permission, facts: Facts::default(), ..self }
    }

    /// Returns this view with an encryption context.
    pub(crate) fn with_context(self, encryption_context: Option<&'v ContextParameter>) -> Self {
        Self { facts: Facts { encryption_context, ..self.facts }, ..self }
    }

    /// Returns this view with the algorithm of a key pair.
    pub(crate) fn with_algorithm(self, algorithm: &'v str) -> Self {
        Self { facts: Facts { algorithm: Some(algorithm), ..self.facts }, ..self }
    }

    /// Returns this view with the tags that the request sets on the resource.
    pub(crate) fn with_tags(self, tags: &'v Tags) -> Self {
        Self { facts: Facts { tags: Some(tags), ..self.facts }, ..self }
    }

    /// Returns this view with the external id of AssumeRole.
    pub(crate) fn with_external_id(self, external_id: Option<&'v str>) -> Self {
        Self { facts: Facts { external_id, ..self.facts }, ..self }
    }

    /// Returns this view with the verified token of AssumeRoleWithOIDC.
    pub(crate) fn with_token<'w>(self, token: TokenFacts<'w>) -> View<'w>
    where
        'v: 'w,
    {
        View { facts: Facts { token: Some(token), ..self.facts }, ..self }
    }

    /// Records for the audit trail that a version of a key is opened.
    pub(crate) fn note_version(&self, key: KeyId, version: KeyVersionId) {
        self.inquiry.note_version(key, version);
    }

    /// The facts that all permission checks of the request share.
    pub(crate) fn inquiry(&self) -> &'v Inquiry<'v> {
        self.inquiry
    }

    /// The caller.
    pub(crate) fn caller(&self) -> &'v Caller {
        self.inquiry.caller()
    }

    /// The believed time of the request, which decides about expiry.
    pub(crate) fn now(&self) -> i64 {
        self.inquiry.times().believed
    }

    /// The later of the believed time and the wall clock.
    pub(crate) fn latest_time(&self) -> i64 {
        self.inquiry.times().latest()
    }

    /// The elapsed time at the request, which no change to the clock affects.
    pub(crate) fn elapsed(&self) -> i64 {
        self.inquiry.times().elapsed
    }

    pub(crate) fn region(&self) -> &'v str {
        self.inquiry.kms.region()
    }

    pub(crate) fn account(&self) -> &'v str {
        self.inquiry.kms.account()
    }

    pub(crate) fn keyring(&self) -> &'v Keyring {
        &self.inquiry.kms.keyring
    }

    /// Returns the ARN of a resource of this account, from its last part.
    pub(crate) fn arn(&self, resource: &impl std::fmt::Display) -> String {
        format!("{ARN}{}:{}:{resource}", self.region(), self.account())
    }

    /// Checks the permission for an action without a resource.
    ///
    /// # Errors
    /// Forbidden.NoPermission, as for all functions below.
    pub(crate) fn anything(&self) -> Result<(), Error> {
        self.ask(Resource::Anything)
    }

    /// Checks the permission for all resources of a kind.
    pub(crate) fn every(&self, container: Container) -> Result<Allowed<Container>, Error> {
        self.ask(Resource::Every(container))?;
        Ok(Allowed::new(container))
    }

    /// Checks the permission for the container of all resources of a kind.
    pub(crate) fn container(&self, container: Container) -> Result<Allowed<Container>, Error> {
        self.ask(Resource::Container(container))?;
        Ok(Allowed::new(container))
    }

    /// Returns the key with this id, alias or ARN.
    ///
    /// # Errors
    /// Forbidden.KeyNotFound, Forbidden.AliasNotFound.
    pub(crate) fn key(&self, name: &str) -> Result<Allowed<&'v Row<Key>>, Error> {
        self.ask_key(name)?
    }

    /// Like [`View::key`], with separate errors.
    pub(crate) fn ask_key(&self, name: &str) -> Result<CheckedResource<&'v Row<Key>>, Error> {
        let Some(local) = self.local_name(name) else {
            return self.ask_no_key(Resource::Arn(name.into()), name, ErrorCode::ForbiddenKeyNotFound);
        };
        if !local.starts_with(AliasName::PREFIX) {
            return self.ask_key_by_id(local);
        }
        let Some(alias) = self.snapshot.alias(local) else {
            return self.ask_no_key(Resource::Alias(local.into()), name, ErrorCode::ForbiddenAliasNotFound);
        };
        self.ask_key_of_id(alias.record.key, Written::Key(name))
    }

    /// Returns the key with this id, for actions that accept no alias.
    ///
    /// # Errors
    /// Unsupported.Alias before any check, Forbidden.KeyNotFound.
    pub(crate) fn key_by_id(&self, id: &str) -> Result<Allowed<&'v Row<Key>>, Error> {
        self.ask_key_by_id(id)?
    }

    /// Like [`View::key_by_id`], with separate errors.
    pub(crate) fn ask_key_by_id(&self, id: &str) -> Result<CheckedResource<&'v Row<Key>>, Error> {
        let is_alias_arn = || id.strip_prefix(ARN).is_some_and(|arn| arn.contains(":alias/"));
        if id.starts_with(AliasName::PREFIX) || is_alias_arn() {
            return Err(ErrorCode::UnsupportedAlias.into());
        }
        self.ask_listed_key(id)
    }

    /// Returns the key with this id, which may be any text.
    pub(crate) fn ask_listed_key(&self, id: &str) -> Result<CheckedResource<&'v Row<Key>>, Error> {
        match id.parse() {
            Ok(key) => self.ask_key_of_id(key, Written::Key(id)),
            Err(_) => {
                let resource = unknown(id, Resource::NoKey(id.into()));
                self.ask_no_key(resource, id, ErrorCode::ForbiddenKeyNotFound)
            }
        }
    }

    /// Returns the key with this ARN, for actions that accept no alias.
    ///
    /// # Errors
    /// Like [`View::key_by_id`].
    pub(crate) fn key_by_arn(&self, arn: &str) -> Result<Allowed<&'v Row<Key>>, Error> {
        match self.local_name(arn) {
            Some(id) => self.key_by_id(id),
            None => self.ask_no_key(Resource::Arn(arn.into()), arn, ErrorCode::ForbiddenKeyNotFound)?,
        }
    }

    /// Returns the key that `name` referred to before in this request, even if the alias has moved.
    ///
    /// # Errors
    /// Forbidden.KeyNotFound.
    pub(crate) fn same_key(&self, id: KeyId, name: &str) -> Result<Allowed<&'v Row<Key>>, Error> {
        self.ask_key_of_id(id, Written::Key(name))?
    }

    fn ask_key_of_id(&self, id: KeyId, written: Written<'_>) -> Result<CheckedResource<&'v Row<Key>>, Error> {
        let found = self.snapshot.key(id).ok_or(ErrorCode::ForbiddenKeyNotFound);
        self.allow(Resource::Key(id), written, Container::Keys, found)
    }

    fn ask_no_key(
        &self,
        resource: Resource,
        text: &str,
        error: ErrorCode,
    ) -> Result<CheckedResource<&'v Row<Key>>, Error> {
        self.allow(resource, Written::Key(text), Container::Keys, Err(error))
    }

    /// Checks the permission for a new alias, and returns the alias that has the name already. The answer reveals it to
    /// callers with the permission.
    pub(crate) fn new_alias(&self, name: &AliasName) -> Result<Allowed<Option<&'v Row<Alias>>>, Error> {
        self.ask(name.into())?;
        Ok(Allowed::new(self.snapshot.alias(name.as_str())))
    }

    /// Returns the alias with this name.
    ///
    /// # Errors
    /// Forbidden.AliasNotFound.
    pub(crate) fn ask_alias(&self, name: &AliasName) -> Result<CheckedResource<&'v Row<Alias>>, Error> {
        let found = self.snapshot.alias(name.as_str()).ok_or(ErrorCode::ForbiddenAliasNotFound);
        self.allow(name.into(), Written::Exactly, Container::Aliases, found)
    }

    /// Checks the permission for the key of an alias, if it exists.
    pub(crate) fn key_of_alias(&self, alias: &Allowed<&'v Row<Alias>>) -> Result<(), Error> {
        let resource = Resource::from(&alias.record.name);
        let behind = Written::Behind { permission: self.permission, resource, container: Container::Aliases };
        let _ = self.ask_key_of_id(alias.record.key, behind)?;
        Ok(())
    }

    /// Returns the secret with this name or ARN.
    ///
    /// # Errors
    /// Forbidden.ResourceNotFound.
    pub(crate) fn secret(&self, name: &str) -> Result<Allowed<&'v Row<Secret>>, Error> {
        self.ask_secret(name)?
    }

    /// Like [`View::secret`], with separate errors.
    pub(crate) fn ask_secret(&self, name: &str) -> Result<CheckedResource<&'v Row<Secret>>, Error> {
        let local = match name.strip_prefix(ARN) {
            Some(arn) => self.local_resource(arn).and_then(|resource| resource.strip_prefix("secret/")),
            None => Some(name),
        };
        match local {
            Some(local) => self.ask_secret_by_name(local),
            None => self.allow(
                Resource::Arn(name.into()),
                Written::Exactly,
                Container::Secrets,
                Err(ErrorCode::ForbiddenResourceNotFound),
            ),
        }
    }

    /// Returns the secret with this name, for actions that accept no ARN.
    pub(crate) fn ask_secret_by_name(&self, name: &str) -> Result<CheckedResource<&'v Row<Secret>>, Error> {
        let found = name.parse().ok().and_then(|name: SecretName| self.snapshot.secret(&name));
        let resource = unknown(name, Resource::Secret(name.into()));
        let found = found.ok_or(ErrorCode::ForbiddenResourceNotFound);
        self.allow(resource, Written::Exactly, Container::Secrets, found)
    }

    /// Returns the key of a secret, if it exists, for a permission of its own. The service key is used only for secrets, so
    /// the permission for the secret is enough; a key of the account is checked.
    pub(crate) fn key_of(
        &self,
        secret: &Allowed<&'v Row<Secret>>,
        permission: Permission,
    ) -> Result<Option<Allowed<&'v Row<Key>>>, Error> {
        let id = secret.record.key;
        match self.snapshot.key(id) {
            Some(row) if row.record.is_service() => Ok(Some(Allowed::new(row))),
            _ => {
                let resource = Resource::Secret(secret.record.name.as_str().into());
                let container = Container::Secrets;
                let behind = Written::Behind { permission: self.permission, resource, container };
                Ok(self.with_permission(permission).ask_key_of_id(id, behind)?.ok())
            }
        }
    }

    /// Whether the service key seals a secret.
    pub(crate) fn is_sealed_by_service(&self, secret: &Allowed<&'v Row<Secret>>) -> bool {
        self.snapshot.key(secret.record.key).is_some_and(|key| key.record.is_service())
    }

    /// Whether a secret has this name; an error if its deletion is scheduled.
    pub(crate) fn is_taken(
        &self,
        _secrets: &Allowed<Container>,
        name: &SecretName,
    ) -> Result<bool, SecretRefusal> {
        let Some(row) = self.snapshot.secret(name) else { return Ok(false) };
        row.record.check_in_use().map(|()| true)
    }

    /// Returns all aliases, by name.
    pub(crate) fn aliases(&self, _aliases: &Allowed<Container>) -> Aliases<'v> {
        self.alias_part(None)
    }

    /// Returns the aliases of a key, by name.
    pub(crate) fn aliases_of(&self, key: &Allowed<&'v Row<Key>>) -> Aliases<'v> {
        self.alias_part(Some(key.record.id))
    }

    fn alias_part(&self, part: Option<KeyId>) -> Aliases<'v> {
        let row = |snapshot: &'v Snapshot, name: &'v AliasName| snapshot.alias(name.as_str());
        Part { snapshot: self.snapshot, index: self.snapshot.alias_lists(), part, row }
    }

    /// Returns the versions of a key, newest first.
    pub(crate) fn versions_of(&self, key: &Allowed<&'v Row<Key>>) -> Versions<'v> {
        let snapshot = self.snapshot;
        let part = key.record.id;
        let row = |snapshot: &'v Snapshot, (_, id): &'v (Reverse<u32>, KeyVersionId)| snapshot.version(*id);
        Part { snapshot, index: snapshot.versions_by_key(), part, row }
    }

    /// Returns how often a version of a key was used, including uses that are not in the store yet.
    pub(crate) fn uses_of(&self, key: &Allowed<&'v Row<Key>>, version: &KeyVersion) -> UseCounts {
        debug_assert_eq!(version.key, key.record.id, "the permission is for another key");
        let written = self.snapshot.get::<KeyUse>(&version.id).map(|row| row.record.counts());
        written.unwrap_or_default().and(self.inquiry.kms.key_uses.unwritten(version.id))
    }

    /// Returns since when uses are counted, in seconds since 1970.
    pub(crate) fn uses_counted_since(&self, _key: &Allowed<&'v Row<Key>>) -> i64 {
        self.snapshot.uses_counted_since().unwrap_or(self.inquiry.kms.key_uses.began)
    }

    /// Counts a use of a key version.
    pub(crate) fn note_key_use(&self, version: &KeyVersion, kind: Use) {
        self.inquiry.kms.key_uses.note(version.id, kind, self.now());
    }

    /// Returns the number of the next version of a key.
    pub(crate) fn next_version_of(&self, key: &Allowed<&'v Row<Key>>) -> u32 {
        self.snapshot.next_version_of(key.record.id)
    }

    /// Returns one version of a key.
    pub(crate) fn version_of(
        &self,
        key: &Allowed<&'v Row<Key>>,
        id: KeyVersionId,
    ) -> Option<&'v Row<KeyVersion>> {
        self.snapshot.version(id).filter(|version| version.record.key == key.record.id)
    }

    /// Returns an import token of a key.
    pub(crate) fn token_of(
        &self,
        key: &Allowed<&'v Row<Key>>,
        id: &TokenId,
    ) -> Option<Allowed<&'v Row<ImportToken>>> {
        let token = self.snapshot.import_token(id);
        token.filter(|token| token.record.key == key.record.id).map(Allowed::new)
    }

    /// Returns the import tokens of a key.
    pub(crate) fn tokens_of(
        &self,
        key: &Allowed<&'v Row<Key>>,
    ) -> impl Iterator<Item = &'v Row<ImportToken>> {
        self.snapshot.import_tokens_of(key.record.id)
    }

    /// Whether the service key, which seals secrets without a key of the account, exists.
    pub(crate) fn has_key_of_service(&self, _secrets: &Allowed<Container>) -> bool {
        self.snapshot.alias(AliasName::of_service(Key::SECRETS_SERVICE).as_str()).is_some()
    }

    /// Returns the service key, which seals secrets without a key of the account, if it exists.
    pub(crate) fn key_of_service(&self, _secrets: &Allowed<Container>) -> Option<Allowed<&'v Row<Key>>> {
        let alias = self.snapshot.alias(AliasName::of_service(Key::SECRETS_SERVICE).as_str())?;
        self.snapshot.key(alias.record.key).filter(|row| row.record.is_service()).map(Allowed::new)
    }

    /// Parses a blob in base64, and returns it with the version that encrypted it. A malformed blob counts as one of any key.
    ///
    /// # Errors
    /// InvalidParameter naming CiphertextBlob, Forbidden.KeyVersionNotFound, Forbidden.KeyNotFound.
    pub(crate) fn ask_blob(&self, text: &str) -> Result<CheckedResource<SealedBlob<'v>>, Error> {
        let unknown = |error| {
            self.ask_of(Resource::Every(Container::Keys), Written::Unnamed, Some(Container::Keys))?;
            Ok(Err(error))
        };
        let bytes = STANDARD.decode(text.trim_ascii()).ok();
        let Some((bytes, id)) = bytes.and_then(|bytes| blob::version(&bytes).map(|id| (bytes, id))) else {
            return unknown(Error::invalid("CiphertextBlob"));
        };
        let Some(version) = self.snapshot.version(id) else {
            return unknown(ErrorCode::ForbiddenKeyVersionNotFound.into());
        };
        let key = self.ask_key_of_id(version.record.key, Written::Unnamed)?;
        Ok(key.map(|key| Allowed::new(SealedBlob { bytes, version: &version.record, key: &key })))
    }

    pub(super) fn ask(&self, resource: Resource) -> Result<(), Error> {
        self.ask_of(resource, Written::Exactly, None)
    }

    pub(super) fn ask_of(
        &self,
        resource: Resource,
        written: Written<'_>,
        missing_from: Option<Container>,
    ) -> Result<(), Error> {
        let target = Target { resource, missing_from, written };
        self.inquiry.ask(self.permission, target, self.facts, self.snapshot)
    }

    /// Checks the permission for a resource that was searched in a container. Only a caller with the permission for
    /// everything in the container learns that it is missing; to others it looks like one that they may not use.
    pub(super) fn allow<R>(
        &self,
        resource: Resource,
        written: Written<'_>,
        container: Container,
        found: Result<R, ErrorCode>,
    ) -> Result<CheckedResource<R>, Error> {
        self.ask_of(resource, written, found.is_err().then_some(container))?;
        Ok(found.map(Allowed::new).map_err(Error::from))
    }

    /// Returns the id or alias in a text, which is either itself or an ARN of this region and account.
    fn local_name<'t>(&self, text: &'t str) -> Option<&'t str> {
        let Some(arn) = text.strip_prefix(ARN) else { return Some(text) };
        let resource = self.local_resource(arn)?;
        match resource.strip_prefix("key/") {
            Some(id) => Some(id).filter(|id| !id.starts_with(AliasName::PREFIX)),
            None => resource.starts_with(AliasName::PREFIX).then_some(resource),
        }
    }

    /// Returns the part of an ARN after region and account, if they are those of this KMS.
    fn local_resource<'t>(&self, arn: &'t str) -> Option<&'t str> {
        let resource = arn.strip_prefix(self.region())?.strip_prefix(':')?;
        resource.strip_prefix(self.account())?.strip_prefix(':')
    }
}

/// The resource for a text that names no record: its ARN if it is one, otherwise `resource`.
fn unknown(text: &str, resource: Resource) -> Resource {
    if text.starts_with(ARN) { Resource::Arn(text.into()) } else { resource }
}
