//! Calls that take long or return much data: each runs on a thread of low priority, one at a time.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::nice;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::protocol::{DATA_BYTES, Progress, Refusal};
use super::reply::{Part, Reply};

/// The thread of long calls. Threads of the runtime wait for it only with `await`, because it waits for them.
#[derive(Clone)]
pub(crate) struct LongCalls {
    place: Arc<Semaphore>,
    is_stopping: Arc<AtomicBool>,
}

/// Sends the parts of a long call to its client.
pub(super) struct Feed {
    parts: mpsc::Sender<Part>,
    is_stopping: Arc<AtomicBool>,
    /// When the last progress was sent.
    reported: Instant,
}

/// The result of the work, with the permit, which must be free before the client makes the next call.
type End<T> = (Result<T, Refusal>, OwnedSemaphorePermit);

impl LongCalls {
    pub(super) fn new() -> Self {
        let place = Arc::new(Semaphore::new(1));
        Self { place, is_stopping: Arc::default() }
    }

    /// Runs `work` on the thread, and sends its parts to the client.
    ///
    /// # Errors
    /// The error of the work; [`Refusal::OtherLongCall`]; [`Refusal::Disconnected`] or [`Refusal::Slow`] for the client, after
    /// which the work soon ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        reply: &mut Reply,
        work: impl FnOnce(&mut Feed) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.place).try_acquire_owned().map_err(|_| Refusal::OtherLongCall)?;
        let (parts, mut sent) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let feed = Feed { parts, is_stopping: Arc::clone(&self.is_stopping), reported: Instant::now() };
        start(place, feed, end, work)?;
        while let Some(part) = sent.recv().await {
            reply.part(&part).await.map_err(|error| Refusal::of_client(&error))?;
        }
        let (outcome, _place) =
            ended.await.map_err(|_| Refusal::Failed("the call ended with a panic".into()))?;
        outcome
    }

    /// Cancels the running call and refuses further ones. Waits until the call has released the engine, but not longer
    /// than `limit`.
    pub(crate) async fn end(&self, limit: Duration) {
        self.is_stopping.store(true, Ordering::Relaxed);
        if let Ok(Ok(place)) = timeout(limit, self.place.acquire()).await {
            place.forget();
        }
    }
}

fn start<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    mut feed: Feed,
    end: oneshot::Sender<End<T>>,
    work: impl FnOnce(&mut Feed) -> Result<T, Refusal> + Send + 'static,
) -> Result<(), Refusal> {
    let run = move || {
        let _ = nice(LOW_PRIORITY); // of this thread; if refused, requests share the cores with it
        let outcome = work(&mut feed);
        let _ = end.send((outcome, place)); // the client may have disconnected
    };
    let thread = thread::Builder::new().name("control".into()).spawn(run);
    thread.map(drop).map_err(|error| Refusal::Failed(format!("no thread can be started: {error}")))
}

