//! Writes lines: the thread that finds the trail free writes all waiting lines. So a single request is not handed to another
//! thread and back, and concurrent requests share a write.

use std::io;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use rustix::process::nice;

use super::figures::Figures;
use super::health::{FILES, Health};
use super::sinks::{self, Answers, AuditSink};
use super::waiting::{Then, Waiter, Waiting};
#[cfg(test)]
use crate::audit::Latch;
use crate::audit::{
    Content, Directory, Disk, Identity, Line, Members, Position, Sealing, Time, Trail, TrailError, Unwritten,
};
use crate::clock::Clock;
use crate::state::{OutboxDoor, OutboxNumber};

/// The trail, which one thread uses at a time, and the waiting lines.
pub(super) struct Shared {
    pub(super) waiting: Arc<Waiting>,
    writer: Mutex<Writer>,
}

/// The trail, and the state of the lines written to it.
pub(super) struct Writer<D: Directory = Disk> {
    trail: Trail<D>,
    identity: Identity,
    waiting: Arc<Waiting>,
    outbox: OutboxDoor,
    clock: Arc<dyn Clock>,
    sync_always: bool,
    /// The other sinks, which get the same lines as the files.
    sinks: Vec<sinks::Running>,
    /// Lines of changes that could not be written to the files, in order; the outbox has them too.
    kept: Vec<(OutboxNumber, Members)>,
    /// The last written line of a change, in this run or an earlier one.
    written: Option<OutboxNumber>,
    /// Lines of changes that are written and not sealed yet, in order: they are lost with their file.
    unsealed: Vec<(OutboxNumber, Members)>,
    /// The number of lines of requests that could not be written to the files since these stopped.
    missed: u64,
    /// Whether there is a seal that is not durable yet.
    is_sealing: bool,
    /// The requests of lines that other sinks get after that seal.
    held: Vec<oneshot::Sender<()>>,
    /// The highest number up to which the store knows that the files lack lines which other sinks have; 0 if it does not.
    reserved: u64,
    /// Whether the files must not delay other sinks.
    bounds_waits: bool,
}

/// A seal that is not durable yet, and the lines of changes before it.
pub(super) struct Begun<D: Directory = Disk> {
    pub(super) sealing: Option<Sealing<D::File>>,
    written: Option<OutboxNumber>,
    /// The number of [`Writer::unsealed`] lines that it covers.
    changes: usize,
}

impl Shared {
    pub(super) fn new(writer: Writer) -> Self {
        Self { waiting: Arc::clone(&writer.waiting), writer: Mutex::new(writer) }
    }

    /// Writes the waiting lines, unless another thread holds the trail: when it releases it, it checks for more lines, so
    /// none is left.
    pub(super) fn write(&self) {
        self.write_while(|| true);
    }

    /// Writes the waiting lines like [`Shared::write`], but while new ones keep coming and `may_continue` is false, leaves them
    /// to the thread of the trail.
    fn write_while(&self, may_continue: impl Fn() -> bool) {
        while !self.waiting.is_empty() {
            if !may_continue() {
                return self.waiting.leave_to_thread();
            }
            match self.writer.try_lock() {
                Ok(writer) => Held::new(writer, &self.waiting).write_waiting(),
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(_)) => return self.waiting.end(),
            }
        }
    }

    /// Uses the trail when it is free, and then writes the lines that came meanwhile: their requests found it held, and wait.
    /// The thread of the trail, which has other work, does that for a moment only. Returns `None` after a panic, whose effect is unknown.
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        let result = use_it(&mut Held::new(self.writer.lock().ok()?, &self.waiting));
        let begun = Instant::now();
        self.write_while(|| begun.elapsed() < TURN);
        Some(result)
    }
}

/// The trail while a thread holds it. The queue records that, because a write to a disk that hangs does not return.
struct Held<'a> {
    writer: MutexGuard<'a, Writer>,
    waiting: &'a Waiting,
}

impl<'a> Held<'a> {
    fn new(writer: MutexGuard<'a, Writer>, waiting: &'a Waiting) -> Self {
        waiting.hold(true);
        Self { writer, waiting }
    }
}

impl Deref for Held<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        &self.writer
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.waiting.hold(false);
    }
}

