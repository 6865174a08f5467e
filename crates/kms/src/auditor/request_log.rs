//! The request log: the other view of the record from which the audit trail has its line of a request.

use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

use crate::audit::{Request, Time};

/// Takes a line for each answered request, made from the same record as the line of the audit trail.
pub trait RequestLog: Send + Sync + 'static {
    /// Renders a record, before the answer leaves. The record of a change may be rendered several times, and only the text of
    /// the change that was made is written.
    fn render(&self, time: Time, request: &Request<'_>) -> String;

    /// Takes what was rendered, once the request is answered, and must not block. `waited` is how long the answer has waited,
    /// after its record was made, for its change or for its line in the audit trail.
    fn write(&self, line: String, waited: Option<Duration>);
}

/// A rendered line.
pub(crate) struct LogLine {
    text: String,
    made: Instant,
}

/// The line of a request that is not answered yet; `None` without a log. If the client disconnects first, dropping this writes
/// the line, because the trail has one too.
pub(super) struct Unanswered<'l>(Option<(&'l dyn RequestLog, LogLine)>);

impl LogLine {
    pub(super) fn new(log: &dyn RequestLog, time: Time, request: &Request<'_>) -> Self {
        Self { text: log.render(time, request), made: Instant::now() }
    }

    /// Writes the line of a request whose answer has waited since the line was made.
    pub(super) fn write_waited(self, log: &dyn RequestLog) {
        log.write(self.text, Some(self.made.elapsed()));
    }
}

impl<'l> Unanswered<'l> {
    pub(super) fn new(log: Option<&'l dyn RequestLog>, time: Time, request: &Request<'_>) -> Self {
        Self(log.map(|log| (log, LogLine::new(log, time, request))))
    }

    /// Writes the line of a request whose line is in the trail now.
    pub(super) fn write_waited(mut self) {
        if let Some((log, line)) = self.0.take() {
            line.write_waited(log);
        }
    }

    /// Writes the line of a request that waits for nothing.
    pub(super) fn write(self) {
        drop(self);
    }

    /// Writes no line: the answer is another one.
    pub(super) fn discard(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some((log, line)) = mem::take(&mut self.0) {
            log.write(line.text, None);
        }
    }
}

impl fmt::Debug for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
