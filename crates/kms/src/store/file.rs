//! The file of a store under redb, with checks that it was not removed, replaced or overwritten.
//!
//! A server answers from memory, so without these checks it would confirm writes to a store that was removed, or overwritten
//! with a backup, and a restart would find none of them. The checks pass while the path leads to the inode that was opened,
//! and the length and first bytes of the file are those that this process left. redb keeps both commit slots in the first 320
//! bytes, each with its transaction id and the checksums of its roots, so any other state of a store differs there.
//!
//! For a reader, and on a read-only file system, redb gets the same file, but its writes stay in memory.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::overlay::Overlay;

/// The path of an open file no longer leads to that file, or its content is not what this process left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostFile {
    /// The path.
    pub path: PathBuf,
    /// What happened to the file.
    pub loss: Loss,
}

/// What happened to a file that this process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The path does not exist: the file or a directory above it was removed or renamed.
    Removed,
    /// Another file is at the path.
    Replaced,
    /// Another process wrote to the file or truncated it.
    Overwritten,
    /// The path or the file cannot be read.
    Unreadable(io::ErrorKind),
}

/// A path and its file, which is kept open so that its inode number cannot be reused.
#[derive(Debug)]
pub(crate) struct Pinned {
    path: PathBuf,
    pub(crate) file: File,
    id: FileId,
}

/// Device and inode.
type FileId = (u64, u64);

impl Pinned {
    pub(crate) fn new(path: &Path, file: File) -> io::Result<Self> {
        let id = id(&file.metadata()?);
        Ok(Self { path: path::absolute(path)?, file, id })
    }

    /// Checks that the path leads to the file.
    pub(crate) fn verify(&self) -> Result<(), LostFile> {
        self.found().map_err(|loss| self.lost(loss))
    }

    fn found(&self) -> Result<(), Loss> {
        match fs::metadata(&self.path) {
            Ok(found) if id(&found) == self.id => Ok(()),
            Ok(_) => Err(Loss::Replaced),
            Err(error) => Err(error.into()),
        }
    }

    fn lost(&self, loss: Loss) -> LostFile {
        LostFile { path: self.path.clone(), loss }
    }
}

/// The file of a store, and the content that this process left in it.
pub(crate) struct StoreFile {
    pinned: Pinned,
    /// None after a failed write, which may have written a part.
    left: Mutex<Option<Content>>,
    #[cfg(test)]
    pub(crate) before_sync: Mutex<Option<BeforeSync>>,
    /// The operations on the file, once a test records them.
    #[cfg(test)]
    pub(crate) steps: Mutex<Option<Vec<Step>>>,
}

/// An operation of a database on its file.
#[cfg(test)]
#[derive(Clone, Debug)]
pub(crate) enum Step {
    SetLen(u64),
    Write(u64, Vec<u8>),
    /// All steps before are durable.
    Sync,
}

#[cfg(test)]
pub(crate) type BeforeSync = Box<dyn FnOnce(&Path) + Send>;

/// The part of the content that differs between any two states of a store.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    len: u64,
    header: [u8; HEADER_LEN],
}

impl StoreFile {
    /// Creates an empty file, for its owner alone.
    pub(crate) fn create(path: &Path) -> io::Result<Arc<Self>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Self::pin(path, file)
    }

    pub(crate) fn open(path: &Path) -> io::Result<Arc<Self>> {
        Self::pin(path, open(path)?.0)
    }

    fn pin(path: &Path, file: File) -> io::Result<Arc<Self>> {
        let left = Mutex::new(Some(Content::of(&file)?));
        Ok(Arc::new(Self {
            pinned: Pinned::new(path, file)?,
            left,
            #[cfg(test)]
            before_sync: Mutex::default(),
            #[cfg(test)]
            steps: Mutex::default(),
        }))
    }

    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.pinned.file.metadata()?.len() == 0)
    }

    /// Checks that the path leads to the file, and that it contains what this process left there.
    pub(crate) fn verify(&self) -> Result<(), LostFile> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        self.compare(left.as_ref())
    }

    fn compare(&self, left: Option<&Content>) -> Result<(), LostFile> {
        self.pinned.verify()?;
        let Some(left) = left else { return Ok(()) };
        match Content::of(&self.pinned.file) {
            Ok(found) if found == *left => Ok(()),
            Ok(_) => Err(self.pinned.lost(Loss::Overwritten)),
            Err(error) => Err(self.pinned.lost(error.into())),
        }
    }

    /// Returns the storage for a database in this file, with its own locks. The file must be unchanged.
    pub(crate) fn backend(self: &Arc<Self>, requested: Access) -> Result<Backend, LostFile> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        self.compare(left.as_ref())?;
        let opened = open(&self.pinned.path).and_then(|(file, access)| Ok((file.metadata()?, file, access)));
        let (found, file, access) = opened.map_err(|error| self.pinned.lost(error.into()))?;
        if id(&found) != self.pinned.id {
            return Err(self.pinned.lost(Loss::Replaced));
        }
        if left.is_none() {
            *left = Some(Content::of(&file).map_err(|error| self.pinned.lost(error.into()))?);
        }
        let inner =
            FileBackend::new(file).map_err(|_| self.pinned.lost(Loss::Unreadable(io::ErrorKind::Other)))?;
        let overlay = match (requested, access) {
            (Access::Full, Access::Full) => None,
            (Access::ReadOnly, _) | (_, Access::ReadOnly) => Some(Overlay::new(found.len())),
        };
        Ok(Backend { inner, overlay, file: Arc::clone(self) })
    }

    /// Runs one write, if the file is unchanged: a backup that was copied over it must not be damaged.
    fn write(
        &self,
        write: impl FnOnce() -> io::Result<()>,
        note: impl FnOnce(&mut Content),
    ) -> io::Result<()> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        self.compare(left.as_ref()).map_err(io::Error::other)?;
        let written = write();
        match (&written, &mut *left) {
            (Ok(()), Some(left)) => note(left),
            (Ok(()), None) => {}
            (Err(_), left) => *left = None,
        }
        written
    }

    #[cfg(test)]
    fn note_step(&self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &mut *self.steps.lock().unwrap() {
            steps.push(step());
        }
    }
}

