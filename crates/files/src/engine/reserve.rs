//! Reserves the blocks of a large output before they are written.
//!
//! Where several threads write to a file at different offsets, ext4 otherwise allocates blocks for each write, under the lock of
//! the file. With blocks in place a write takes two thirds of the time, and a file system without enough room says so before any
//! work is done. Other file systems do not gain: tmpfs would clear all pages at once, on one core.

use std::fs::File;
use std::io;

use rustix::fs::{FallocateFlags, FsWord, fallocate, fstatfs};
use rustix::io::Errno;

/// Reserves blocks for the first `len` bytes of an empty output, where that makes writing faster. The length of the file stays
/// zero, so that after a power failure it still tells how much was written.
///
/// # Errors
/// If the file system or a quota has not enough room. A file system that cannot reserve blocks is no error.
pub(super) fn reserve(output: &File, len: u64) -> io::Result<()> {
    if !is_large(len) || fstatfs(output)?.f_type != EXT4_SUPER_MAGIC {
        return Ok(());
    }
    match fallocate(output, FallocateFlags::KEEP_SIZE, 0, len) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether a length is large enough for a reservation.
pub(super) fn is_large(len: u64) -> bool {
    len >= LEAST
}

/// Below this length, what a write gains is less than the system calls cost.
const LEAST: u64 = 1 << 20;
/// Of ext2, ext3 and ext4: statfs(2).
const EXT4_SUPER_MAGIC: FsWord = 0xEF53;

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::*;

    /// Returns the length of a new file and the bytes of its blocks, after a reservation.
    fn reserved(directory: impl AsRef<Path>, len: u64) -> (File, u64, u64) {
        let file = tempfile::tempfile_in(directory).unwrap();
        reserve(&file, len).unwrap();
        let metadata = file.metadata().unwrap();
        (file, metadata.len(), metadata.blocks() * 512)
    }

    #[test]
    fn blocks_are_reserved_on_ext4_only_and_the_length_stays() {
        let (file, len, blocks) = reserved(temp_dir(), LEAST);
        let is_ext4 = fstatfs(&file).unwrap().f_type == EXT4_SUPER_MAGIC;
        assert_eq!((len, blocks >= LEAST), (0, is_ext4));
    }

    #[test]
    fn a_small_file_gets_no_blocks() {
        let (_, len, blocks) = reserved(temp_dir(), LEAST - 1);
        assert_eq!((len, blocks), (0, 0));
    }

    #[test]
    fn memory_is_not_reserved() {
        let (_, len, blocks) = reserved("/dev/shm", LEAST);
        assert_eq!((len, blocks), (0, 0));
    }
}
