//! Writes to a file that must not change, kept in memory.
//!
//! redb writes to a store when it opens it, and more if the last process did not close it. On a read-only file system, it
//! reads the file with its own writes on top, so that stores of crashed processes can be read there too.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The content that the file would have if it could be written.
#[derive(Debug)]
pub(crate) struct Overlay(Mutex<State>);

#[derive(Debug)]
struct State {
    len: u64,
    /// How many bytes of the file are still visible.
    visible: u64,
    /// Changed blocks, by their number.
    blocks: BTreeMap<u64, Box<[u8; BLOCK_LEN]>>,
}

impl Overlay {
    /// Starts with the content of a file of `len` bytes.
    pub(crate) fn new(len: u64) -> Self {
        Self(Mutex::new(State { len, visible: len, blocks: BTreeMap::new() }))
    }

    pub(crate) fn len(&self) -> u64 {
        self.state().len
    }

    /// Reads bytes at `offset`; `read` reads from the file.
    pub(crate) fn read(
        &self,
        offset: u64,
        out: &mut [u8],
        read: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let state = self.state();
        if state.len.checked_sub(offset).is_none_or(|rest| rest < out.len() as u64) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        state.read_file(offset, out, read)?;
        for (number, block) in state.blocks.range(blocks_of(offset, out.len())) {
            let Overlap { in_block, in_data } = Overlap::of(*number, offset, out.len());
            out[in_data].copy_from_slice(&block[in_block]);
        }
        Ok(())
    }

    /// Writes `data` at `offset`, in memory; `read` reads from the file.
    pub(crate) fn write(
        &self,
        offset: u64,
        data: &[u8],
        read: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        for number in blocks_of(offset, data.len()) {
            let mut block = match state.blocks.remove(&number) {
                Some(block) => block,
                None => {
                    let mut block = Box::new([0; BLOCK_LEN]);
                    state.read_file(number * BLOCK_LEN as u64, &mut *block, &read)?;
                    block
                }
            };
            let Overlap { in_block, in_data } = Overlap::of(number, offset, data.len());
            block[in_block].copy_from_slice(&data[in_data]);
            state.blocks.insert(number, block);
        }
        state.len = state.len.max(offset + data.len() as u64);
        Ok(())
    }

    /// Truncates the content, or extends it with zeros.
    pub(crate) fn set_len(&self, len: u64) {
        let mut state = self.state();
        (state.len, state.visible) = (len, state.visible.min(len));
        let last = len / BLOCK_LEN as u64;
        let kept = (len % BLOCK_LEN as u64) as usize;
        state.blocks.split_off(&(last + 1));
        if let Some(block) = state.blocks.get_mut(&last) {
            block[kept..].fill(0);
        }
    }

    /// A panic leaves a consistent state: each change either is complete or failed before it began.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads the visible part of the file; the rest is zeros.
    fn read_file(
        &self,
        offset: u64,
        out: &mut [u8],
        read: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let visible = usize::try_from(self.visible.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (found, zeros) = out.split_at_mut(visible.min(out.len()));
        zeros.fill(0);
        if found.is_empty() { Ok(()) } else { read(offset, found) }
    }
}

/// The bytes that a block and a range of data have in common.
struct Overlap {
    in_block: Range<usize>,
    in_data: Range<usize>,
}

impl Overlap {
    fn of(number: u64, offset: u64, len: usize) -> Self {
        let start = number * BLOCK_LEN as u64;
        // Both differences are less than the length of the block or of the data.
        let in_data = start.saturating_sub(offset) as usize;
        let in_block = offset.saturating_sub(start) as usize;
        let common = (BLOCK_LEN - in_block).min(len - in_data);
        Self { in_block: in_block..in_block + common, in_data: in_data..in_data + common }
    }
}

/// Returns the numbers of the blocks that overlap a range of data.
fn blocks_of(offset: u64, len: usize) -> Range<u64> {
    let first = offset / BLOCK_LEN as u64;
    let end = (offset + len as u64).div_ceil(BLOCK_LEN as u64);
    first..end.max(first)
}

/// The size of redb's pages.
const BLOCK_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use bulla_keys::{Random, SystemRandom};

    use super::*;

    fn random(below: usize) -> usize {
        let mut bytes = [0; 8];
        SystemRandom.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % below as u64) as usize
    }

    #[test]
    fn an_overlay_reads_like_a_file_that_was_written() {
        for _ in 0..50 {
            let file: Vec<u8> = (0..random(5 * BLOCK_LEN)).map(|byte| byte as u8 | 1).collect();
            let read_file = |offset: u64, out: &mut [u8]| {
                out.copy_from_slice(&file[offset as usize..][..out.len()]);
                Ok(())
            };
            let (overlay, mut expected) = (Overlay::new(file.len() as u64), file.clone());
            for step in 0..100 {
                let (offset, len) = (random(6 * BLOCK_LEN), random(2 * BLOCK_LEN));
                match step % 10 {
                    0 => {
                        overlay.set_len(offset as u64);
                        expected.resize(offset, 0);
                    }
                    _ if offset <= expected.len() => {
                        let data = vec![step as u8; len];
                        overlay.write(offset as u64, &data, read_file).unwrap();
                        expected.resize(expected.len().max(offset + len), 0);
                        expected[offset..offset + len].copy_from_slice(&data);
                    }
                    _ => {}
                }
                assert_eq!(overlay.len(), expected.len() as u64);
                let start = random(expected.len() + 1);
                let mut out = vec![9; random(expected.len() - start + 1)];
                overlay.read(start as u64, &mut out, read_file).unwrap();
                assert_eq!(out, expected[start..start + out.len()]);
                let mut beyond = vec![0; expected.len() - start + 1];
                let error = overlay.read(start as u64, &mut beyond, read_file).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}
