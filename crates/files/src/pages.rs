//! Buffers with the same offset within a page as the data in the file that is read into them.
//!
//! The kernel copies four times as slowly to an address whose offset within its page is a few bytes greater than that of the
//! source, because the processor mistakes the next load for a load of bytes that it just stored (4K aliasing); and fresh memory
//! of the allocator begins 16 bytes into a page. docs/performance.md has the figures.

use zeroize::optimization_barrier;

/// A reusable buffer. [`Pages::wipe`] and dropping it wipe the parts that were returned.
#[derive(Default)]
pub(crate) struct Pages {
    bytes: Vec<u8>,
    /// The end of the part that was returned since the last wipe.
    used: usize,
}

impl Pages {
    /// Creates a buffer for `len` bytes at any offset within a page.
    pub(crate) fn new(len: usize) -> Self {
        Self { bytes: vec![0; len + 2 * PAGE], used: 0 }
    }

    /// Returns room for `len` bytes with offset `offset` in a file. If the buffer is too small, it is replaced by a larger one.
    pub(crate) fn at(&mut self, offset: u64, len: usize) -> &mut [u8] {
        if self.bytes.len() < len + 2 * PAGE {
            *self = Self::new(len.next_power_of_two());
        }
        let page = self.bytes.as_ptr().align_offset(PAGE).min(PAGE);
        let start = page + (offset % PAGE as u64) as usize;
        self.used = self.used.max(start + len);
        &mut self.bytes[start..start + len]
    }

    /// Overwrites the part that was returned, with one `memset` that the compiler must not remove. `Zeroize` would write each
    /// byte separately, including the part that small files never use.
    pub(crate) fn wipe(&mut self) {
        let used = &mut self.bytes[..self.used];
        used.fill(0);
        optimization_barrier(used);
        self.used = 0;
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.wipe();
    }
}

const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_within_a_page_is_that_of_the_file() {
        for mut pages in [Pages::new(10_000), Pages::default()] {
            for offset in [0, 1, 4095, 4096, 1_000_000_007] {
                let room = pages.at(offset, 10_000);
                assert_eq!(room.len(), 10_000);
                assert_eq!(room.as_ptr().addr() % PAGE, offset as usize % PAGE);
            }
        }
    }

    #[test]
    fn everything_that_was_handed_out_is_wiped() {
        let mut pages = Pages::default();
        for (offset, len) in [(0, 1), (4095, 1000), (17, 5000), (0, 0), (1, 100_000), (0, 3)] {
            pages.at(offset, len).fill(7);
            pages.at(0, len / 2).fill(8);
            pages.wipe();
            assert!(pages.bytes.iter().all(|byte| *byte == 0), "{len} bytes at {offset}");
        }
    }
}
