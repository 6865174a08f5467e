//! Opens bodies: whole files with several threads, ranges of files, and streams with two threads.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bulla_envelope::cobblestone::{
    CHUNK_LEN, Opener, PREFIX_LEN, SEALED_CHUNK_LEN, TAG_LEN, opened_len, plaintext_len, sealed_len,
    sealed_offset,
};
use bulla_envelope::native::{Header, OpenError};
use zeroize::Zeroizing;

use super::fill;
use super::reserve::{is_large, reserve};
use super::scratch::{Scratch, with_scratch};
use super::threads::{on_threads, pipeline};
use crate::data_keys::NewFile;
use crate::pages::Pages;
use crate::progress::Progress;

/// The body of a file with random access.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) file: &'a File,
    /// The offset of the body in the file.
    offset: u64,
    /// The length of the plaintext.
    pub(crate) len: u64,
    opener: &'a Opener,
    /// The beginning of the file, as far as it was read already.
    head: &'a [u8],
}

impl<'a> Body<'a> {
    /// Returns the body of an unlocked file of `file_len` bytes. Its length must agree with the size in the header, if there is
    /// one.
    pub(crate) fn of(
        file: &'a File,
        file_len: u64,
        header: &Header,
        opener: &'a Opener,
    ) -> Result<Self, OpenError> {
        let offset = header.len() as u64;
        let len = plaintext_len(file_len.saturating_sub(offset)).ok_or(OpenError::Truncated)?;
        match header.source().size {
            Some(size) if size != len => Err(OpenError::Size),
            _ => Ok(Self { file, offset, len, opener, head: &[] }),
        }
    }

    /// Returns the same body, which takes chunks from `head`, the beginning of the file, instead of reading them again. For a
    /// small file these are all chunks.
    pub(crate) fn with_head(self, head: &'a [u8]) -> Self {
        Self { head, ..self }
    }

    /// Verifies the last chunk, which proves that the body is not truncated. Called before any partial read.
    pub(crate) fn check_end(&self) -> Result<(), OpenError> {
        let last = self.len / CHUNK_LEN as u64;
        with_scratch(|scratch| self.open_in(last, 1, scratch).map(|_| ()))
    }

    /// Decrypts into an empty file.
    pub(crate) fn open_into(
        &self,
        output: &File,
        threads: usize,
        progress: &Progress,
    ) -> Result<(), OpenError> {
        if is_large(self.len) {
            self.check_end()?; // a file that was only made longer takes no room
            reserve(output, self.len).map_err(OpenError::Write)?;
        }
        self.each_range(threads, progress, |from, plaintext| {
            output.write_all_at(plaintext, from).map_err(OpenError::Write)
        })
    }

    /// Verifies every chunk.
    pub(crate) fn verify(&self, threads: usize, progress: &Progress) -> Result<(), OpenError> {
        self.each_range(threads, progress, |_, _| Ok(()))
    }

    /// Whether the plaintext equals the content of `file`.
    pub(crate) fn is_the_content_of(
        &self,
        file: &File,
        threads: usize,
        progress: &Progress,
    ) -> Result<bool, OpenError> {
        let same = AtomicBool::new(file.metadata().map_err(OpenError::Read)?.len() == self.len);
        self.each_range(threads, progress, |from, plaintext| {
            let mut there = Zeroizing::new(vec![0; plaintext.len()]);
            let whole = match file.read_exact_at(&mut there, from) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
                read => read.map(|()| true).map_err(OpenError::Read)?,
            };
            if !whole || *there != plaintext {
                same.store(false, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok(same.into_inner())
    }

    /// Opens all chunks with several threads, and calls `each` with their plaintext and its offset.
    fn each_range(
        &self,
        threads: usize,
        progress: &Progress,
        each: impl Fn(u64, &[u8]) -> Result<(), OpenError> + Sync,
    ) -> Result<(), OpenError> {
        let next = AtomicU64::new(0);
        let total = self.len / CHUNK_LEN as u64 + 1;
        let ranges = usize::try_from(total.div_ceil(OPENED_AT_ONCE as u64)).unwrap_or(usize::MAX);
        if ranges > 1 {
            self.check_end()?; // a single range includes the last chunk
        }
        on_threads(threads.min(ranges), OpenError::Thread, |stop| {
            with_scratch(|scratch| {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(OPENED_AT_ONCE as u64, Ordering::Relaxed);
                    if first >= total {
                        break;
                    }
                    let plaintext = self.open_in(first, OPENED_AT_ONCE, scratch)?;
                    each(first * CHUNK_LEN as u64, plaintext)?;
                    progress.add(plaintext.len() as u64);
                }
                Ok(())
            })
        })
    }

    /// Decrypts a range of the plaintext to a stream. Each chunk is verified before its bytes are written.
    pub(crate) fn open_range(
        &self,
        range: std::ops::Range<u64>,
        mut output: impl Write,
        progress: &Progress,
    ) -> Result<(), OpenError> {
        self.check_end()?;
        if range.is_empty() {
            return Ok(());
        }
        let mut chunk = range.start / CHUNK_LEN as u64;
        let end = (range.end - 1) / CHUNK_LEN as u64 + 1;
        let mut pages = self.pages();
        let produce = |plaintext: &mut Vec<u8>| {
            let count = (end - chunk).min(OPENED_AT_ONCE as u64);
            self.open(chunk, count as usize, &mut pages, plaintext)?;
            let from = chunk * CHUNK_LEN as u64;
            plaintext.truncate(range.end.saturating_sub(from).min(plaintext.len() as u64) as usize);
            let before = range.start.saturating_sub(from).min(plaintext.len() as u64) as usize;
            plaintext.copy_within(before.., 0);
            plaintext.truncate(plaintext.len() - before);
            chunk += count;
            progress.add(plaintext.len() as u64);
            Ok(chunk < end)
        };
        pipeline(produce, OpenError::Thread, |plaintext| {
            output.write_all(plaintext).map_err(OpenError::Write)
        })?;
        output.flush().map_err(OpenError::Write)
    }

    /// Returns a buffer for as many sealed chunks as are opened at once.
    fn pages(&self) -> Pages {
        Pages::new(sealed_len(self.len).min(SEALED_OPENED_LEN as u64) as usize)
    }

    /// Reads and opens up to `count` chunks.
    pub(super) fn open(
        &self,
        first: u64,
        count: usize,
        pages: &mut Pages,
        plaintext: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let sealed = self.read(first, count, pages)?;
        Ok(self.opener.open(first, sealed, plaintext)?)
    }

    /// Reads and opens up to `count` chunks in the buffers of the thread.
    fn open_in<'s>(&self, first: u64, count: usize, scratch: &'s mut Scratch) -> Result<&'s [u8], OpenError> {
        let sealed = self.read(first, count, &mut scratch.sealed)?;
        let plaintext = scratch.plaintext.at(first * CHUNK_LEN as u64, opened_len(sealed.len()));
        self.opener.open_into(first, sealed, plaintext)?;
        Ok(plaintext)
    }

