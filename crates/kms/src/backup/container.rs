//! The container of a backup: a head in plaintext, sealed chunks, and an end mark. docs/backup-format.md defines every byte.
//!
//! ```text
//! backup    = head ‖ chunk ... ‖ "bulla-backup-end"
//! head      = "bulla-backup" ‖ version (u32be) ‖ length of clear (u32be) ‖ clear ‖ SHA-256(all before)
//! clear     = { 0: id (16 random bytes), 1: header of the store }                                      (CBOR)
//! chunk     = 65536 bytes of content, sealed (`bulla_keys::backup`); the last one has 1 to 65536 bytes
//! ```
//!
//! The hash in the head and the end mark distinguish damage from a wrong key and from truncation. An attacker can forge both;
//! authenticity comes from the seals of the chunks, which are bound to the head.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use aws_lc_rs::digest::{SHA256, digest};
use bulla_keys::backup::ChunkBinding;
use bulla_keys::root::RootKeys;
use bulla_keys::{Random, SystemRandom};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::error::BackupError;

/// The part in plaintext.
#[derive(Debug)]
pub(super) struct Head {
    /// The bytes in the file.
    bytes: Vec<u8>,
    id: [u8; 16],
    hash: [u8; 32],
    /// The header of the store, unchanged.
    pub(super) header: Vec<u8>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Clear {
    #[n(0)]
    id: ByteArray<16>,
    #[n(1)]
    header: ByteVec,
}

impl Head {
    /// Returns the head of a new backup of the store with this header.
    pub(super) fn new(header: Vec<u8>) -> Self {
        let mut id = [0; 16];
        SystemRandom.fill(&mut id);
        Self::with_id(id, header)
    }

    fn with_id(id: [u8; 16], header: Vec<u8>) -> Self {
        let clear = Clear { id: id.into(), header: header.into() };
        let clear_bytes = encoded(&clear);
        let length = u32::try_from(clear_bytes.len()).expect("headers are short");
        let mut bytes =
            [MAGIC.as_slice(), &VERSION.to_be_bytes(), &length.to_be_bytes(), &clear_bytes].concat();
        let hash = sha256(&bytes);
        bytes.extend_from_slice(&hash);
        Self { bytes, id, hash, header: clear.header.into() }
    }

    fn read(file: &File) -> Result<Self, BackupError> {
        let mut prefix = [0; PREFIX_LEN];
        read_at(file, &mut prefix, 0, BackupError::NotABackup)?;
        let (magic, rest) = prefix.split_at(MAGIC.len());
        let (version, length) = rest.split_at(4);
        if magic != MAGIC {
            return Err(BackupError::NotABackup);
        }
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
        let length = number(length) as usize;
        if length > MAX_CLEAR {
            return Err(BackupError::HeadDamaged);
        }
        let mut bytes = vec![0; PREFIX_LEN + length + HASH_LEN];
        read_at(file, &mut bytes, 0, BackupError::Cut)?;
        let (hashed, hash) = bytes.split_at(PREFIX_LEN + length);
        if sha256(hashed) != hash {
            return Err(BackupError::HeadDamaged);
        }
        match number(version) {
            VERSION => {}
            0 => return Err(BackupError::HeadDamaged),
            version => return Err(BackupError::Newer { version }),
        }
        let clear: Clear = minicbor::decode(&hashed[PREFIX_LEN..]).map_err(|_| BackupError::HeadDamaged)?;
        let head = Self::with_id(*clear.id, clear.header.into());
        if head.bytes == bytes { Ok(head) } else { Err(BackupError::HeadDamaged) }
    }

    fn binding(&self, number: u64, is_last: bool) -> ChunkBinding<'_> {
        ChunkBinding { backup: &self.id, head: &self.hash, number, is_last }
    }

    /// The id in hex.
    pub(super) fn id(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Seals content into chunks.
pub(super) struct ChunkWriter<'a, W: Write> {
    out: W,
    head: &'a Head,
    roots: &'a RootKeys,
    /// Content that is not sealed yet: it may be the last chunk.
    content: Vec<u8>,
    number: u64,
    written: u64,
}

impl<'a, W: Write> ChunkWriter<'a, W> {
    /// Writes the head, before any content.
    pub(super) fn begin(mut out: W, head: &'a Head, roots: &'a RootKeys) -> io::Result<Self> {
        out.write_all(&head.bytes)?;
        let written = head.bytes.len() as u64;
        Ok(Self { out, head, roots, content: Vec::with_capacity(CHUNK), number: 0, written })
    }

    /// Adds content.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.content.len() == CHUNK {
                self.seal(false)?;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(CHUNK - self.content.len()));
            self.content.extend_from_slice(taken);
            bytes = rest;
        }
        Ok(())
    }

    /// Writes the rest as the last chunk, and the end mark. Returns the length of the file.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.seal(true)?;
        self.out.write_all(END)?;
        self.out.flush()?;
        Ok(self.written + END.len() as u64)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let binding = self.head.binding(self.number, is_last);
        let sealed = self.roots.seal_chunk(binding, &self.content, &SystemRandom);
        self.content.clear();
        self.number += 1;
        self.written += sealed.len() as u64;
        self.out.write_all(&sealed)
    }
}

