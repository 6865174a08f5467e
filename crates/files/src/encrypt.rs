//! Encrypts files and streams with a data key of the KMS, and stores the wrapped key with the ciphertext.

mod resume;
mod seal;

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bulla_envelope::native::{AllowedKeys, Header, SourceMetadata};
use bulla_envelope::{DecryptError, EncryptionContext, KeyService, text_format};

use crate::cache::KeyCache;
use crate::compare::text_is_the_content_of;
use crate::data_keys::DataKeySet;
use crate::engine::{self, Body, LargeFiles, read_prefix};
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::Format;
use crate::options::{EncryptOptions, How};
use crate::output::{Directory, Durability, OutputError, Target};
use crate::progress::Progress;
use crate::removal::{Removal, refuse_link};
use crate::watched::Watched;

/// Encrypts files and streams under keys of a KMS.
pub struct Encryptor<K> {
    pub(crate) kms: KeyCache<K>,
    keys: Vec<String>,
    context: EncryptionContext,
    pub(crate) options: EncryptOptions,
    shared: Mutex<Option<Arc<DataKeySet>>>,
    /// The ids of `keys`, sorted.
    key_ids: Mutex<Option<Vec<String>>>,
    large: LargeFiles,
    progress: Progress,
}

impl<K: KeyService> Encryptor<K> {
    /// Creates an encryptor. Each of `keys` opens the files. Does not call the KMS yet.
    #[must_use]
    pub fn new(
        kms: K,
        keys: impl IntoIterator<Item = impl Into<String>>,
        context: EncryptionContext,
        options: EncryptOptions,
    ) -> Self {
        Self {
            kms: KeyCache::new(kms),
            keys: keys.into_iter().map(Into::into).collect(),
            context,
            options,
            shared: Mutex::default(),
            key_ids: Mutex::default(),
            large: LargeFiles::default(),
            progress: Progress::default(),
        }
    }

