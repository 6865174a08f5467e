//! Decrypts and verifies files and streams of both formats. Unverified plaintext is never returned.

mod sniffed;
mod to_stream;
mod verify;

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_envelope::native::{Header, MAGIC, OpenError, UnlockError, Unlocked};
use bulla_envelope::text_format::Reader;
use bulla_envelope::{DecryptError, EncryptionContext, KeyService, UnwrappedDataKey};
use rustix::fs::OFlags;

use self::sniffed::Sniffed;
use crate::cache::KeyCache;
use crate::compare::text_is_the_content_of;
use crate::engine::{self, Body, LargeFiles, read_prefix};
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::{Format, looks_like_text};
use crate::options::{DecryptOptions, How};
use crate::output::{Directory, Durability, OutputError, Pending, Target};
use crate::progress::Progress;
use crate::removal::{Removal, refuse_link};
use crate::times::{Agreement, Time};

/// Decrypts files and streams with keys of a KMS.
pub struct Decryptor<K> {
    pub(crate) kms: KeyCache<K>,
    required: EncryptionContext,
    pub(crate) options: DecryptOptions,
    large: LargeFiles,
    progress: Progress,
}

impl<K: KeyService> Decryptor<K> {
    /// Creates a decryptor. A native file must have all pairs of `required` in its context; a text file must have exactly this
    /// context.
    #[must_use]
    pub fn new(kms: K, required: EncryptionContext, options: DecryptOptions) -> Self {
        let kms = KeyCache::new(kms);
        let large = LargeFiles::default();
        Self { kms, required, options, large, progress: Progress::default() }
    }

    /// Returns the progress in bytes of plaintext.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Decrypts the file `from` into the new file `to`.
    ///
    /// # Errors
    /// [`FileError`]; there is no output.
    pub fn decrypt_file(
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
        let done = self.decrypt_open(&source, from, to)?;
        if self.options.conversion.remove_source {
            Directory::sync_published(to)?;
            self.remove_source(Removal::of(from, to)?)?;
        }
        Ok(done)
    }

