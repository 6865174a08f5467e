//! Encrypting files and streams: a data key from the KMS, the content sealed with it, the wrapped key kept with it.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use bulla_envelope::native::{AllowedKeys, Header, SealError, Source, UnlockError};
use bulla_envelope::{DataKey, DecryptError, EncryptionContext, KeyService, KeyServiceError, text_format};
use rustix::fs::OFlags;

use crate::cache::KeyCache;
use crate::data_keys::DataKeySet;
use crate::engine::{self, Body, LargeFiles, Progress, read_prefix};
use crate::file_error::FileError;
use crate::output::{Directory, Durability, OutputError, Pending, Target};
use crate::removal::Removal;
use crate::times::{Agreement, Time};
use crate::watched::{Change, Watched};

/// A format of encrypted files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `.bulla`: [`bulla_envelope::native`].
    #[default]
    Native,
    /// `.cipher`: [`bulla_envelope::text_format`], four lines of base64; each file has a data key of its own.
    Text,
}

/// How files are encrypted. The default: one data key for all, nothing replaced, durable, all cores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EncryptOptions {
    /// The format of the output.
    pub format: Format,
    /// Whether each file gets a data key of its own, at the price of a call to the KMS for each.
    pub data_key_per_file: bool,
    /// Replace outputs that exist.
    pub replace: bool,
    /// Take an output that exists for done, if it opens and was made from the source as it is.
    pub resume: bool,
    /// Remove a source after its output was read back and verified.
    pub remove_source: bool,
    /// When the output must be safe from a loss of power.
    pub durability: Durability,
    /// Threads at once.
    pub jobs: usize,
    /// Files of a tree at once. More than `jobs` make sense for a remote KMS, because each of them waits for it.
    pub files: usize,
    /// The region of the KMS, to be noted in the files; empty if it has none.
    pub region: String,
    /// Directories that are part of no tree: those that the keys lie in.
    pub spared: Vec<PathBuf>,
}

/// Encrypts files and streams under some keys of a KMS.
pub struct Encryptor<K> {
    pub(crate) kms: KeyCache<K>,
    keys: Vec<String>,
    context: EncryptionContext,
    pub(crate) options: EncryptOptions,
    shared: Mutex<Option<Arc<DataKeySet>>>,
    /// The ids of `keys`, in order.
    key_ids: Mutex<Option<Vec<String>>>,
    large: LargeFiles,
    progress: Progress,
}

/// How one file is written.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) threads: usize,
    pub(crate) durability: Durability,
}

/// What came of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Where the output is.
    pub output: PathBuf,
    /// The key that the KMS used.
    pub key_id: String,
    /// Bytes of plaintext.
    pub plaintext_len: u64,
    /// It was there already, and nothing was written.
    pub already: bool,
    /// A slot of the file is damaged; the other one served.
    pub damaged_slot: bool,
}

/// The suffix of a format, with its dot.
#[must_use]
pub fn suffix(format: Format) -> &'static str {
    match format {
        Format::Native => ".bulla",
        Format::Text => ".cipher",
    }
}

impl Default for EncryptOptions {
    fn default() -> Self {
        Self {
            format: Format::Native,
            data_key_per_file: false,
            replace: false,
            resume: false,
            remove_source: false,
            durability: Durability::Synced,
            jobs: all_cores(),
            files: all_cores(),
            region: String::new(),
            spared: Vec::new(),
        }
    }
}