impl<D: Directory> Writer<D> {
    pub(super) fn new(
        trail: Trail<D>,
        identity: Identity,
        waiting: Arc<Waiting>,
        outbox: OutboxDoor,
        clock: Arc<dyn Clock>,
        sync_always: bool,
    ) -> Self {
        waiting.figures(|figures| {
            figures.sealed(trail.sealed());
            figures.lost = trail.lost_lines();
        });
        Self {
            trail,
            identity,
            waiting,
            outbox,
            clock,
            sync_always,
            sinks: vec![],
            kept: vec![],
            written: None,
            unsealed: vec![],
            missed: 0,
            is_sealing: false,
            held: vec![],
            reserved: 0,
            bounds_waits: false,
        }
    }

    /// Writes the waiting lines.
    pub(super) fn write_waiting(&mut self) {
        let lines = self.waiting.take();
        let kept = if self.is_stopped() { vec![] } else { mem::take(&mut self.kept) };
        self.write(Batch::new(kept, lines));
    }

    /// Writes lines, and then answers their requests.
    fn write(&mut self, mut batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let requests = batch.answers.len() as u64 + batch.others;
        self.waiting.begin_write(mem::take(&mut batch.answers));
        let written = self.append(&batch.members);
        let mut answers = self.waiting.end_write();
        match written {
            Ok(()) => {
                self.written = batch.changes.last().map(|(number, ..)| *number).or(self.written);
                if self.health().is_file_required() {
                    mem::take(&mut answers).into_iter().for_each(answer);
                }
                self.pass_on(answers);
                self.unsealed.extend(batch.into_changes());
            }
            Err(error) => {
                self.stop(&error); // before the requests are refused
                self.missed += requests;
                self.health().add_missed(FILES, requests);
                if self.health().has_other() {
                    self.trail.append_elsewhere(&batch.members);
                    self.reserve_numbers();
                    self.pass_on(answers);
                }
                self.kept.extend(batch.into_changes());
            }
        }
    }

    /// Passes written lines to the other sinks. The first required one that has the lines answers the requests that still
    /// wait. While a seal is not durable, it and the lines after it are held: a power cut may take them, and who has a seal
    /// can expect to find it in the files.
    fn pass_on(&mut self, answers: Vec<oneshot::Sender<()>>) {
        if self.sinks.is_empty() {
            return;
        }
        self.held.extend(answers);
        if self.is_sealing {
            return;
        }
        let bytes: Arc<[u8]> = self.trail.take_copy().into();
        let answers = mem::take(&mut self.held);
        let answers = (!answers.is_empty()).then(|| Answers::new(answers.into()));
        for sink in &self.sinks {
            sink.push(&bytes, answers.as_ref().filter(|_| sink.is_required));
        }
    }

    /// Passes on the held lines: the seal is durable, or its sync takes so long that the other sinks cannot wait for it.
    pub(super) fn release_lines(&mut self) {
        self.is_sealing = false;
        self.pass_on(vec![]);
    }

    /// Lets the store know, well ahead, which numbers other sinks get and the files do not, so that no number is given twice
    /// and the next start tells which are missing, even if this process is killed.
    fn reserve_numbers(&mut self) {
        let last = self.trail.last_anywhere();
        if last + RESERVE / 2 > self.reserved {
            self.reserved = last + RESERVE;
            self.note_unwritten(Unwritten { up_to: self.reserved, lines: 0 });
        }
    }

    /// Lets the store know the reserved numbers again, if the commit with them has failed.
    fn repeat_reservation(&self) {
        if self.reserved > 0 && self.outbox.unwritten(&self.identity.node) < self.reserved {
            self.note_unwritten(Unwritten { up_to: self.reserved, lines: 0 });
        }
    }

    /// Lets the store know, at the end, which lines the files lack. The next start writes it to them.
    pub(super) fn note_missed_at_end(&mut self) {
        if self.is_stopped() && (self.missed > 0 || self.reserved > 0) {
            self.note_unwritten(Unwritten { up_to: self.trail.last_anywhere(), lines: self.missed });
        }
    }

    fn note_unwritten(&self, unwritten: Unwritten) {
        self.outbox.note_unwritten(&self.identity.node, self.trail.sealed(), unwritten);
    }

    fn append(&mut self, members: &[Members]) -> Result<(), TrailError> {
        if members.is_empty() {
            return Ok(());
        }
        self.trail.append(members)?;
        if self.sync_always {
            self.trail.sync()?;
        }
        Ok(())
    }

