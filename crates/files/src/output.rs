//! Output files appear whole, verified and durable, or not at all.
//!
//! A file is written without a name (`O_TMPFILE`) in the directory where it goes, and then given its name in one
//! step that replaces nothing unless asked to. File systems without unnamed files get a hidden one, `.NAME.bulla-XXXX.part`,
//! that is removed on failure, and by [`remove_partials`] when the process is told to stop. A file that replaces another
//! one has such a name for a moment too.

mod hidden;

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes, Metadata};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use std::{fmt, io};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat, linkat, mkdirat, openat, readlinkat, renameat,
    renameat_with, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::file_error::{FileError, regular};
use crate::links::{self, LeadsTo};

pub use self::hidden::remove_partials;
use self::hidden::{PART, Partial, REMOVED, hidden, hidden_prefix};
pub(crate) use self::hidden::{is_hidden_name, without_a_stop};

/// An open directory that files are published in, whatever happens to its path meanwhile.
pub struct Directory {
    handle: File,
    /// The directory by its handle; by its path where there is no /proc.
    anchor: PathBuf,
}

/// A file that is being written. Dropping it unpublished leaves nothing.
pub struct Pending {
    /// The hidden name, where the file system has no unnamed files. First, since fields are dropped in their order:
    /// it is removed by way of the open directory.
    partial: Option<Partial>,
    directory: Arc<Directory>,
    name: OsString,
    replace: bool,
    file: File,
}

/// When a published file is safe from a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it has its name.
    Synced,
    /// When the system writes it, or somebody syncs the file system.
    Later,
}

/// Why a file cannot be put at a path.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// Something is there, and was not to be replaced.
    Exists,
    /// It is the output of another file of the same tree.
    Twice,
    /// It is the input itself, by whatever name.
    IsInput,
    /// A directory is there.
    IsDirectory,
    /// A device, pipe or socket is there, or a link into /proc, such as `/dev/stdout`.
    NotAFile,
    /// Its directory is one of /proc, where no file can be made.
    NoFiles,
    /// Its name has more bytes than the file system takes.
    NameTooLong,
    /// A file is there, and not the directory that the files of a tree would go to.
    NotADirectory,
    /// The directory where it goes cannot be opened, or no file be made in it.
    Directory(io::Error),
    /// It could not be looked at, written or named.
    Io(io::Error),
}

/// Where a file is or goes: a name in a directory that is open, whatever happens to its path meanwhile.
pub(crate) struct Target<'a> {
    pub(crate) path: &'a Path,
    name: &'a OsStr,
    directory: Arc<Directory>,
}

