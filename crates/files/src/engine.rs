//! Whole bodies, on all cores: files by workers that pull ranges of chunks and read and write them where they
//! belong, streams by one thread that reads and seals beside one that writes.
//!
//! Source bytes are copied to private memory before they are sealed, so that nobody can change them between
//! sealing and writing; buffers of plaintext are wiped. Memory is bounded by two ranges for each thread.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use bulla_envelope::cobblestone::{
    CHUNK_LEN, Opener, PREFIX_LEN, SEALED_CHUNK_LEN, Sealer, TAG_LEN, plaintext_len, sealed_len,
    sealed_offset,
};
use bulla_envelope::native::{BodyKey, Header, OpenError, SealError};
use zeroize::Zeroizing;

use crate::file_error::FileError;
use crate::pages::Pages;

/// Plaintext bytes done so far, for whoever shows progress.
pub type Progress = AtomicU64;

/// As many threads as there are cores to run them.
#[must_use]
pub fn all_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Who has the threads when many files are worked on at once: each file one, and one large file at a time as many more
/// as there are.
#[derive(Default)]
pub(crate) struct LargeFiles(Mutex<()>);

impl LargeFiles {
    /// The threads for a file, as long as the guard lives.
    pub(crate) fn threads(&self, len: u64, jobs: usize) -> (usize, Option<MutexGuard<'_, ()>>) {
        match len >= LARGE {
            true => (jobs, Some(self.0.lock().unwrap_or_else(PoisonError::into_inner))),
            false => (1, None),
        }
    }
}

/// The body of a file that can be read anywhere.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) file: &'a File,
    /// Where it begins.
    offset: u64,
    /// Bytes of plaintext.
    pub(crate) len: u64,
    opener: &'a Opener,
}

/// Encrypts a regular file of `size` bytes into an empty one. [`SealError::Changed`] if it holds fewer or more; whether it
/// was written to meanwhile, its metadata say.
pub(crate) fn seal_file(
    source: &File,
    size: u64,
    output: &File,
    (header, key): (&Header, &BodyKey),
    threads: usize,
    progress: &Progress,
) -> Result<(), SealError> {
    let sealer = Sealer::new(key.as_key(), &header.body_context());
    let mut head = header.to_bytes()?;
    head.extend_from_slice(sealer.prefix());
    let body_offset = header.len() as u64;
    let ranges = usize::try_from(size / RANGE_LEN as u64 + 1).unwrap_or(usize::MAX);
    if ranges == 1 {
        // A small file is one read and one write. There is room for a byte too many.
        let mut plaintext = Zeroizing::new(vec![0; size as usize + 1]);
        let mut sealed = Vec::new();
        if read_at_least(source, size as usize, &mut plaintext).map_err(changed_if_shorter)? as u64 != size {
            return Err(SealError::Changed);
        }
        sealer.take(CHUNKS_AT_ONCE)?.seal(&plaintext[..size as usize], &mut sealed);
        head.extend_from_slice(&sealed);
        output.write_all_at(&head, 0).map_err(SealError::Write)?;
        progress.fetch_add(size, Ordering::Relaxed);
    } else {
        output.write_all_at(&head, 0).map_err(SealError::Write)?;
        on_threads(threads.min(ranges), SealError::Thread, |stop| {
            let (mut pages, mut sealed) = (Pages::new(RANGE_LEN), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let chunks = sealer.take(CHUNKS_AT_ONCE)?;
                let (from, to) = (chunks.plaintext_offset(), body_offset + chunks.sealed_offset());
                let Some(left) = size.checked_sub(from) else { break };
                let plaintext = pages.at(from, left.min(RANGE_LEN as u64) as usize);
                source.read_exact_at(plaintext, from).map_err(changed_if_shorter)?;
                chunks.seal(plaintext, &mut sealed);
                output.write_all_at(&sealed, to).map_err(SealError::Write)?;
                progress.fetch_add(plaintext.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        })?;
        if source.read_at(&mut [0], size).map_err(SealError::Read)? > 0 {
            return Err(SealError::Changed);
        }
    }
    Ok(())
}

/// Encrypts a stream; gives the bytes of plaintext.
pub(crate) fn seal_stream(
    mut source: impl Read + Send,
    mut output: impl Write,
    (header, key): (&Header, &BodyKey),
    progress: &Progress,
) -> Result<u64, SealError> {
    let sealer = Sealer::new(key.as_key(), &header.body_context());
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
        progress.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length == RANGE_LEN)
    };
    pipeline(produce, SealError::Thread, |sealed| output.write_all(sealed).map_err(SealError::Write))?;
    output.flush().map_err(SealError::Write)?;
    Ok(total)
}

