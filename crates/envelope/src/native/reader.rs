//! Decrypts a file as `Read`, and as `Seek` if the input can seek.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use zeroize::Zeroizing;

use super::error::{OpenError, UnlockError};
use super::header::Header;
use super::unlock::{AllowedKeys, Unlocked};
use crate::cobblestone::{
    CHUNK_LEN, Opener, PREFIX_LEN, SEALED_CHUNK_LEN, TAG_LEN, plaintext_len, sealed_offset,
};
use crate::{EncryptionContext, KeyService};

/// A file whose header was read but not verified yet.
pub struct Reader<R> {
    input: R,
    header: Header,
    prefix: [u8; PREFIX_LEN],
}

/// The plaintext of a file. Each chunk is verified before its plaintext is returned.
///
/// For a truncated input, reading returns the genuine beginning and then an error of kind `UnexpectedEof` instead of the end; for
/// a damaged one, an error of kind `InvalidData`. [`OpenReader::seekable`] detects truncation before the first byte.
pub struct OpenReader<R> {
    input: R,
    opener: Opener,
    body_offset: u64,
    size: Option<u64>,
    next_chunk: u64,
    sealed: Vec<u8>,
    plaintext: Zeroizing<Vec<u8>>,
    at: usize,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`OpenError`] if the header cannot be read or is malformed.
    pub fn new(mut input: R) -> Result<Self, OpenError> {
        let header = Header::read(&mut input)?;
        let mut prefix = [0; PREFIX_LEN];
        input.read_exact(&mut prefix).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => OpenError::Truncated,
            _ => OpenError::Read(error),
        })?;
        Ok(Self { input, header, prefix })
    }

    /// Returns the header, whose fields are unauthenticated.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the first bytes of the body: salt and commitment.
    #[must_use]
    pub fn prefix(&self) -> &[u8; PREFIX_LEN] {
        &self.prefix
    }

    /// Unlocks the file with the KMS and returns its plaintext; see [`Header::unlock`].
    ///
    /// # Errors
    /// [`UnlockError`] if no wrapped key unlocks it.
    pub fn unlock(
        self,
        kms: &dyn KeyService,
        required: &EncryptionContext,
        allowed: &AllowedKeys,
    ) -> Result<OpenReader<R>, UnlockError> {
        let unlocked = self.header.unlock(&self.prefix, kms, required, allowed)?;
        Ok(self.open(unlocked))
    }

    /// Returns the plaintext of a file that is unlocked already.
    #[must_use]
    pub fn open(self, unlocked: Unlocked) -> OpenReader<R> {
        OpenReader {
            input: self.input,
            opener: unlocked.opener,
            body_offset: self.header.len() as u64,
            size: self.header.source().size,
            next_chunk: 0,
            sealed: Vec::new(),
            plaintext: Zeroizing::new(Vec::new()),
            at: 0,
            ended: false,
        }
    }
}

impl<R: Read> OpenReader<R> {
    /// Opens the next chunks. There are none after the short one.
    fn refill(&mut self) -> Result<(), OpenError> {
        self.at = 0;
        self.plaintext.clear();
        self.sealed.clear();
        let limit = (AT_ONCE * SEALED_CHUNK_LEN) as u64;
        self.input.by_ref().take(limit).read_to_end(&mut self.sealed).map_err(OpenError::Read)?;
        let rest = self.sealed.len() % SEALED_CHUNK_LEN;
        match rest {
            0 if self.sealed.is_empty() => return Err(OpenError::Truncated),
            // Returns the full chunks first; the next call finds the input truncated.
            1..TAG_LEN if self.sealed.len() > rest => self.sealed.truncate(self.sealed.len() - rest),
            1..TAG_LEN => return Err(OpenError::Truncated),
            _ => {}
        }
        self.opener.open(self.next_chunk, &self.sealed, &mut self.plaintext)?;
        let ended = rest >= TAG_LEN;
        if ended && self.size.is_some_and(|size| size != self.plaintext_end()) {
            self.plaintext.clear();
            return Err(OpenError::Size);
        }
        // Set only now, so that a caller that reads on after an error does not get an end of file.
        self.ended = ended;
        self.next_chunk += self.sealed.len().div_ceil(SEALED_CHUNK_LEN) as u64;
        Ok(())
    }

    /// Returns the offset of the end of the plaintext that was just opened.
    fn plaintext_end(&self) -> u64 {
        self.next_chunk * CHUNK_LEN as u64 + self.plaintext.len() as u64
    }
}

impl<R: Read + Seek> OpenReader<R> {
    /// Verifies the last chunk first, so that a truncated file returns no plaintext.
    ///
    /// # Errors
    /// [`OpenError`] if the file is truncated, damaged, or cannot be read.
    pub fn seekable(mut self) -> Result<SeekReader<R>, OpenError> {
        let file_len = self.input.seek(SeekFrom::End(0)).map_err(OpenError::Read)?;
        let length = plaintext_len(file_len.saturating_sub(self.body_offset)).ok_or(OpenError::Truncated)?;
        if self.size.is_some_and(|size| size != length) {
            return Err(OpenError::Size);
        }
        self.size = Some(length);
        let mut reader = SeekReader { reader: self, length, position: length };
        reader.seek_to_chunk(length / CHUNK_LEN as u64).map_err(OpenError::Read)?;
        reader.reader.refill()?;
        reader.seek(SeekFrom::Start(0)).map_err(OpenError::Read)?;
        Ok(reader)
    }
}

/// The plaintext of a file with random access. Its length is verified.
pub struct SeekReader<R> {
    reader: OpenReader<R>,
    length: u64,
    position: u64,
}

impl<R: Read + Seek> SeekReader<R> {
    /// Returns the length of the plaintext.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a length of a stream, not a collection")]
    pub fn len(&self) -> u64 {
        self.length
    }

    fn seek_to_chunk(&mut self, chunk: u64) -> io::Result<()> {
        let reader = &mut self.reader;
        reader.input.seek(SeekFrom::Start(reader.body_offset + sealed_offset(chunk)))?;
        reader.next_chunk = chunk;
        reader.ended = false;
        reader.plaintext.clear();
        reader.at = 0;
        Ok(())
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.at == self.plaintext.len() {
            if self.ended {
                return Ok(0);
            }
            self.refill().map_err(to_io)?;
        }
        let length = buffer.len().min(self.plaintext.len() - self.at);
        buffer[..length].copy_from_slice(&self.plaintext[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

impl<R: Read> Read for SeekReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length {
            return Ok(0);
        }
        let length = self.reader.read(buffer)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl<R: Read + Seek> Seek for SeekReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        if position < self.length {
            self.seek_to_chunk(position / CHUNK_LEN as u64)?;
            let skip = position % CHUNK_LEN as u64;
            io::copy(&mut self.reader.by_ref().take(skip), &mut io::sink())?;
        }
        self.position = position;
        Ok(position)
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, next_chunk, ended, .. } = self;
        f.debug_struct("OpenReader")
            .field("size", size)
            .field("next_chunk", next_chunk)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for SeekReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, position, reader: _ } = self;
        f.debug_struct("SeekReader")
            .field("length", length)
            .field("position", position)
            .finish_non_exhaustive()
    }
}

fn to_io(error: OpenError) -> io::Error {
    match error {
        OpenError::Read(error) => error,
        OpenError::Truncated => io::Error::new(io::ErrorKind::UnexpectedEof, error),
        _ => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// The number of chunks to read at once.
const AT_ONCE: usize = 8;