impl<'a> Target<'a> {
    pub(crate) fn of(path: &'a Path) -> Result<Self, OutputError> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(OutputError::IsDirectory); // or was meant to be one
        }
        let target = Self::within(Arc::new(Directory::of(path)?), path)?;
        match links::is_in_proc(&target.directory.handle).map_err(io::Error::from)? && !target.is_there()? {
            true => Err(OutputError::NoFiles),
            false => Ok(target),
        }
    }

    /// `directory` is the one that `path` is in.
    pub(crate) fn within(directory: Arc<Directory>, path: &'a Path) -> Result<Self, OutputError> {
        let name = path.file_name().ok_or(OutputError::IsDirectory)?;
        Ok(Self { path, name, directory })
    }

    /// Refuses the place for the output of `input` if something would be destroyed, before any work is done.
    pub(crate) fn check(&self, input: &Metadata, replace: bool) -> Result<(), OutputError> {
        let leads_to = links::follow(&self.directory.handle, self.name).map_err(looked)?;
        if leads_to == LeadsTo::Nothing {
            return Ok(());
        }
        // By whatever name: a chain that ends nowhere is no input.
        let existing = self.look(AtFlags::empty()).ok().flatten();
        if existing.is_some_and(|found| (found.st_dev, found.st_ino) == (input.dev(), input.ino())) {
            return Err(OutputError::IsInput);
        }
        match leads_to {
            LeadsTo::Nothing => Ok(()),
            LeadsTo::Directory => Err(OutputError::IsDirectory),
            LeadsTo::File | LeadsTo::Dangling if replace => Ok(()),
            LeadsTo::File | LeadsTo::Dangling => Err(OutputError::Exists),
            LeadsTo::Special => Err(OutputError::NotAFile),
        }
    }

    /// Whether anything has the name.
    pub(crate) fn is_there(&self) -> Result<bool, OutputError> {
        Ok(self.look(AtFlags::SYMLINK_NOFOLLOW)?.is_some())
    }

    /// Begins to write the file. `mode` is what it will have, less the umask.
    pub(crate) fn create(&self, mode: u32, replace: bool) -> Result<Pending, OutputError> {
        Pending::create(self.directory.clone(), self.name, mode, replace).map_err(OutputError::Directory)
    }

    /// The regular file that is there; by no link, and without waiting if somebody has put a pipe there.
    pub(crate) fn open(&self, access: OFlags) -> Result<(File, Metadata), FileError> {
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(&self.directory.handle, self.name, flags, Mode::empty()) {
            Ok(file) => regular(file.into()),
            Err(Errno::LOOP) => Err(FileError::Special),
            Err(error) => Err(FileError::Source(error.into())),
        }
    }

    /// Whether the name still leads to this file.
    pub(crate) fn leads_to(&self, file: &Metadata) -> Result<bool, OutputError> {
        let found = self.look(AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(found.is_some_and(|found| (found.st_dev, found.st_ino) == (file.dev(), file.ino())))
    }

    /// Moves whatever is there to a hidden name, which is given, in the same directory.
    pub(crate) fn set_aside(&self) -> io::Result<OsString> {
        let (prefix, directory) = (hidden_prefix(self.name), &self.directory.handle);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(REMOVED);
        let rename = |hidden: &Path| {
            let hidden = hidden.file_name().unwrap_or_default();
            match renameat_with(directory, self.name, directory, hidden, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => renameat(directory, self.name, directory, hidden),
                renamed => renamed,
            }
            .map_err(io::Error::from)
        };
        let hidden = builder.make_in(&self.directory.anchor, rename)?.into_temp_path().keep();
        let hidden = hidden.map_err(|failed| failed.error)?;
        Ok(hidden.file_name().unwrap_or_default().to_owned())
    }

    /// A name in the same directory.
    pub(crate) fn beside<'n>(&self, name: &'n OsStr) -> Target<'n> {
        Target { path: Path::new(name), name, directory: self.directory.clone() }
    }

    /// Gives what is here the name of another target in the same directory, if nothing has it.
    pub(crate) fn rename_to(&self, to: &Target<'_>) -> io::Result<()> {
        let directory = &self.directory.handle;
        Ok(renameat_with(directory, self.name, directory, to.name, RenameFlags::NOREPLACE)?)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(&self.directory.handle, self.name, AtFlags::empty())?)
    }

    fn look(&self, flags: AtFlags) -> Result<Option<Stat>, OutputError> {
        match statat(&self.directory.handle, self.name, flags) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(looked(error)),
        }
    }
}

/// Why a name could not be looked at.
fn looked(error: Errno) -> OutputError {
    match error {
        Errno::NAMETOOLONG => OutputError::NameTooLong,
        error => OutputError::Io(error.into()),
    }
}