/// Encrypts what another body holds into an empty file, range by range; the plaintext stays in memory.
pub(crate) fn seal_body(
    source: &Body<'_>,
    output: &File,
    (header, key): (&Header, &BodyKey),
    threads: usize,
    progress: &Progress,
) -> Result<(), FileError> {
    let sealer = Sealer::new(key.as_key(), &header.body_context());
    let mut head = header.to_bytes()?;
    head.extend_from_slice(sealer.prefix());
    output.write_all_at(&head, 0).map_err(SealError::Write)?;
    on_threads(
        threads,
        |error| SealError::Thread(error).into(),
        |stop| {
            let (mut pages, mut plaintext, mut sealed) =
                (Pages::new(SEALED_RANGE_LEN), Zeroizing::new(Vec::new()), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let chunks = sealer.take(CHUNKS_AT_ONCE).map_err(SealError::from)?;
                let (from, to) = (chunks.plaintext_offset(), header.len() as u64 + chunks.sealed_offset());
                if from > source.len {
                    break;
                }
                source.open(from / CHUNK_LEN as u64, CHUNKS_AT_ONCE, &mut pages, &mut plaintext)?;
                chunks.seal(&plaintext, &mut sealed);
                output.write_all_at(&sealed, to).map_err(SealError::Write)?;
                progress.fetch_add(plaintext.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        },
    )
}

impl<'a> Body<'a> {
    /// The body of an unlocked file of `file_len` bytes, which agrees with the size that its header says, if any.
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
            _ => Ok(Self { file, offset, len, opener }),
        }
    }

    /// Opens the last chunk: the body was not cut. Everything that gives out or believes a part does that first.
    pub(crate) fn check_end(&self) -> Result<(), OpenError> {
        let last = self.len / CHUNK_LEN as u64;
        self.open(last, 1, &mut Pages::new(SEALED_CHUNK_LEN), &mut Zeroizing::new(Vec::new()))
    }

    /// Decrypts into an empty file.
    pub(crate) fn open_into(
        &self,
        output: &File,
        threads: usize,
        progress: &Progress,
    ) -> Result<(), OpenError> {
        self.each_range(threads, progress, |from, plaintext| {
            output.write_all_at(plaintext, from).map_err(OpenError::Write)
        })
    }

    /// Opens every chunk and keeps nothing.
    pub(crate) fn verify(&self, threads: usize, progress: &Progress) -> Result<(), OpenError> {
        self.each_range(threads, progress, |_, _| Ok(()))
    }

    /// Whether this is what stands in `file`.
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

    /// Opens all chunks on several threads; `each` gets their plaintext and where it belongs.
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
            self.check_end()?; // a single range has the last chunk in it
        }
        on_threads(threads.min(ranges), OpenError::Thread, |stop| {
            let (mut pages, mut plaintext) = (self.pages(), Zeroizing::new(Vec::new()));
            while !stop.load(Ordering::Relaxed) {
                let first = next.fetch_add(OPENED_AT_ONCE as u64, Ordering::Relaxed);
                if first >= total {
                    break;
                }
                self.open(first, OPENED_AT_ONCE, &mut pages, &mut plaintext)?;
                each(first * CHUNK_LEN as u64, &plaintext)?;
                progress.fetch_add(plaintext.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        })
    }

    /// Decrypts some bytes of the plaintext into a stream, each verified before it is written.
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
        let (mut chunk, end) = (range.start / CHUNK_LEN as u64, (range.end - 1) / CHUNK_LEN as u64 + 1);
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
            progress.fetch_add(plaintext.len() as u64, Ordering::Relaxed);
            Ok(chunk < end)
        };
        pipeline(produce, OpenError::Thread, |plaintext| {
            output.write_all(plaintext).map_err(OpenError::Write)
        })?;
        output.flush().map_err(OpenError::Write)
    }

    /// Room for as many sealed chunks as are opened at once.
    fn pages(&self) -> Pages {
        Pages::new(sealed_len(self.len).min(SEALED_OPENED_LEN as u64) as usize)
    }

    /// Reads and opens up to `count` chunks.
    fn open(
        &self,
        first: u64,
        count: usize,
        pages: &mut Pages,
        plaintext: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let (from, at) = (sealed_offset(first), self.offset + sealed_offset(first));
        let left = sealed_len(self.len).saturating_sub(from);
        let sealed = pages.at(at, left.min((count * SEALED_CHUNK_LEN) as u64) as usize);
        self.file.read_exact_at(sealed, at).map_err(truncated_if_shorter)?;
        Ok(self.opener.open(first, sealed, plaintext)?)
    }
}

