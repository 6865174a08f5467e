//! Decides changes, and passes them to the thread that alone writes to the store (`writer.rs`). A change is decided on the
//! state that all accepted changes before it will leave, so changes of one row follow each other instead of conflicting. All
//! waiting changes are written in one commit; then the new state is published, and then the callers are answered.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use bulla_keys::Anchor;
use bulla_keys::root::RootKeys;
use bulla_wire::{Error, ErrorCode};
use futures_channel::oneshot;

use super::changes::Changes;
use super::outbox::{Outbox, OutboxNumber, SealNote};
use super::raise::RowFormat;
use super::snapshot::Snapshot;
use super::staging::{Job, Staging};
use super::writer::Writer;
use crate::statistics::CommitCounts;
use crate::store::{Store, StoreError};
use crate::watch::Watch;

/// Why a change was not confirmed. After `Store`, it may or may not have been written.
#[derive(Clone, Debug)]
pub(crate) enum CommitError {
    /// The change was decided on a state that the store does not have: decide again.
    Conflict,
    Store(Arc<StoreError>),
    /// The engine is closing.
    Closed,
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            // The event of the check has the cause; a client may try another server, or this one after its restart.
            CommitError::Store(error) if matches!(*error, StoreError::Lost(_)) => {
                ErrorCode::ServiceUnavailableTemporary.into()
            }
            CommitError::Store(error) => Self::internal(error),
            CommitError::Conflict => Self::internal("an unexpected conflict"),
            CommitError::Closed => ErrorCode::ServiceUnavailableTemporary.into(),
        }
    }
}

/// The thread that owns the store. Dropping it waits until all accepted changes are written.
pub(crate) struct Committer {
    stager: Arc<Stager>,
    thread: Option<JoinHandle<()>>,
}

/// Decides and accepts changes.
pub(super) struct Stager {
    roots: Arc<RootKeys>,
    staging: Arc<Staging>,
    #[cfg(test)]
    pub(super) decisions: std::sync::atomic::AtomicUsize,
}

/// Resolves when a decision, and everything it was based on, is durable and published.
pub(crate) type Answered = oneshot::Receiver<Result<(), CommitError>>;

impl Committer {
    pub(crate) fn start(
        store: Arc<Store>,
        watch: Arc<Watch>,
        roots: Arc<RootKeys>,
        format: RowFormat,
        published: Arc<ArcSwap<Snapshot>>,
        mut outbox: Outbox,
    ) -> Result<Self, StoreError> {
        outbox.publish(&published.load());
        let staging = Arc::new(Staging::new(Snapshot::clone(&published.load())));
        let notified = Arc::clone(&staging);
        store.watch(Box::new(move || notified.announce_news()));
        staging.announce_news(); // another process may have written after the snapshot was read, but before the watch
        let staged = Arc::clone(&staging);
        let keys = Arc::clone(&roots);
        let writer = Writer { store, watch, roots: keys, format, published, staging: staged, outbox };
        let thread = thread::Builder::new()
            .name("committer".into())
            .spawn(move || writer.run())
            .map_err(StoreError::Thread)?;
        let stager = Stager {
            roots,
            staging,
            #[cfg(test)]
            decisions: Default::default(),
        };
        Ok(Self { stager: Arc::new(stager), thread: Some(thread) })
    }

    /// Whether changes can be written. Before this is dropped, the thread ends only if it panics.
    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Returns counts of the transactions so far.
    pub(crate) fn commit_counts(&self) -> CommitCounts {
        self.stager.staging.commit_counts()
    }

    /// Publishes the anchor of a write that bypassed the committer.
    pub(crate) fn publish_anchor(&self, anchor: Option<Anchor>, published: &ArcSwap<Snapshot>) {
        let mut staged = self.stager.staging.lock(); // the committer publishes under this lock too
        staged.snapshot.take_anchor(anchor);
        let mut snapshot = Snapshot::clone(&published.load());
        snapshot.take_anchor(anchor);
        published.store(Arc::new(snapshot));
    }

    pub(super) fn stager(&self) -> Arc<Stager> {
        Arc::clone(&self.stager)
    }

    /// Like [`Stager::stage`].
    pub(crate) fn stage<E>(
        &self,
        now: i64,
        decide: impl FnOnce(&Snapshot) -> Result<Changes, E>,
    ) -> (Result<(), E>, Answered) {
        self.stager.stage(now, decide)
    }