impl fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFile").field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

impl Content {
    fn of(file: &File) -> io::Result<Self> {
        let mut header = [0; HEADER_LEN];
        let mut filled = 0;
        while filled < header.len() {
            match file.read_at(&mut header[filled..], filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { len: file.metadata()?.len(), header })
    }

    fn note_write(&mut self, offset: u64, data: &[u8]) {
        self.len = self.len.max(offset + data.len() as u64);
        if let Some(rest) = usize::try_from(offset).ok().and_then(|offset| self.header.get_mut(offset..)) {
            let overlap = rest.len().min(data.len());
            rest[..overlap].copy_from_slice(&data[..overlap]);
        }
    }

    fn note_len(&mut self, len: u64) {
        self.len = len;
        let kept = usize::try_from(len).unwrap_or(usize::MAX).min(HEADER_LEN);
        self.header[kept..].fill(0);
    }
}

/// A [`StoreFile`] as the storage of redb.
#[derive(Debug)]
pub(crate) struct Backend {
    inner: FileBackend,
    /// The writes of redb, if the file must not change.
    overlay: Option<Overlay>,
    file: Arc<StoreFile>,
}

impl Backend {
    /// Whether no write reaches the file.
    pub(crate) fn is_read_only(&self) -> bool {
        self.overlay.is_some()
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        match &self.overlay {
            Some(overlay) => Ok(overlay.len()),
            None => self.inner.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.overlay {
            Some(overlay) => overlay.read(offset, out, |offset, out| self.inner.read(offset, out)),
            None => self.inner.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match &self.overlay {
            Some(overlay) => {
                overlay.set_len(len);
                Ok(())
            }
            None => {
                #[cfg(test)]
                self.file.note_step(|| Step::SetLen(len));
                self.file.write(|| self.inner.set_len(len), |left| left.note_len(len))
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.is_read_only() {
            return Ok(());
        }
        #[cfg(test)]
        if let Some(run) = self.file.before_sync.lock().unwrap().take() {
            run(&self.file.pinned.path);
        }
        #[cfg(test)]
        self.file.note_step(|| Step::Sync);
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &self.overlay {
            Some(overlay) => overlay.write(offset, data, |offset, out| self.inner.read(offset, out)),
            None => {
                #[cfg(test)]
                self.file.note_step(|| Step::Write(offset, data.to_vec()));
                self.file.write(|| self.inner.write(offset, data), |left| left.note_write(offset, data))
            }
        }
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    /// A reader shares its locks with other readers: a file that is open only for reading has no exclusive locks.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.is_read_only() {
            self.inner.try_lock_shared_range(start, end)
        } else {
            self.inner.try_lock_range(start, end)
        }
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.is_read_only() {
            self.inner.lock_shared_range(start, end)
        } else {
            self.inner.lock_range(start, end)
        }
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Full,
    /// The file system is read-only, or the file must not change.
    ReadOnly,
}

/// Opens a file for writing even if it is only read, because on an overlay file system the first open for writing creates
/// another file.
fn open(path: &Path) -> io::Result<(File, Access)> {
    open_with(OpenOptions::new().read(true).write(true), path)
}

/// Opens a file with `options`, or only for reading if its file system is read-only. ReadOnlyFilesystem means that the file
/// is missing and cannot be created.
pub(crate) fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<(File, Access)> {
    match options.open(path) {
        Err(read_only) if read_only.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            match options.write(false).create(false).open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(read_only),
                opened => Ok((opened?, Access::ReadOnly)),
            }
        }
        opened => Ok((opened?, Access::Full)),
    }
}

fn id(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

impl From<io::Error> for Loss {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Removed,
            kind => Self::Unreadable(kind),
        }
    }
}

impl fmt::Display for LostFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.loss {
            Loss::Removed => write!(f, "{path} was removed or renamed"),
            Loss::Replaced => write!(f, "{path} was replaced by another file"),
            Loss::Overwritten => write!(f, "{path} was overwritten or truncated by another process"),
            Loss::Unreadable(kind) => write!(f, "{path} cannot be checked: {kind}"),
        }
    }
}

