//! The session of a request: one snapshot, one reading of the clock, one caller. It is all that the function of an action
//! gets.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bulla_keys::{Key, Secret, SecretValue, SecretValueId, SecretVersion};
use bulla_wire::sts::Credentials;
use bulla_wire::{Action, Error, ErrorCode, SecretText, Timestamp};

use crate::Kms;
use crate::auditor::TrailInUse;
use crate::authorize::{
    Allowed, AnyPolicy, AssumableRole, CheckedResource, Container, Holders, Inquiry, KeyCatalogue, Listing,
    Permission, QuotaUse, SecretCatalogue, View,
};
use crate::backup::{BackupState, HoldingBackup};
use crate::crypto::{AsymmetricSpec, KeyPair};
use crate::generator::PairFor;
use crate::limits::{RequestLimits, ThrottledRequests};
use crate::oidc::{OidcIdentity, OidcRefusal};
use crate::people::NameKey;
use crate::sessions::{Chain, NewSession, random_access_key_id};
use crate::stale_snapshot::StaleSnapshot;
use crate::state::{
    AccessKey, CommitError, Decision, ImportToken, KeptKind, ReadError, Row, Snapshot, TokenId,
};

/// The argument of a function that answers an action. It does not expose the engine, so everything that the function does is
/// authorized by the [`View`] that this dereferences to.
pub(crate) struct Session<'s, A> {
    pub(crate) request: &'s A,
    view: View<'s>,
    kms: &'s Kms,
    published: &'s Arc<Snapshot>,
    /// The lane of its searches.
    lane: usize,
}

impl<'s, A> Session<'s, A> {
    pub(crate) fn new(
        kms: &'s Kms,
        inquiry: &'s Inquiry<'s>,
        published: &'s Arc<Snapshot>,
        request: &'s A,
    ) -> Self
    where
        A: Action,
    {
        inquiry.note_context(request.encryption_context());
        let view = View::new(published, inquiry, Permission::of::<A>());
        let view = view.with_context(request.encryption_context());
        Self { request, view, kms, published, lane: ACTIONS }
    }

    /// Returns the session of a query, which checks this permission first.
    pub(crate) fn of_query(
        kms: &'s Kms,
        inquiry: &'s Inquiry<'s>,
        published: &'s Arc<Snapshot>,
        query: &'s A,
        permission: Permission,
    ) -> Self {
        let view = View::new(published, inquiry, permission);
        Self { request: query, view, kms, published, lane: QUERIES }
    }

    /// Decides on a change from the state that all changes accepted before it leave, and writes it. Decides again if the
    /// store turns out to hold another state. `decide` resolves and authorizes what it changes in that state.
    ///
    /// # Errors
    /// The error of `decide`; InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn change<T>(
        &self,
        decide: impl Fn(&View<'_>) -> Result<Decision<T>, Error>,
    ) -> Result<T, Error> {
        let decide = |snapshot: &Snapshot| {
            let decision = decide(&self.view.of(snapshot))?;
            Ok(self.kms.auditor.with_line(decision, self.view.inquiry(), snapshot))
        };
        let answer = self.kms.state.commit(self.now(), decide).await?;
        self.kms.auditor.committed(self.view.inquiry());
        Ok(answer)
    }

    /// Reads the sealed values of versions of secrets, in this order.
    ///
    /// # Errors
    /// InternalFailure with its cause if the store fails; ServiceUnavailableTemporary. If the records no longer match the
    /// snapshot, the request begins again.
    pub(crate) async fn values(
        &self,
        versions: &[(&Allowed<&Row<Secret>>, &SecretVersion)],
    ) -> Result<Vec<SecretValue>, Error> {
        let has = |row: &Row<Secret>, id: &SecretValueId| row.record.versions().any(|of| of.value == *id);
        if !versions.iter().all(|(secret, version)| has(secret, &version.value)) {
            return Err(Error::internal("a version of another secret"));
        }
        let is_current = |snapshot: &Snapshot, id: &SecretValueId| {
            versions.iter().any(|(secret, version)| {
                let newer = snapshot.secret(&secret.record.name);
                version.value == *id && newer.is_some_and(|row| has(row, id))
            })
        };
        // A value is written once, so it has only one revision.
        let ids = versions.iter().map(|(_, version)| (version.value, None)).collect();
        self.kms.state.read(ids, is_current).await.map_err(Self::not_read)
    }