    /// Resolves when everything that the store contains now is published.
    pub(crate) fn catch_up(&self) -> Answered {
        let (answer, answered) = oneshot::channel();
        let mut staged = self.stager.staging.lock();
        if !staged.is_closed {
            staged.jobs.push(Job { rows: vec![], answer });
            self.stager.staging.notify();
        }
        answered
    }
}

impl Stager {
    /// Decides on a change and accepts it. The change, or the refusal, is valid only after the returned future confirms it:
    /// until then, its basis may not be durable. If the caller drops the future, the change is made nevertheless.
    fn stage<E>(
        &self,
        now: i64,
        decide: impl FnOnce(&Snapshot) -> Result<Changes, E>,
    ) -> (Result<(), E>, Answered) {
        let (answer, answered) = oneshot::channel();
        let mut staged = self.staging.lock();
        if staged.is_closed {
            return (Ok(()), answered); // without a sender
        }
        if staged.is_stale {
            staged.jobs.push(Job { rows: vec![], answer }); // gets a conflict when the state is known
            self.staging.notify();
            return (Ok(()), answered);
        }
        staged.snapshot.settle(now);
        #[cfg(test)]
        self.decisions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (changes, decision) = match decide(&staged.snapshot) {
            Ok(changes) => (changes, Ok(())),
            Err(refusal) => (Changes::none(), Err(refusal)),
        };
        if changes.is_empty() && staged.is_durable() {
            let _ = answer.send(Ok(())); // the receiver exists
            return (decision, answered);
        }
        let rows = if changes.is_empty() { vec![] } else { staged.apply_all(changes, &self.roots) };
        staged.jobs.push(Job { rows, answer });
        self.staging.notify();
        (decision, answered)
    }

    /// Records that the lines of the outbox up to this one are durable in the trail: the next change deletes them.
    pub(super) fn forget(&self, last: OutboxNumber) {
        let mut staged = self.staging.lock();
        staged.forgotten = staged.forgotten.max(Some(last));
    }

    /// Sets the newest seal of the audit trail: the next change records it.
    pub(super) fn note_seal(&self, seal: SealNote) {
        self.staging.lock().sealed = Some(seal);
    }

