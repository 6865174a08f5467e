//! Detects whether a source changed while it was read.
//!
//! The size and the modification time decide. A change of only the status (chmod, a new hard link, a rename) does not change the
//! content, but a program that resets the modification time after writing leaves the same trace. So in that case the content is
//! read again and compared.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};

use bulla_envelope::native::SealError;
use bulla_envelope::recall::Recall;
use zeroize::Zeroizing;

/// What changed in a file between two checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    Nothing,
    /// Its status. Only the content can show whether it changed too.
    Status,
    /// Its size or its modification time.
    Content,
}

impl Change {
    pub(crate) fn between(before: &Metadata, after: &Metadata) -> Self {
        let content = |file: &Metadata| (file.len(), file.mtime(), file.mtime_nsec());
        let status = |file: &Metadata| (file.ctime(), file.ctime_nsec());
        if content(before) != content(after) {
            Self::Content
        } else if status(before) != status(after) {
            Self::Status
        } else {
            Self::Nothing
        }
    }
}

/// A source that is read as a stream and can be checked afterwards for changes.
pub(crate) struct Watched<'a> {
    file: &'a File,
    before: &'a Metadata,
    /// For a regular file: the offset where reading began, and the marks of the content.
    marks: Option<(u64, Recall)>,
    /// The content since the last mark.
    chunk: Zeroizing<Vec<u8>>,
}

impl<'a> Watched<'a> {
    /// Creates the source. `before` is the metadata of the file before reading.
    pub(crate) fn new(mut file: &'a File, before: &'a Metadata) -> io::Result<Self> {
        // A pipe cannot be read twice. Files of /proc have no size, and another time at each check.
        let (marks, room) = if before.is_file() && before.len() > 0 {
            (Some((file.stream_position()?, Recall::new())), MARKED_LEN)
        } else {
            (None, 0)
        };
        Ok(Self { file, before, marks, chunk: Zeroizing::new(Vec::with_capacity(room)) })
    }

    /// Checks that the source still has the content that was read.
    pub(crate) fn check(mut self) -> Result<(), SealError> {
        let Some((from, mut marks)) = self.marks.take() else { return Ok(()) };
        let look = |file: &File| file.metadata().map_err(SealError::Read);
        match Change::between(self.before, &look(self.file)?) {
            Change::Nothing => return Ok(()),
            Change::Status => {}
            Change::Content => return Err(SealError::Changed),
        }
        marks.push(&self.chunk); // the rest
        let holds = self.holds(from, &marks).map_err(SealError::Read)?;
        if holds && Change::between(self.before, &look(self.file)?) != Change::Content {
            Ok(())
        } else {
            Err(SealError::Changed)
        }
    }

    /// Whether the marks match the content of the file from `at` on.
    fn holds(&mut self, mut at: u64, marks: &Recall) -> io::Result<bool> {
        self.chunk.resize(MARKED_LEN, 0);
        for index in 0..marks.len() {
            let length = read_up_to(self.file, &mut self.chunk, at)?;
            if !marks.knows(index, &self.chunk[..length]) {
                return Ok(false);
            }
            at += length as u64;
        }
        Ok(read_up_to(self.file, &mut self.chunk[..1], at)? == 0)
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        let Some((_, marks)) = &mut self.marks else { return Ok(length) };
        let mut left = &buffer[..length];
        while !left.is_empty() {
            let (now, later) = left.split_at(left.len().min(MARKED_LEN - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            if self.chunk.len() == MARKED_LEN {
                marks.push(&self.chunk);
                self.chunk.clear();
            }
            left = later;
        }
        Ok(length)
    }
}

/// Reads until `buffer` is full or the file ends.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], at + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The number of bytes per mark. A mark has 16 bytes.
const MARKED_LEN: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::fs::{self, FileTimes, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    type Event<'a> = &'a dyn Fn(&Path, &File);

    /// Returns the result of `check` if `event` happens after a file of `len` bytes was read from `from` on.
    fn after(len: usize, from: u64, event: Event<'_>) -> Result<(), SealError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![7; len]).unwrap();
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        file.seek(io::SeekFrom::Start(from)).unwrap();
        let before = file.metadata().unwrap();
        let mut watched = Watched::new(&file, &before).unwrap();
        assert_eq!(watched.read_to_end(&mut Vec::new()).unwrap() as u64, len as u64 - from);
        std::thread::sleep(std::time::Duration::from_millis(10)); // a tick of the kernel's clock
        event(&path, &file);
        watched.check()
    }

    #[test]
    fn a_change_of_status_is_none_of_the_content() {
        let chmod = |path: &Path, _: &File| fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
        let link = |path: &Path, _: &File| fs::hard_link(path, path.with_extension("link")).unwrap();
        let rename = |path: &Path, _: &File| fs::rename(path, path.with_extension("new")).unwrap();
        let nothing = |_: &Path, _: &File| {};
        let changes: [Event<'_>; 4] = [&chmod, &link, &rename, &nothing];
        for change in changes {
            for len in [1, MARKED_LEN - 1, MARKED_LEN, MARKED_LEN + 1, 3 * MARKED_LEN + 5] {
                after(len, 0, change).unwrap();
                after(len, len as u64 / 2, change).unwrap();
            }
        }
    }

    #[test]
    fn a_change_of_the_content_is_detected_regardless_of_the_time() {
        for len in [1, MARKED_LEN, 3 * MARKED_LEN + 5] {
            for at in [0, len as u64 / 2, len as u64 - 1] {
                let write = |_: &Path, file: &File| file.write_all_at(b"x", at).unwrap();
                assert!(matches!(after(len, 0, &write), Err(SealError::Changed)));
                let forge = |path: &Path, file: &File| {
                    let modified = file.metadata().unwrap().modified().unwrap();
                    write(path, file);
                    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
                };
                assert!(matches!(after(len, 0, &forge), Err(SealError::Changed)), "{len} at {at}");
            }
        }
    }

    #[test]
    fn a_pipe_is_not_checked_twice() {
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        let file = File::from(std::os::fd::OwnedFd::from(reader));
        let before = file.metadata().unwrap();
        Watched::new(&file, &before).unwrap().check().unwrap();
    }
}
