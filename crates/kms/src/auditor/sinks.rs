//! The sinks of lines besides the files of the trail, such as syslog. Each sink has a queue and a thread, so that none delays
//! another.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use super::health::Health;
use crate::audit::{Content, Gap, GapReason, Identity, Line, Members, Time};
use crate::clock::Clock;

/// A destination of lines besides the files of the trail.
pub struct AuditSink {
    /// Its name in the log and in lines of the trail. Sinks with the same name are the same sink.
    pub name: String,
    /// Whether a request may be answered when this sink has its line, even if no file has it.
    pub is_required: bool,
    /// Writes the lines.
    pub output: Box<dyn AuditOutput>,
}

/// Writes lines of the audit trail, on its own thread.
pub trait AuditOutput: Send + 'static {
    /// Writes whole lines, each of which ends in LF. It may block for a few seconds. After an error it is called again with
    /// the same lines, and reconnects if necessary.
    ///
    /// # Errors
    /// The lines may be lost.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
}

/// The requests that are answered when the first required sink has their lines.
pub(super) type Answers = Arc<Mutex<Vec<oneshot::Sender<()>>>>;

/// A running sink.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) is_required: bool,
    queue: Arc<Queue>,
}

struct Queue {
    name: String,
    state: Mutex<State>,
    changed: Condvar,
    health: Arc<Health>,
}

#[derive(Default)]
struct State {
    /// Waiting lines.
    parts: VecDeque<Part>,
    /// The lines that the output is writing.
    writing: Vec<Part>,
    /// The number of bytes of all these lines.
    bytes: usize,
    /// When the output began the current write.
    writes_since: Option<Instant>,
    is_closed: bool,
    has_ended: bool,
}

impl State {
    /// Releases the requests whose lines wait or are being written.
    fn refuse_all(&mut self) {
        self.parts.iter_mut().chain(&mut self.writing).for_each(Part::refuse);
    }
}

enum Part {
    Lines {
        bytes: Arc<[u8]>,
        answers: Option<Answers>,
    },
    /// A number of lines for which the queue had no space.
    Missed(u64),
}

impl Running {
    /// Starts the thread of a sink.
    pub(super) fn start(
        sink: AuditSink,
        identity: &Identity,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
    ) -> io::Result<Self> {
        let AuditSink { name, is_required, output } = sink;
        health.set_sink(&name, is_required);
        let state = Mutex::default();
        let queue = Arc::new(Queue { name: name.clone(), state, changed: Condvar::new(), health });
        let work = Sender { queue: Arc::clone(&queue), output, identity: identity.clone(), clock };
        thread::Builder::new().name("audit-sink".into()).spawn(move || work.run())?;
        Ok(Self { name, is_required, queue })
    }

    /// Adds lines. If the queue is full, they count as missed, and `answers` are left to other sinks.
    pub(super) fn push(&self, bytes: &Arc<[u8]>, answers: Option<&Answers>) {
        let mut state = self.queue.lock();
        // An empty queue takes lines of any size: those that were held during a long sync come together.
        if state.bytes > 0 && state.bytes + bytes.len() > ROOM {
            let missed = lines(bytes);
            self.queue.health.add_missed(&self.name, missed);
            match state.parts.back_mut() {
                Some(Part::Missed(more)) => *more += missed,
                _ => state.parts.push_back(Part::Missed(missed)),
            }
            return;
        }
        state.bytes += bytes.len();
        state.parts.push_back(Part::Lines { bytes: Arc::clone(bytes), answers: answers.cloned() });
        drop(state);
        self.queue.changed.notify_one();
    }

    /// Checks whether the output has not returned for so long that requests cannot wait for it.
    pub(super) fn check(&self) {
        let state = &mut *self.queue.lock();
        if state.writes_since.is_some_and(|since| since.elapsed() > PATIENCE) {
            self.queue.health.set_fault(&self.name, Some("lines have waited for five seconds".into()));
            state.refuse_all();
        }
    }

