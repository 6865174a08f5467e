//! Seals the content of a file into its output.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use bulla_envelope::native::{SealError, SourceMetadata};
use bulla_envelope::{KeyService, text_format};

use super::Encryptor;
use crate::data_keys::DataKeySet;
use crate::engine::{self, Body};
use crate::file_error::FileError;
use crate::format::Format;
use crate::output::{OutputError, Pending};
use crate::progress::Progress;
use crate::watched::{Change, Watched};

impl<K: KeyService> Encryptor<K> {
    pub(super) fn seal(
        &self,
        source: &File,
        metadata: &Metadata,
        sized: bool,
        output: &Pending,
        keys: &DataKeySet,
        threads: usize,
    ) -> Result<u64, FileError> {
        let watch = || Watched::new(source, metadata).map_err(FileError::Source);
        if self.options.format == Format::Text {
            let mut watched = watch()?;
            let counted = Counted { source: &mut watched, progress: &self.progress };
            let plaintext_len = keys.seal_text(counted, output.file())?;
            watched.check()?;
            return Ok(plaintext_len);
        }
        if sized && self.seal_sized(source, metadata, output, keys, threads)? {
            return Ok(metadata.len());
        }
        let mut watched = watch()?;
        let new = keys.new_file(SourceMetadata::default())?;
        let plaintext_len = engine::seal_stream(&mut watched, output.file(), &new, &self.progress)?;
        watched.check()?;
        Ok(plaintext_len)
    }

    /// Encrypts a file of a known size with all threads. Returns `false` if the file has another size but did not change, like
    /// files of /sys: the output is then empty again, and the caller must read the file as a stream.
    fn seal_sized(
        &self,
        source: &File,
        before: &Metadata,
        output: &Pending,
        keys: &DataKeySet,
        threads: usize,
    ) -> Result<bool, FileError> {
        let new = keys.new_file(describe(before))?;
        let done = self.progress.bytes();
        let file = output.file();
        let sealed = engine::seal_file(source, before.len(), file, &new, threads, &self.progress);
        let change = || -> Result<_, SealError> {
            Ok(Change::between(before, &source.metadata().map_err(SealError::Read)?))
        };
        match (sealed, change()?) {
            (Ok(()), Change::Nothing) => Ok(true),
            (Ok(()), Change::Status) => {
                let opener = engine::own_opener(file, &new)?;
                let output_len = file.metadata().map_err(OutputError::from)?.len();
                let body = Body::of(file, output_len, &new.header, &opener)?;
                let same = body.is_the_content_of(source, threads, &Progress::default())?;
                if same && change()? != Change::Content { Ok(true) } else { Err(SealError::Changed.into()) }
            }
            (Ok(()), Change::Content) => Err(SealError::Changed.into()),
            (Err(SealError::Changed), Change::Nothing | Change::Status) => {
                self.progress.set_back(done);
                file.set_len(0).map_err(SealError::Write)?;
                Ok(false)
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}

impl DataKeySet {
    /// Returns the length of the plaintext.
    pub(super) fn seal_text(&self, source: impl Read, output: impl Write) -> Result<u64, FileError> {
        let (data_key, wrapped) = self.only_wrap().ok_or(FileError::NotInText)?;
        Ok(text_format::seal(source, output, data_key, &wrapped.ciphertext_blob)?.plaintext_len)
    }
}

/// Returns what a header stores about a regular file.
fn describe(file: &Metadata) -> SourceMetadata {
    let modified = file.modified().ok().map(|time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
        Err(_) => (file.mtime(), u32::try_from(file.mtime_nsec()).unwrap_or(0)),
    });
    SourceMetadata { mode: Some(file.mode() & 0o7777), size: Some(file.len()), modified }
}

/// Counts the bytes that are read.
struct Counted<'a, R> {
    source: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.progress.add(length as u64);
        Ok(length)
    }
}
