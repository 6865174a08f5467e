//! The directory of the trail, usually `DATA/audit`, and the operations on its files.
//!
//! ```text
//! audit-NUMBER.jsonl      lines from NUMBER (20 digits) on; new lines are written to the highest one
//! audit-NUMBER.jsonl.gz   the same, closed and compressed
//! certificates.jsonl      the first lines of files that housekeeping has deleted
//! seal-key                the private key of the seals, wrapped by a subkey of the root key
//! seal-key.next           the private key of the next file, while that is begun
//! *.new                   unfinished; removed when the trail is opened
//! ```
//!
//! Files are opened below the open directory, never through symbolic links. [`Directory`] is a trait, so that tests can stop
//! at each step and lose what was not synced.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, renameat, unlinkat};
use rustix::process::geteuid;

use super::disk_thread::DiskThread;
#[cfg(test)]
use super::disk_thread::Latch;
use super::key_files::{CURRENT, NEXT, UNFINISHED};
use super::sources::CERTIFICATES;
use super::trail_error::TrailError;
use crate::files::create_private_dir;
use crate::store::Loss;

/// The operations of the trail on its directory. Names are those of files in it.
pub trait Directory {
    /// A file in the directory.
    type File: LogFile;

    /// Returns the names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Creates a file, which must not exist.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for reading and appending.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Renames a file, replacing any file with the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;
    /// Returns the length of the open file, which must be the one with this name.
    fn len_at(&self, name: &str, file: &Self::File) -> Result<u64, Loss>;
    /// Continues in the directory that the path leads to now, which is created if it is missing.
    fn renew(&mut self) -> Result<(), TrailError>;
    /// Bounds the wait for an operation on the directory, or on a file in it, which then fails with
    /// [`io::ErrorKind::TimedOut`].
    fn bound_waits(&self, limit: Option<Duration>) -> io::Result<()>;
    /// Returns the path of a file, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file of the trail.
pub trait LogFile: Sized {
    /// Appends all bytes, or fails with a part of them appended.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Truncates it to this length.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Overwrites the content with zeros.
    fn overwrite(&mut self) -> io::Result<()>;
    /// Returns another handle of the file, for another thread to sync: its waits are never bounded.
    fn share(&self) -> io::Result<Self>;
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Returns a reader of the content, from the beginning.
    fn reader(&self) -> io::Result<impl Read>;
}

/// The directory on disk.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    handle: Arc<OwnedFd>,
    thread: Arc<DiskThread>,
}

/// A file on disk. It is kept open, so that its inode number is not reused.
#[derive(Debug)]
pub struct DiskFile {
    file: Arc<File>,
    id: FileId,
    thread: Arc<DiskThread>,
}

/// Device and inode.
type FileId = (u64, u64);

impl Disk {
    /// Opens the directory, or creates it. It must belong to this user or root, and no other user may write to it.
    pub(super) fn open(path: &Path) -> Result<Self, TrailError> {
        let handle = Arc::new(open_directory(path)?);
        Ok(Self { path: path.to_owned(), handle, thread: Arc::default() })
    }

    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<DiskFile> {
        let name = name.to_owned();
        let (file, id) = self.run(move |handle| open_file(handle, &name, flags))?;
        Ok(DiskFile { file: Arc::new(file), id, thread: Arc::clone(&self.thread) })
    }

    fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&OwnedFd) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let handle = Arc::clone(&self.handle);
        self.thread.run(move || operation(&handle))?
    }

    /// Lets a test hang it.
    #[cfg(test)]
    pub(super) fn latch(&self) -> Latch {
        self.thread.latch()
    }
}

impl DiskFile {
    fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let file = Arc::clone(&self.file);
        self.thread.run(move || operation(&file))?
    }
}

impl Directory for Disk {
    type File = DiskFile;

    /// Waits without a bound: a trail reads names only when it is opened.
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str) -> io::Result<DiskFile> {
        self.open_file(name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::APPEND)
    }

    fn open(&self, name: &str) -> io::Result<DiskFile> {
        self.open_file(name, OFlags::RDWR | OFlags::APPEND)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let from = from.to_owned();
        let to = to.to_owned();
        self.run(move |handle| Ok(renameat(handle, from, handle, to)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let name = name.to_owned();
        self.run(move |handle| Ok(unlinkat(handle, name, AtFlags::empty())?))
    }

    fn sync(&self) -> io::Result<()> {
        self.run(|handle| Ok(rustix::fs::fsync(handle)?))
    }

    /// One system call, because it precedes every write: a path that leads to the file leads through the directory.
    fn len_at(&self, name: &str, file: &DiskFile) -> Result<u64, Loss> {
        let path = self.path.join(name);
        let found = self.thread.run(move || fs::symlink_metadata(path))??;
        if id(&found) == file.id { Ok(found.len()) } else { Err(Loss::Replaced) }
    }

    fn renew(&mut self) -> Result<(), TrailError> {
        let path = self.path.clone();
        let opened = self.thread.run(move || open_directory(&path));
        self.handle = Arc::new(opened.map_err(|error| TrailError::new(&self.path, error))??);
        Ok(())
    }

    fn bound_waits(&self, limit: Option<Duration>) -> io::Result<()> {
        self.thread.bound_waits(limit)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl LogFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.thread.is_direct() {
            return (&*self.file).write_all(bytes); // without a copy
        }
        let bytes = bytes.to_vec();
        self.run(move |mut file| file.write_all(&bytes))
    }

    fn len(&self) -> io::Result<u64> {
        self.run(|file| Ok(file.metadata()?.len()))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.run(move |file| file.set_len(len))
    }

    fn overwrite(&mut self) -> io::Result<()> {
        self.run(overwrite)
    }

    fn share(&self) -> io::Result<Self> {
        let thread = Arc::new(self.thread.direct());
        Ok(Self { file: Arc::clone(&self.file), id: self.id, thread })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.run(File::sync_data)
    }

    fn reader(&self) -> io::Result<impl Read> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }
}

