//! The state of the engine: the snapshot that requests read, the committer that makes the next one, and the keys that seal
//! what the store holds. Its fields are private, so its doors are the only way to the store.

mod committer;
mod index;
mod kind;
mod kinds;
mod load;
mod ranked;
mod records;
#[cfg(test)]
mod sample;
mod snapshot;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use bulla_keys::root::RootKeys;
use bulla_wire::{Error, ErrorCode};

use self::committer::Committer;
pub(crate) use self::committer::{Answered, Changes, CommitError};
pub(crate) use self::index::{Age, Due, Group, KeyClass, Label};
pub(crate) use self::kind::Row;
pub(crate) use self::kinds::Write;
pub(crate) use self::ranked::Index;
#[cfg(test)]
pub(crate) use self::ranked::VISITS;
pub(crate) use self::records::{AccessKey, ImportToken, Private, TokenId};
pub(crate) use self::snapshot::Snapshot;
use crate::store::{Store, StoreError};
use crate::watch::Watch;

/// The published snapshot and the committer that replaces it.
pub(crate) struct State {
    published: Arc<ArcSwap<Snapshot>>,
    committer: Committer,
}

impl State {
    /// Reads a store, and takes it over.
    pub(crate) fn start(
        mut store: Store,
        watch: Arc<Watch>,
        roots: Arc<RootKeys>,
    ) -> Result<Self, StoreError> {
        let snapshot = Snapshot::read(&mut store, &roots)?;
        let published = Arc::new(ArcSwap::from_pointee(snapshot));
        let committer = Committer::start(store, watch, roots, Arc::clone(&published))?;
        Ok(Self { published, committer })
    }

    /// Whether changes can be decided and written.
    pub(crate) fn is_running(&self) -> bool {
        self.committer.is_running() && self.snapshot().is_ok()
    }

    /// The snapshot to read during one request.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary after the lease has ended.
    pub(crate) fn snapshot(&self) -> Result<Guard<Arc<Snapshot>>, Error> {
        let snapshot = self.published.load();
        match snapshot.is_valid(Instant::now()) {
            true => Ok(snapshot),
            false => Err(ErrorCode::ServiceUnavailableTemporary.into()),
        }
    }

    /// The snapshot that was published last, even if its lease has ended.
    pub(crate) fn published(&self) -> Guard<Arc<Snapshot>> {
        self.published.load()
    }

    /// The snapshot to read for lists of keys, in which every key is in the lists of its state at `now`.
    ///
    /// # Errors
    /// As [`State::snapshot`].
    pub(crate) fn settled(&self, now: i64) -> Result<Arc<Snapshot>, Error> {
        let current = self.snapshot()?;
        let lists = current.key_lists();
        if lists.is_settled(now) {
            return Ok(Arc::clone(&current));
        }
        let is_later = lists.settled() < now;
        let mut settled = Snapshot::clone(&current);
        settled.settle(now);
        let settled = Arc::new(settled);
        if is_later {
            // For the next reader. It holds the same records; if the committer has published others, those stay.
            self.published.compare_and_swap(&*current, Arc::clone(&settled));
        }
        Ok(settled)
    }

    /// Decides on a change once, from the state that all changes accepted before it will leave, and accepts it. What was
    /// decided, also a refusal, counts only when the answer comes.
    ///
    /// # Errors
    /// As [`State::snapshot`]: nothing is decided after the lease has ended.
    pub(crate) fn stage<E>(
        &self,
        now: i64,
        decide: impl FnOnce(&Snapshot) -> Result<Changes, E>,
    ) -> Result<(Result<(), E>, Answered), Error> {
        self.snapshot()?;
        Ok(self.committer.stage(now, decide))
    }
}
