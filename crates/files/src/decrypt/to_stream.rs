//! Decryption to a stream, whose reader sees each byte at once: nothing unverified is written.

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
    /// Decrypts a stream, which cannot be read twice, to another one.
    ///
    /// Everything that is written was verified, but a truncated or damaged stream is noticed only where it is truncated or
    /// damaged. **So `output` holds a whole plaintext only if this succeeds**; after an error it may hold a genuine beginning
    /// of one. With [`whole`](crate::DecryptOptions::whole), and always in the text format, whose tag comes last, the ciphertext is
    /// first spooled to an unnamed temporary file. Then nothing is written of a truncated stream, and nothing of a text file
    /// that is damaged anywhere.
    ///
    /// Of the options, `format`, `allowed` and `whole` count. A stream has no name that says which format to expect:
    /// [`format`](crate::DecryptOptions::format) refuses the other one.
    ///
    /// # Errors
    /// [`FileError`]; what was written then is not a whole plaintext.
    pub fn decrypt_stream(
        &self,
        source: impl Read + Send,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        self.release(Sniffed::of_stream(source)?, None, output)
    }

    /// Decrypts an open file or pipe, called `name`, to a stream. The end of a file is verified first, so nothing is written
    /// of a truncated file; a pipe is read as by [`decrypt_stream`](Self::decrypt_stream).
    ///
    /// # Errors
    /// [`FileError`]; what was written then is not a whole plaintext, perhaps a genuine beginning of one.
    pub fn decrypt_open_to_stream(
        &self,
        source: &File,
        name: impl AsRef<Path>,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        let metadata = source.metadata().map_err(FileError::Source)?;
        self.release(Sniffed::new(source, &metadata)?, Some(name.as_ref()), output)
    }

    /// Decrypts some bytes of an open native file to a stream. A range that goes beyond the end stops there; the summary
    /// counts the bytes that were written.
    ///
    /// # Errors
    /// [`FileError`]; every chunk is verified before its bytes are written, and the last chunk before all others.
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

    /// Writes the plaintext to `output` as soon as the format and the source allow.
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

    /// Releases each chunk of a native file when it is verified.
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

    /// Releases what a file holds, after its end was verified: the last chunk of a native file, the tag of a text file.
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