    /// Decrypts an open file or pipe, called `name`, into the new file `to`.
    ///
    /// # Errors
    /// [`FileError`]; there is no output.
    pub fn decrypt_open(
        &self,
        source: &File,
        name: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<FileSummary, FileError> {
        let metadata = source.metadata().map_err(FileError::Source)?;
        let how =
            How { threads: self.options.conversion.jobs, durability: self.options.conversion.durability };
        self.decrypt(
            Sniffed::new(source, &metadata)?,
            &metadata,
            name.as_ref(),
            &Target::of(to.as_ref())?,
            how,
        )
    }

    /// Decrypts a file of a tree into an open directory. The caller syncs the whole tree later.
    pub(crate) fn decrypt_of_tree(
        &self,
        source: &File,
        metadata: &Metadata,
        from: &Path,
        to: &Path,
        directory: &Arc<Directory>,
    ) -> Result<FileSummary, FileError> {
        let (threads, _turn) = self.large.threads(metadata.len(), self.options.conversion.jobs);
        let how = How { threads, durability: Durability::Later };
        let to = Target::within(directory.clone(), to)?;
        self.decrypt(Sniffed::of_file(source, metadata)?, metadata, from, &to, how)
    }

    fn decrypt(
        &self,
        source: Sniffed<'_>,
        metadata: &Metadata,
        name: &Path,
        to: &Target<'_>,
        how: How,
    ) -> Result<FileSummary, FileError> {
        match to.check(metadata, self.options.conversion.replace) {
            Err(OutputError::Exists) if self.options.resume => {}
            checked => checked?,
        }
        match self.format(source.head(), Some(name))? {
            Format::Native => self.native_to_file(source, metadata, to, how),
            Format::Text => self.text_to_file(source, metadata, to, how),
        }
    }

    /// Removes an encrypted file after checking that its output has its plaintext.
    pub(crate) fn remove_source(&self, removal: Removal<'_>) -> Result<(), FileError> {
        removal.finish(&|source, output| self.reads_back(&source.file, &output.file))
    }

    /// Whether a file has the plaintext of an encrypted one.
    fn reads_back(&self, mut file: &File, output: &File) -> Result<bool, FileError> {
        let mut magic = [0; MAGIC.len()];
        let native = file.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC;
        file.rewind().map_err(FileError::Source)?;
        if native {
            let header = Header::read(&mut file)?;
            let unlocked = self.unlock(&header, &mut file)?;
            let body = body(file, &header, &unlocked)?;
            return Ok(body.is_the_content_of(output, self.options.conversion.jobs, &Progress::default())?);
        }
        let reader = Reader::new(file)?;
        let key = self.unwrap_text(reader.ciphertext_blob())?;
        text_is_the_content_of(reader, &key.data_key, output)
    }

    fn native_to_file(
        &self,
        mut source: Sniffed<'_>,
        metadata: &Metadata,
        to: &Target<'_>,
        how: How,
    ) -> Result<FileSummary, FileError> {
        let (header, prefix) = source.native_head()?;
        let unlocked = header.unlock(&prefix, &self.kms, &self.required, &self.options.allowed)?;
        let modified = match header.source().modified {
            Some((seconds, nanos)) => time(seconds, nanos),
            None => metadata.modified().ok().filter(|_| metadata.is_file()),
        };
        let body = match &source {
            Sniffed::File(source) => {
                let body = Body::of(source.file, metadata.len(), &header, &unlocked.opener)?;
                Some(body.with_head(&source.head))
            }
            Sniffed::Stream(_) => None,
        };
        let summary = |plaintext_len| native_summary(&header, &unlocked, plaintext_len).written_to(to.path);
        if let (Some(body), true) = (&body, self.options.resume)
            && self.is_done(to, body, expected_time(&header, metadata), how.threads)?
        {
            return Ok(FileSummary { already_done: true, ..summary(body.len) });
        }
        let pending = self.create(to, header.source().mode.unwrap_or(0o600) & 0o777)?;
        let plaintext_len = match body {
            Some(body) => {
                body.open_into(pending.file(), how.threads, &self.progress)?;
                body.len
            }
            None => engine::open_stream(source, &header, &unlocked.opener, pending.file(), &self.progress)?,
        };
        pending.publish(modified, how.durability).map_err(|error| to.refusal(error, metadata))?;
        Ok(summary(plaintext_len))
    }

    /// Whether the output is complete already, judged by size and time, and also by content where the file system may have
    /// rounded the time.
    fn is_done(
        &self,
        output: &Target<'_>,
        body: &Body<'_>,
        expected: Time,
        threads: usize,
    ) -> Result<bool, FileError> {
        let Ok((_, found)) = output.open(OFlags::PATH) else { return Ok(false) };
        match Time::of(&found).agrees_with(expected) {
            _ if found.len() != body.len => Ok(false),
            Agreement::None => Ok(false),
            Agreement::Exact => Ok(body.check_end().map(|()| true)?),
            Agreement::Coarse => match output.open(OFlags::RDONLY) {
                Ok((file, _)) => Ok(body.is_the_content_of(&file, threads, &self.progress)?),
                Err(_) => Ok(false),
            },
        }
    }

    /// Decrypts in one pass, into a file that is invisible until the tag is verified.
    fn text_to_file(
        &self,
        source: Sniffed<'_>,
        metadata: &Metadata,
        to: &Target<'_>,
        how: How,
    ) -> Result<FileSummary, FileError> {
        let reader = Reader::new(source)?;
        let UnwrappedDataKey { data_key, key_id, .. } = self.unwrap_text(reader.ciphertext_blob())?;
        let pending = self.create(to, 0o600)?;
        let opened = reader.open_into_discardable(&data_key, pending)?;
        let modified = metadata.modified().ok().filter(|_| metadata.is_file());
        opened.out.publish(modified, how.durability).map_err(|error| to.refusal(error, metadata))?;
        Ok(FileSummary::of_content(key_id, opened.plaintext_len).written_to(to.path))
    }

    fn create(&self, to: &Target<'_>, mode: u32) -> Result<Pending, FileError> {
        // An existing output that is not complete is only replaced on request.
        if self.options.resume && !self.options.conversion.replace && to.exists()? {
            return Err(OutputError::Exists.into());
        }
        Ok(to.create(mode, self.options.conversion.replace)?)
    }

    /// Unlocks a native file. `source` is at the first byte of the body.
    pub(crate) fn unlock(&self, header: &Header, source: impl Read) -> Result<Unlocked, FileError> {
        let prefix = read_prefix(source)?;
        Ok(header.unlock(&prefix, &self.kms, &self.required, &self.options.allowed)?)
    }

    fn unwrap_text(&self, ciphertext_blob: &str) -> Result<UnwrappedDataKey, FileError> {
        let unwrapped = self.kms.unwrap(ciphertext_blob, &self.required).map_err(DecryptError::Kms)?;
        if self.options.allowed.allows(&unwrapped.key_id) {
            Ok(unwrapped)
        } else {
            Err(UnlockError::NotAllowed { keys: vec![unwrapped.key_id] }.into())
        }
    }

    /// Returns the format of a file by its first bytes. A file called `.bulla` must not have the text format, which protects
    /// less, unless the caller chose that format, because an attacker may have replaced the file.
    fn format(&self, head: &[u8], name: Option<&Path>) -> Result<Format, FileError> {
        let found = if head.starts_with(&MAGIC) { Format::Native } else { Format::Text };
        let expected = self.options.format;
        let named_native = name.is_some_and(|name| Format::Native.is_suffix_of(name));
        match (found, expected) {
            (Format::Native, Some(Format::Text)) => Ok(Format::Text), // its reader returns the precise error
            (Format::Text, Some(Format::Native)) => Err(OpenError::NotNative.into()),
            (Format::Text, None) if named_native => {
                if looks_like_text(&head[..head.len().min(MAGIC.len())]) {
                    Err(FileError::UnexpectedText)
                } else {
                    Err(OpenError::NotNative.into())
                }
            }
            _ => Ok(found),
        }
    }
}

impl<K> fmt::Debug for Decryptor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor")
            .field("required", &self.required)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Returns the summary of an unlocked file whose chunks were all opened.
fn native_summary(header: &Header, unlocked: &Unlocked, plaintext_len: u64) -> FileSummary {
    let summary = FileSummary::of_content(unlocked.wrap.key.key_id.clone(), plaintext_len);
    FileSummary { damaged_slot: header.slots().iter().any(Option::is_none), ..summary }
}

/// Returns the modification time of the output.
fn expected_time(header: &Header, source: &Metadata) -> Time {
    header.source().modified.map_or_else(|| Time::of(source), |(seconds, nanos)| Time::new(seconds, nanos))
}

fn time(seconds: i64, nanos: u32) -> Option<SystemTime> {
    let whole = match u64::try_from(seconds) {
        Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
    };
    whole?.checked_add(Duration::from_nanos(nanos.into()))
}

/// Returns the body of an unlocked file.
fn body<'a>(file: &'a File, header: &Header, unlocked: &'a Unlocked) -> Result<Body<'a>, FileError> {
    let file_len = file.metadata().map_err(FileError::Source)?.len();
    Ok(Body::of(file, file_len, header, &unlocked.opener)?)
}
