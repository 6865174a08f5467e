//! With inputs and outputs that fail, stutter or panic, the call ends with the right error, and its threads end too.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::mpsc;
use std::time::Duration;
use std::{panic, thread};

use bulla_envelope::DataKey;
use bulla_envelope::text_format::{OpenError, Reader, SealError, seal};

const BLOB: &str = "YmxvYg==";
/// Enough chunks that every buffer is in use when a stream fails.
const LENGTH: usize = 8 << 20;

#[test]
fn an_output_that_is_full_ends_sealing() {
    ends(|| {
        for room in [0, 10, 40, 1 << 20, LENGTH / 2, text_len() - 1] {
            let error = seal(io::repeat(7).take(LENGTH as u64), Full { room }, &DataKey::random(), BLOB);
            assert!(matches!(error, Err(SealError::Write(e)) if e.kind() == io::ErrorKind::StorageFull));
        }
    });
}

#[test]
fn an_input_that_fails_ends_sealing() {
    ends(|| {
        for length in [0, 1, 1 << 20, LENGTH] {
            let input = io::repeat(7).take(length as u64).chain(Broken);
            let error = seal(input, io::sink(), &DataKey::random(), BLOB);
            assert!(matches!(error, Err(SealError::Read(e)) if e.kind() == io::ErrorKind::Other));
        }
    });
}

#[test]
fn an_output_that_is_full_ends_opening() {
    let (key, sealed) = sealed();
    ends(move || {
        for room in [0, 1, 1 << 20, LENGTH - 1] {
            let error = Reader::new(&*sealed).unwrap().open_into_discardable(&key, Full { room });
            assert!(matches!(error, Err(OpenError::Write(e)) if e.kind() == io::ErrorKind::StorageFull));
            let error = Reader::new(Cursor::new(&sealed)).unwrap().open_verified(&key, Full { room });
            assert!(matches!(error, Err(OpenError::Write(e)) if e.kind() == io::ErrorKind::StorageFull));
        }
    });
}

#[test]
fn an_input_that_fails_ends_opening() {
    let (key, sealed) = sealed();
    ends(move || {
        for length in [0, 3, 20, 1 << 20, LENGTH, sealed.len()] {
            let broken = || Seekable(sealed[..length].chain(Broken));
            for error in [
                Reader::new(broken()).and_then(|reader| reader.open_into_discardable(&key, io::sink())),
                Reader::new(broken()).and_then(|reader| reader.open_verified(&key, io::sink())),
            ] {
                assert!(matches!(error, Err(OpenError::Read(e)) if e.kind() == io::ErrorKind::Other));
            }
        }
    });
}

#[test]
fn an_output_that_panics_ends_the_threads() {
    ends(|| {
        let sealing = || seal(io::repeat(7).take(LENGTH as u64), Panics, &DataKey::random(), BLOB).map(drop);
        assert!(panic::catch_unwind(sealing).is_err());
    });
}

#[test]
fn damage_in_the_middle_ends_the_threads() {
    let (key, mut sealed) = sealed();
    sealed[LENGTH] = b'!';
    ends(move || {
        assert!(Reader::new(&*sealed).unwrap().open_into_discardable(&key, io::sink()).is_err());
        assert!(Reader::new(Cursor::new(&sealed)).unwrap().open_verified(&key, io::sink()).is_err());
    });
}

#[test]
fn single_bytes_and_interruptions_make_no_difference() {
    let key = DataKey::random();
    let plain: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut sealed = Vec::new();
    seal(Stutters::new(&*plain), Stutters::new(&mut sealed), &key, BLOB).unwrap();
    let reader = Reader::new(Stutters::new(&*sealed)).unwrap();
    let opened = reader.open_into_discardable(&key, Stutters::new(Vec::new())).unwrap();
    assert!(opened.out.inner == plain);
    let reader = Reader::new(Stutters::new(Cursor::new(&sealed))).unwrap();
    let opened = reader.open_verified(&key, Stutters::new(Vec::new())).unwrap();
    assert!(opened.out.inner == plain);
}

/// Fails if `work` does not end.
fn ends(work: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(Duration::from_secs(100)) {
        panic!("still running");
    }
    worker.join().unwrap();
}

fn sealed() -> (DataKey, Vec<u8>) {
    let (key, mut sealed) = (DataKey::random(), Vec::new());
    seal(io::repeat(7).take(LENGTH as u64), &mut sealed, &key, BLOB).unwrap();
    assert_eq!(sealed.len(), text_len());
    (key, sealed)
}

fn text_len() -> usize {
    9 + 25 + LENGTH.div_ceil(3) * 4 + 1 + 25
}

/// A disk with limited space.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = bytes.len().min(self.room);
        self.room -= length;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the cable was pulled"))
    }
}

/// An input that reports its position and fails to seek back to it.
struct Seekable<R>(R);

impl<R: Read> Read for Seekable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R> Seek for Seekable<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) => Ok(1 << 30),
            _ => Err(io::Error::other("the cable was pulled")),
        }
    }
}

struct Panics;

impl Write for Panics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(bytes.len() < 100, "a panic on purpose");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads and writes one byte at a time, and is interrupted before each.
struct Stutters<T> {
    inner: T,
    interrupted: bool,
}

impl<T> Stutters<T> {
    fn new(inner: T) -> Self {
        Self { inner, interrupted: false }
    }

    fn interrupt(&mut self) -> io::Result<()> {
        self.interrupted = !self.interrupted;
        if self.interrupted { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl<R: Read> Read for Stutters<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt()?;
        let one = buffer.len().min(1);
        self.inner.read(&mut buffer[..one])
    }
}

impl<W: Write> Write for Stutters<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt()?;
        self.inner.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<S: Seek> Seek for Stutters<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