    /// Deletes lines that the trail has without waiting for another change. If there are none, it records the newest seal
    /// only if it is the last one.
    pub(super) fn sweep(&self, is_last: bool) {
        let mut staged = self.staging.lock();
        if staged.is_closed || staged.is_stale || staged.forgotten.is_none() && !is_last {
            return;
        }
        let rows = staged.apply_all(Changes::none(), &self.roots);
        if !rows.is_empty() {
            let (answer, _) = oneshot::channel(); // lines that are not deleted now are deleted later
            staged.jobs.push(Job { rows, answer });
            self.staging.notify();
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.stager.staging.lock().is_closed = true;
        self.stager.staging.notify();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // either it has answered every caller, or it panicked and they see the closed channel
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::future::Future;
    use std::path::Path;
    use std::sync::atomic::Ordering;
    use std::task::{Context, Waker};
    use std::time::{Duration, Instant};

    use bulla_keys::{Alias, KeyId};
    use bulla_wire::kms::{
        CreateAlias, CreateKey, CreateKeyVersion, CreateSecret, DisableKey, EnableKey, PutSecretValue,
        SetDeletionProtection, TagResource, UpdateAlias, UpdateKeyDescription, UpdateRotationPolicy,
        UpdateSecret, UpdateSecretVersionStage,
    };
    use bulla_wire::{Action, MaybeEmpty, Reply, Request};

    use super::*;
    use crate::clock::EngineClock;
    use crate::data::Data;
    use crate::state::Write;
    use crate::store::{Change, Loss, RowChange};
    use crate::{Kms, Options, Role, SystemClock};

    fn open() -> (tempfile::TempDir, Kms) {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        (data, kms)
    }

    fn call(kms: &Kms, request: impl Into<Request>) -> Reply {
        pollster::block_on(kms.call(request.into(), &kms.owner())).unwrap()
    }

    fn key(kms: &Kms) -> String {
        CreateKey::reply(call(kms, CreateKey::default())).unwrap().key_metadata.key_id
    }

    /// Starts all calls before awaiting any. All must succeed. Returns how many decisions they took.
    fn decisions_of(kms: &Kms, requests: Vec<Request>) -> usize {
        let decisions = || kms.state.committer.stager.decisions.load(Ordering::Relaxed);
        let (before, origin) = (decisions(), kms.owner());
        let mut calls: Vec<_> =
            requests.into_iter().map(|request| Box::pin(kms.call(request, &origin))).collect();
        let mut context = Context::from_waker(Waker::noop());
        let started: Vec<_> = calls.iter_mut().map(|call| call.as_mut().poll(&mut context)).collect();
        for (call, polled) in calls.into_iter().zip(started) {
            let reply = match polled {
                std::task::Poll::Ready(reply) => reply,
                std::task::Poll::Pending => pollster::block_on(call),
            };
            reply.unwrap();
        }
        decisions() - before
    }

    type Lose = fn(&Path);

    /// The commit is complete, but in a file that no restart will open.
    #[test]
    fn a_store_that_is_lost_during_a_commit_confirms_nothing() {
        let losses: [(Lose, Loss); 2] = [
            (|path| fs::remove_file(path).unwrap(), Loss::Removed),
            (
                |path| {
                    let copy = path.with_extension("copy");
                    fs::copy(path, &copy).unwrap();
                    fs::rename(copy, path).unwrap();
                },
                Loss::Replaced,
            ),
        ];
        for (lose, loss) in losses {
            let directory = tempfile::tempdir().unwrap();
            let clock = EngineClock::new(SystemClock);
            let Data { lock, store, roots, .. } =
                Data::open(&Options::new(directory.path(), Role::Server), &clock).unwrap();
            let format = RowFormat::Current;
            let snapshot = Snapshot::read(&store, &roots, format).unwrap();
            let (roots, published) = (Arc::new(roots), Arc::new(ArcSwap::from_pointee(snapshot)));
            let Store::Redb(redb) = &store else { unreachable!() };
            let file = Arc::clone(redb.file());
            let store = Arc::new(store);
            let watch = Arc::new(Watch::new(lock, Arc::clone(&store)));
            let staging = Arc::new(Staging::new(Snapshot::clone(&published.load())));
            let outbox = Outbox::new(None);
            let mut writer = Writer { store, watch, roots, format, published, staging, outbox };
            let row = RowChange {
                table: "t",
                primary_key: b"a".to_vec(),
                expected: Some(0),
                revision: 1,
                change: Change::Put(b"1".to_vec()),
            };
            *file.before_sync.lock().unwrap() = Some(Box::new(lose));
            let refused = writer.commit(&[&[row]]).unwrap_err();
            assert!(matches!(&refused, StoreError::Lost(lost) if lost.loss == loss), "{refused}");
            assert!(file.before_sync.lock().unwrap().is_none(), "not refused before");
        }
    }

    type Numbered<'a> = Box<dyn Fn(usize) -> Request + 'a>;

    #[test]
    fn changes_of_one_row_at_once_are_decided_once_each() {
        const AT_ONCE: usize = 200;
        let (_data, kms) = open();
        let (one, other) = (key(&kms), key(&kms));
        let create = CreateSecret {
            secret_name: "s".into(),
            version_id: "0".into(),
            secret_data: String::from("x").into(),
            encryption_key_id: Some(key(&kms)),
            ..CreateSecret::default()
        };
        call(&kms, create);
        call(&kms, CreateAlias { key_id: one.clone(), alias_name: "alias/a".into() });
        let tag = |key_id: Option<&String>, number: usize| TagResource {
            key_id: key_id.cloned(),
            secret_name: key_id.is_none().then(|| "s".into()),
            certificate_id: None,
            tags: format!(r#"[{{"TagKey":"k{}","TagValue":"{number}"}}]"#, number % 10),
        };
        let put = |number: usize| PutSecretValue {
            secret_name: "s".into(),
            version_id: number.to_string(),
            secret_data: number.to_string().into(),
            secret_data_type: None,
            version_stages: None,
        };
        let describe_secret = |number: usize| UpdateSecret {
            secret_name: "s".into(),
            description: Some(MaybeEmpty(number.to_string())),
            extended_config: None,
        };
        let stage = |number: usize| UpdateSecretVersionStage {
            secret_name: "s".into(),
            version_stage: "mine".into(),
            remove_from_version: None,
            move_to_version: Some((AT_ONCE - number % 2).to_string()),
        };
        let id = || one.clone();
        let policy = |number: usize| UpdateRotationPolicy {
            key_id: id(),
            enable_automatic_rotation: true,
            rotation_interval: Some(format!("{}d", 7 + number)),
        };
        let protection = |number: usize| SetDeletionProtection {
            protected_resource_arn: None,
            key_id: Some(id()),
            kms_instance_id: None,
            enable_deletion_protection: number.is_multiple_of(2),
            deletion_protection_description: None,
        };
        let alias = |number: usize| CreateAlias { key_id: id(), alias_name: format!("alias/{number}") };
        let target = |number: usize| UpdateAlias {
            alias_name: "alias/a".into(),
            key_id: if number.is_multiple_of(2) { one.clone() } else { other.clone() },
        };
        let describe = |number: usize| UpdateKeyDescription {
            key_id: id(),
            description: MaybeEmpty(number.to_string()),
        };
        let enable = |number: usize| match number % 2 {
            0 => Request::from(DisableKey { key_id: id() }),
            _ => EnableKey { key_id: id() }.into(),
        };
        let cases: [(&str, Numbered<'_>); 12] = [
            ("tags of a key", Box::new(|number| tag(Some(&one), number).into())),
            ("tags of a secret", Box::new(|number| tag(None, number).into())),
            ("values of a secret", Box::new(|number| put(number).into())),
            ("description of a secret", Box::new(|number| describe_secret(number).into())),
            ("stages of a secret", Box::new(|number| stage(number).into())),
            ("versions of a key", Box::new(|_| CreateKeyVersion { key_id: id() }.into())),
            ("rotation of a key", Box::new(|number| policy(number).into())),
            ("protection of a key", Box::new(|number| protection(number).into())),
            ("aliases of a key", Box::new(|number| alias(number).into())),
            ("targets of an alias", Box::new(|number| target(number).into())),
            ("description of a key", Box::new(|number| describe(number).into())),
            ("state of a key", Box::new(enable)),
        ];
        for (name, request) in cases {
            let requests = (1..=AT_ONCE).map(&request).collect();
            assert_eq!(decisions_of(&kms, requests), AT_ONCE, "{name}");
        }
    }

    /// A refusal depends on accepted changes, and is valid when those are durable.
    #[test]
    fn one_of_many_equal_creations_succeeds_and_the_others_are_refused_when_it_is_durable() {
        let (_data, kms) = open();
        let (origin, key_id) = (kms.owner(), key(&kms));
        let request = || CreateAlias { key_id: key_id.clone(), alias_name: "alias/a".into() };
        let mut calls: Vec<_> = (0..20).map(|_| Box::pin(kms.call(request().into(), &origin))).collect();
        let mut context = Context::from_waker(Waker::noop());
        let is_there = || kms.state.snapshot().unwrap().alias("alias/a").is_some();
        let mut made = 0;
        for call in &mut calls {
            let reply = match call.as_mut().poll(&mut context) {
                std::task::Poll::Ready(reply) => reply,
                std::task::Poll::Pending => pollster::block_on(call),
            };
            assert!(is_there());
            match reply {
                Ok(_) => made += 1,
                Err(error) => assert_eq!(error.code(), ErrorCode::AliasAlreadyExists),
            }
        }
        assert_eq!(made, 1);
    }

    /// As after a panic, which requires a restart.
    #[test]
    fn an_engine_whose_committer_has_ended_is_not_ready() {
        let (_data, kms) = open();
        assert!(kms.is_ready());
        kms.state.committer.stager.staging.lock().is_closed = true;
        kms.state.committer.stager.staging.notify();
        let deadline = Instant::now() + Duration::from_secs(60);
        while kms.is_ready() {
            assert!(Instant::now() < deadline, "clients are still sent to it");
            thread::sleep(Duration::from_millis(1));
        }
        let refused = pollster::block_on(kms.call(CreateKey::default().into(), &kms.owner())).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ServiceUnavailableTemporary);
    }

    #[test]
    fn what_was_decided_on_a_state_that_never_was_is_decided_again() {
        let (data, kms) = open();
        let never =
            Alias { name: "alias/never".parse().unwrap(), key: KeyId::from_bytes([1; 16]), made_by: None };
        // Expects a revision of a row that does not exist.
        let change = Changes::for_test([(Write::Alias(never), 7)]).answering(());
        let (decision, lost) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(change)).unwrap();
        decision.unwrap().unwrap();
        let refused = kms.state.commit(kms.now(), |snapshot| match snapshot.alias("alias/never") {
            Some(_) => Err(ErrorCode::AliasAlreadyExists.into()),
            None => Ok(Changes::none().answering(())),
        });
        pollster::block_on(refused).unwrap();
        let lost = pollster::block_on(lost).unwrap();
        assert!(matches!(lost, Err(CommitError::Conflict)), "{lost:?}");
        let created = key(&kms);
        drop(kms);
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let snapshot = kms.state.snapshot().unwrap();
        assert!(snapshot.alias("alias/never").is_none());
        assert!(snapshot.key(created.parse().unwrap()).is_some());
    }
}
