//! An input whose first bytes are read in advance to determine its format: a file, or a stream such as a pipe.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;

use bulla_envelope::cobblestone::PREFIX_LEN;
use bulla_envelope::native::{Header, MAGIC};
use bulla_envelope::text_format::Reader;

use crate::engine::read_prefix;
use crate::file_error::FileError;

/// An input with its first bytes.
pub(super) enum Sniffed<'a> {
    File(SniffedFile<'a>),
    Stream(SniffedStream<'a>),
}

/// A file with random access. Its position is still at the beginning.
pub(super) struct SniffedFile<'a> {
    /// The whole header, or the whole file if that is shorter.
    pub(super) head: Vec<u8>,
    pub(super) file: &'a File,
}

/// An input that can be read only once.
pub(super) struct SniffedStream<'a> {
    /// The length of the magic, or the whole stream if that is shorter.
    head: Vec<u8>,
    /// The number of bytes of `head` that were not returned yet.
    left: usize,
    rest: Box<dyn Read + Send + 'a>,
}

impl<'a> Sniffed<'a> {
    pub(super) fn new(mut file: &'a File, metadata: &Metadata) -> Result<Self, FileError> {
        // Standard input may be a file that another process has partly read: the rest of it is a stream.
        if metadata.is_file() && file.stream_position().is_ok_and(|position| position == 0) {
            return Self::of_file(file, metadata);
        }
        if metadata.is_dir() {
            return Err(FileError::Special);
        }
        Self::of_stream(file)
    }

    pub(super) fn of_file(file: &'a File, metadata: &Metadata) -> Result<Self, FileError> {
        // Files of /proc have a size of 0.
        let file_len = Some(metadata.len()).filter(|len| *len > 0).unwrap_or(u64::MAX);
        let mut head = vec![0; file_len.min(HEAD_LEN + PREFIX_LEN as u64) as usize];
        let mut length = 0;
        while length < head.len() {
            match file.read_at(&mut head[length..], length as u64).map_err(FileError::Source)? {
                0 => break,
                more => length += more,
            }
        }
        head.truncate(length);
        Ok(Self::File(SniffedFile { head, file }))
    }

    pub(super) fn of_stream(mut source: impl Read + Send + 'a) -> Result<Self, FileError> {
        let mut head = Vec::new();
        (&mut source).take(MAGIC.len() as u64).read_to_end(&mut head).map_err(FileError::Source)?;
        Ok(Self::Stream(SniffedStream { left: head.len(), head, rest: Box::new(source) }))
    }

    /// Returns the first bytes: at least as many as the magic has, unless the input is shorter.
    pub(super) fn head(&self) -> &[u8] {
        match self {
            Self::File(SniffedFile { head, .. }) | Self::Stream(SniffedStream { head, .. }) => head,
        }
    }

    /// Returns the header of a native file and the first bytes of its body.
    pub(super) fn native_head(&mut self) -> Result<(Header, [u8; PREFIX_LEN]), FileError> {
        match self {
            Self::File(file) => native_head(&*file.head),
            Self::Stream(stream) => native_head(stream),
        }
    }
}

impl SniffedStream<'_> {
    /// Copies the ciphertext to an unnamed temporary file, which can be read twice. Parses the beginning first, to fail early if
    /// it is malformed.
    pub(super) fn spooled(mut self) -> Result<File, FileError> {
        let mut head = Vec::new();
        (&mut self).take(HEAD_LEN).read_to_end(&mut head).map_err(FileError::Source)?;
        if head.starts_with(&MAGIC) {
            drop(Header::read(&*head)?)
        } else {
            drop(Reader::new(&*head)?)
        }
        let spooled = tempfile::tempfile().and_then(|mut spool| {
            spool.write_all(&head)?;
            io::copy(&mut self.rest, &mut spool)?;
            spool.rewind()?;
            Ok(spool)
        });
        spooled.map_err(FileError::Spool)
    }
}

impl Read for SniffedStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return self.rest.read(buffer);
        }
        let length = self.left.min(buffer.len());
        let from = self.head.len() - self.left;
        buffer[..length].copy_from_slice(&self.head[from..from + length]);
        self.left -= length;
        Ok(length)
    }
}

impl Read for Sniffed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(source) => source.file.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

fn native_head(mut source: impl Read) -> Result<(Header, [u8; PREFIX_LEN]), FileError> {
    let header = Header::read(&mut source)?;
    let prefix = read_prefix(source)?;
    Ok((header, prefix))
}

/// The maximum length of a header. The lines before the ciphertext of the text format are shorter.
const HEAD_LEN: u64 = 64 << 10;