impl Drop for DiskFile {
    /// Closing a file writes to some file systems, such as NFS. If the disk hangs, that would not return, so the file stays
    /// open until the process ends.
    fn drop(&mut self) {
        if self.thread.is_stuck() {
            mem::forget(Arc::clone(&self.file));
        }
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, TrailError> {
    let failed = |source| TrailError::Io { path: path.to_owned(), source };
    create_private_dir(path).map_err(failed)?;
    let handle = openat(CWD, path, DIRECTORY, Mode::empty()).map_err(|error| failed(error.into()))?;
    let file = File::from(handle);
    let found = file.metadata().map_err(failed)?;
    check_owner(path, &found)?;
    Ok(file.into())
}

fn open_file(directory: &OwnedFd, name: &str, flags: OFlags) -> io::Result<(File, FileId)> {
    let mode = Mode::RUSR | Mode::WUSR;
    let file = File::from(openat(directory, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if !is_safe(&found) {
        let what = "it belongs to another user, or other users may write to it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    Ok((file, id(&found)))
}

fn overwrite(file: &File) -> io::Result<()> {
    // A file that is opened for appending is written only at its end.
    let zeros = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or_default()];
    let flags = rustix::fs::fcntl_getfl(file)?;
    rustix::fs::fcntl_setfl(file, flags.difference(OFlags::APPEND))?;
    file.write_all_at(&zeros, 0)
}

fn id(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

fn check_owner(path: &Path, found: &Metadata) -> Result<(), TrailError> {
    if is_safe(found) {
        return Ok(());
    }
    Err(TrailError::Exposed { path: path.to_owned(), owner: found.uid(), mode: found.mode() & 0o7777 })
}

/// Whether only this user and root can write to it.
fn is_safe(found: &Metadata) -> bool {
    let is_trusted = found.uid() == 0 || found.uid() == geteuid().as_raw();
    is_trusted && found.mode() & 0o022 == 0
}

const DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// Returns the name of the file whose first line has this number.
pub(super) fn file_name(first: u64) -> String {
    format!("audit-{first:020}.jsonl")
}

/// Parses the name of a file: the number of its first line, and whether it is compressed. None for other names.
pub(super) fn first_number(name: &str) -> Option<(u64, bool)> {
    let rest = name.strip_prefix("audit-")?;
    let (digits, suffix) = rest.split_at_checked(20)?;
    let is_compressed = match suffix {
        ".jsonl" => false,
        ".jsonl.gz" => true,
        _ => return None,
    };
    let first = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (first <= MAX_NUMBER).then_some((first, is_compressed))
}

/// Whether a trail uses this file name.
pub(crate) fn is_of_trail(name: &str) -> bool {
    let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
    let is_cut =
        || name.strip_suffix(".cut").is_some_and(|begin| first_number(&format!("{begin}.jsonl")).is_some());
    [CERTIFICATES, CURRENT, NEXT].contains(&name) || first_number(name).is_some() || is_cut()
}

/// Greater than the number of any line, and exact in every JSON parser.
pub(super) const MAX_NUMBER: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn files_of_other_users_and_symlinks_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        let disk = Disk::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let mut file = disk.create("a").unwrap();
        assert_eq!(file.file.metadata().unwrap().mode() & 0o777, 0o600);
        file.append(b"secret").unwrap();
        file.overwrite().unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), [0; 6]);
        assert_eq!(disk.len_at("a", &file), Ok(6));
        symlink("a", path.join("b")).unwrap();
        disk.open("b").unwrap_err();
        assert_eq!(disk.len_at("b", &file), Err(Loss::Replaced));
        fs::set_permissions(path.join("a"), fs::Permissions::from_mode(0o620)).unwrap();
        disk.open("a").unwrap_err();
        fs::rename(&path, directory.path().join("old")).unwrap();
        assert_eq!(disk.len_at("a", &file), Err(Loss::Removed), "the directory is gone");
        fs::create_dir(&path).unwrap();
        assert_eq!(disk.len_at("a", &file), Err(Loss::Removed));
        fs::write(path.join("a"), "secret").unwrap();
        assert_eq!(disk.len_at("a", &file), Err(Loss::Replaced));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(Disk::open(&path), Err(TrailError::Exposed { mode: 0o770, .. })));
    }

    #[test]
    fn names_have_twenty_digits() {
        assert_eq!(file_name(7), "audit-00000000000000000007.jsonl");
        assert_eq!(first_number(&file_name(u64::MAX)), None);
        assert_eq!(first_number("audit-00000000000000000007.jsonl.gz"), Some((7, true)));
        for other in
            ["audit-7.jsonl", "audit-00000000000000000007.jsonl.new", "audit-+0000000000000000007.jsonl", ""]
        {
            assert_eq!(first_number(other), None, "{other}");
        }
    }
}