    /// Returns the progress in bytes of plaintext.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Encrypts the file `from` into the new file `to`.
    ///
    /// # Errors
    /// [`FileError`]; there is no output.
    pub fn encrypt_file(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<FileSummary, FileError> {
        let from = from.as_ref();
        let to = to.as_ref();
        let source = File::open(from).map_err(FileError::Source)?;
        if self.options.conversion.remove_source {
            refuse_link(from)?;
        }
        let done = self.encrypt_open(&source, to)?;
        if self.options.conversion.remove_source {
            Directory::sync_published(to)?;
            self.remove_source(Removal::of(from, to)?)?;
        }
        Ok(done)
    }

    /// Encrypts an open file, pipe or device into the new file `to`.
    ///
    /// # Errors
    /// [`FileError`]; there is no output.
    pub fn encrypt_open(&self, source: &File, to: impl AsRef<Path>) -> Result<FileSummary, FileError> {
        let metadata = source.metadata().map_err(FileError::Source)?;
        let sized = is_sized(source, &metadata);
        let how =
            How { threads: self.options.conversion.jobs, durability: self.options.conversion.durability };
        self.encrypt(source, &metadata, sized, &Target::of(to.as_ref())?, how)
    }

    /// Encrypts a file of a tree into an open directory. The caller syncs the whole tree later.
    pub(crate) fn encrypt_of_tree(
        &self,
        source: &File,
        metadata: &Metadata,
        to: &Path,
        directory: &Arc<Directory>,
    ) -> Result<FileSummary, FileError> {
        let sized = metadata.len() > 0 || is_sized(source, metadata);
        let (threads, _turn) = self.large.threads(metadata.len(), self.options.conversion.jobs);
        let how = How { threads, durability: Durability::Later };
        self.encrypt(source, metadata, sized, &Target::within(directory.clone(), to)?, how)
    }

    fn encrypt(
        &self,
        source: &File,
        metadata: &Metadata,
        sized: bool,
        to: &Target<'_>,
        how: How,
    ) -> Result<FileSummary, FileError> {
        if metadata.is_dir() {
            return Err(FileError::Special);
        }
        match to.check(metadata, self.options.conversion.replace) {
            Err(OutputError::Exists) if self.options.resume => {
                return self.done_already(source, metadata, to, how)?.ok_or(OutputError::Exists.into());
            }
            Ok(()) if self.options.resume && to.exists()? => {
                if let Some(done) = self.done_already(source, metadata, to, how)? {
                    return Ok(done);
                }
            }
            checked => checked?,
        }
        let keys = self.data_keys()?;
        let pending = to.create(0o666, self.options.conversion.replace)?;
        let plaintext_len = self.seal(source, metadata, sized, &pending, &keys, how.threads)?;
        let modified = metadata.modified().ok().filter(|_| metadata.is_file());
        pending.publish(modified, how.durability).map_err(|error| to.refusal(error, metadata))?;
        Ok(FileSummary::of_content(keys.key_id().to_owned(), plaintext_len).written_to(to.path))
    }

    /// Encrypts a stream, which cannot be read twice, to another stream. Only the options `format`, `data_key_per_file` and
    /// `region` apply.
    ///
    /// # Errors
    /// [`FileError`]; `output` is incomplete then.
    pub fn encrypt_stream(
        &self,
        source: impl Read + Send,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        let keys = self.data_keys()?;
        let plaintext_len = match self.options.format {
            Format::Native => {
                let new = keys.new_file(SourceMetadata::default())?;
                engine::seal_stream(source, output, &new, &self.progress)?
            }
            Format::Text => keys.seal_text(source, output)?,
        };
        Ok(FileSummary::of_content(keys.key_id().to_owned(), plaintext_len))
    }

    /// Encrypts an open file, pipe or device to a stream.
    ///
    /// # Errors
    /// [`FileError`]; `output` is then incomplete, or differs from the current content of the source.
    pub fn encrypt_open_to_stream(
        &self,
        source: &File,
        output: impl Write,
    ) -> Result<FileSummary, FileError> {
        let before = source.metadata().map_err(FileError::Source)?;
        let mut watched = Watched::new(source, &before).map_err(FileError::Source)?;
        let summary = self.encrypt_stream(&mut watched, output)?;
        watched.check()?;
        Ok(summary)
    }

    /// Removes a source after checking that its output opens, is complete, and has the current content of the source.
    pub(crate) fn remove_source(&self, removal: Removal<'_>) -> Result<(), FileError> {
        removal.finish(&|source, output| match self.options.format {
            Format::Native => self.reads_back(&output.file, &source.file, &source.before),
            Format::Text => self.text_reads_back(&output.file, &source.file),
        })
    }

    /// Returns the data key for a file: the shared one of the run, or a new one if each file has its own.
    fn data_keys(&self) -> Result<Arc<DataKeySet>, FileError> {
        let generate = || DataKeySet::generate(&self.kms, &self.keys, &self.context, &self.options.region);
        if self.options.data_key_per_file || self.options.format == Format::Text {
            return Ok(Arc::new(generate()?));
        }
        // The lock is held during the call, so that all threads share one call.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shared {
            Some(keys) => Ok(keys.clone()),
            None => Ok(shared.insert(Arc::new(generate()?)).clone()),
        }
    }

    fn reads_back(&self, output: &File, source: &File, before: &Metadata) -> Result<bool, FileError> {
        let mut reader = output;
        reader.rewind().map_err(OutputError::from)?;
        let header = Header::read(&mut reader)?;
        let prefix = read_prefix(&mut reader)?;
        let nothing = EncryptionContext::default();
        let unlocked = header.unlock(&prefix, &self.kms, &nothing, &AllowedKeys::all())?;
        let output_len = output.metadata().map_err(OutputError::from)?.len();
        let body = Body::of(output, output_len, &header, &unlocked.opener)?;
        let quiet = Progress::default();
        Ok(body.len == before.len()
            && body.is_the_content_of(source, self.options.conversion.jobs, &quiet)?)
    }

    fn text_reads_back(&self, mut output: &File, source: &File) -> Result<bool, FileError> {
        output.rewind().map_err(OutputError::from)?;
        let reader = text_format::Reader::new(output)?;
        let unwrapped =
            self.kms.unwrap(reader.ciphertext_blob(), &self.context).map_err(DecryptError::Kms)?;
        text_is_the_content_of(reader, &unwrapped.data_key, source)
    }
}

impl<K> fmt::Debug for Encryptor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryptor")
            .field("keys", &self.keys)
            .field("context", &self.context)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Whether the size of a file tells how much there is to read. It does not for pipes, for files of /proc, and for standard input
/// that another process has partly read.
fn is_sized(mut file: &File, metadata: &Metadata) -> bool {
    metadata.is_file()
        && file.stream_position().is_ok_and(|position| position == 0)
        && (metadata.len() > 0 || matches!(file.read_at(&mut [0], 0), Ok(0)))
}
