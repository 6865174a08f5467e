//! Opening: the wrapped key first, then, with the data key, the plaintext.

use std::io::{Read, Seek, Write};
use std::{fmt, thread};

use super::error::OpenError;
use super::lines::Lines;
use super::mac_thread::MacThread;
use crate::DataKey;
use crate::eax::{Authenticator, Keystream, Nonce};
use crate::recall::Recall;

/// An input in the text format, read up to its wrapped key.
///
/// The tag that proves everything stands at the end of the input. So there are two ways on:
/// [`open_into_discardable`](Reader::open_into_discardable) for an output that nobody sees before it is
/// complete, and [`open_verified`](Reader::open_verified) for one that is seen at once, such as a pipe.
pub struct Reader<R> {
    lines: Lines<R>,
    ciphertext_blob: String,
    nonce: Nonce,
}

/// An output that holds a whole, verified plaintext.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened<W> {
    /// The output that was given.
    pub out: W,
    /// Bytes of plaintext.
    pub plaintext_len: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the first two lines, some KiB at most.
    ///
    /// # Errors
    /// [`OpenError::NotTextFormat`] for anything that does not begin with a wrapped key;
    /// [`OpenError::Truncated`], [`OpenError::Damaged`] and [`OpenError::Read`].
    pub fn new(input: R) -> Result<Self, OpenError> {
        let mut lines = Lines::new(input);
        let ciphertext_blob = lines.ciphertext_blob()?;
        let nonce = Nonce(lines.block(2)?);
        Ok(Self { lines, ciphertext_blob, nonce })
    }

    /// The wrapped data key, base64, for [`KeyService::unwrap`](crate::KeyService::unwrap).
    #[must_use]
    pub fn ciphertext_blob(&self) -> &str {
        &self.ciphertext_blob
    }

    /// Decrypts into `out` in one pass, **before it is known whether the plaintext is genuine**.
    ///
    /// Therefore `out` moves in and comes back only once the tag has agreed; otherwise it is dropped, and
    /// with it must go what was written: an unnamed temporary file, a file that removes itself, memory.
    /// Never pass standard output, a pipe, or a reference to something that stays: that is what
    /// [`open_verified`](Reader::open_verified) is for.
    ///
    /// # Errors
    /// [`OpenError`], with `out` gone.
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

    /// Reads to the end and verifies the tag, showing each chunk of ciphertext to `each` on the way.
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
    /// Verifies the tag in a first pass, then decrypts into `out` in a second pass, releasing only chunks
    /// that are those of the first.
    ///
    /// So nothing is written if the input is not genuine, and nothing but the genuine plaintext if the input
    /// changes in between. `out` may be a reference, as with any `Write`.
    ///
    /// # Errors
    /// [`OpenError::Changed`] or [`OpenError::Read`] in the second pass, and [`OpenError::Write`],
    /// after a genuine beginning of the plaintext; every other [`OpenError`] before the first byte.
    pub fn open_verified<W: Write>(mut self, data_key: &DataKey, mut out: W) -> Result<Opened<W>, OpenError> {
        let third_line = self.lines.position()?;
        let mut recall = Recall::new();
        self.authenticate(data_key, |chunk| {
            recall.push(chunk);
            Ok(())
        })?;

        self.lines.go_to(third_line)?;
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

/// A line that was whole in the first pass is not damaged in the second but another one.
fn changed_unless_unread(error: OpenError) -> OpenError {
    match error {
        OpenError::Read(_) => error,
        _ => OpenError::Changed,
    }
}