/// The file of a backup whose head was read.
#[derive(Debug)]
pub(super) struct Container {
    file: File,
    pub(super) head: Head,
    /// The length of the whole file.
    pub(super) len: u64,
}

impl Container {
    /// Reads the head, and checks that the end mark exists.
    pub(super) fn open(file: File) -> Result<Self, BackupError> {
        let len = file.metadata().map_err(BackupError::Read)?.len();
        let head = Head::read(&file)?;
        let container = Self { file, head, len };
        let body = len.checked_sub(container.begin() + END.len() as u64).filter(|body| *body > 0);
        let Some(body) = body else { return Err(BackupError::Cut) };
        let mut end = [0; END.len()];
        read_at(&container.file, &mut end, container.begin() + body, BackupError::Cut)?;
        if end == *END { Ok(container) } else { Err(BackupError::Cut) }
    }

    /// Returns a reader of the content from its beginning.
    pub(super) fn content<'a>(&'a self, roots: &'a RootKeys) -> Content<'a> {
        let offset = self.begin();
        Content { container: self, roots, offset, number: 0, chunk: Zeroizing::default(), at: 0 }
    }

    /// Opens the last chunk, which proves that the file is not truncated.
    pub(super) fn check_end(&self, roots: &RootKeys) -> Result<(), BackupError> {
        let chunks = (self.end() - self.begin()).div_ceil(SEALED_CHUNK);
        let number = chunks.saturating_sub(1);
        let offset = self.begin() + number * SEALED_CHUNK;
        Content { container: self, roots, offset, number, chunk: Zeroizing::default(), at: 0 }.next_chunk()
    }

    /// The number of bytes of all chunks.
    #[cfg(test)]
    pub(super) fn body_len(&self) -> u64 {
        self.end() - self.begin()
    }

    fn begin(&self) -> u64 {
        self.head.bytes.len() as u64
    }

    fn end(&self) -> u64 {
        self.len - END.len() as u64
    }
}

/// Reads the content of a backup, chunk by chunk.
pub(super) struct Content<'a> {
    container: &'a Container,
    roots: &'a RootKeys,
    /// The offset of the next chunk.
    offset: u64,
    /// Its number.
    number: u64,
    chunk: Zeroizing<Vec<u8>>,
    /// The position in the current chunk.
    at: usize,
}

impl Content<'_> {
    /// Returns the next `len` bytes; none at the end of the content.
    pub(super) fn take(&mut self, len: usize) -> Result<Option<Vec<u8>>, BackupError> {
        let mut taken = Vec::with_capacity(len.min(CHUNK));
        while taken.len() < len {
            if self.at == self.chunk.len() {
                if self.is_at_end() {
                    return if taken.is_empty() { Ok(None) } else { Err(self.malformed()) };
                }
                self.next_chunk()?;
            }
            let rest = &self.chunk[self.at..];
            let part = &rest[..rest.len().min(len - taken.len())];
            taken.extend_from_slice(part);
            self.at += part.len();
        }
        Ok(Some(taken))
    }

    /// Returns the error for content that is invalid.
    pub(super) fn malformed(&self) -> BackupError {
        BackupError::Malformed { number: self.number.saturating_sub(1) }
    }

    fn is_at_end(&self) -> bool {
        self.offset >= self.container.end()
    }

    fn next_chunk(&mut self) -> Result<(), BackupError> {
        let Self { offset, number, .. } = *self;
        let rest = self.container.end() - offset;
        let is_last = rest <= SEALED_CHUNK;
        let mut sealed = vec![0; usize::try_from(rest.min(SEALED_CHUNK)).expect("a chunk is short")];
        read_at(&self.container.file, &mut sealed, offset, BackupError::Cut)?;
        let open = |is_last| self.roots.open_chunk(self.container.head.binding(number, is_last), &sealed);
        self.chunk = match open(is_last) {
            Ok(chunk) if !chunk.is_empty() => chunk,
            // An end mark was appended to a truncated file.
            Err(_) if is_last && open(false).is_ok() => return Err(BackupError::Cut),
            Ok(_) | Err(_) => return Err(BackupError::ChunkDamaged { number, offset }),
        };
        self.at = 0;
        self.number += 1;
        self.offset += sealed.len() as u64;
        Ok(())
    }
}

fn read_at(file: &File, bytes: &mut [u8], offset: u64, missing: BackupError) -> Result<(), BackupError> {
    file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => missing,
        _ => BackupError::Read(error),
    })
}

pub(super) fn encoded(value: &impl Encode<()>) -> Vec<u8> {
    minicbor::to_vec(value).expect("writing to memory does not fail")
}

fn sha256(bytes: &[u8]) -> [u8; HASH_LEN] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

pub(super) const MAGIC: &[u8; 12] = b"bulla-backup";
const END: &[u8; 16] = b"bulla-backup-end";
const VERSION: u32 = 1;
const PREFIX_LEN: usize = MAGIC.len() + 8;
const HASH_LEN: usize = 32;
/// Bytes of content in a chunk.
const CHUNK: usize = 1 << 16;
const SEALED_CHUNK: u64 = (CHUNK + RootKeys::CHUNK_OVERHEAD) as u64;
/// Headers of stores have less than 1 KiB for each slot.
const MAX_CLEAR: usize = 1 << 20;