    /// Reads an import token with its sealed private key.
    ///
    /// # Errors
    /// Like [`Session::values`].
    pub(crate) async fn token(&self, token: &Allowed<&Row<ImportToken>>) -> Result<ImportToken, Error> {
        let is_current = |snapshot: &Snapshot, id: &TokenId| {
            snapshot.import_token(id).is_some_and(|newer| newer.revision == token.revision)
        };
        let ids = vec![(token.record.id, Some(token.revision))];
        let read = self.kms.state.read(ids, is_current).await;
        let mut tokens = read.map_err(Self::not_read)?;
        tokens.pop().ok_or_else(|| Error::internal("no token was read"))
    }

    fn not_read(error: ReadError) -> Error {
        match error {
            ReadError::Stale => StaleSnapshot.into(),
            ReadError::Unavailable => ErrorCode::ServiceUnavailableTemporary.into(),
            ReadError::Store(error) => CommitError::Store(error).into(),
        }
    }

    /// Generates a key pair.
    ///
    /// # Errors
    /// Throttling.User if the queue is full; InternalFailure.
    pub(crate) async fn key_pair(&self, purpose: PairFor, spec: AsymmetricSpec) -> Result<KeyPair, Error> {
        self.kms.generator.key_pair(purpose, spec).await
    }

    /// Counts a session that begins with AssumeRole. Needs the permission, so that a denied caller uses up none of the quota.
    ///
    /// # Errors
    /// Throttling.User beyond the quota for each second.
    pub(crate) fn take_assumed_role(&self, _role: &Allowed<AssumableRole<'_>>) -> Result<(), Error> {
        let limit = self.quotas().assume_roles_per_second;
        let is_within = self.kms.assumed_roles.take(self.elapsed(), limit);
        let next_second = Duration::from_secs(1);
        if is_within { Ok(()) } else { Err(Error::throttled(ErrorCode::ThrottlingUserFlow, next_second)) }
    }

