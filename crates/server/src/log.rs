//! The log: one line per request on stderr, as `name=value` pairs.
//!
//! ```text
//! time=2026-11-23T21:33:29.004Z request=0c5c3d7e-… from=127.0.0.1 key=LTAI5tExample action=Decrypt status=200 …
//! ```
//!
//! A line is a view of the record from which the audit trail has its line (`log/line.rs`). A thread of its own writes, so a terminal
//! or pipe that no program reads cannot hold up a request: when its queue is full, lines are dropped and counted.

mod line;

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bulla_kms::RequestLog;
use bulla_kms::audit::{Request, Time};
use bulla_wire::Error;

use self::line::RequestLine;

/// The sending end of the log, shared, without blocking.
pub struct Log {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

enum Entry {
    /// As it was rendered.
    Request {
        line: String,
        waited: Option<Duration>,
    },
    Cause {
        request_id: String,
        cause: String,
        time: SystemTime,
    },
    Event {
        text: String,
        time: SystemTime,
    },
    Flush(SyncSender<()>),
}

impl Log {
    /// Starts the thread that writes to `output`, usually stderr.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let (queue, entries) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        thread::Builder::new()
            .name("bulla-log".into())
            .spawn(move || Writer { entries, dropped: counter, reported: 0, output }.run())?;
        Ok(Arc::new(Self { queue, dropped }))
    }

    /// Logs an event that concerns no request. `text` must not contain secrets.
    pub fn event(&self, text: impl Into<String>) {
        self.send(Entry::Event { text: text.into(), time: SystemTime::now() });
    }

    /// Returns how many lines were lost so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything so far is written, but not longer than `limit`.
    pub fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (written, wait) = sync_channel(1);
        let mut flush = Entry::Flush(written);
        while let Err(TrySendError::Full(back)) = self.queue.try_send(flush) {
            if Instant::now() >= deadline {
                return;
            }
            flush = back;
            thread::sleep(GATHER);
        }
        let _ = wait.recv_timeout(deadline.saturating_duration_since(Instant::now())); // too late: not waited for
    }

    /// Logs a request that only the server knows of.
    pub(crate) fn request(&self, request: &Request<'_>) {
        self.write(self.render(Time::from(SystemTime::now()), request), None);
    }

    /// Logs the internal cause of an error, if it has one.
    pub(crate) fn cause(&self, request_id: &str, error: &Error) {
        if let Some(cause) = error.cause() {
            let request_id = request_id.to_owned();
            let cause = chain(cause);
            self.send(Entry::Cause { request_id, cause, time: SystemTime::now() });
        }
    }

    fn send(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl RequestLog for Log {
    fn render(&self, time: Time, request: &Request<'_>) -> String {
        let mut line = String::with_capacity(USUAL_LEN);
        write!(line, "{}", RequestLine { time, request }).expect("a string takes everything");
        line
    }

    fn write(&self, line: String, waited: Option<Duration>) {
        self.send(Entry::Request { line, waited });
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

struct Writer<W> {
    entries: Receiver<Entry>,
    dropped: Arc<AtomicU64>,
    /// The number of those lines that the log has reported.
    reported: u64,
    output: W,
}

impl<W: Write> Writer<W> {
    /// Writes until every sender is dropped. After the first entry of a batch it lets others accumulate: being woken
    /// for each of them would cost the requests more than the writing.
    fn run(mut self) {
        let mut text = String::new();
        while let Ok(first) = self.entries.recv() {
            let mut next = Some(first);
            if !matches!(next, Some(Entry::Flush(_))) {
                thread::sleep(GATHER);
            }
            while let Some(entry) = next {
                self.take(entry, &mut text);
                next = self.entries.try_recv().ok();
            }
            self.write_out(&mut text);
        }
    }

    fn take(&mut self, entry: Entry, text: &mut String) {
        if let Entry::Flush(written) = entry {
            self.write_out(text);
            let _ = written.send(()); // the caller may have stopped waiting
            return;
        }
        writeln!(text, "{entry}").expect("a string takes everything");
        if text.len() >= BATCH_BYTES {
            self.write_out(text);
        }
    }

    fn write_out(&mut self, text: &mut String) {
        let all = self.dropped.load(Ordering::Relaxed);
        let dropped = all - self.reported;
        if dropped > 0 {
            self.reported = all;
            let time = Time::from(SystemTime::now());
            writeln!(text, "time={time} dropped={dropped}").expect("a string takes everything");
        }
        // If the log cannot be written, there is no other place to report that.
        let _ = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        text.clear();
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { line, waited: None } => f.write_str(line),
            Self::Request { line, waited: Some(waited) } => {
                write!(f, "{line} wait_us={}", waited.as_micros())
            }
            Self::Cause { request_id, cause, time } => {
                write!(f, "time={} request={request_id} cause={cause:?}", Time::from(*time))
            }
            Self::Event { text, time } => write!(f, "time={} event={text:?}", Time::from(*time)),
            Self::Flush(_) => Ok(()),
        }
    }
}

/// An error and what caused it, from outside in.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        write!(text, ": {inner}").expect("a string takes everything");
        source = inner.source();
    }
    text
}

