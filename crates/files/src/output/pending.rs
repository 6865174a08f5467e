//! A file that is being written, and its publication.

use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use rustix::io::Errno;

use super::directory::descriptor;
use super::hidden::{PART, Partial, hidden, hidden_prefix};
use super::{Directory, Durability, OutputError};
use crate::links::{self, LeadsTo};

/// A file that is being written. If it is dropped before it is published, nothing remains.
pub(crate) struct Pending {
    /// The hidden name, on file systems without unnamed files. It is the first field because fields are dropped in order, and
    /// removing the file requires the open directory.
    partial: Option<Partial>,
    directory: Arc<Directory>,
    name: OsString,
    replace: bool,
    file: File,
}

impl Pending {
    /// Creates a file to be published as `name`. `mode` is its mode before the umask is applied.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(crate) fn create(
        directory: Arc<Directory>,
        name: &OsStr,
        mode: u32,
        replace: bool,
    ) -> io::Result<Self> {
        let (file, partial) = match unnamed(&directory, mode)? {
            Some(file) => (file, None),
            None => hidden(&directory, name, mode).map(|(file, partial)| (file, Some(partial)))?,
        };
        Ok(Self { partial, directory, name: name.to_owned(), replace, file })
    }

    /// Returns the file to write to.
    #[must_use]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Sets the modification time and gives the file its name.
    ///
    /// # Errors
    /// [`OutputError::Exists`] or [`OutputError::NotAFile`] if another process has created something there that must not be
    /// replaced; [`OutputError::Io`].
    pub(crate) fn publish(
        self,
        modified: Option<SystemTime>,
        durability: Durability,
    ) -> Result<(), OutputError> {
        let Self { directory, name, replace, file, partial } = self; // dropped in reverse order
        if let Some(modified) = modified {
            file.set_times(FileTimes::new().set_modified(modified))?;
        }
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        if replace && links::follow(&directory.handle, &name).map_err(io::Error::from)? == LeadsTo::Special {
            return Err(OutputError::NotAFile); // another process created it meanwhile
        }
        let published = match partial {
            Some(partial) => partial.publish(&directory.anchor.join(&name), replace),
            None => publish_unnamed(&file, &directory, &name, replace),
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

/// Writes to the file as a stream, for the text format.
impl io::Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Creates a file without a name; `None` if the file system does not support that, or could not give it a name later.
fn unnamed(directory: &Directory, mode: u32) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    if !directory.has_proc {
        return Ok(None);
    }
    match openat(&directory.handle, ".", flags, Mode::from_raw_mode(mode)) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn publish_unnamed(file: &File, directory: &Directory, name: &OsStr, replace: bool) -> io::Result<()> {
    match link(file, directory, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && replace => {}
        result => return result,
    }
    // Linking cannot replace a file, so link to a hidden name first, then rename that over the old file.
    let mut builder = tempfile::Builder::new();
    let prefix = hidden_prefix(name);
    builder.prefix(&prefix).suffix(PART);
    let make = |path: &Path| link(file, directory, path.file_name().unwrap_or_default());
    let hidden = Partial::make(|| builder.make_in(&directory.anchor, make))?;
    Partial(Some(hidden.into_temp_path())).publish(&directory.anchor.join(name), replace)
}

/// Gives an unnamed file its name: through its descriptor, which newer kernels allow the owner, otherwise through /proc.
fn link(file: &File, directory: &Directory, name: &OsStr) -> io::Result<()> {
    match linkat(file, "", &directory.handle, name, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT | Errno::PERM) => {
            Ok(linkat(CWD, descriptor(file), &directory.handle, name, AtFlags::SYMLINK_FOLLOW)?)
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn unnamed_one(path: &Path, replace: bool) -> Pending {
        let directory = Arc::new(Directory::of(path).unwrap());
        let mut pending = Pending::create(directory, path.file_name().unwrap(), 0o600, replace).unwrap();
        pending.write_all(b"new").unwrap();
        pending
    }

    /// Creates a file as on a file system without unnamed files.
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
    fn a_hidden_file_appears_whole_or_is_deleted() {
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
    fn an_output_that_appeared_meanwhile_is_replaced_only_if_forced() {
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
            // Only a regular file is replaced, even on request.
            let forced = begin(&path, true);
            fs::remove_file(&path).unwrap();
            let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
            assert!(matches!(forced.publish(None, Durability::Later), Err(OutputError::NotAFile)));
            assert!(!fs::metadata(&path).unwrap().is_file());
            assert_eq!(names(directory.path()), ["out"]);
        }
    }
}
