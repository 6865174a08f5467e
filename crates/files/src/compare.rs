//! Compares the plaintext of a file in the text format with another file: before a source is removed, and to resume. The
//! comparison for native files is in `engine/open.rs`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use bulla_envelope::{DataKey, text_format};

use crate::file_error::FileError;

/// Whether the plaintext of a file in the text format equals the content of `file`.
pub(crate) fn text_is_the_content_of(
    reader: text_format::Reader<impl Read>,
    data_key: &DataKey,
    file: &File,
) -> Result<bool, FileError> {
    match reader.open_into_discardable(data_key, Compare { with: file, at: 0 }) {
        Ok(opened) => Ok(opened.out.at == file.metadata().map_err(FileError::Source)?.len()),
        Err(text_format::OpenError::Write(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A `Write` that accepts only the content of a file.
struct Compare<'a> {
    with: &'a File,
    at: u64,
}

impl Write for Compare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = zeroize::Zeroizing::new(vec![0; bytes.len()]);
        self.with.read_exact_at(&mut there, self.at)?;
        self.at += bytes.len() as u64;
        if *there == bytes { Ok(bytes.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
