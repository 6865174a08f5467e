//! The thread of the trail.

use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use rustix::process::nice;

use super::waiting::{Then, Waiter, Waiting};
use crate::audit::{Content, Identity, Line, Members, Time, Trail, TrailError};
use crate::clock::Clock;
use crate::state::{OutboxDoor, OutboxNumber};

pub(super) struct Writer {
    trail: Trail,
    identity: Identity,
    waiting: Arc<Waiting>,
    outbox: OutboxDoor,
    clock: Arc<dyn Clock>,
    sync_always: bool,
    /// Lines of changes that could not be written, in order; the outbox has them too.
    kept: Vec<(OutboxNumber, Members)>,
    /// The last line of a change that is written, in this run or an earlier one.
    written: Option<OutboxNumber>,
    /// Lines of changes that are written and not sealed yet, in order: they are lost with their file.
    unsealed: Vec<(OutboxNumber, Members)>,
    /// Lines of requests that could not be written since the trail stopped.
    missed: u64,
    next_seal: Instant,
}

impl Writer {
    pub(super) fn new(
        trail: Trail,
        identity: Identity,
        waiting: Arc<Waiting>,
        outbox: OutboxDoor,
        clock: Arc<dyn Clock>,
        sync_always: bool,
    ) -> Self {
        let next_seal = Instant::now() + SEAL_EACH;
        Self {
            trail,
            identity,
            waiting,
            outbox,
            clock,
            sync_always,
            kept: vec![],
            written: None,
            unsealed: vec![],
            missed: 0,
            next_seal,
        }
    }

    /// Writes lines until there will be no more.
    pub(super) fn run(mut self) {
        let mut is_busy = false;
        loop {
            if is_busy {
                thread::sleep(GATHER);
            }
            let limit = self.next_seal.saturating_duration_since(Instant::now());
            let (lines, is_last) = self.waiting.take(limit);
            is_busy = lines.len() > 1 && !is_last;
            let batch = Batch::new(mem::take(&mut self.kept), lines);
            self.write(batch);
            if is_last || Instant::now() >= self.next_seal {
                self.seal(is_last);
                self.next_seal = Instant::now() + SEAL_EACH;
            }
            if is_last {
                return;
            }
        }
    }

    /// Writes lines; then their requests are answered.
    fn write(&mut self, mut batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let written = self.append(&batch.members);
        match written {
            Ok(()) => {
                self.written = batch.changes.last().map(|(number, ..)| *number).or(self.written);
                for answer in mem::take(&mut batch.answers) {
                    let _ = answer.send(()); // the caller may have gone away
                }
                self.unsealed.extend(batch.into_changes());
            }
            Err(error) => {
                self.stop(&error); // before the refusals
                self.missed += batch.answers.len() as u64 + batch.others;
                self.kept = batch.into_changes();
            }
        }
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

    /// Makes everything that is written durable, seals it, and lets the outbox forget it. A trail that has stopped is tried
    /// again.
    fn seal(&mut self, is_last: bool) {
        if let Err(error) = self.try_to_seal(is_last) {
            self.stop(&error);
        }
    }

    fn try_to_seal(&mut self, is_last: bool) -> Result<(), TrailError> {
        let now = Time::from(self.clock.now());
        if self.waiting.fault().is_some() {
            let file = self.trail.file();
            self.trail.resume(self.missed, now)?;
            self.missed = 0;
            if self.trail.file() != file {
                // What was written to the file before, and is not sealed, may be lost.
                self.kept.splice(0..0, mem::take(&mut self.unsealed));
            }
            self.waiting.set_fault(None);
            let kept = Batch::new(mem::take(&mut self.kept), vec![]);
            self.write(kept);
        }
        self.trail.check()?;
        let counted = self.waiting.counted_strangers();
        if !counted.is_empty() {
            let line = |strangers| Line { time: now, content: Content::Strangers(strangers) };
            let members = counted.into_iter().map(|strangers| Members::new(&self.identity, &line(strangers)));
            self.trail.append(&members.collect::<Vec<_>>())?;
        }
        self.trail.seal(self.outbox.commit_number(), now)?;
        self.unsealed.clear();
        let written = self.written.take();
        if let Some(last) = written {
            self.outbox.forget(last);
        }
        if is_last || written.is_none() {
            self.outbox.sweep(); // no change that comes will do it
        }
        if self.trail.rotate_if_due(self.outbox.commit_number(), now)? {
            self.tidy();
        }
        Ok(())
    }

    /// Compresses and deletes closed files, on a thread of its own: that takes seconds. What fails is done after the next
    /// rotation.
    fn tidy(&self) {
        let housekeeping = self.trail.housekeeping();
        let work = move || {
            let _ = nice(LOW_PRIORITY); // of this thread; where it is refused, requests share the cores with it
            housekeeping.run()
        };
        let _ = thread::Builder::new().name("audit-files".into()).spawn(work);
    }

    fn stop(&self, error: &TrailError) {
        self.waiting.set_fault(Some(error.to_string()));
    }
}

impl Drop for Writer {
    /// Also after a panic: a request must not wait for a line that is not written.
    fn drop(&mut self) {
        self.waiting.end();
    }
}

/// Lines that are written together.
struct Batch {
    members: Vec<Members>,
    /// The lines of changes: their numbers, where they are among `members`, and whether an earlier run has written them.
    changes: Vec<(OutboxNumber, usize, bool)>,
    answers: Vec<oneshot::Sender<()>>,
    /// How many lines nothing waits for.
    others: u64,
}

impl Batch {
    /// Lines that were kept first: their changes are older.
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

    /// The lines of changes, without those of an earlier run. Requests that still wait are refused.
    fn into_changes(self) -> Vec<(OutboxNumber, Members)> {
        let mut members: Vec<_> = self.members.into_iter().map(Some).collect();
        let unwritten = self.changes.iter().filter(|(.., is_written)| !is_written);
        unwritten.filter_map(|(number, place, _)| Some((*number, members[*place].take()?))).collect()
    }
}

/// For how long lines gather while requests come side by side: being woken for each line would cost the requests more than
/// writing it. A request alone does not wait.
const GATHER: Duration = Duration::from_micros(100);
const LOW_PRIORITY: i32 = 19;
/// How often what was written is synced and sealed.
const SEAL_EACH: Duration = Duration::from_secs(1);
