//! Opens a file: reads the wrapped key first, then decrypts with the data key.

use std::io::{Read, Seek, Write};
use std::{fmt, thread};

use super::error::OpenError;
use super::lines::Lines;
use super::mac_thread::MacThread;
use crate::DataKey;
use crate::eax::{Authenticator, Keystream, Nonce};
use crate::recall::Recall;

/// An input in the text format, read up to and including its nonce.
///
/// The tag that authenticates the plaintext is at the end of the input. So there are two ways to decrypt:
/// [`open_into_discardable`](Reader::open_into_discardable) for an output that is invisible until it is complete, and
/// [`open_verified`](Reader::open_verified) for one that is visible at once, such as a pipe.
pub struct Reader<R> {
    lines: Lines<R>,
    ciphertext_blob: String,
    nonce: Nonce,
}

/// An output with a complete, verified plaintext.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened<W> {
    /// The output that the caller passed.
    pub out: W,
    /// The length of the plaintext in bytes.
    pub plaintext_len: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the first two lines, at most a few KiB.
    ///
    /// # Errors
    /// [`OpenError::NotTextFormat`] if the input does not begin with a wrapped key; [`OpenError::Truncated`],
    /// [`OpenError::Damaged`] or [`OpenError::Read`] if the nonce cannot be read.
    pub fn new(input: R) -> Result<Self, OpenError> {
        let mut lines = Lines::new(input);
        let ciphertext_blob = lines.ciphertext_blob()?;
        let nonce = Nonce(lines.block(2)?);
        Ok(Self { lines, ciphertext_blob, nonce })
    }

    /// Returns the wrapped data key in base64, for [`KeyService::unwrap`](crate::KeyService::unwrap).
    #[must_use]
    pub fn ciphertext_blob(&self) -> &str {
        &self.ciphertext_blob
    }

    /// Decrypts into `out` in one pass, **before the plaintext is verified**.
    ///
    /// Therefore this takes `out` by value and returns it only after the tag matched. Otherwise it drops `out`, which must
    /// discard what was written: pass an unnamed temporary file, a file that deletes itself, or memory. Never pass standard
    /// output, a pipe, or a reference to an output that survives; use [`open_verified`](Reader::open_verified) for those.
    ///
    /// # Errors
    /// [`OpenError`]; `out` is dropped.
    pub fn open_into_discardable<W: Write>(
        mut self,
        data_key: &DataKey,
        mut out: W,
    ) -> Result<Opened<W>, OpenError> {
        let mut keystream = Keystream::new(data_key, &self.nonce);
        let mut plaintext = Vec::new();
        let mut plaintext_len = 0;
        self.authenticate(data_key, |chunk| {
            keystream.apply(chunk, &mut plaintext);
            plaintext_len += plaintext.len() as u64;
            out.write_all(&plaintext).map_err(OpenError::Write)
        })?;
        out.flush().map_err(OpenError::Write)?;
        Ok(Opened { out, plaintext_len })
    }

    /// Reads to the end and verifies the tag; calls `each` with each chunk of ciphertext.
    fn authenticate(
        &mut self,
        data_key: &DataKey,
        mut each: impl FnMut(&[u8]) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        thread::scope(|scope| {
            let authenticator = Authenticator::new(data_key, &self.nonce);
            let mac = MacThread::start(scope, authenticator).map_err(OpenError::Thread)?;
            let mut ciphertext = self.lines.ciphertext();
            let mut chunk = mac.buffer();
            while ciphertext.next(&mut chunk)? {
                each(&chunk)?;
                mac.update(chunk);
                chunk = mac.buffer();
            }
            let tag = self.lines.block(4)?;
            self.lines.end()?;
            mac.finish().verify(&tag).map_err(|_| OpenError::Tampered)
        })
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Verifies the tag in a first pass, then decrypts into `out` in a second pass, which writes only chunks that are equal to
    /// those of the first.
    ///
    /// So an input that is not genuine writes nothing, and an input that changes between the passes writes only genuine
    /// plaintext. `out` may be a reference, as with any `Write`.
    ///
    /// # Errors
    /// [`OpenError::Changed`] or [`OpenError::Read`] in the second pass, and [`OpenError::Write`], after a genuine beginning of
    /// the plaintext was written; every other [`OpenError`] before the first byte.
    pub fn open_verified<W: Write>(mut self, data_key: &DataKey, mut out: W) -> Result<Opened<W>, OpenError> {
        let third_line = self.lines.position()?;
        let mut recall = Recall::new();
        self.authenticate(data_key, |chunk| {
            recall.push(chunk);
            Ok(())
        })?;

        self.lines.seek_to(third_line)?;
        let mut ciphertext = self.lines.ciphertext();
        let mut keystream = Keystream::new(data_key, &self.nonce);
        let mut chunk = Vec::new();
        let mut plaintext = Vec::new();
        let mut plaintext_len = 0;
        for index in 0..recall.len() {
            let found = ciphertext.next(&mut chunk).map_err(changed_unless_unread)?;
            if !found || !recall.knows(index, &chunk) {
                return Err(OpenError::Changed);
            }
            keystream.apply(&chunk, &mut plaintext);
            out.write_all(&plaintext).map_err(OpenError::Write)?;
            plaintext_len += plaintext.len() as u64;
        }
        out.flush().map_err(OpenError::Write)?;
        Ok(Opened { out, plaintext_len })
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("ciphertext_blob", &self.ciphertext_blob).finish_non_exhaustive()
    }
}

/// Converts an error of the second pass: a line that was intact in the first pass is not damaged but replaced.
fn changed_unless_unread(error: OpenError) -> OpenError {
    match error {
        OpenError::Read(_) => error,
        _ => OpenError::Changed,
    }
}