/// Decrypts a stream that stands behind the body's prefix; verified chunks flow, and a cut tail is an error at the
/// end.
pub(crate) fn open_stream(
    mut source: impl Read + Send,
    header: &Header,
    opener: &Opener,
    mut output: impl Write,
    progress: &Progress,
) -> Result<u64, OpenError> {
    let mut pages = Pages::new(SEALED_OPENED_LEN);
    let (mut chunk, mut total) = (0, 0);
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
        progress.fetch_add(plaintext.len() as u64, Ordering::Relaxed);
        match header.source().size {
            Some(size) if ended && size != total => Err(OpenError::Size),
            _ => Ok(!ended),
        }
    };
    pipeline(produce, OpenError::Thread, |plaintext| output.write_all(plaintext).map_err(OpenError::Write))?;
    output.flush().map_err(OpenError::Write)?;
    Ok(total)
}

/// What opens a file that was just sealed.
pub(crate) fn own_opener(output: &File, header: &Header, key: &BodyKey) -> Result<Opener, OpenError> {
    let mut prefix = [0; PREFIX_LEN];
    output.read_exact_at(&mut prefix, header.len() as u64).map_err(OpenError::Read)?;
    // An output that holds another prefix was not written by us.
    Opener::new(key.as_key(), &header.body_context(), &prefix).map_err(|_| OpenError::Truncated)
}

/// Reads the body's prefix of a stream or file.
pub(crate) fn read_prefix(mut source: impl Read) -> Result<[u8; PREFIX_LEN], OpenError> {
    let mut prefix = [0; PREFIX_LEN];
    source.read_exact(&mut prefix).map_err(truncated_if_shorter)?;
    Ok(prefix)
}

/// Runs the same work on several threads, this one among them, until it is done; the first error stops all.
fn on_threads<E: Send>(
    threads: usize,
    no_thread: fn(io::Error) -> E,
    work: impl Fn(&AtomicBool) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (stop, failed) = (AtomicBool::new(false), Mutex::new(None));
    let run = || {
        if let Err(error) = work(&stop) {
            stop.store(true, Ordering::Relaxed);
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            if let Err(error) = thread::Builder::new().name("chunks".into()).spawn_scoped(scope, run) {
                stop.store(true, Ordering::Relaxed);
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(no_thread(error));
            }
        }
        run();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Runs `produce` on a thread of its own, which says whether there is more, and `consume` on this one, in order, with
/// buffers that go round and are wiped wherever they end.
fn pipeline<E: Send>(
    mut produce: impl FnMut(&mut Vec<u8>) -> Result<bool, E> + Send,
    no_thread: fn(io::Error) -> E,
    mut consume: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    type Buffer = Zeroizing<Vec<u8>>;
    thread::scope(|scope| {
        let (filled, pieces) = sync_channel::<Result<Buffer, E>>(BUFFERS);
        let (empty, buffers) = sync_channel::<Buffer>(BUFFERS);
        for _ in 0..BUFFERS {
            empty.send(Buffer::default()).expect("the channel has room for every buffer");
        }
        let producer = move || {
            let mut more = true;
            while more {
                let Ok(mut buffer) = buffers.recv() else { break };
                let piece = produce(&mut buffer);
                more = matches!(piece, Ok(true));
                if filled.send(piece.map(|_| buffer)).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("chunks".into()).spawn_scoped(scope, producer).map_err(no_thread)?;
        for piece in pieces {
            let piece = piece?;
            consume(&piece)?;
            let _ = empty.send(piece); // nobody needs it any more after the last piece
        }
        Ok(())
    })
}

/// Reads the beginning of a file: what it has to hold, and more if that comes with it.
fn read_at_least(file: &File, least: usize, buffer: &mut [u8]) -> io::Result<usize> {
    let length = match file.read_at(buffer, 0) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        length => length?,
    };
    match length < least {
        true => file.read_exact_at(&mut buffer[length..least], length as u64).map(|()| least),
        false => Ok(length),
    }
}

/// Reads until `buffer` is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn changed_if_shorter(error: io::Error) -> SealError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => SealError::Changed,
        _ => SealError::Read(error),
    }
}

fn truncated_if_shorter(error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => OpenError::Truncated,
        _ => OpenError::Read(error),
    }
}

/// Chunks that a thread seals at once: 256 KiB, large enough that taking them costs nothing, small enough that both
/// buffers stay near the core.
const CHUNKS_AT_ONCE: usize = 16;
const RANGE_LEN: usize = CHUNKS_AT_ONCE * CHUNK_LEN;
const SEALED_RANGE_LEN: usize = CHUNKS_AT_ONCE * SEALED_CHUNK_LEN;
/// Chunks that a thread opens at once. For 256 KiB, which begin at a page, a file system looks for as much memory in one
/// piece, and that took up to three times as long wherever memory had been in use for a while.
const OPENED_AT_ONCE: usize = 8;
const SEALED_OPENED_LEN: usize = OPENED_AT_ONCE * SEALED_CHUNK_LEN;
/// Bytes from which on a file among many is worked on by several threads.
const LARGE: u64 = 64 << 20;
/// One on each side and one on the way.
const BUFFERS: usize = 3;