impl Directory {
    /// Opens a directory: what cannot be opened could not be synced later, when it would be too late to say so.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::at(File::open(path)?, path))
    }

    /// One that is open already.
    pub(crate) fn at(handle: File, path: &Path) -> Self {
        let anchor = descriptor(&handle);
        let anchor = if anchor.is_dir() { anchor } else { path.to_owned() };
        Self { handle, anchor }
    }

    /// Opens the directory that `path` is in.
    ///
    /// # Errors
    /// [`OutputError::Directory`].
    pub fn of(path: &Path) -> Result<Self, OutputError> {
        Self::open(directory_of(path)).map_err(OutputError::Directory)
    }

    /// Makes a directory in it; one that is there already is as good, but no link to one.
    pub(crate) fn make_directory(&self, name: &OsStr, mode: u32) -> Result<(), OutputError> {
        match mkdirat(&self.handle, name, Mode::from_raw_mode(mode)) {
            Err(Errno::EXIST) => {
                let found = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
                match FileType::from_raw_mode(found.st_mode) {
                    FileType::Directory => Ok(()),
                    _ => Err(OutputError::NotADirectory),
                }
            }
            made => Ok(made.map_err(io::Error::from)?),
        }
    }

    /// Makes a link in it; one to the same place that is there already is as good.
    pub(crate) fn make_link(&self, name: &OsStr, target: &Path) -> Result<(), OutputError> {
        match symlinkat(target, &self.handle, name) {
            Err(Errno::EXIST) => match self.read_link(name) {
                Ok(there) if there == target => Ok(()),
                _ => Err(OutputError::Exists),
            },
            made => Ok(made.map_err(io::Error::from)?),
        }
    }

    /// Where a link in it leads to.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = readlinkat(&self.handle, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// Which file system it is on.
    pub(crate) fn file_system(&self) -> io::Result<u64> {
        Ok(self.handle.metadata()?.dev())
    }

    /// Makes everything that was written to its file system safe from a loss of power.
    pub(crate) fn sync_file_system(&self) -> Result<(), OutputError> {
        rustix::fs::syncfs(&self.handle).map_err(|error| OutputError::Io(error.into()))
    }

    /// Makes a published file, and that it has its name, safe from a loss of power.
    pub(crate) fn sync_published(path: &Path) -> Result<(), OutputError> {
        File::open(path)?.sync_all()?;
        Ok(Self::of(path)?.handle.sync_all()?)
    }
}

impl Pending {
    /// Begins to write a file that will be called `name`. `mode` is what it will have, less the umask.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(directory: Arc<Directory>, name: &OsStr, mode: u32, replace: bool) -> io::Result<Self> {
        let (file, partial) = match unnamed(&directory, mode)? {
            Some(file) => (file, None),
            None => hidden(&directory, name, mode).map(|(file, partial)| (file, Some(partial)))?,
        };
        Ok(Self { partial, directory, name: name.to_owned(), replace, file })
    }

    /// The file, to write to it.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file a time and its name.
    ///
    /// # Errors
    /// [`OutputError::Exists`] or [`OutputError::NotAFile`] if something has appeared there that is not to be
    /// replaced, and [`OutputError::Io`].
    pub fn publish(self, modified: Option<SystemTime>, durability: Durability) -> Result<(), OutputError> {
        let Self { directory, name, replace, file, partial } = self; // dropped from the last to the first
        if let Some(modified) = modified {
            file.set_times(FileTimes::new().set_modified(modified))?;
        }
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        let place = directory.anchor.join(&name);
        if replace && links::follow(&directory.handle, &name).map_err(io::Error::from)? == LeadsTo::Special {
            return Err(OutputError::NotAFile); // it came meanwhile
        }
        let published = match partial {
            Some(partial) => partial.publish(&place, replace),
            None => publish_unnamed(&file, &directory, &place, replace),
        };
        match published {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(OutputError::Exists),
            result => result?,
        }
        if durability == Durability::Synced {
            directory.handle.sync_all()?;
        }
        Ok(())
    }
}

/// A text format writer sees the file as a stream.
impl io::Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file without a name; none if it could not be had here, or could not be given a name later.
fn unnamed(directory: &Directory, mode: u32) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    if !directory.anchor.starts_with(DESCRIPTORS) {
        return Ok(None);
    }
    match openat(&directory.handle, ".", flags, Mode::from_raw_mode(mode)) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn publish_unnamed(file: &File, directory: &Directory, place: &Path, replace: bool) -> io::Result<()> {
    match link(file, directory, place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && replace => {}
        result => return result,
    }
    // A link cannot replace: take a hidden name first, then move it over the old file.
    let mut builder = tempfile::Builder::new();
    let prefix = hidden_prefix(place.file_name().unwrap_or_default());
    builder.prefix(&prefix).suffix(PART);
    let hidden = Partial::make(|| builder.make_in(&directory.anchor, |path| link(file, directory, path)))?;
    Partial(Some(hidden.into_temp_path())).publish(place, replace)
}