impl std::error::Error for LostFile {}

/// The compared bytes: redb's header with both commit slots has 320 bytes (its `docs/design.md`), and the first page contains
/// nothing else.
const HEADER_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use redb::ReadableDatabase;

    use super::*;

    const TABLE: redb::TableDefinition<'_, u32, u32> = redb::TableDefinition::new("t");

    /// Opens the database in a file as on a read-only file system.
    fn read_only(path: &Path) -> Result<redb::Database, redb::DatabaseError> {
        let handle = File::open(path).unwrap();
        let overlay = Some(Overlay::new(handle.metadata().unwrap().len()));
        let file = StoreFile::open(path).unwrap();
        let backend = Backend { inner: FileBackend::new(handle).unwrap(), overlay, file };
        redb::Builder::new().create_with_backend(backend)
    }

    fn put(database: &redb::Database, value: u32) {
        let transaction = database.begin_write().unwrap();
        transaction.open_table(TABLE).unwrap().insert(1, value).unwrap();
        transaction.commit().unwrap();
    }

    fn value(database: &redb::Database) -> u32 {
        let table = database.begin_read().unwrap().open_table(TABLE).unwrap();
        table.get(1).unwrap().unwrap().value()
    }

    #[test]
    fn readers_share_a_file_and_leave_it_as_a_killed_process_did() {
        let directory = tempfile::tempdir().unwrap();
        let (path, killed) = (directory.path().join("store"), directory.path().join("killed"));
        let file = StoreFile::create(&path).unwrap();
        let database = redb::Builder::new().create_with_backend(file.backend(Access::Full).unwrap()).unwrap();
        put(&database, 7);
        assert!(
            matches!(read_only(&path), Err(redb::DatabaseError::DatabaseAlreadyOpen)),
            "it is being written"
        );
        fs::copy(&path, &killed).unwrap();
        let left = fs::read(&killed).unwrap();
        let without_repair = redb::Builder::new().open_read_only(&killed);
        assert!(matches!(without_repair, Err(redb::DatabaseError::RepairAborted)));

        let file = StoreFile::open(&killed).unwrap();
        let (one, other) = (read_only(&killed).unwrap(), read_only(&killed).unwrap());
        put(&one, 8);
        assert_eq!((value(&one), value(&other)), (8, 7));
        let writer = redb::Builder::new().create_with_backend(file.backend(Access::Full).unwrap());
        assert!(matches!(writer, Err(redb::DatabaseError::DatabaseAlreadyOpen)));
        drop((one, other));
        assert_eq!(fs::read(&killed).unwrap(), left);
        assert_eq!(file.verify(), Ok(()));
        let writer = redb::Builder::new().create_with_backend(file.backend(Access::Full).unwrap()).unwrap();
        assert_eq!(value(&writer), 7);
    }

    /// As on a full disk: a part was written, and its length is unknown.
    #[test]
    fn a_write_that_fails_is_no_loss_and_the_next_loss_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let file = StoreFile::create(&path).unwrap();
        let backend = file.backend(Access::Full).unwrap();
        backend.set_len(4096).unwrap();
        backend.write(0, &[1; 100]).unwrap();
        let fails_halfway = || {
            file.pinned.file.write_all_at(&[2; 50], 0)?;
            Err(io::ErrorKind::StorageFull.into())
        };
        file.write(fails_halfway, |left| left.note_write(0, &[2; 100])).unwrap_err();
        assert_eq!(file.verify(), Ok(()), "it is what this process left");
        drop(backend);
        let backend = file.backend(Access::Full).unwrap();
        backend.write(200, &[3; 10]).unwrap();
        assert_eq!(file.verify(), Ok(()));
        open(&path).unwrap().0.write_all_at(&[4], 300).unwrap();
        let lost = file.verify().unwrap_err();
        assert_eq!(lost.loss, Loss::Overwritten);
        backend.write(0, &[5; 100]).unwrap_err();
        backend.set_len(8192).unwrap_err();
        assert_eq!(file.verify().unwrap_err(), lost, "a write that was refused has left nothing");
    }
}
