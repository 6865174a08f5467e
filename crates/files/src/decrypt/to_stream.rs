//! Decrypts to a stream. Its reader sees the bytes at once and they cannot be taken back, so only verified plaintext is written.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::path::Path;

use bulla_envelope::KeyService;
use bulla_envelope::native::Header;
use bulla_envelope::text_format::Reader;

use super::sniffed::{Sniffed, SniffedStream};
use super::{Decryptor, body, native_summary};
use crate::engine;
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::Format;

impl<K: KeyService> Decryptor<K> {
    /// Decrypts a stream, which cannot be read twice, to another stream.
    ///
    /// Everything that is written was verified, but truncation or damage is only detected at the place where it occurs. **So
    /// `output` has the whole plaintext only if this succeeds**; after an error it may have a genuine beginning. With
    /// [`whole`](crate::DecryptOptions::whole), and always in the text format, whose tag is at the end, the ciphertext is first
    /// spooled to an unnamed temporary file. Then nothing is written for a truncated stream, or for a text file that is damaged
    /// anywhere.
    ///
    /// Only the options `format`, `allowed` and `whole` apply. A stream has no name that determines the expected format; to
    /// refuse one format, set the other with [`format`](crate::DecryptOptions::format).
    ///
    /// # Errors
    /// [`FileError`]; `output` does not have the whole plaintext then.
    pub fn decrypt_stream(
        &self,
        source: impl Read + Send,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        self.release(Sniffed::of_stream(source)?, None, output)
    }

    /// Decrypts an open file or pipe, called `name`, to a stream. The end of a file is verified first, so nothing is written for
    /// a truncated file; a pipe is read as by [`decrypt_stream`](Self::decrypt_stream).
    ///
    /// # Errors
    /// [`FileError`]; `output` does not have the whole plaintext then, but may have a genuine beginning.
    pub fn decrypt_open_to_stream(
        &self,
        source: &File,
        name: impl AsRef<Path>,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        let metadata = source.metadata().map_err(FileError::Source)?;
        self.release(Sniffed::new(source, &metadata)?, Some(name.as_ref()), output)
    }

    /// Decrypts a range of an open native file to a stream. A range beyond the end is cut to the file's length; the summary has
    /// the number of bytes that were written.
    ///
    /// # Errors
    /// [`FileError`]. Every chunk is verified before its bytes are written, and the last chunk before all others.
    pub fn decrypt_range(
        &self,
        mut source: &File,
        range: Range<u64>,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        let header = Header::read(&mut source)?;
        let unlocked = self.unlock(&header, &mut source)?;
        let body = body(source, &header, &unlocked)?;
        let range = range.start.min(body.len)..range.end.min(body.len);
        let written = range.end.saturating_sub(range.start);
        body.open_range(range, output, &self.progress)?;
        Ok(native_summary(&header, &unlocked, written))
    }

    /// Writes the plaintext to `output` as soon as format and source allow.
    fn release(
        &self,
        source: Sniffed<'_>,
        name: Option<&Path>,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        match (self.format(source.head(), name)?, source) {
            (Format::Native, Sniffed::Stream(stream)) if !self.options.whole => {
                self.release_chunks(stream, output)
            }
            (format, Sniffed::Stream(stream)) => self.release_file(format, &stream.spooled()?, output),
            (format, Sniffed::File(source)) => self.release_file(format, source.file, output),
        }
    }

    /// Writes each chunk of a native file after it is verified.
    fn release_chunks(
        &self,
        mut stream: SniffedStream<'_>,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        let header = Header::read(&mut stream)?;
        let unlocked = self.unlock(&header, &mut stream)?;
        let plaintext_len = engine::open_stream(stream, &header, &unlocked.opener, output, &self.progress)?;
        Ok(native_summary(&header, &unlocked, plaintext_len))
    }

    /// Writes the plaintext of a file after its end was verified: the last chunk of a native file, or the tag of a text file.
    fn release_file(
        &self,
        format: Format,
        mut file: &File,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        match format {
            Format::Native => {
                let header = Header::read(&mut file)?;
                let unlocked = self.unlock(&header, &mut file)?;
                let body = body(file, &header, &unlocked)?;
                body.open_range(0..body.len, output, &self.progress)?;
                Ok(native_summary(&header, &unlocked, body.len))
            }
            Format::Text => {
                let reader = Reader::new(file)?;
                let key = self.unwrap_text(reader.ciphertext_blob())?;
                let opened = reader.open_verified(&key.data_key, output)?;
                Ok(FileSummary::of_content(key.key_id, opened.plaintext_len))
            }
        }
    }
}
