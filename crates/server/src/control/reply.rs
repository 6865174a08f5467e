//! The answer to one call, written frame by frame.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::protocol::{Frame, Line, Progress, Refusal};

/// The side of a connection that the answer goes to.
pub(super) struct Reply(UnixStream);

/// A part of an answer that is not its end.
#[derive(Debug)]
pub(super) enum Part {
    Progress(Progress),
    Data(Vec<u8>),
}

impl Reply {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// Writes a part.
    ///
    /// # Errors
    /// The client has gone, or does not read.
    pub(super) async fn part(&mut self, part: &Part) -> io::Result<()> {
        match part {
            Part::Progress(progress) => self.line(Frame::Progress(*progress)).await,
            Part::Data(bytes) => {
                self.line(Frame::Data(bytes.len())).await?;
                self.write(bytes).await
            }
        }
    }

    /// Writes the end of the answer. A client that has gone hears nothing, and nothing depends on it.
    pub(super) async fn end(mut self, outcome: Result<Value, Refusal>) {
        let frame = outcome.map_or_else(|refusal| Frame::Error(refusal.to_error()), Frame::Ok);
        let _ = self.line(frame).await;
    }

    async fn line(&mut self, frame: Frame) -> io::Result<()> {
        self.write(&Line::new(frame).to_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.0.write_all(bytes))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// How long a client may read nothing.
const PATIENCE: Duration = Duration::from_secs(30);
