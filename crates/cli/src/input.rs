//! Where plaintext and ciphertext come from: a file, or standard input.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// An open input.
pub(crate) struct Input {
    path: PathBuf,
    file: File,
    metadata: Metadata,
}

impl Input {
    /// Opens `path`; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let (path, file) = match path.as_os_str() == "-" {
            true => (PathBuf::from("standard input"), standard_input()),
            false => (path.to_owned(), File::open(path)),
        };
        let file = file.map_err(|error| Failure::io(&path, &error))?;
        let metadata = file.metadata().map_err(|error| Failure::io(&path, &error))?;
        if metadata.is_dir() {
            let what = format!("{} is a directory", path.display());
            return Err(Failure::new(Exit::Usage, what, "name the files in it"));
        }
        Ok(Self { path, file, metadata })
    }

    /// How to call it in messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The same bytes in a file that can be read twice. What comes through a pipe is spooled to an unnamed
    /// temporary file first, which therefore must not hold secrets: use it for ciphertext only. `check` sees how
    /// it begins, so that nothing is spooled in vain.
    pub(crate) fn rewindable(
        mut self,
        check: impl FnOnce(&[u8]) -> Result<(), Failure>,
    ) -> Result<File, Failure> {
        if self.metadata.is_file() {
            return Ok(self.file);
        }
        let failed = |error| Failure::io(&self.path, &error);
        let mut head = Vec::new();
        (&self.file).take(HEAD_LEN).read_to_end(&mut head).map_err(failed)?;
        check(&head)?;
        let spooled = tempfile::tempfile().and_then(|mut spool| {
            spool.write_all(&head)?;
            io::copy(&mut self.file, &mut spool)?;
            spool.rewind()?;
            Ok(spool)
        });
        spooled.map_err(|error| Failure::spooling(&self.path, &error))
    }
}

/// The lines before the ciphertext are shorter.
const HEAD_LEN: u64 = 64 * 1024;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

/// Standard input as a file, without the buffer that `std` puts before it.
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}
