//! The audit trail of a running engine: which lines a response waits for, and what happens when no line can be written.
//!
//! The line of a request and its line in the log of a server are two views of one record (`auditor/record.rs`), which is built once.
//!
//! A request that changes nothing is answered when its line is written, alone or together with others
//! (`auditor/writer.rs`). The line of a change is part of the change (`state/outbox.rs`), so its answer waits
//! for the commit alone, and a thread writes the line afterwards. Once a second, the thread syncs and seals what was written
//! (`auditor/sealer.rs`); then the outbox drops its lines. While no required sink accepts
//! lines (`auditor/health.rs`), every request is refused.

mod closed;
mod figures;
mod health;
mod location;
mod operator;
#[cfg(test)]
mod power_cuts;
mod record;
mod request_log;
mod sealer;
mod settings;
mod sinks;
#[cfg(test)]
mod sinks_tests;
mod strangers;
mod syncing;
#[cfg(test)]
mod tests;
mod waiting;
mod writer;

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use bulla_keys::Anchor;
use bulla_keys::root::RootKeys;
use bulla_wire::{Error, ErrorCode};
use futures_channel::oneshot;

pub(crate) use self::closed::Closed;
pub use self::figures::AuditFigures;
pub(crate) use self::figures::TrailInUse;
pub use self::health::SinkHealth;
pub use self::location::trail_directory;
pub(crate) use self::location::{behind_files, behind_trail};
pub use self::operator::OperatorCall;
pub use self::record::OutsideRequest;
use self::record::{Answered, Noted, Record};
pub(crate) use self::request_log::LogLine;
pub use self::request_log::RequestLog;
use self::request_log::Unanswered;
use self::sealer::Sealer;
pub use self::settings::AuditOptions;
pub use self::sinks::{AuditOutput, AuditSink};
use self::waiting::Waiting;
use self::writer::{Shared, Writer};
use crate::Kms;
use crate::audit::{
    Content, Event, Gap, Identity, Line, Members, Opening, Progress, PublicKey, ReadError, Time, Trail,
    first_key,
};
use crate::authorize::Inquiry;
use crate::clock::EngineClock;
use crate::open_error::OpenError;
use crate::origin::Caller;
use crate::state::{Changes, Decision, Follower, OutboxLine, SealNote, Snapshot, State};
use crate::store::{Rollback, StoreError};

/// The destinations of the records of requests: the trail of an engine, and the log of a server. Without a trail, no request is
/// refused because of it.
pub(crate) struct Auditor {
    trail: Option<Running>,
    /// The evidence that the store is older than its trail, if this start accepted it.
    accepted: Option<Rollback>,
    /// The log of a server. Commands have none.
    log: OnceLock<Arc<dyn RequestLog>>,
}

struct Running {
    identity: Identity,
    options: AuditOptions,
    /// Whether the thread of the trail writes the lines of requests too: a write, or a sync, may hold up what else the thread of a
    /// request has to do, if that is the only one.
    is_for_thread: bool,
    waiting: Arc<Waiting>,
    shared: Arc<Shared>,
    /// The public key of the first seals, if a chain of keys was begun at this start.
    new_key: Option<PublicKey>,
    /// The lines that the trail lacked at this start.
    gaps: Vec<Gap>,
    thread: Option<JoinHandle<()>>,
}

/// Takes the lines of durable changes before the trail is open.
pub(crate) struct Prepared {
    waiting: Arc<Waiting>,
}

impl Prepared {
    pub(crate) fn new() -> Self {
        Self { waiting: Arc::default() }
    }

    /// The receivers of the lines of changes.
    pub(crate) fn follower(&self) -> Box<dyn Follower> {
        Box::new(Arc::clone(&self.waiting))
    }

