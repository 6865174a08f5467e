//! Seals bodies: files with several threads, streams with two.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use bulla_envelope::cobblestone::{CHUNK_LEN, SEALED_CHUNK_LEN, Sealer, sealed_len};
use bulla_envelope::native::SealError;
use zeroize::Zeroizing;

use super::fill;
use super::open::Body;
use super::reserve::reserve;
use super::scratch::{Scratch, with_scratch};
use super::threads::{on_threads, pipeline};
use crate::data_keys::NewFile;
use crate::file_error::FileError;
use crate::pages::Pages;
use crate::progress::Progress;

/// Encrypts a regular file of `size` bytes into an empty one. Returns [`SealError::Changed`] if the file has another size. To
/// detect a write with the same size, the caller compares the metadata.
pub(crate) fn seal_file(
    source: &File,
    size: u64,
    output: &File,
    NewFile { header, key }: &NewFile,
    threads: usize,
    progress: &Progress,
) -> Result<(), SealError> {
    let sealer = Sealer::new(key, &header.body_context());
    let mut head = header.to_bytes()?;
    head.extend_from_slice(sealer.prefix());
    if size < RANGE_LEN as u64 {
        return seal_small(source, size as usize, output, &head, &sealer, progress);
    }
    let body_offset = header.len() as u64;
    let ranges = usize::try_from(size / RANGE_LEN as u64 + 1).unwrap_or(usize::MAX);
    reserve(output, body_offset + sealed_len(size)).map_err(SealError::Write)?;
    output.write_all_at(&head, 0).map_err(SealError::Write)?;
    on_threads(threads.min(ranges), SealError::Thread, |stop| {
        let mut pages = Pages::new(RANGE_LEN);
        let mut sealed = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let chunks = sealer.take(CHUNKS_AT_ONCE)?;
            let from = chunks.plaintext_offset();
            let to = body_offset + chunks.sealed_offset();
            let Some(left) = size.checked_sub(from) else { break };
            let plaintext = pages.at(from, left.min(RANGE_LEN as u64) as usize);
            source.read_exact_at(plaintext, from).map_err(changed_if_shorter)?;
            chunks.seal(plaintext, &mut sealed);
            output.write_all_at(&sealed, to).map_err(SealError::Write)?;
            progress.add(plaintext.len() as u64);
        }
        Ok(())
    })?;
    if source.read_at(&mut [0], size).map_err(SealError::Read)? > 0 {
        return Err(SealError::Changed);
    }
    Ok(())
}

/// Encrypts a file of a single range with one read and one write.
fn seal_small(
    source: &File,
    size: usize,
    output: &File,
    head: &[u8],
    sealer: &Sealer,
    progress: &Progress,
) -> Result<(), SealError> {
    with_scratch(|Scratch { plaintext, sealed }| {
        let plaintext = plaintext.at(0, size + 1); // with room for an excess byte
        if read_at_least(source, size, plaintext).map_err(changed_if_shorter)? != size {
            return Err(SealError::Changed);
        }
        let chunks = sealer.take(CHUNKS_AT_ONCE)?;
        let whole = sealed.at(0, head.len() + chunks.sealed_len(size));
        let (begin, body) = whole.split_at_mut(head.len());
        begin.copy_from_slice(head);
        chunks.seal_into(&plaintext[..size], body);
        output.write_all_at(whole, 0).map_err(SealError::Write)?;
        progress.add(size as u64);
        Ok(())
    })
}

/// Encrypts a stream. Returns the length of the plaintext.
pub(crate) fn seal_stream(
    mut source: impl Read + Send,
    mut output: impl Write,
    NewFile { header, key }: &NewFile,
    progress: &Progress,
) -> Result<u64, SealError> {
    let sealer = Sealer::new(key, &header.body_context());
    let mut head = header.to_bytes()?;
    head.extend_from_slice(sealer.prefix());
    output.write_all(&head).map_err(SealError::Write)?;
    let mut pages = Pages::new(RANGE_LEN);
    let mut total = 0;
    let produce = |sealed: &mut Vec<u8>| {
        let plaintext = pages.at(0, RANGE_LEN);
        let length = fill(&mut source, plaintext).map_err(SealError::Read)?;
        sealer.take(CHUNKS_AT_ONCE)?.seal(&plaintext[..length], sealed);
        total += length as u64;
        progress.add(length as u64);
        Ok(length == RANGE_LEN)
    };
    pipeline(produce, SealError::Thread, |sealed| output.write_all(sealed).map_err(SealError::Write))?;
    output.flush().map_err(SealError::Write)?;
    Ok(total)
}

/// Encrypts the plaintext of another body into an empty file, range by range. The plaintext stays in memory.
pub(crate) fn seal_body(
    source: &Body<'_>,
    output: &File,
    NewFile { header, key }: &NewFile,
    threads: usize,
    progress: &Progress,
) -> Result<(), FileError> {
    let sealer = Sealer::new(key, &header.body_context());
    let mut head = header.to_bytes()?;
    head.extend_from_slice(sealer.prefix());
    reserve(output, header.len() as u64 + sealed_len(source.len)).map_err(SealError::Write)?;
    output.write_all_at(&head, 0).map_err(SealError::Write)?;
    on_threads(
        threads,
        |error| SealError::Thread(error).into(),
        |stop| {
            let mut pages = Pages::new(SEALED_RANGE_LEN);
            let mut plaintext = Zeroizing::new(Vec::new());
            let mut sealed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let chunks = sealer.take(CHUNKS_AT_ONCE).map_err(SealError::from)?;
                let from = chunks.plaintext_offset();
                let to = header.len() as u64 + chunks.sealed_offset();
                if from > source.len {
                    break;
                }
                source.open(from / CHUNK_LEN as u64, CHUNKS_AT_ONCE, &mut pages, &mut plaintext)?;
                chunks.seal(&plaintext, &mut sealed);
                output.write_all_at(&sealed, to).map_err(SealError::Write)?;
                progress.add(plaintext.len() as u64);
            }
            Ok(())
        },
    )
}

/// Reads the beginning of a file: at least `least` bytes, and more if one read returns them.
fn read_at_least(file: &File, least: usize, buffer: &mut [u8]) -> io::Result<usize> {
    let length = match file.read_at(buffer, 0) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        length => length?,
    };
    if length < least {
        file.read_exact_at(&mut buffer[length..least], length as u64).map(|()| least)
    } else {
        Ok(length)
    }
}

fn changed_if_shorter(error: io::Error) -> SealError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => SealError::Changed,
        _ => SealError::Read(error),
    }
}

/// The number of chunks that a thread seals at once: 256 KiB, large enough that the overhead per range is negligible, and small
/// enough that both buffers stay in the processor caches.
const CHUNKS_AT_ONCE: usize = 16;
const RANGE_LEN: usize = CHUNKS_AT_ONCE * CHUNK_LEN;
const SEALED_RANGE_LEN: usize = CHUNKS_AT_ONCE * SEALED_CHUNK_LEN;
