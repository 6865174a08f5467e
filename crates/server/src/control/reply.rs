//! Writes the answer to one call, frame by frame.

use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::protocol::{Frame, Line, Progress, Refusal};

/// The write side of a connection.
pub(super) struct Reply {
    stream: UnixStream,
    sent: u64,
    /// The total time spent waiting for the client.
    waited: Duration,
}

/// A part of an answer before its end.
#[derive(Debug)]
pub(super) enum Part {
    Progress(Progress),
    Data(Vec<u8>),
}

impl Reply {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, sent: 0, waited: Duration::ZERO }
    }

    /// Writes a part.
    ///
    /// # Errors
    /// The client has disconnected; `TimedOut` if it reads too slowly.
    pub(super) async fn part(&mut self, part: &Part) -> io::Result<()> {
        match part {
            Part::Progress(progress) => self.line(Frame::Progress(*progress)).await,
            Part::Data(bytes) => {
                self.line(Frame::Data(bytes.len())).await?;
                self.write(bytes).await
            }
        }
    }

    /// Writes the end of the answer. Errors are ignored: the client has disconnected, and nothing depends on it.
    pub(super) async fn end(mut self, outcome: Result<Value, Refusal>) {
        let frame = outcome.map_or_else(|refusal| Frame::Error(refusal.to_error()), Frame::Ok);
        let _ = self.line(frame).await;
    }

    async fn line(&mut self, frame: Frame) -> io::Result<()> {
        self.write(&Line::new(frame).to_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let began = Instant::now();
        let written = timeout(patience(self.sent, self.waited), self.stream.write_all(bytes)).await;
        self.waited += began.elapsed();
        self.sent += bytes.len() as u64;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Returns how long a write may wait for the client. A waiting call may hold a state of the store, whose file grows
/// with every change meanwhile. So the whole answer may take the time that its bytes need at [`SLOWEST`], plus
/// [`PATIENCE`] once.
fn patience(sent: u64, waited: Duration) -> Duration {
    let allowed = PATIENCE + Duration::from_secs(sent / SLOWEST);
    allowed.saturating_sub(waited).min(PATIENCE)
}

const PATIENCE: Duration = Duration::from_secs(30);
/// In bytes per second: a tenth of the speed of a slow disk.
const SLOWEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_reads_slowly_has_patience_for_the_whole_answer_once() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(0, Duration::ZERO), PATIENCE);
        assert_eq!(patience(0, seconds(29)), seconds(1));
        assert_eq!(patience(100 * SLOWEST, seconds(100)), PATIENCE, "it is as fast as it has to be");
        assert_eq!(patience(100 * SLOWEST, seconds(1)), PATIENCE, "nothing is saved up for one pause");
        assert_eq!(patience(100 * SLOWEST, seconds(120)), seconds(10));
        assert_eq!(patience(100 * SLOWEST, seconds(140)), Duration::ZERO);
    }

    /// Neither unread parts nor the end of the answer are waited for.
    #[test]
    fn a_client_without_patience_left_is_cut_off() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        crate::runtime().unwrap().block_on(async {
            ours.set_nonblocking(true).unwrap();
            let mut reply = Reply::new(UnixStream::from_std(ours).unwrap());
            reply.waited = PATIENCE;
            let part = Part::Data(vec![0; 1 << 20]); // more than the kernel buffers
            assert_eq!(reply.part(&part).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            reply.end(Ok(Value::Null)).await;
        });
        drop(theirs);
    }
}