    /// Opens the trail, and starts the thread that writes to it.
    ///
    /// # Errors
    /// [`OpenError::Audit`].
    pub(crate) fn open(
        self,
        data: &Path,
        options: &AuditOptions,
        roots: &Arc<RootKeys>,
        state: &State,
        clock: &EngineClock,
        accept_rollback: bool,
    ) -> Result<Auditor, OpenError> {
        let noted = noted(&state.published());
        let mut identity = Identity {
            store: roots.store(),
            node: options.node.clone(),
            epoch: state.anchor().map_or(FIRST_EPOCH, |anchor| anchor.epoch),
        };
        let opening = Opening {
            identity: identity.clone(),
            roots: Arc::clone(roots),
            limits: options.limits,
            noted: noted.as_ref().map(SealNote::position),
            unwritten: noted.as_ref().and_then(SealNote::unwritten),
            now: Time::from(clock.raw()),
        };
        location::claim(data, &options.directory)?;
        let mut trail = Trail::open(&options.directory, opening).map_err(OpenError::Audit)?;
        let behind = accept_behind(data, state, sealed(&trail), accept_rollback)?;
        if behind.is_some() {
            identity.epoch = state.anchor().map_or(identity.epoch, |anchor| anchor.epoch);
            trail.set_epoch(identity.epoch);
        }
        if let Some(rollback) = behind.as_ref().or(state.accepted_rollback()) {
            let content = Content::Event(record::rollback_accepted(rollback));
            let line = Line { time: Time::from(clock.raw()), content };
            self.waiting.push_event(Members::new(&identity, &line));
        }
        self.waiting.mark_written(&trail).map_err(OpenError::Audit)?;
        let new_key = trail.new_first_key();
        let gaps = trail.gaps().to_vec();
        let waiting = self.waiting;
        let outbox = state.outbox_door();
        let writer = Writer::new(
            trail,
            identity.clone(),
            Arc::clone(&waiting),
            outbox,
            clock.source(),
            options.sync_always,
        );
        let shared = Arc::new(Shared::new(writer));
        let is_for_thread =
            options.sync_always || thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        let sealer = Sealer::new(Arc::clone(&shared));
        let thread = thread::Builder::new().name("auditor".into()).spawn(move || sealer.run());
        let thread =
            Some(thread.map_err(|source| OpenError::Directory { path: options.directory.clone(), source })?);
        let trail = Running {
            identity,
            options: options.clone(),
            is_for_thread,
            waiting,
            shared,
            new_key,
            gaps,
            thread,
        };
        Ok(Auditor { trail: Some(trail), accepted: behind, log: OnceLock::new() })
    }
}

impl Follower for Arc<Waiting> {
    fn follow(&self, line: &OutboxLine) {
        self.push_change(line.number, Members::from_rendered(line.members.clone()));
    }
}

impl Auditor {
    /// Returns an engine's auditor without a trail. The trail of an earlier start, which this one does not continue, also shows that the
    /// store is older: it must not be hidden by further commits.
    ///
    /// # Errors
    /// [`OpenError::Store`] if the store is older than that trail and the options do not accept it; [`OpenError::Directory`] if the
    /// trail cannot be read.
    pub(crate) fn without_trail(
        data: &Path,
        state: &State,
        accept_rollback: bool,
    ) -> Result<Self, OpenError> {
        let accepted = match location::sealed_in_files(data)? {
            Some(sealed) => accept_behind(data, state, sealed, accept_rollback)?,
            None => None,
        };
        Ok(Self { trail: None, accepted, log: OnceLock::new() })
    }

    /// Whether there is a trail.
    pub(crate) fn is_on(&self) -> bool {
        self.trail.is_some()
    }

    /// Whether there is a trail or a log, so that records are needed.
    pub(crate) fn takes_records(&self) -> bool {
        self.is_on() || self.log().is_some()
    }

    /// Whether records have the values of encryption contexts.
    pub(crate) fn has_context_values(&self) -> bool {
        self.trail.as_ref().is_some_and(|running| running.options.context_values)
    }

    /// The evidence that the store is older than its trail, if the start accepted it.
    pub(crate) fn accepted_rollback(&self) -> Option<&Rollback> {
        self.accepted.as_ref()
    }