    /// Creates temporary credentials of a role that the caller may assume. `policy` is the text of the session's policy.
    ///
    /// # Errors
    /// InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn credentials(
        &self,
        role: &Allowed<AssumableRole<'_>>,
        chain: Chain,
        new: NewSession<'_>,
        policy: Option<&str>,
    ) -> Result<Credentials, Error> {
        let key = self.kms.sts_key().await?;
        let session = chain.session(random_access_key_id(), role.role(), new);
        let secret = AccessKey::random_secret();
        let security_token = self.kms.keyring.seal_token(&key, &session, policy, &secret)?;
        Ok(Credentials {
            access_key_id: session.access_key_id.into(),
            access_key_secret: secret,
            security_token,
            expiration: Timestamp::from_unix(session.expires),
        })
    }

    /// Verifies a token of an OIDC provider; none if no such provider is configured.
    pub(crate) fn verify_oidc_token(
        &self,
        provider: &str,
        token: &str,
    ) -> Option<Result<OidcIdentity, OidcRefusal>> {
        Some(self.kms.oidc.get(provider)?.verify(token, self.now(), self.elapsed()))
    }

    /// Runs a long search on another thread, so that other requests do not wait for it.
    ///
    /// # Errors
    /// Throttling.User if the queue is full; ServiceUnavailableTemporary.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        search: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.kms.searcher.run(self.lane, search).await
    }

    /// Returns the audit trail in use, if the caller may search it; none if there is no trail.
    ///
    /// # Errors
    /// Forbidden.NoPermission.
    pub(crate) fn audit_trail(&self) -> Result<Option<TrailInUse>, Error> {
        self.with_permission(Permission::LOOK_UP_EVENTS).anything()?;
        Ok(self.kms.audit_trail())
    }

    /// Runs a search of the audit trail. It reads from a disk, so it waits in a lane of its own.
    ///
    /// # Errors
    /// Like [`Session::search`].
    pub(crate) async fn search_trail<T: Send + 'static>(
        &self,
        search: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.kms.searcher.run(TRAIL, search).await
    }

    /// Returns the state of scheduled backups, if the caller may read it; none without a schedule.
    ///
    /// # Errors
    /// Forbidden.NoPermission.
    pub(crate) fn backup_state(&self) -> Result<Option<BackupState>, Error> {
        self.with_permission(Permission::READ_BACKUPS).anything()?;
        Ok(self.kms.backup_state())
    }

    /// Returns the scheduled backups that contain a key, oldest first, if the caller may read the state of backups; none
    /// without a schedule. Checks that permission before it reveals whether the key exists.
    ///
    /// # Errors
    /// Forbidden.NoPermission; the error of `key`.
    pub(crate) fn backups_of(
        &self,
        key: CheckedResource<&Row<Key>>,
    ) -> Result<Option<Vec<HoldingBackup>>, Error> {
        let is_scheduled = self.backup_state()?.is_some();
        let created = key?.record.created;
        Ok(is_scheduled.then(|| self.kms.backups_since(created)))
    }

    /// Returns the limits on requests. Needs the permission to read them.
    pub(crate) fn request_limits(&self, _limits: &Allowed<QuotaUse<'_>>) -> RequestLimits {
        self.kms.request_limits()
    }

    /// Returns the number of requests that each limit refused. Needs the permission to read limits.
    pub(crate) fn throttled_requests(&self, _limits: &Allowed<QuotaUse<'_>>) -> ThrottledRequests {
        self.kms.throttled_requests()
    }

    /// Hashes a password, and returns a PHC string.
    ///
    /// # Errors
    /// Throttling.User if the queue is full; ServiceUnavailableTemporary; InternalFailure.
    pub(crate) async fn password_hash(&self, password: &SecretText) -> Result<SecretText, Error> {
        self.kms.hasher.hash(password).await
    }

    /// Returns all users, groups, roles, policies or MFA devices. Needs the permission to list them.
    pub(crate) fn listing<R: KeptKind<Id = NameKey>>(&self, container: &Allowed<Container>) -> Listing<R> {
        Listing::named(container, Arc::clone(self.published)).expect("the permission is for this kind")
    }

    /// Returns the users, groups and roles that a policy is attached to. Needs the permission for the policy.
    pub(crate) fn holders(&self, policy: &Allowed<AnyPolicy<'_>>) -> Holders {
        Holders::of(policy, Arc::clone(self.published))
    }

    /// Returns all keys, in lists by state at the time of the request. Checks the permission to list keys.
    ///
    /// # Errors
    /// Forbidden.NoPermission, as for all functions below.
    pub(crate) fn listed_keys(&self) -> Result<Listing<Key>, Error> {
        let keys = self.container(Container::Keys)?;
        let settled = self.kms.state.settled(self.published, self.now());
        Ok(Listing::keys(&keys, settled).expect("the query was about keys"))
    }

    /// Returns all keys with the details that the caller may see, in lists by state at the time of the request. Checks the
    /// permission to list keys.
    pub(crate) fn key_catalogue(&self) -> Result<KeyCatalogue, Error> {
        self.view.key_catalogue(|| self.kms.state.settled(self.published, self.now()))
    }

    /// Returns all secrets with the details that the caller may see. Checks the permission to list secrets.
    pub(crate) fn secret_catalogue(&self) -> Result<SecretCatalogue, Error> {
        self.view.secret_catalogue(self.published)
    }

    /// Returns all secrets. Checks the permission to list them.
    pub(crate) fn listed_secrets(&self) -> Result<Listing<Secret>, Error> {
        let secrets = self.container(Container::Secrets)?;
        Ok(Listing::secrets(&secrets, Arc::clone(self.published)).expect("the query was about secrets"))
    }

    /// Returns all keys. Checks the permission for every key.
    pub(crate) fn every_key(&self) -> Result<Listing<Key>, Error> {
        let keys = self.every(Container::Keys)?;
        Ok(Listing::keys(&keys, Arc::clone(self.published)).expect("the query was about keys"))
    }

    /// Returns all secrets. Checks the permission for every secret.
    pub(crate) fn every_secret(&self) -> Result<Listing<Secret>, Error> {
        let secrets = self.every(Container::Secrets)?;
        Ok(Listing::secrets(&secrets, Arc::clone(self.published)).expect("the query was about secrets"))
    }

    /// Returns the outcome, or for a DryRun the error that reports whether the request would have succeeded.
    pub(crate) fn outcome<T>(&self, outcome: Result<T, Error>) -> Result<T, Error>
    where
        A: Action,
    {
        if !self.request.is_dry_run() {
            return outcome;
        }
        Err(outcome.map_or_else(Error::of_dry_run, |_| ErrorCode::DryRunOperation.into()))
    }
}

impl<'s, A> Deref for Session<'s, A> {
    type Target = View<'s>;

    fn deref(&self) -> &View<'s> {
        &self.view
    }
}

/// The lanes of searches.
const ACTIONS: usize = 0;
const QUERIES: usize = 1;
const TRAIL: usize = 2;
