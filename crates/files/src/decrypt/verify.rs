//! Verifies files: decrypts them without output.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bulla_envelope::KeyService;
use bulla_envelope::text_format::Reader;
use rustix::fs::OFlags;

use super::sniffed::Sniffed;
use super::{Decryptor, body, native_summary};
use crate::engine;
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::Format;
use crate::output::Target;

impl<K: KeyService> Decryptor<K> {
    /// Verifies every chunk of a file.
    ///
    /// # Errors
    /// [`FileError`]. A damaged slot is not an error; it sets [`FileSummary::damaged_slot`].
    pub fn verify_file(&self, path: impl AsRef<Path>) -> Result<FileSummary, FileError> {
        let source = File::open(path.as_ref()).map_err(FileError::Source)?;
        self.verify_open(&source, path)
    }

    /// Verifies every chunk of an open file or pipe, called `name`.
    ///
    /// # Errors
    /// As for [`verify_file`](Self::verify_file).
    pub fn verify_open(&self, source: &File, name: impl AsRef<Path>) -> Result<FileSummary, FileError> {
        let metadata = source.metadata().map_err(FileError::Source)?;
        self.verify(Sniffed::new(source, &metadata)?, Some(name.as_ref()))
    }

    /// Verifies every chunk of a stream.
    ///
    /// # Errors
    /// As for [`verify_file`](Self::verify_file).
    pub fn verify_stream(&self, source: impl Read + Send) -> Result<FileSummary, FileError> {
        self.verify(Sniffed::of_stream(source)?, None)
    }

    /// Verifies every chunk of a file of a tree, where a damaged slot is an error too.
    pub(crate) fn verify_of_tree(&self, place: &Target<'_>) -> Result<FileSummary, FileError> {
        let (source, _) = place.open(OFlags::RDONLY)?;
        match self.verify_open(&source, place.path)? {
            summary if summary.damaged_slot => Err(FileError::DamagedSlot),
            summary => Ok(summary),
        }
    }

    fn verify(&self, mut source: Sniffed<'_>, name: Option<&Path>) -> Result<FileSummary, FileError> {
        match self.format(source.head(), name)? {
            Format::Text => {
                let reader = Reader::new(source)?;
                let key = self.unwrap_text(reader.ciphertext_blob())?;
                let opened = reader.open_into_discardable(&key.data_key, io::sink())?;
                Ok(FileSummary::of_content(key.key_id, opened.plaintext_len))
            }
            Format::Native => {
                let (header, prefix) = source.native_head()?;
                let unlocked = header.unlock(&prefix, &self.kms, &self.required, &self.options.allowed)?;
                let plaintext_len = match source {
                    Sniffed::File(source) => {
                        let body = body(source.file, &header, &unlocked)?;
                        body.verify(self.options.conversion.jobs, &self.progress)?;
                        body.len
                    }
                    // There is no output, so a pipe can be verified in one pass, without a spool.
                    Sniffed::Stream(stream) => {
                        engine::open_stream(stream, &header, &unlocked.opener, io::sink(), &self.progress)?
                    }
                };
                Ok(native_summary(&header, &unlocked, plaintext_len))
            }
        }
    }
}
