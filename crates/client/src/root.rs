//! A directory that a tree begins at: what is below it is opened from there, and by no link that leads out of it.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::encrypt::{open_source, regular};
use crate::file_error::FileError;

pub(crate) struct Root {
    handle: File,
    path: PathBuf,
}

impl Root {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { handle: File::open(path)?, path: path.to_owned() })
    }

    /// A directory below, by its whole path.
    pub(crate) fn directory(&self, path: &Path) -> io::Result<File> {
        match self.below(path, OFlags::DIRECTORY)? {
            Some(directory) => Ok(directory),
            None => File::open(path),
        }
    }

    /// A regular file below, by its whole path.
    pub(crate) fn file(&self, path: &Path) -> Result<(File, Metadata), FileError> {
        // Without blocking: somebody may have put a pipe there.
        match self.below(path, OFlags::NOFOLLOW | OFlags::NONBLOCK).map_err(FileError::Source)? {
            Some(file) => regular(file),
            None => open_source(path),
        }
    }

    /// None where the system cannot do that.
    fn below(&self, path: &Path, flags: OFlags) -> io::Result<Option<File>> {
        let relative = match path.strip_prefix(&self.path) {
            Ok(rest) if rest == Path::new("") => Path::new("."),
            Ok(rest) => rest,
            Err(_) => path,
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
        match openat2(&self.handle, relative, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOSYS | Errno::PERM) => Ok(None), // an old kernel, or a sandbox that does not know the call
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

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
        assert!(root.file(&elsewhere.join("below/file")).is_err());
        assert!(root.file(&tree.join("../elsewhere/below/file")).is_err());
    }
}
