//! Buffers that lie in their pages as what is read into them lies in the pages of the file.
//!
//! The kernel copies four times as slowly to an address that is a few bytes further into its page than the source
//! is in its own, as a processor takes the next load for one of what it has just stored; and memory that comes
//! fresh from the allocator begins 16 bytes into a page. docs/performance.md has the figures.

use zeroize::optimization_barrier;

/// A buffer that is used again and again. What was handed out is wiped by [`Pages::wipe`] and on drop.
#[derive(Default)]
pub(crate) struct Pages {
    bytes: Vec<u8>,
    /// The end of what was handed out since the buffer was wiped.
    used: usize,
}

impl Pages {
    /// Room for `len` bytes wherever they lie in their pages.
    pub(crate) fn new(len: usize) -> Self {
        Self { bytes: vec![0; len + 2 * PAGE], used: 0 }
    }

    /// Room for `len` bytes that stand at `offset` in a file. The buffer grows if it is too small, and loses its content.
    pub(crate) fn at(&mut self, offset: u64, len: usize) -> &mut [u8] {
        if self.bytes.len() < len + 2 * PAGE {
            *self = Self::new(len.next_power_of_two());
        }
        let page = self.bytes.as_ptr().align_offset(PAGE).min(PAGE);
        let start = page + (offset % PAGE as u64) as usize;
        self.used = self.used.max(start + len);
        &mut self.bytes[start..start + len]
    }

    /// Overwrites what was handed out: one `memset`, which the compiler must not remove. `Zeroize` would write each byte by
    /// itself, also of the part that no small file has ever used.
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
    fn a_place_lies_in_its_page_as_in_the_file() {
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