/// As many threads as there are cores to run them.
#[must_use]
pub fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl<K: KeyService> Encryptor<K> {
    /// Any one of `keys` will open the files. Asks the KMS nothing yet.
    #[must_use]
    pub fn new(kms: K, keys: Vec<String>, context: EncryptionContext, options: EncryptOptions) -> Self {
        Self {
            kms: KeyCache::new(kms),
            keys,
            context,
            options,
            shared: Mutex::default(),
            key_ids: Mutex::default(),
            large: LargeFiles::default(),
            progress: Progress::new(0),
        }
    }

    /// Bytes of plaintext done so far.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Encrypts the file `from` to the new file `to`.
    ///
    /// # Errors
    /// [`FileError`], and no output.
    pub fn encrypt_file(&self, from: &Path, to: &Path) -> Result<Done, FileError> {
        let source = File::open(from).map_err(FileError::Source)?;
        if self.options.remove_source {
            refuse_link(from)?;
        }
        let done = self.encrypt_open(&source, to)?;
        if self.options.remove_source {
            Directory::sync_published(to)?;
            self.remove_source(Removal::of(from, to)?)?;
        }
        Ok(done)
    }

    /// Encrypts an open file, pipe or device to the new file `to`.
    ///
    /// # Errors
    /// [`FileError`], and no output.
    pub fn encrypt_open(&self, source: &File, to: &Path) -> Result<Done, FileError> {
        let metadata = source.metadata().map_err(FileError::Source)?;
        let sized = is_sized(source, &metadata);
        let how = How { threads: self.options.jobs, durability: self.options.durability };
        self.encrypt(source, &metadata, sized, &Target::of(to)?, how)
    }

    /// Encrypts a file of a tree into a directory that is open already; the whole tree is synced later.
    pub(crate) fn encrypt_of_tree(
        &self,
        (source, metadata): (File, Metadata),
        to: &Path,
        directory: &Arc<Directory>,
    ) -> Result<Done, FileError> {
        let sized = metadata.len() > 0 || is_sized(&source, &metadata);
        let (threads, _turn) = self.large.threads(metadata.len(), self.options.jobs);
        let how = How { threads, durability: Durability::Later };
        self.encrypt(&source, &metadata, sized, &Target::within(directory.clone(), to)?, how)
    }

    fn encrypt(
        &self,
        source: &File,
        metadata: &Metadata,
        sized: bool,
        to: &Target<'_>,
        how: How,
    ) -> Result<Done, FileError> {
        if metadata.is_dir() {
            return Err(FileError::Special);
        }
        match to.check(metadata, self.options.replace) {
            Err(OutputError::Exists) if self.options.resume => {
                return self.done_already((source, metadata), to, how)?.ok_or(OutputError::Exists.into());
            }
            Ok(()) if self.options.resume && to.is_there()? => {
                if let Some(done) = self.done_already((source, metadata), to, how)? {
                    return Ok(done);
                }
            }
            checked => checked?,
        }
        let keys = self.data_keys()?;
        let pending = to.create(0o666, self.options.replace)?;
        let plaintext_len = self.seal(source, metadata, sized, &pending, (&keys, how.threads))?;
        let modified = metadata.modified().ok().filter(|_| metadata.is_file());
        pending.publish(modified, how.durability)?;
        let key_id = keys.key_id().to_owned();
        Ok(Done { output: to.path.to_owned(), key_id, plaintext_len, already: false, damaged_slot: false })
    }

    /// Encrypts a stream, which cannot be read twice, to another one. Gives the id of the key.
    ///
    /// # Errors
    /// [`FileError`]; what was written then is no whole file.
    pub fn encrypt_stream(&self, source: impl Read + Send, output: impl Write) -> Result<String, FileError> {
        let keys = self.data_keys()?;
        match self.options.format {
            Format::Native => {
                let (header, key) = keys.header(Source::default())?;
                engine::seal_stream(source, output, (&header, &key), &self.progress)?;
            }
            Format::Text => keys.seal_text(source, output)?,
        }
        Ok(keys.key_id().to_owned())
    }

    /// Encrypts an open file, pipe or device to a stream. Gives the id of the key.
    ///
    /// # Errors
    /// [`FileError`]; what was written then is no whole file, or not what the source is now.
    pub fn encrypt_open_to_stream(&self, source: &File, output: impl Write) -> Result<String, FileError> {
        let before = source.metadata().map_err(FileError::Source)?;
        let mut watched = Watched::new(source, &before).map_err(FileError::Source)?;
        let key_id = self.encrypt_stream(&mut watched, output)?;
        watched.check()?;
        Ok(key_id)
    }

    /// Removes a source whose output opens, is whole, and was made from it as it is now.
    pub(crate) fn remove_source(&self, removal: Removal<'_>) -> Result<(), FileError> {
        removal.finish(&|source, output| match self.options.format {
            Format::Native => self.reads_back(&output.file, &source.file, &source.before),
            Format::Text => self.text_reads_back(&output.file, &source.file),
        })
    }

    fn seal(
        &self,
        source: &File,
        metadata: &Metadata,
        sized: bool,
        output: &Pending,
        (keys, threads): (&DataKeySet, usize),
    ) -> Result<u64, FileError> {
        let watch = || Watched::new(source, metadata).map_err(FileError::Source);
        if self.options.format == Format::Text {
            let mut watched = watch()?;
            let mut counted = Counted { source: &mut watched, read: 0, progress: &self.progress };
            keys.seal_text(&mut counted, output.file())?;
            let plaintext_len = counted.read;
            watched.check()?;
            return Ok(plaintext_len);
        }
        if sized && self.seal_sized(source, metadata, output, (keys, threads))? {
            return Ok(metadata.len());
        }
        let mut watched = watch()?;
        let (header, key) = keys.header(Source::default())?;
        let plaintext_len =
            engine::seal_stream(&mut watched, output.file(), (&header, &key), &self.progress)?;
        watched.check()?;
        Ok(plaintext_len)
    }

    /// Encrypts a file of a known size, on all threads. False if it does not have that size, and did not change either, as
    /// the files of /sys: then the output is empty again, and the file is to be read as a stream.
    fn seal_sized(
        &self,
        source: &File,
        before: &Metadata,
        output: &Pending,
        (keys, threads): (&DataKeySet, usize),
    ) -> Result<bool, FileError> {
        let (header, key) = keys.header(describe(before))?;
        let (done, file) = (self.progress.load(Ordering::Relaxed), output.file());
        let sealed = engine::seal_file(source, before.len(), file, (&header, &key), threads, &self.progress);
        let change = || -> Result<_, SealError> {
            Ok(Change::between(before, &source.metadata().map_err(SealError::Read)?))
        };
        match (sealed, change()?) {
            (Ok(()), Change::Nothing) => Ok(true),
            (Ok(()), Change::Status) => {
                let opener = engine::own_opener(file, &header, &key)?;
                let output_len = file.metadata().map_err(OutputError::from)?.len();
                let body = Body::of(file, output_len, &header, &opener)?;
                let same = body.is_the_content_of(source, threads, &Progress::new(0))?;
                match same && change()? != Change::Content {
                    true => Ok(true),
                    false => Err(SealError::Changed.into()),
                }
            }
            (Ok(()), Change::Content) => Err(SealError::Changed.into()),
            (Err(SealError::Changed), Change::Nothing | Change::Status) => {
                self.progress.store(done, Ordering::Relaxed);
                file.set_len(0).map_err(SealError::Write)?;
                Ok(false)
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// The data key of this file: that of the run, unless each file or the format wants one of its own.
    fn data_keys(&self) -> Result<Arc<DataKeySet>, FileError> {
        let generate = || DataKeySet::generate(&self.kms, &self.keys, &self.context, &self.options.region);
        if self.options.data_key_per_file || self.options.format == Format::Text {
            return Ok(Arc::new(generate()?));
        }
        // Held while the KMS is asked: one call for all threads.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shared {
            Some(keys) => Ok(keys.clone()),
            None => Ok(shared.insert(Arc::new(generate()?)).clone()),
        }
    }

    /// An output that opens by the keys of this run and no others, is whole, and was made from the source as it is.
    /// Looks at the last chunk only, unless the source is where times are rounded: then at all of it.
    fn done_already(
        &self,
        (file, source): (&File, &Metadata),
        to: &Target<'_>,
        how: How,
    ) -> Result<Option<Done>, FileError> {
        if self.options.format == Format::Text {
            return Ok(None); // says nothing about its source
        }
        let Ok((mut output, _)) = to.open(OFlags::RDONLY) else { return Ok(None) }; // a link is no output of ours
        let Ok(header) = Header::read(&mut output) else { return Ok(None) };
        let Ok(prefix) = read_prefix(&mut output) else { return Ok(None) };
        let noted = header.source().modified.map(|(seconds, nanos)| Time::new(seconds, nanos));
        let times = noted.map_or(Agreement::None, |noted| Time::of(source).agrees_with(noted));
        let size = header.source().size == Some(source.len());
        if !size || times == Agreement::None || *header.context() != self.context {
            return Ok(None);
        }
        let mut opened = Vec::new();
        for wrap in header.wraps() {
            match header.try_wrap(wrap, &prefix, &self.kms, &AllowedKeys::all()) {
                Ok(unlocked) => opened.push(unlocked),
                Err(UnlockError::Kms(error)) if !is_about_the_wrap(&error) => return Err(error.into()),
                Err(_) => return Ok(None),
            }
        }
        let mut ids: Vec<_> = opened.iter().map(|unlocked| unlocked.wrap.key.key_id.clone()).collect();
        ids.sort_unstable();
        let ours = self.key_ids()?;
        let Some(unlocked) = opened.first().filter(|_| ours == ids) else { return Ok(None) };
        let output_len = output.metadata().map_err(OutputError::from)?.len();
        let body = match Body::of(&output, output_len, &header, &unlocked.opener) {
            Ok(body) if body.len == source.len() && body.check_end().is_ok() => body,
            _ => return Ok(None),
        };
        if times == Agreement::Coarse && !body.is_the_content_of(file, how.threads, &self.progress)? {
            return Ok(None);
        }
        Ok(Some(Done {
            output: to.path.to_owned(),
            key_id: unlocked.wrap.key.key_id.clone(),
            plaintext_len: body.len,
            already: true,
            damaged_slot: header.slots().iter().any(Option::is_none),
        }))
    }

    /// The ids of the keys of this run, in order: those that the KMS answered for a data key.
    fn key_ids(&self) -> Result<Vec<String>, FileError> {
        let mut known = self.key_ids.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(ids) => Ok(ids.clone()),
            None => Ok(known.insert(self.data_keys()?.key_ids()).clone()),
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
        let quiet = Progress::new(0);
        Ok(body.len == before.len() && body.is_the_content_of(source, self.options.jobs, &quiet)?)
    }

    fn text_reads_back(&self, mut output: &File, source: &File) -> Result<bool, FileError> {
        output.rewind().map_err(OutputError::from)?;
        let reader = text_format::Reader::new(output)?;
        let unwrapped = self.kms.unwrap(reader.ciphertext_blob(), &self.context)?;
        text_is_the_content_of(reader, &unwrapped.data_key, source)
    }
}

/// Whether the plaintext of a text format file is what stands in `file`.
pub(crate) fn text_is_the_content_of(
    reader: text_format::Reader<impl Read>,
    data_key: &DataKey,
    file: &File,
) -> Result<bool, FileError> {
    match reader.open_into_discardable(data_key, Compare { with: file, at: 0 }) {
        Ok(opened) => Ok(opened.out.at == file.metadata().map_err(FileError::Source)?.len()),
        Err(DecryptError::Write(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl DataKeySet {
    fn seal_text(&self, source: impl Read, output: impl Write) -> Result<(), FileError> {
        let (data_key, wrapped) = self.only_wrap().ok_or(FileError::NotInText)?;
        text_format::seal(source, output, data_key, &wrapped.ciphertext_blob)?;
        Ok(())
    }
}

/// Whether the KMS has said that it opens this wrap for nobody now, and not that it would not say.
fn is_about_the_wrap(error: &KeyServiceError) -> bool {
    use KeyServiceError::{Damaged, KeyNotFound, KeyUnavailable, UnknownKeyVersion};
    matches!(error, Damaged | KeyNotFound { .. } | KeyUnavailable { .. } | UnknownKeyVersion)
}

/// A link is not what was encrypted, so removing it would say that something is gone which is not.
pub(crate) fn refuse_link(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path).map_err(FileError::Source)?.is_symlink() {
        true => Err(FileError::Special),
        false => Ok(()),
    }
}

/// What a header says about a regular file.
fn describe(file: &Metadata) -> Source {
    let modified = file.modified().ok().map(|time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
        Err(_) => (file.mtime(), u32::try_from(file.mtime_nsec()).unwrap_or(0)),
    });
    Source { mode: Some(file.mode() & 0o7777), size: Some(file.len()), modified }
}

/// Whether the size of a file says how much there is to read: not of a pipe, nor of the files of /proc, nor of
/// standard input that somebody has begun to read.
fn is_sized(mut file: &File, metadata: &Metadata) -> bool {
    metadata.is_file()
        && file.stream_position().is_ok_and(|position| position == 0)
        && (metadata.len() > 0 || matches!(file.read_at(&mut [0], 0), Ok(0)))
}

/// Counts what is read, of this source and of all.
struct Counted<'a, R> {
    source: R,
    read: u64,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.read += length as u64;
        self.progress.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Takes only what stands in a file.
struct Compare<'a> {
    with: &'a File,
    at: u64,
}

impl Write for Compare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = zeroize::Zeroizing::new(vec![0; bytes.len()]);
        self.with.read_exact_at(&mut there, self.at)?;
        self.at += bytes.len() as u64;
        if *there == bytes { Ok(bytes.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
