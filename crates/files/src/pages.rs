//! Buffers that lie in their pages as what is read into them lies in the pages of the file.
//!
//! The kernel copies four times as slowly to an address that is a few bytes further into its page than the source
//! is in its own, as a processor takes the next load for one of what it has just stored; and memory that comes
//! fresh from the allocator begins 16 bytes into a page. docs/performance.md has the figures.

use zeroize::Zeroizing;

/// A buffer, wiped in the end.
pub(crate) struct Pages(Zeroizing<Vec<u8>>);

impl Pages {
    /// Room for `len` bytes wherever they lie in their pages.
    pub(crate) fn new(len: usize) -> Self {
        Self(Zeroizing::new(vec![0; len + 2 * PAGE]))
    }

    /// Room for `len` bytes that stand at `offset` in a file.
    pub(crate) fn at(&mut self, offset: u64, len: usize) -> &mut [u8] {
        let page = self.0.as_ptr().align_offset(PAGE).min(PAGE);
        let start = page + (offset % PAGE as u64) as usize;
        &mut self.0[start..start + len]
    }
}

const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_lies_in_its_page_as_in_the_file() {
        let mut pages = Pages::new(10_000);
        for offset in [0, 1, 4095, 4096, 1_000_000_007] {
            let room = pages.at(offset, 10_000);
            assert_eq!(room.len(), 10_000);
            assert_eq!(room.as_ptr().addr() % PAGE, offset as usize % PAGE);
        }
    }
}
