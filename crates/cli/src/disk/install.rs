//! Installs and removes files in folders of other programs, below the root directory of a system.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Returns an absolute path in the system below `root`.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Writes a file atomically: programs that read the folder see the old file or the new one.
pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The programs that read these folders ignore names that begin with a dot.
    let new = directory.join(format!(".{name}.new"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(|error| Failure::io(directory, &error))?;
    let written = fill(&new, content, mode)
        .and_then(|()| fs::rename(&new, path))
        .and_then(|()| File::open(directory)?.sync_all());
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        Failure::io(path, &error)
    })
}

fn fill(new: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let _ = fs::remove_file(new); // of an interrupted run
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(new)?;
    file.set_permissions(Permissions::from_mode(mode))?; // regardless of the umask
    file.write_all(content)?;
    file.sync_all()
}

/// Removes a file. Returns whether it existed.
pub(super) fn remove(path: &Path) -> Result<bool, Failure> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::io(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let root = tempfile::tempdir().unwrap();
        let path = below(root.path(), Path::new("/usr/lib/x"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.with_file_name(".x.new"), "of a killed run").unwrap();
        for (content, mode) in [("one", 0o755), ("two", 0o644)] {
            write(&path, content.as_bytes(), mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, mode);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(remove(&path).unwrap());
        assert!(!remove(&path).unwrap());
    }
}