    /// Closes the sink. Waits a few seconds for the waiting lines to be written.
    pub(super) fn close(self) {
        let mut state = self.queue.lock();
        state.is_closed = true;
        self.queue.changed.notify_all();
        let is_at_work = |state: &mut State| !state.has_ended;
        drop(self.queue.changed.wait_timeout_while(state, PATIENCE, is_at_work));
        self.queue.health.remove_sink(&self.name);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines; false on closing.
    fn wait(&self) -> bool {
        let is_idle = |state: &mut State| state.parts.is_empty() && !state.is_closed;
        let waited = self.changed.wait_while(self.lock(), is_idle);
        !waited.unwrap_or_else(PoisonError::into_inner).parts.is_empty()
    }

    /// Waits before another attempt; false on closing.
    fn pause(&self) -> bool {
        let mut state = self.lock();
        state.writes_since = None;
        let is_open = |state: &mut State| !state.is_closed;
        let waited = self.changed.wait_timeout_while(state, RETRY, is_open);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.writes_since = Some(Instant::now());
        !state.is_closed
    }
}

/// The thread of a sink.
struct Sender {
    queue: Arc<Queue>,
    output: Box<dyn AuditOutput>,
    identity: Identity,
    clock: Arc<dyn Clock>,
}

impl Sender {
    fn run(mut self) {
        while self.queue.wait() && self.send() {}
    }

    /// Writes the waiting lines, retrying as often as necessary. False if it gave up because the sink is closed.
    fn send(&mut self) -> bool {
        let bytes = self.take();
        while let Err(error) = self.output.write(&bytes) {
            self.queue.health.set_fault(&self.queue.name, Some(error.to_string())); // before the requests are refused
            self.queue.lock().refuse_all();
            if !self.queue.pause() {
                return false;
            }
        }
        self.queue.health.set_fault(&self.queue.name, None);
        let mut state = self.queue.lock();
        state.writes_since = None;
        let written = mem::take(&mut state.writing);
        state.bytes -= written.iter().map(Part::len).sum::<usize>();
        drop(state);
        written.into_iter().for_each(Part::answer);
        true
    }

    fn take(&self) -> Vec<u8> {
        let mut state = self.queue.lock();
        state.writes_since = Some(Instant::now());
        state.writing = state.parts.drain(..).collect();
        state.writing.iter().fold(Vec::new(), |mut bytes, part| {
            match part {
                Part::Lines { bytes: lines, .. } => bytes.extend_from_slice(lines),
                Part::Missed(lines) => bytes.extend_from_slice(self.missed(*lines).as_bytes()),
            }
            bytes
        })
    }

    /// Returns the line about lines that this sink has missed. It belongs to no chain.
    fn missed(&self, lines: u64) -> String {
        let gap = Gap { reason: GapReason::Missed, from: None, to: None, lines: Some(lines) };
        let line = Line { time: Time::from(self.clock.now()), content: Content::Gap(gap) };
        format!("{{{}}}\n", Members::new(&self.identity, &line).as_str())
    }
}

impl Drop for Sender {
    /// Also after a panic of the output, so that no request waits for it.
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.has_ended = true;
        if !state.is_closed {
            self.queue.health.set_fault(&self.queue.name, Some("its thread has ended".into()));
        }
        state.parts.clear();
        state.writing.clear();
        self.queue.changed.notify_all();
    }
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::Lines { bytes, .. } => bytes.len(),
            Self::Missed(_) => 0,
        }
    }

    fn answer(self) {
        let Self::Lines { answers: Some(answers), .. } = self else { return };
        let answers = mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
        for answer in answers {
            let _ = answer.send(()); // the caller may have been dropped
        }
    }

    /// Releases the requests that wait for this sink: if they wait for no other one, they are refused.
    fn refuse(&mut self) {
        if let Self::Lines { answers, .. } = self {
            *answers = None;
        }
    }
}

impl fmt::Debug for AuditSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, is_required, output: _ } = self;
        f.debug_struct("AuditSink")
            .field("name", name)
            .field("is_required", is_required)
            .finish_non_exhaustive()
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Maximum bytes of waiting lines.
const ROOM: usize = 4 << 20;
/// How long requests wait for a sink, and a closing engine for the last lines.
const PATIENCE: Duration = Duration::from_secs(5);
/// The delay between two attempts.
const RETRY: Duration = Duration::from_secs(1);