    /// Reads up to `count` chunks, or takes them from `head`.
    fn read<'p>(&self, first: u64, count: usize, pages: &'p mut Pages) -> Result<&'p [u8], OpenError>
    where
        'a: 'p,
    {
        let from = sealed_offset(first);
        let at = self.offset + from;
        let left = sealed_len(self.len).saturating_sub(from);
        let len = left.min((count * SEALED_CHUNK_LEN) as u64) as usize;
        let in_head = usize::try_from(at).ok().and_then(|at| self.head.get(at..)?.get(..len));
        if let Some(sealed) = in_head {
            return Ok(sealed);
        }
        let sealed = pages.at(at, len);
        self.file.read_exact_at(sealed, at).map_err(truncated_if_shorter)?;
        Ok(sealed)
    }
}

/// Decrypts a stream that is behind the prefix of the body. Verified chunks are written at once; truncation is an error at the
/// end.
pub(crate) fn open_stream(
    mut source: impl Read + Send,
    header: &Header,
    opener: &Opener,
    mut output: impl Write,
    progress: &Progress,
) -> Result<u64, OpenError> {
    let mut pages = Pages::new(SEALED_OPENED_LEN);
    let mut chunk = 0;
    let mut total = 0;
    let mut cut = false;
    let produce = |plaintext: &mut Vec<u8>| {
        if cut {
            return Err(OpenError::Truncated);
        }
        let sealed = pages.at(0, SEALED_OPENED_LEN);
        let mut length = fill(&mut source, sealed).map_err(OpenError::Read)?;
        let rest = length % SEALED_CHUNK_LEN;
        let ended = rest >= TAG_LEN;
        if !ended {
            cut = length < sealed.len();
            length -= rest;
        }
        opener.open(chunk, &sealed[..length], plaintext)?;
        chunk += (length / SEALED_CHUNK_LEN) as u64;
        total += plaintext.len() as u64;
        progress.add(plaintext.len() as u64);
        match header.source().size {
            Some(size) if ended && size != total => Err(OpenError::Size),
            _ => Ok(!ended),
        }
    };
    pipeline(produce, OpenError::Thread, |plaintext| output.write_all(plaintext).map_err(OpenError::Write))?;
    output.flush().map_err(OpenError::Write)?;
    Ok(total)
}

/// Returns the opener for a file that was just sealed.
pub(crate) fn own_opener(output: &File, NewFile { header, key }: &NewFile) -> Result<Opener, OpenError> {
    let mut prefix = [0; PREFIX_LEN];
    output.read_exact_at(&mut prefix, header.len() as u64).map_err(OpenError::Read)?;
    // If the prefix differs, another process changed the output.
    Opener::new(key, &header.body_context(), &prefix).map_err(|_| OpenError::Truncated)
}

/// Reads the prefix of the body from a stream or file.
pub(crate) fn read_prefix(mut source: impl Read) -> Result<[u8; PREFIX_LEN], OpenError> {
    let mut prefix = [0; PREFIX_LEN];
    source.read_exact(&mut prefix).map_err(truncated_if_shorter)?;
    Ok(prefix)
}

fn truncated_if_shorter(error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => OpenError::Truncated,
        _ => OpenError::Read(error),
    }
}

/// The number of chunks that a thread opens at once. With 256 KiB, aligned to a page, a file system tries to allocate as much
/// memory in one piece, which took up to three times as long on systems with fragmented memory.
const OPENED_AT_ONCE: usize = 8;
const SEALED_OPENED_LEN: usize = OPENED_AT_ONCE * SEALED_CHUNK_LEN;