/// Gives an unnamed file its name: by its descriptor, as newer kernels let its owner do, else by way of /proc.
fn link(file: &File, directory: &Directory, place: &Path) -> io::Result<()> {
    let name = place.file_name().unwrap_or_default();
    match linkat(file, "", &directory.handle, name, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT | Errno::PERM) => {
            Ok(linkat(CWD, descriptor(file), &directory.handle, name, AtFlags::SYMLINK_FOLLOW)?)
        }
        result => Ok(result?),
    }
}

fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("{DESCRIPTORS}/{}", file.as_raw_fd()))
}

/// The directory that a path names something in.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "the output exists already",
            Self::Twice => "two files of the tree have the same output",
            Self::IsInput => "the output is the input itself",
            Self::IsDirectory => "the output is a directory",
            Self::NotAFile => "the output is not a file",
            Self::NotADirectory => "the output is not a directory",
            Self::NoFiles => "the output would be in a directory that holds no files",
            Self::NameTooLong => "the name of the output is too long",
            Self::Directory(_) => "no file can be made in the directory of the output",
            Self::Io(_) => "the output cannot be written",
        })
    }
}

impl Error for OutputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Directory(error) | Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

const DESCRIPTORS: &str = "/proc/self/fd";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn unnamed_one(path: &Path, replace: bool) -> Pending {
        let directory = Arc::new(Directory::of(path).unwrap());
        let mut pending = Pending::create(directory, path.file_name().unwrap(), 0o600, replace).unwrap();
        pending.write_all(b"new").unwrap();
        pending
    }

    /// As on a file system without unnamed files.
    fn hidden_one(path: &Path, replace: bool) -> Pending {
        let directory = Arc::new(Directory::of(path).unwrap());
        let name = path.file_name().unwrap();
        let (mut file, partial) = hidden(&directory, name, 0o600).unwrap();
        file.write_all(b"new").unwrap();
        Pending { partial: Some(partial), directory, name: name.to_owned(), replace, file }
    }

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_directory_that_is_exchanged_meanwhile_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, theirs) = (directory.path().join("ours"), directory.path().join("theirs"));
        fs::create_dir(&ours).unwrap();
        fs::create_dir(&theirs).unwrap();
        for replace in [false, true] {
            let out = ours.join("out");
            if replace {
                fs::write(&out, "old").unwrap();
            }
            let pending = unnamed_one(&out, replace);
            fs::rename(&ours, directory.path().join("moved")).unwrap();
            std::os::unix::fs::symlink(&theirs, &ours).unwrap();
            pending.publish(None, Durability::Synced).unwrap();
            assert!(names(&theirs).is_empty());
            assert_eq!(fs::read(directory.path().join("moved/out")).unwrap(), b"new");
            fs::remove_file(&ours).unwrap();
            fs::rename(directory.path().join("moved"), &ours).unwrap();
            fs::remove_file(&out).unwrap();
        }
    }

    #[test]
    fn a_hidden_file_appears_whole_or_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let dropped = hidden_one(&path, false);
        let hidden = names(directory.path());
        assert!(hidden.len() == 1 && hidden[0].to_str().unwrap().starts_with(".out.bulla-"), "{hidden:?}");
        drop(dropped);
        assert!(names(directory.path()).is_empty());

        hidden_one(&path, false).publish(None, Durability::Synced).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn what_appeared_in_the_meantime_is_replaced_only_if_asked() {
        for begin in [unnamed_one, hidden_one] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("out");
            let (late, forced) = (begin(&path, false), begin(&path, true));
            fs::write(&path, "theirs").unwrap();
            assert!(matches!(late.publish(None, Durability::Later), Err(OutputError::Exists)));
            assert_eq!(fs::read(&path).unwrap(), b"theirs");
            forced.publish(None, Durability::Later).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(names(directory.path()), ["out"]);
            // What is no file is not replaced even then.
            let forced = begin(&path, true);
            fs::remove_file(&path).unwrap();
            let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
            assert!(matches!(forced.publish(None, Durability::Later), Err(OutputError::NotAFile)));
            assert!(!fs::metadata(&path).unwrap().is_file());
            assert_eq!(names(directory.path()), ["out"]);
        }
    }
}