/// The number of entries that wait for the writer: at 40,000 requests per second, those of a tenth of a second.
const QUEUE: usize = 4096;
/// How long the writer lets entries accumulate.
const GATHER: Duration = Duration::from_millis(20);
/// Text is written at the latest when it is this long.
const BATCH_BYTES: usize = 64 * 1024;
/// Bytes of the line of a request.
const USUAL_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use bulla_kms::audit::Outcome;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn request(access_key_id: &str) -> Request<'_> {
        Request {
            request_id: "id".into(),
            access_key_id: Some(access_key_id.into()),
            source: Some([127, 0, 0, 1].into()),
            outcome: Outcome { status: 404, code: Some("Forbidden.KeyNotFound".into()) },
            ..Request::default()
        }
    }

    #[test]
    fn writes_one_line_per_request() {
        let output = Shared::default();
        let log = Log::start(output.clone()).unwrap();
        log.request(&request("testid"));
        log.request(&request("a\nb"));
        log.event("stopping\n");
        log.flush(Duration::from_secs(10));
        let text = output.text();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].contains(" request=id from=127.0.0.1 key=testid action=- status=404 code=Forbidden")
        );
        assert!(lines[1].contains(" key=? "), "a line feed of a caller starts no line");
        assert!(lines[2].ends_with(r#" event="stopping\n""#));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn internal_errors_are_logged_with_their_causes() {
        let output = Shared::default();
        let log = Log::start(output.clone()).unwrap();
        log.cause("id", &Error::internal(io::Error::other("disk\nfull")));
        log.cause("id", &Error::invalid("KeyId"));
        log.flush(Duration::from_secs(10));
        assert!(output.text().ends_with("request=id cause=\"disk\\nfull\"\n"));
        assert_eq!(output.text().lines().count(), 1);
    }

    /// An output that blocks until it is released.
    struct Stuck(Receiver<()>, Shared);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_output_delays_no_other_client_and_lost_lines_are_counted() {
        let (release, stuck) = channel();
        let output = Shared::default();
        let log = Log::start(Stuck(stuck, output.clone())).unwrap();
        for _ in 0..QUEUE * 3 {
            log.request(&request("testid"));
        }
        log.flush(Duration::from_millis(50));
        drop(release);
        log.flush(Duration::from_secs(10));
        log.event("later");
        log.flush(Duration::from_secs(10));
        let text = output.text();
        let dropped: usize =
            text.lines().filter_map(|line| line.split_once("dropped=")?.1.parse::<usize>().ok()).sum();
        let written = text.lines().filter(|line| line.contains("key=testid")).count();
        assert!(dropped > 0);
        assert_eq!(written + dropped, QUEUE * 3);
    }
}