    /// Replaces the other sinks. A removed sink first gets a line about that; it is returned, to be closed when the trail is
    /// free. Sinks with the same name are kept.
    pub(super) fn set_sinks(
        &mut self,
        is_file_required: bool,
        configured: Vec<AuditSink>,
        note: impl Fn(&'static str, &str) -> Members,
    ) -> io::Result<Vec<sinks::Running>> {
        self.release_lines(); // removed sinks get no later ones
        let bounds_waits = configured.iter().any(|sink| sink.is_required);
        self.trail.bound_waits(bounds_waits.then_some(DISK_PATIENCE))?;
        self.bounds_waits = bounds_waits;
        let is_running = |name: &str| self.sinks.iter().any(|sink| sink.name == name);
        let requirements: Vec<_> =
            configured.iter().map(|sink| (sink.name.clone(), sink.is_required)).collect();
        let mut added = Vec::new();
        for sink in configured.into_iter().filter(|sink| !is_running(&sink.name)) {
            let health = Arc::clone(&self.waiting.health);
            added.push(sinks::Running::start(sink, &self.identity, Arc::clone(&self.clock), health)?);
        }
        let is_removed = |sink: &sinks::Running| requirements.iter().all(|(name, _)| *name != sink.name);
        let removed = self.sinks.iter().filter(|sink| is_removed(sink)).map(|sink| &*sink.name);
        self.write_events(removed.map(|name| note("audit-sink-removed", name)).collect());
        let (removed, kept) = mem::take(&mut self.sinks).into_iter().partition(is_removed);
        self.sinks = kept;
        for sink in &mut self.sinks {
            sink.is_required = requirements.iter().any(|(name, required)| *required && *name == sink.name);
            self.waiting.health.set_sink(&sink.name, sink.is_required);
        }
        self.health().set_sink(FILES, is_file_required);
        let lines = added.iter().map(|sink| note("audit-sink-added", &sink.name)).collect();
        self.sinks.append(&mut added);
        self.trail.copy_lines(!self.sinks.is_empty());
        self.write_events(lines);
        Ok(removed)
    }

    /// Removes the other sinks, to be closed.
    pub(super) fn take_sinks(&mut self) -> Vec<sinks::Running> {
        mem::take(&mut self.sinks)
    }

    fn write_events(&mut self, lines: Vec<Members>) {
        let waiter = |members| Waiter { members, is_written: false, then: Then::Nothing };
        self.write(Batch::new(vec![], lines.into_iter().map(waiter).collect()));
    }

    /// Checks whether the other sinks accept lines.
    pub(super) fn check_sinks(&self) {
        self.sinks.iter().for_each(sinks::Running::check);
    }

    /// Whether another sink is required, so that the files must not delay it.
    pub(super) fn bounds_waits(&self) -> bool {
        self.bounds_waits
    }

    /// Writes a seal over all written lines. A stopped trail is tried again.
    pub(super) fn begin_seal(&mut self) -> Result<Begun<D>, TrailError> {
        let now = Time::from(self.clock.now());
        self.check_sinks();
        let refused = self.waiting.take_refused();
        self.missed += refused;
        self.health().add_missed(FILES, refused);
        if self.is_stopped() || refused > 0 {
            self.repeat_reservation();
            self.resume(now)?;
        }
        self.trail.check()?;
        let counted = self.waiting.counted_strangers();
        if !counted.is_empty() {
            let line = |strangers| Line { time: now, content: Content::Strangers(strangers) };
            let members = counted.into_iter().map(|strangers| Members::new(&self.identity, &line(strangers)));
            self.trail.append(&members.collect::<Vec<_>>())?;
        }
        self.pass_on(vec![]);
        self.waiting.figures(Figures::seal_begins);
        let sealing = self.trail.begin_seal(self.outbox.commit_number(), now)?;
        self.is_sealing = sealing.is_some();
        Ok(Begun { sealing, written: self.written, changes: self.unsealed.len() })
    }

    /// Completes a synced seal: the outbox deletes the lines before it. Also begins the next file if that is due.
    pub(super) fn finish_seal(&mut self, begun: Begun<D>, is_last: bool) -> Result<(), TrailError> {
        let Begun { sealing, written, changes } = begun;
        let sealed = sealing.map(|sealing| self.trail.finish_seal(sealing)).transpose();
        if sealed.is_ok() {
            self.waiting.figures(|figures| figures.sealed(self.trail.sealed()));
        }
        self.release_lines();
        let sealed = sealed?;
        self.unsealed.drain(..changes);
        if let Some(last) = written {
            self.outbox.forget(last);
        }
        if let Some(sealed) = sealed {
            // After that, so that a line in the store always follows the seal that it has recorded.
            self.outbox.note_seal(&self.identity.node, sealed);
        }
        if self.written == written {
            self.written = None;
        }
        let has_reserved = mem::take(&mut self.reserved) > 0; // and the files have the line about it now
        if is_last || has_reserved || written.is_none() {
            self.outbox.sweep(is_last || has_reserved); // no further change will do it
        }
        if self.trail.rotate_if_due(self.outbox.commit_number(), Time::from(self.clock.now()))? {
            self.tidy();
            self.pass_on(vec![]);
        }
        Ok(())
    }

    /// Continues after an error, if its cause is gone.
    fn resume(&mut self, now: Time) -> Result<(), TrailError> {
        let file = self.trail.file();
        self.trail.resume(self.missed, now)?;
        self.missed = 0;
        self.waiting.figures(|figures| figures.lost = self.trail.lost_lines());
        if self.trail.file() != file {
            // Lines that were written to the file and not sealed may be lost.
            self.kept.splice(0..0, mem::take(&mut self.unsealed));
        }
        self.health().set_fault(FILES, None);
        let kept = Batch::new(mem::take(&mut self.kept), vec![]);
        self.write(kept);
        Ok(())
    }

    /// Compresses and deletes closed files on a separate thread, because that takes seconds. Failed work is repeated after
    /// the next rotation.
    fn tidy(&self) {
        let housekeeping = self.trail.housekeeping();
        let work = move || {
            let _ = nice(LOW_PRIORITY); // of this thread; if it is refused, requests share the cores with it
            housekeeping.run()
        };
        let _ = thread::Builder::new().name("audit-files".into()).spawn(work);
    }

    /// Returns the newest seal, or why the files accept no lines.
    pub(super) fn sealed(&self) -> Result<Position, String> {
        self.health().file_fault().map_or(Ok(self.trail.sealed()), Err)
    }

    pub(super) fn stop(&self, error: &TrailError) {
        self.health().set_fault(FILES, Some(error.to_string()));
    }

    fn is_stopped(&self) -> bool {
        self.health().file_fault().is_some()
    }

    fn health(&self) -> &Health {
        &self.waiting.health
    }
}

#[cfg(test)]
impl Writer {
    /// Lets a test hang the disk of the files.
    pub(super) fn latch(&self) -> Latch {
        self.trail.latch()
    }
}

fn answer(request: oneshot::Sender<()>) {
    let _ = request.send(()); // the caller may have been dropped
}

/// Lines that are written together.
struct Batch {
    members: Vec<Members>,
    /// The lines of changes: their numbers, their indexes in `members`, and whether an earlier run has written them.
    changes: Vec<(OutboxNumber, usize, bool)>,
    answers: Vec<oneshot::Sender<()>>,
    /// The number of lines that nothing waits for.
    others: u64,
}

impl Batch {
    /// Creates a batch: kept lines come first, because their changes are older.
    fn new(kept: Vec<(OutboxNumber, Members)>, lines: Vec<Waiter>) -> Self {
        let room = kept.len() + lines.len();
        let mut batch =
            Self { members: Vec::with_capacity(room), changes: vec![], answers: vec![], others: 0 };
        for (number, members) in kept {
            batch.add(Waiter { members, is_written: false, then: Then::Forget(number) });
        }
        lines.into_iter().for_each(|line| batch.add(line));
        batch
    }

    fn add(&mut self, Waiter { members, is_written, then }: Waiter) {
        match then {
            Then::Answer(answer) => self.answers.push(answer),
            Then::Forget(number) => self.changes.push((number, self.members.len(), is_written)),
            Then::Nothing => self.others += 1,
        }
        if !is_written {
            self.members.push(members);
        }
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.changes.is_empty()
    }

    /// Returns the lines of changes, without those of an earlier run. Requests that still wait are refused.
    fn into_changes(self) -> Vec<(OutboxNumber, Members)> {
        let mut members: Vec<_> = self.members.into_iter().map(Some).collect();
        let unwritten = self.changes.iter().filter(|(.., is_written)| !is_written);
        unwritten.filter_map(|(number, place, _)| Some((*number, members[*place].take()?))).collect()
    }
}

/// How long a thread writes the lines of others before it returns to its own work.
const TURN: Duration = Duration::from_millis(20);
/// The numbers that are reserved at a time for lines that the files do not accept: enough for many seconds.
const RESERVE: u64 = 1 << 20;
/// How long another required sink waits for the files. Shorter than the time that requests wait for a write.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
const LOW_PRIORITY: i32 = 19;
