//! One request while it is answered: one snapshot, one look at the clock, one caller.

use std::ops::Deref;
use std::sync::Arc;

use bulla_keys::record::Revision;
use bulla_wire::Action;
use bulla_wire::{Error, ErrorCode};

use crate::Kms;
use crate::authorize::{Inquiry, Permission, View};
use crate::crypto::{AsymmetricSpec, KeyPair};
use crate::generator::PairFor;
use crate::state::{CommitError, Decision, Kind, ReadError, Snapshot};

/// What a function that answers an action gets. It has no engine beside it, so everything that it uses was authorized by
/// the [`View`] that this is of the published state.
pub(crate) struct Session<'s, A> {
    pub(crate) request: &'s A,
    view: View<'s>,
    kms: &'s Kms,
    published: &'s Arc<Snapshot>,
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
        let view = View::new(published, inquiry, Permission::of::<A>());
        Self { request, view: view.with_context(request.encryption_context()), kms, published }
    }

    /// Decides on a change from the state that all changes accepted before it leave, and writes it; decides again if the
    /// store turns out to hold another state. `decide` resolves and authorizes what it changes in that state.
    ///
    /// # Errors
    /// The refusal of `decide`; InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn change<T>(
        &self,
        decide: impl Fn(&View<'_>) -> Result<Decision<T>, Error>,
    ) -> Result<T, Error> {
        self.kms.state.commit(self.now(), |snapshot| decide(&self.view.of(snapshot))).await
    }

    /// Reads records that the snapshot does not hold, as [`State::read`] does.
    ///
    /// # Errors
    /// InternalFailure with its cause if the store fails; ServiceUnavailableTemporary. If the records are no longer what
    /// the snapshot says, the request begins again.
    pub(crate) async fn read<R>(
        &self,
        wanted: Vec<(R::Id, Option<Revision>)>,
        is_current: impl Fn(&Snapshot, &R::Id) -> bool,
    ) -> Result<Vec<R>, Error>
    where
        R: Kind + Send + 'static,
        R::Id: Send + 'static,
    {
        self.kms.state.read(wanted, is_current).await.map_err(|error| match error {
            ReadError::Stale => self.begin_again(),
            ReadError::Unavailable => ErrorCode::ServiceUnavailableTemporary.into(),
            ReadError::Store(error) => CommitError::Store(error).into(),
        })
    }

    /// Makes a key pair.
    ///
    /// # Errors
    /// Throttling.User when many wait for theirs; InternalFailure.
    pub(crate) async fn key_pair(&self, purpose: PairFor, spec: AsymmetricSpec) -> Result<KeyPair, Error> {
        self.kms.generator.key_pair(purpose, spec).await
    }

    /// Runs a search that may take long, so that other requests need not wait for it.
    ///
    /// # Errors
    /// Throttling.User when many wait for theirs; ServiceUnavailableTemporary.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        search: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.kms.searcher.run(0, search).await
    }

    /// The snapshot of the request, to keep.
    pub(crate) fn shared_snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(self.published)
    }

    /// The snapshot of the request, with each key in the lists of its state at the time of the request.
    pub(crate) fn settled_snapshot(&self) -> Arc<Snapshot> {
        self.kms.state.settled(self.published, self.now())
    }

    /// What is answered: for a DryRun an error that tells how the request would have gone.
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
