//! Encrypts a file as `Write`.

use std::fmt;
use std::io::{self, Write};

use zeroize::Zeroizing;

use super::error::SealError;
use super::header::Header;
use crate::body_key::BodyKey;
use crate::cobblestone::{CHUNK_LEN, Sealer};

/// Encrypts what is written to it. **Call [`Writer::finish`]**: without its last chunk the file does not open.
#[must_use = "without `finish` the file has no last chunk, and does not open"]
pub struct Writer<W> {
    output: W,
    sealer: Sealer,
    plaintext: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header and begins the body.
    ///
    /// # Errors
    /// [`SealError::Header`] and [`SealError::Write`].
    pub fn new(mut output: W, header: &Header, key: &BodyKey) -> Result<Self, SealError> {
        let sealer = Sealer::new(key, &header.body_context());
        output.write_all(&header.to_bytes()?).map_err(SealError::Write)?;
        output.write_all(sealer.prefix()).map_err(SealError::Write)?;
        Ok(Self { output, sealer, plaintext: Zeroizing::new(Vec::with_capacity(BUFFER)), sealed: Vec::new() })
    }

    /// Seals the remaining plaintext as the last chunk and flushes the output.
    ///
    /// # Errors
    /// [`SealError::Write`] if the output cannot be written.
    pub fn finish(mut self) -> Result<W, SealError> {
        // One chunk more than is full, so that the last one is short.
        self.seal(self.plaintext.len() / CHUNK_LEN + 1).map_err(SealError::Write)?;
        self.output.flush().map_err(SealError::Write)?;
        Ok(self.output)
    }

    fn seal(&mut self, chunks: usize) -> io::Result<()> {
        let chunks =
            self.sealer.take(chunks).map_err(|error| io::Error::new(io::ErrorKind::FileTooLarge, error))?;
        chunks.seal(&self.plaintext, &mut self.sealed);
        self.plaintext.clear();
        self.output.write_all(&self.sealed)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plaintext.len() == BUFFER {
            self.seal(BUFFER / CHUNK_LEN)?;
        }
        let taken = bytes.len().min(BUFFER - self.plaintext.len());
        self.plaintext.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Does nothing, because a chunk that is not full can only be written at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("sealer", &self.sealer).finish_non_exhaustive()
    }
}

/// The number of bytes to seal at once.
const BUFFER: usize = 8 * CHUNK_LEN;