impl Feed {
    /// Sends the progress of the call, at most once a second. Breaks if the client has disconnected or the server
    /// stops.
    pub(super) fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        if self.is_stopping.load(Ordering::Relaxed) || self.parts.is_closed() {
            return ControlFlow::Break(());
        }
        if self.reported.elapsed() < REPORT_INTERVAL {
            return ControlFlow::Continue(());
        }
        self.reported = Instant::now();
        self.send(Part::Progress(progress)).map_or(ControlFlow::Break(()), ControlFlow::Continue)
    }

    /// Returns why the call was cancelled.
    pub(super) fn end(&self) -> Refusal {
        if self.is_stopping.load(Ordering::Relaxed) { Refusal::Stopping } else { Refusal::Disconnected }
    }

    fn send(&self, part: Part) -> io::Result<()> {
        self.parts.blocking_send(part).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Written bytes are data of the answer.
impl io::Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(io::Error::other("the server is being stopped"));
        }
        let part = &bytes[..bytes.len().min(DATA_BYTES)];
        if !part.is_empty() {
            self.send(Part::Data(part.to_owned()))?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The number of parts that may wait for the client.
const QUEUE: usize = 4;
const LOW_PRIORITY: i32 = 19;
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::{Value, json};
    use tokio::net::UnixStream;

    use super::super::client::ControlClient;
    use super::*;

    /// An answer of `work`, and the data and result that its client gets.
    fn answer(
        calls: &LongCalls,
        work: impl FnOnce(&mut Feed) -> Result<Value, Refusal> + Send + 'static,
    ) -> (Vec<u8>, Result<Value, String>) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let client = thread::spawn(move || {
            let mut data = Vec::new();
            let result = ControlClient::over(theirs).answer_to(&mut data, |_| {});
            (data, result.map_err(|error| error.to_string()))
        });
        crate::runtime().unwrap().block_on(async {
            ours.set_nonblocking(true).unwrap();
            let mut reply = Reply::new(UnixStream::from_std(ours).unwrap());
            let outcome = calls.run(&mut reply, work).await;
            reply.end(outcome).await;
        });
        client.join().unwrap()
    }

    #[test]
    fn data_arrives_whole_and_before_the_result() {
        let calls = LongCalls::new();
        let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_be_bytes()[3]).collect();
        let sent = content.clone();
        let (data, result) = answer(&calls, move |feed| {
            feed.write_all(&sent[..10]).and_then(|()| feed.write_all(&sent[10..])).unwrap();
            Ok(json!({ "bytes": sent.len() }))
        });
        assert!(data == content, "{} bytes", data.len());
        assert_eq!(result.unwrap(), json!({ "bytes": 3_000_000 }));
        let (data, result) = answer(&calls, |feed| {
            feed.write_all(b"half").unwrap();
            Err(Refusal::Failed("the disk is full".into()))
        });
        assert_eq!((&*data, result), (&b"half"[..], Err("the disk is full".into())));
    }

    #[test]
    fn there_is_one_at_a_time_and_the_next_one_when_it_is_answered() {
        let calls = LongCalls::new();
        for _ in 0..20 {
            assert_eq!(answer(&calls, |_| Ok(json!({}))).1, Ok(json!({})));
        }
        thread::scope(|scope| {
            let (go, waits) = std::sync::mpsc::channel();
            let (started, is_started) = std::sync::mpsc::channel();
            let calls = &calls;
            let first = scope.spawn(move || {
                answer(calls, move |_| {
                    started.send(()).unwrap();
                    waits.recv().unwrap();
                    Ok(json!({}))
                })
            });
            is_started.recv().unwrap();
            let refused = answer(calls, |_| Ok(json!({}))).1.unwrap_err();
            assert!(refused.contains("busy"), "{refused}");
            go.send(()).unwrap();
            assert_eq!(first.join().unwrap().1, Ok(json!({})));
        });
    }

    /// The first client does not read until its answer is complete except for the queued parts; other clients call
    /// meanwhile.
    #[test]
    fn a_client_that_does_not_read_blocks_no_thread_of_the_runtime() {
        const LIMIT: Duration = Duration::from_secs(20);
        let mut only_one = tokio::runtime::Builder::new_multi_thread();
        let runtime = only_one.worker_threads(1).enable_all().build().unwrap();
        let runtime = Box::leak(Box::new(runtime)); // dropping a runtime that hangs would hang as well
        let calls = Arc::new(LongCalls::new());
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (outcomes, outcome) = std::sync::mpsc::channel();
        let call = |stream: std::os::unix::net::UnixStream, parts: usize| {
            let (calls, outcomes) = (Arc::clone(&calls), outcomes.clone());
            let (written, is_written) = std::sync::mpsc::channel();
            runtime.spawn(async move {
                stream.set_nonblocking(true).unwrap();
                let mut reply = Reply::new(UnixStream::from_std(stream).unwrap());
                let work = move |feed: &mut Feed| {
                    (0..parts).for_each(|_| feed.write_all(&[7; DATA_BYTES]).unwrap());
                    let _ = written.send(()); // some calls are not waited for
                    Ok(json!({}))
                };
                let outcome = calls.run(&mut reply, work).await;
                outcomes.send((parts, outcome.clone())).unwrap();
                reply.end(outcome).await;
            });
            is_written
        };
        let parts = QUEUE + 1; // one in transit, and a queue without room for the end
        call(ours, parts).recv_timeout(LIMIT).unwrap();
        for _ in 0..20 {
            drop(call(std::os::unix::net::UnixStream::pair().unwrap().0, 0));
            let refused = outcome.recv_timeout(LIMIT).expect("the runtime answers");
            assert_eq!(refused, (0, Err(Refusal::OtherLongCall)));
            thread::sleep(Duration::from_millis(5)); // the thread of the first one reaches its end
        }
        let mut data = Vec::new();
        ControlClient::over(theirs).answer_to(&mut data, |_| {}).unwrap();
        assert_eq!((data.len(), outcome.recv().unwrap()), (parts * DATA_BYTES, (parts, Ok(json!({})))));
        drop(call(std::os::unix::net::UnixStream::pair().unwrap().0, 0));
        assert_eq!(outcome.recv_timeout(LIMIT).unwrap(), (0, Ok(json!({}))));
    }

    #[test]
    fn it_ends_with_its_client_and_with_the_server() {
        let calls = LongCalls::new();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(theirs);
        let endless = |feed: &mut Feed| {
            while feed.write_all(&[0; 1000]).is_ok() && feed.progress(Progress::default()).is_continue() {}
            Err(feed.end())
        };
        let runtime = crate::runtime().unwrap();
        runtime.block_on(async {
            ours.set_nonblocking(true).unwrap();
            let mut reply = Reply::new(UnixStream::from_std(ours).unwrap());
            assert_eq!(calls.run(&mut reply, endless).await, Err(Refusal::Disconnected));
        });
        runtime.block_on(calls.end(Duration::MAX)); // its thread ends, so this returns
        let calls = LongCalls::new();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let read = thread::spawn(move || ControlClient::over(theirs).answer_to(&mut io::sink(), |_| {}));
        ours.set_nonblocking(true).unwrap();
        let is_stopping = Arc::clone(&calls.is_stopping);
        runtime.block_on(async {
            let mut reply = Reply::new(UnixStream::from_std(ours).unwrap());
            let stop = tokio::task::spawn_blocking(move || is_stopping.store(true, Ordering::Relaxed));
            let outcome = calls.run(&mut reply, endless).await;
            assert_eq!(outcome, Err(Refusal::Stopping));
            stop.await.unwrap();
            reply.end(outcome).await;
        });
        assert_eq!(read.join().unwrap().unwrap_err().to_string(), "the server is being stopped");
        runtime.block_on(calls.end(Duration::MAX));
    }
}
