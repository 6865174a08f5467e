//! Where results go: an output file appears whole, verified and durable, or not at all.
//!
//! A file is written without a name (`O_TMPFILE`) beside its place, synced, and then given its name in one step
//! that replaces nothing unless asked to. File systems without unnamed files get a hidden one that is removed
//! on failure and by signals.

use std::ffi::OsString;
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use rustix::io::Errno;
use tempfile::TempPath;

use crate::args;
use crate::failure::{Exit, Failure};
use crate::input::Input;
use crate::process;

/// Where a result goes.
pub(crate) enum Output {
    Standard,
    File(Target),
}

/// A file that is to be.
pub(crate) struct Target {
    path: PathBuf,
    force: bool,
}

impl Output {
    /// The output for `input`: as asked for, or else `default` of the input's path. Refuses what would destroy
    /// something, before any work is done.
    pub(crate) fn choose(
        asked: &args::Output,
        typed_input: &Path,
        input: &Input,
        default: impl FnOnce(&Path) -> Result<PathBuf, Failure>,
    ) -> Result<Self, Failure> {
        let path = match &asked.path {
            Some(path) if path.as_os_str() == "-" => return Ok(Self::Standard),
            Some(path) => path.clone(),
            None if typed_input.as_os_str() == "-" => return Ok(Self::Standard),
            None => default(typed_input)?,
        };
        let target = Target { path, force: asked.force };
        target.check(input.metadata())?;
        Ok(Self::File(target))
    }
}

impl Target {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn check(&self, input: &Metadata) -> Result<(), Failure> {
        let existing = match fs::metadata(&self.path).or_else(|_| fs::symlink_metadata(&self.path)) {
            Ok(existing) => existing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Failure::io(&self.path, &error)),
        };
        let name = self.path.display();
        if (existing.dev(), existing.ino()) == (input.dev(), input.ino()) {
            return Err(Failure::new(
                Exit::Usage,
                format!("{name} is the input itself"),
                "name another output with -o",
            ));
        }
        if existing.is_dir() {
            return Err(Failure::new(Exit::Usage, format!("{name} is a directory"), "name a file with -o"));
        }
        if !existing.is_file() && !existing.is_symlink() {
            let what = format!("{name} is not a file");
            return Err(Failure::new(Exit::Usage, what, "write to it with -o - and a redirection"));
        }
        if self.force { Ok(()) } else { Err(self.exists()) }
    }

    /// Begins to write. `mode` is what the file will have, less the umask.
    pub(crate) fn create(self, mode: u32) -> Result<Pending, Failure> {
        let directory = directory_of(&self.path);
        // What cannot be opened cannot be synced after publishing, when it would be too late to say so.
        let handle = File::open(&directory).map_err(|error| Failure::io(&directory, &error))?;
        let anchor = anchor(&handle, &directory);
        let created = match unnamed(&anchor, mode) {
            Ok(Some(file)) => Ok((file, None)),
            Ok(None) => hidden(&anchor, &self.path, mode).map(|(file, partial)| (file, Some(partial))),
            Err(error) => Err(error),
        };
        let (file, partial) = created.map_err(|error| Failure::io(&directory, &error))?;
        Ok(Pending { target: self, file, partial, anchor, handle })
    }

    fn exists(&self) -> Failure {
        let what = format!("{} exists already", self.path.display());
        Failure::new(Exit::OutputExists, what, "use --force to replace it, or name another output with -o")
    }
}

/// A file that is being written. Dropping it unpublished leaves nothing.
pub(crate) struct Pending {
    target: Target,
    file: File,
    /// The hidden name, where the file system has no unnamed files.
    partial: Option<Partial>,
    /// The directory, by its handle.
    anchor: PathBuf,
    handle: File,
}

impl Pending {
    /// Gives the file the times of its source, makes it durable, and gives it its name.
    pub(crate) fn publish(self, source: &Metadata) -> Result<(), Failure> {
        let path = self.target.path.clone();
        self.try_publish(source).map_err(|error| match error {
            PublishError::Exists(target) => target.exists(),
            PublishError::Io(error) => Failure::io(&path, &error),
        })
    }