    fn log(&self) -> Option<&dyn RequestLog> {
        self.log.get().map(|log| &**log)
    }

    /// Checks, before a request begins, that its line can be written.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary.
    pub(crate) fn admit(&self) -> Result<(), Error> {
        match &self.trail {
            Some(running) if !running.waiting.health.is_available() => {
                Err(ErrorCode::ServiceUnavailableTemporary.into())
            }
            _ => Ok(()),
        }
    }

    /// Why lines cannot be written, if that is so.
    pub(crate) fn fault(&self) -> Option<String> {
        self.trail.as_ref()?.waiting.health.fault()
    }

    /// Detects a write to the files that has not returned for so long that requests are refused instead of waiting too. A disk
    /// that hangs raises no error.
    pub(crate) fn check(&self) {
        self.trail.iter().for_each(|running| running.waiting.check_write());
    }

    /// Returns the outcome of a request, once its line is written. The line of a change that succeeded was written with the change.
    ///
    /// # Errors
    /// The request's own; ServiceUnavailableTemporary if the line cannot be written.
    pub(crate) async fn answered<T>(
        &self,
        inquiry: &Inquiry<'_>,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.takes_records() || outcome.is_ok() && inquiry.is_recorded() {
            return outcome;
        }
        let (line, members) = {
            let noted = Noted::of(inquiry);
            let answered = outcome.as_ref().map_or_else(Answered::Refused, |_| Answered::Done);
            let snapshot = inquiry.published();
            let record = Record::of(inquiry, &noted, &snapshot, answered, &[]);
            let line = self.line_of(&record);
            let Some(running) = &self.trail else { return outcome };
            let members = || running.members(record);
            if outcome.is_err() && *inquiry.origin().caller() == Caller::Unsigned {
                let connection = inquiry.origin().connection();
                running.waiting.push_stranger(inquiry.elapsed(), connection.source, members);
                return outcome;
            }
            (line, members())
        };
        match self.write(members).await {
            Ok(()) => line.write_waited(),
            Err(error) => {
                line.discard();
                return Err(self.refused(inquiry, error));
            }
        }
        outcome
    }

    /// Returns the error of a request whose line the trail does not accept.
    pub(crate) fn refused(&self, inquiry: &Inquiry<'_>, error: Error) -> Error {
        if self.log().is_some() {
            let noted = Noted::of(inquiry);
            let snapshot = inquiry.published();
            self.line_of(&Record::of(inquiry, &noted, &snapshot, Answered::Refused(&error), &[])).write();
        }
        error
    }

    /// Writes the line of a request that did not reach [`Kms::call`]. The response to a request without a valid signature does not
    /// wait for its line, which may only be counted.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary if the line cannot be written.
    async fn note(&self, kms: &Kms, request: OutsideRequest<'_>) -> Result<(), Error> {
        if !self.takes_records() {
            return Ok(());
        }
        let (line, members) = {
            let snapshot = kms.state.published();
            let record = Record::outside(kms, &snapshot, &request);
            let line = self.line_of(&record);
            let Some(running) = &self.trail else { return Ok(()) };
            let members = || running.members(record);
            if request.is_of_stranger() {
                running.waiting.push_stranger(kms.elapsed(), request.connection.source, members);
                return Ok(());
            }
            (line, members())
        };
        match self.write(members).await {
            Ok(()) => line.write_waited(),
            Err(error) => {
                line.discard();
                self.line_of(&Record::outside(kms, &kms.state.published(), &request).refused(&error)).write();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Renders the line of a record in the log.
    fn line_of(&self, record: &Record<'_>) -> Unanswered<'_> {
        Unanswered::new(self.log(), record.time(), record.request())
    }

    /// Resolves when the line of a request is written to the trail.
    async fn write(&self, line: Members) -> Result<(), Error> {
        match &self.trail {
            Some(running) => running.write(line).await,
            None => Ok(()),
        }
    }

    /// Writes the line of an event without a request that changed nothing in the store.
    pub(crate) fn note_event(&self, time: SystemTime, event: Event<'_>) {
        let Some(running) = &self.trail else { return };
        let line = Line { time: Time::from(time), content: Content::Event(event) };
        running.waiting.push_event(Members::new(&running.identity, &line));
    }

    /// Adds its line to a change that the engine makes without a request. `detail` says more for readers.
    pub(crate) fn with_event(
        &self,
        changes: Changes,
        event: &'static str,
        time: SystemTime,
        resources: &[(&'static str, &str)],
        detail: Option<String>,
    ) -> Changes {
        let Some(running) = &self.trail else { return changes };
        changes.with_line(|| running.event(event, time, resources, detail).as_str().into())
    }

    /// Adds its line to a decision that changes the store.
    pub(crate) fn with_line<T>(
        &self,
        decision: Decision<T>,
        inquiry: &Inquiry<'_>,
        snapshot: &Snapshot,
    ) -> Decision<T> {
        if !self.takes_records() {
            return decision;
        }
        if !decision.changes_something() {
            inquiry.expect_no_line();
            return decision;
        }
        let made = decision.made();
        let noted = Noted::of(inquiry);
        let record = Record::of(inquiry, &noted, snapshot, Answered::Done, &made);
        inquiry.expect_line(self.log().map(|log| LogLine::new(log, record.time(), record.request())));
        match &self.trail {
            Some(running) => decision.with_line(|| running.members(record).as_str().into()),
            None => decision,
        }
    }

    /// Records that the change of a request is durable.
    pub(crate) fn committed(&self, inquiry: &Inquiry<'_>) {
        if let (Some(line), Some(log)) = (inquiry.note_commit(), self.log()) {
            line.write_waited(log);
        }
    }
}

impl Running {
    fn set_sinks(&self, is_file_required: bool, sinks: Vec<AuditSink>, now: SystemTime) -> io::Result<()> {
        let note = |event, name: &str| self.event(event, now, &[("audit-sink", name)], None);
        let set = |writer: &mut Writer| writer.set_sinks(is_file_required, sinks, note);
        let Some(removed) = self.shared.with(set) else { return Ok(()) };
        removed?.into_iter().for_each(sinks::Running::close);
        Ok(())
    }

    /// Resolves when the line of a request is written.
    async fn write(&self, line: Members) -> Result<(), Error> {
        let is_for_thread = self.is_for_thread;
        let mut written = self.waiting.push(line, is_for_thread);
        if !is_for_thread {
            yield_once().await; // requests that are ready too add their lines
            if let Ok(Some(())) = written.try_recv() {
                return Ok(());
            }
            self.shared.write();
        }
        written.await.map_err(|oneshot::Canceled| ErrorCode::ServiceUnavailableTemporary.into())
    }
}

impl Kms {
    /// Returns the public key of the first seals if no earlier key of the audit trail certifies them, because the trail began at this
    /// start or its key was lost: with it, a reader verifies that no sealed line was changed.
    #[must_use]
    pub fn new_audit_key(&self) -> Option<PublicKey> {
        self.auditor.trail.as_ref()?.new_key
    }

    /// Returns the public key that proves that no sealed line of the audit trail was changed, as far back as the trail names one; `None`
    /// without a trail. It does not change while the trail is kept and the key of its seals is not lost. Reads the first lines of
    /// files.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn audit_first_key(&self) -> Result<Option<PublicKey>, ReadError> {
        let Some(running) = &self.auditor.trail else { return Ok(None) };
        first_key(&running.options.directory)
    }

    /// Replaces the sinks beside the files of the audit trail, and sets whether the files are required. Blocks while a removed sink
    /// gets its last lines.
    ///
    /// # Errors
    /// A thread cannot be started; the sinks stay as they are.
    pub fn set_audit_sinks(&self, is_file_required: bool, sinks: Vec<AuditSink>) -> io::Result<()> {
        let Some(running) = &self.auditor.trail else { return Ok(()) };
        running.set_sinks(is_file_required, sinks, self.clock.raw())
    }

    /// Returns the health of the sinks of the audit trail, the files first; none without a trail.
    #[must_use]
    pub fn audit_sinks(&self) -> Vec<SinkHealth> {
        self.auditor.trail.as_ref().map(|running| running.waiting.health.sinks()).unwrap_or_default()
    }

    /// Returns the lines that the audit trail lacked when it was opened. Lines that a stop of the machine took before a seal was over them are `cut`;
    /// others were removed or damaged.
    #[must_use]
    pub fn audit_gaps(&self) -> &[Gap] {
        self.auditor.trail.as_ref().map(|running| &*running.gaps).unwrap_or_default()
    }

    /// Sends `log` a line for each request that is answered from now on, whether or not there is an audit trail. The first log
    /// stays.
    pub fn set_request_log(&self, log: Arc<dyn RequestLog>) {
        let _ = self.auditor.log.set(log);
    }

    /// Writes the line of a request that did not reach [`Kms::call`], such as one without a valid signature, to the audit trail and
    /// the request log.
    ///
    /// # Errors
    /// ServiceUnavailableTemporary if it cannot be written, so the request must not succeed.
    pub async fn note_request(&self, request: OutsideRequest<'_>) -> Result<(), Error> {
        self.auditor.note(self, request).await
    }
}

impl Drop for Running {
    /// Writes and seals the waiting lines.
    fn drop(&mut self) {
        self.waiting.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // if it panicked, nothing waits for it
        }
        let sinks = self.shared.with(Writer::take_sinks).unwrap_or_default();
        sinks.into_iter().for_each(sinks::Running::close);
    }
}

/// The newest seal that the store has noted, also under another name of this machine.
fn noted(snapshot: &Snapshot) -> Option<SealNote> {
    let notes = snapshot.rows_after::<SealNote>(None).map(|row| SealNote::clone(&row.record));
    notes.max_by_key(|note| note.position().number)
}

/// Returns the rollback of a store that is older than a seal of its trail, in a new epoch, if that is accepted.
///
/// # Errors
/// [`OpenError::Store`] if it is not accepted, or the epoch cannot be written.
fn accept_behind(
    data: &Path,
    state: &State,
    sealed: Progress,
    is_accepted: bool,
) -> Result<Option<Rollback>, OpenError> {
    let failed = |source| OpenError::Store { path: data.to_owned(), source };
    let Some(rollback) = behind_seal(state.anchor().map(progress), sealed) else { return Ok(None) };
    if !is_accepted {
        return Err(failed(StoreError::RolledBack(rollback)));
    }
    let ended = if sealed.epoch > Progress::MAX_EPOCH { 0 } else { sealed.epoch };
    state.begin_epoch(ended).map_err(failed)?;
    Ok(Some(rollback))
}

fn sealed(trail: &Trail) -> Progress {
    Progress { epoch: trail.sealed_epoch(), commit: trail.sealed_commit() }
}

fn progress(anchor: Anchor) -> Progress {
    Progress { epoch: anchor.epoch, commit: anchor.commit }
}

/// Returns the rollback of a store that is older than a seal of its trail. A restored store has fewer commits than before, and a later
/// epoch; a store of an earlier version has no progress.
fn behind_seal(store: Option<Progress>, sealed: Progress) -> Option<Rollback> {
    match store {
        None => (sealed.commit > 0).then_some(Rollback::BehindTrail { commit: 0, sealed: sealed.commit }),
        Some(Progress { epoch, .. }) if epoch < sealed.epoch => {
            Some(Rollback::BeforeRestore { epoch, sealed: sealed.epoch })
        }
        Some(Progress { epoch, commit }) => (epoch == sealed.epoch && commit < sealed.commit)
            .then_some(Rollback::BehindTrail { commit, sealed: sealed.commit }),
    }
}

/// Lets other tasks of this thread run.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The epoch of a store that was never restored.
const FIRST_EPOCH: u64 = 1;
