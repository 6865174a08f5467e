//! The top directory of a tree. Everything below is opened and created relative to it, without following symbolic links.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::output::{Directory, OutputError, directory_of};

pub(crate) struct Root {
    handle: File,
    path: PathBuf,
}

impl Root {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { handle: File::open(path)?, path: path.to_owned() })
    }

    /// Opens a directory below, by its whole path.
    pub(crate) fn directory(&self, path: &Path) -> io::Result<Directory> {
        let opened = match self.below(path)? {
            None => File::open(path)?,
            Some(directory) => directory,
        };
        Ok(Directory::at(opened, path))
    }

    /// Opens the directory below that contains `path`.
    pub(crate) fn parent(&self, path: &Path) -> Result<Directory, OutputError> {
        self.directory(directory_of(path)).map_err(OutputError::Directory)
    }

    /// Creates a directory below. An existing directory is accepted, but a symbolic link is not, because files would be written
    /// somewhere else.
    pub(crate) fn make_directory(&self, path: &Path, mode: u32) -> Result<(), OutputError> {
        self.parent(path)?.make_directory(name_of(path)?, mode)
    }

    /// Creates a symbolic link to `target` below. An existing link with the same target is accepted.
    pub(crate) fn make_link(&self, path: &Path, target: &Path) -> Result<(), OutputError> {
        self.parent(path)?.make_link(name_of(path)?, target)
    }

    /// Returns the target of a symbolic link below.
    pub(crate) fn read_link(&self, path: &Path) -> Result<PathBuf, OutputError> {
        Ok(self.parent(path)?.read_link(name_of(path)?)?)
    }

    /// Opens a directory below; `None` if the system does not support `openat2`.
    fn below(&self, path: &Path) -> io::Result<Option<File>> {
        let relative = match path.strip_prefix(&self.path) {
            Ok(rest) if rest == Path::new("") => Path::new("."),
            Ok(rest) => rest,
            Err(_) => path,
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        match openat2(&self.handle, relative, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOSYS | Errno::PERM) => Ok(None), // an old kernel, or a sandbox that blocks the call
            Err(error) => Err(error.into()),
        }
    }
}

fn name_of(path: &Path) -> Result<&OsStr, OutputError> {
    path.file_name().ok_or(OutputError::IsDirectory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::file_error::FileError;
    use crate::output::Target;

    impl Root {
        /// Opens a regular file below, by its whole path, like a run over a tree.
        fn file(&self, path: &Path) -> Result<(File, fs::Metadata), FileError> {
            Target::within(self.parent(path)?.into(), path)?.open(OFlags::RDONLY)
        }
    }

    #[test]
    fn directories_and_links_are_made_and_may_be_there() {
        let directory = tempfile::tempdir().unwrap();
        let (root, path) = (Root::open(directory.path()).unwrap(), |name| directory.path().join(name));
        for _ in 0..2 {
            root.make_directory(&path("below"), 0o700).unwrap();
            root.make_link(&path("below/link"), Path::new("target")).unwrap();
            assert_eq!(root.read_link(&path("below/link")).unwrap(), Path::new("target"));
        }
        assert!(matches!(root.make_link(&path("below/link"), Path::new("other")), Err(OutputError::Exists)));
        assert!(matches!(root.make_directory(&path("below/link"), 0o700), Err(OutputError::NotADirectory)));
    }

    #[test]
    fn what_was_replaced_by_a_link_is_not_reached() {
        let directory = tempfile::tempdir().unwrap();
        let (tree, elsewhere) = (directory.path().join("tree"), directory.path().join("elsewhere"));
        for path in [&tree, &elsewhere] {
            fs::create_dir_all(path.join("below")).unwrap();
            fs::write(path.join("below/file"), "content").unwrap();
        }
        let root = Root::open(&tree).unwrap();
        assert!(root.file(&tree.join("below/file")).is_ok());
        assert!(root.directory(&tree).is_ok() && root.directory(&tree.join("below")).is_ok());
        fs::rename(tree.join("below"), tree.join("moved")).unwrap();
        for target in [elsewhere.join("below"), "../elsewhere/below".into(), "moved".into()] {
            symlink(target, tree.join("below")).unwrap();
            assert!(root.file(&tree.join("below/file")).is_err());
            assert!(root.directory(&tree.join("below")).is_err());
            fs::remove_file(tree.join("below")).unwrap();
        }
        symlink("../elsewhere/below", tree.join("below")).unwrap();
        assert!(root.make_directory(&tree.join("below/new"), 0o700).is_err());
        assert!(root.make_directory(&tree.join("below"), 0o700).is_err(), "a link to a directory is none");
        assert!(root.make_link(&tree.join("below/link"), Path::new("file")).is_err());
        assert!(root.read_link(&tree.join("below/file")).is_err());
        assert_eq!(fs::read_dir(elsewhere.join("below")).unwrap().count(), 1);
        assert!(root.file(&elsewhere.join("below/file")).is_err());
        assert!(root.file(&tree.join("../elsewhere/below/file")).is_err());
    }
}