    fn try_publish(self, source: &Metadata) -> Result<(), PublishError> {
        let Self { target, file, partial, anchor, handle } = self;
        let place = anchor.join(target.path.file_name().unwrap_or_default());
        if let (true, Ok(modified)) = (source.is_file(), source.modified()) {
            file.set_times(FileTimes::new().set_modified(modified))?;
        }
        file.sync_all()?;
        let published = match partial {
            Some(partial) => partial.publish(&place, target.force),
            None => publish_unnamed(&file, &place, target.force),
        };
        match published {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(PublishError::Exists(target)),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(handle.sync_all()?),
        }
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum PublishError {
    Exists(Target),
    Io(io::Error),
}

impl From<io::Error> for PublishError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A hidden file that goes when it is dropped or when a signal comes.
struct Partial(Option<TempPath>);

impl Partial {
    fn publish(mut self, place: &Path, replace: bool) -> io::Result<()> {
        let Some(path) = self.0.take() else { return Ok(()) };
        match replace {
            true => path.persist(place),
            false => path.persist_noclobber(place),
        }
        .map_err(|failed| failed.error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        drop(self.0.take());
        process::forget_partial();
    }
}

/// A file without a name; none if it could not be had here, or could not be given a name later.
fn unnamed(directory: &Path, mode: u32) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(CWD, directory, flags, Mode::from_raw_mode(mode)) {
        Ok(file) => Ok(Some(File::from(file)).filter(|file| fs::symlink_metadata(descriptor(file)).is_ok())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn hidden(directory: &Path, path: &Path, mode: u32) -> io::Result<(File, Partial)> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".bulla-");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part").permissions(Permissions::from_mode(mode));
    // The error would name the hidden file, which says nothing to anybody.
    let made = process::make_partial(|| builder.tempfile_in(directory));
    let (file, path) = made.map_err(|error| io::Error::from(error.kind()))?.into_parts();
    Ok((file, Partial(Some(path))))
}

fn publish_unnamed(file: &File, place: &Path, replace: bool) -> io::Result<()> {
    let link =
        |to: &Path| linkat(CWD, descriptor(file), CWD, to, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from);
    match link(place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && replace => {}
        result => return result,
    }
    // A link cannot replace: take a hidden name first, then move it over the old file.
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bulla-").suffix(".part");
    let hidden = process::make_partial(|| builder.make_in(directory_of(place), |path| link(path)))?;
    Partial(Some(hidden.into_temp_path())).publish(place, replace)
}

/// The directory by its handle, so that nobody can put another one in its place while we write; by its path where
/// there is no /proc.
fn anchor(handle: &File, directory: &Path) -> PathBuf {
    let anchor = descriptor(handle);
    if anchor.is_dir() { anchor } else { directory.to_owned() }
}

fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &Path, force: bool) -> Target {
        Target { path: path.to_owned(), force }
    }

    /// As on a file system without unnamed files.
    fn pending(path: &Path, force: bool) -> Pending {
        let directory = directory_of(path);
        let (mut file, partial) = hidden(&directory, path, 0o600).unwrap();
        file.write_all(b"new").unwrap();
        let handle = File::open(&directory).unwrap();
        let anchor = anchor(&handle, &directory);
        Pending { target: target(path, force), file, partial: Some(partial), anchor, handle }
    }

    #[test]
    fn a_directory_that_is_exchanged_meanwhile_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, theirs) = (directory.path().join("ours"), directory.path().join("theirs"));
        fs::create_dir(&ours).unwrap();
        fs::create_dir(&theirs).unwrap();
        for force in [false, true] {
            fs::write(ours.join("out"), "old").unwrap();
            if !force {
                fs::remove_file(ours.join("out")).unwrap();
            }
            let mut pending = target(&ours.join("out"), force).create(0o600).unwrap();
            pending.write_all(b"new").unwrap();
            fs::rename(&ours, directory.path().join("moved")).unwrap();
            std::os::unix::fs::symlink(&theirs, &ours).unwrap();
            pending.publish(&fs::metadata(".").unwrap()).unwrap();
            assert!(names(&theirs).is_empty());
            assert_eq!(fs::read(directory.path().join("moved/out")).unwrap(), b"new");
            fs::remove_file(&ours).unwrap();
            fs::rename(directory.path().join("moved"), &ours).unwrap();
        }
    }

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_hidden_file_appears_whole_or_goes() {
        let directory = tempfile::tempdir().unwrap();
        let (path, source) = (directory.path().join("out"), fs::metadata(".").unwrap());
        let dropped = pending(&path, false);
        let hidden = names(directory.path());
        assert!(hidden.len() == 1 && hidden[0].to_str().unwrap().starts_with(".out.bulla-"), "{hidden:?}");
        drop(dropped);
        assert!(names(directory.path()).is_empty());

        pending(&path, false).publish(&source).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn what_appeared_in_the_meantime_is_replaced_only_if_asked() {
        let source = fs::metadata(".").unwrap();
        for hidden in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("out");
            let begin = |force| match hidden {
                true => pending(&path, force),
                false => {
                    let mut pending = target(&path, force).create(0o600).unwrap();
                    pending.write_all(b"new").unwrap();
                    pending
                }
            };
            let (late, forced) = (begin(false), begin(true));
            fs::write(&path, "theirs").unwrap();
            assert_eq!(late.publish(&source).unwrap_err().exit, Exit::OutputExists);
            assert_eq!(fs::read(&path).unwrap(), b"theirs");
            forced.publish(&source).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(names(directory.path()), ["out"]);
        }
    }
}
