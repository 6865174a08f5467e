//! An input of which the first bytes are known before it is read.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;

use bulla_envelope::cobblestone::PREFIX_LEN;
use bulla_envelope::native::{Header, MAGIC};
use bulla_envelope::text_format::Reader;

use crate::engine::read_prefix;
use crate::file_error::FileError;

/// An input whose first bytes were looked at: the whole header of a file, the magic of a pipe.
pub(super) struct Sniffed {
    pub(super) head: Vec<u8>,
    /// Bytes of the head that are still to be read: none of a file, whose position was not moved.
    left: usize,
    pub(super) file: File,
    pub(super) is_file: bool,
}

impl Sniffed {
    pub(super) fn new(mut file: File, metadata: &Metadata) -> Result<Self, FileError> {
        // Standard input may be a file that somebody has begun to read: what is left of it is a stream.
        if metadata.is_file() && file.stream_position().is_ok_and(|position| position == 0) {
            return Self::of_file(file);
        }
        if metadata.is_dir() {
            return Err(FileError::Special);
        }
        let mut head = Vec::new();
        (&file).take(MAGIC.len() as u64).read_to_end(&mut head).map_err(FileError::Source)?;
        Ok(Self { left: head.len(), head, file, is_file: false })
    }

    pub(super) fn of_file(file: File) -> Result<Self, FileError> {
        let mut head = vec![0; HEAD_LEN as usize + PREFIX_LEN];
        let mut length = 0;
        loop {
            match file.read_at(&mut head[length..], length as u64).map_err(FileError::Source)? {
                0 => break,
                more => length += more,
            }
        }
        head.truncate(length);
        Ok(Self { head, left: 0, file, is_file: true })
    }

    /// The header of a native file, and what its body begins with.
    pub(super) fn native_head(&mut self) -> Result<(Header, [u8; PREFIX_LEN]), FileError> {
        if self.is_file {
            let mut head = &*self.head;
            let header = Header::read(&mut head)?;
            return Ok((header, read_prefix(head)?));
        }
        let header = Header::read(&mut *self)?;
        Ok((header, read_prefix(self)?))
    }

    /// The same bytes in a file that can be read twice. What comes through a pipe, ciphertext, is spooled to an unnamed
    /// temporary file, after its beginning was found to make sense.
    pub(super) fn rewindable(mut self) -> Result<File, FileError> {
        if self.is_file {
            return Ok(self.file);
        }
        let mut head = Vec::new();
        (&mut self).take(HEAD_LEN).read_to_end(&mut head).map_err(FileError::Source)?;
        if head.starts_with(&MAGIC) {
            drop(Header::read(&*head)?)
        } else {
            drop(Reader::new(&*head)?)
        }
        let spooled = tempfile::tempfile().and_then(|mut spool| {
            spool.write_all(&head)?;
            io::copy(&mut self.file, &mut spool)?;
            spool.rewind()?;
            Ok(spool)
        });
        spooled.map_err(FileError::Spool)
    }
}

impl Read for Sniffed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return self.file.read(buffer);
        }
        let length = self.left.min(buffer.len());
        let from = self.head.len() - self.left;
        buffer[..length].copy_from_slice(&self.head[from..from + length]);
        self.left -= length;
        Ok(length)
    }
}

/// The longest header, and more than the lines before the ciphertext of the text format.
const HEAD_LEN: u64 = 64 << 10;
