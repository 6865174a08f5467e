//! Pages of lists: `PageNumber` and `PageSize`.

use std::ops::RangeInclusive;

use bulla_wire::Error;

/// The page somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// From 1.
    pub(super) number: u32,
    pub(super) size: u32,
}

impl Page {
    /// # Errors
    /// InvalidParameter naming the one that is out of range.
    pub(super) fn new(
        number: Option<u32>,
        size: Option<u32>,
        sizes: RangeInclusive<u32>,
    ) -> Result<Self, Error> {
        let page = Self { number: number.unwrap_or(1), size: size.unwrap_or(DEFAULT_SIZE) };
        if page.number == 0 {
            return Err(Error::invalid("PageNumber"));
        }
        match sizes.contains(&page.size) {
            true => Ok(page),
            false => Err(Error::invalid("PageSize")),
        }
    }

    /// The entries on this page; none beyond the end.
    pub(super) fn of<T>(self, entries: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let skipped = u64::from(self.number - 1) * u64::from(self.size);
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        entries.skip(usize::try_from(skipped).unwrap_or(usize::MAX)).take(size)
    }

    /// The entries on this page, and how many there are on all pages.
    pub(super) fn counted<T>(self, entries: impl Iterator<Item = T>) -> (Vec<T>, u64) {
        let first = u64::from(self.number - 1) * u64::from(self.size);
        let here = first..first + u64::from(self.size);
        let (mut page, mut total) = (Vec::new(), 0);
        for entry in entries {
            if here.contains(&total) {
                page.push(entry);
            }
            total += 1;
        }
        (page, total)
    }
}

const DEFAULT_SIZE: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let of = |number, size| {
            let (page, total) = Page::new(number, size, 1..=100).unwrap().counted(1..=25);
            assert_eq!(total, 25);
            assert_eq!(page, Page::new(number, size, 1..=100).unwrap().of(1..=25).collect::<Vec<_>>());
            page
        };
        assert_eq!(of(None, None), (1..=10).collect::<Vec<_>>());
        assert_eq!(of(Some(3), None), (21..=25).collect::<Vec<_>>());
        assert!(of(Some(4), None).is_empty());
        assert!(of(Some(u32::MAX), Some(100)).is_empty());
        for (number, size) in [(0, 10), (1, 0), (1, 101)] {
            assert!(Page::new(Some(number), Some(size), 1..=100).is_err());
        }
    }
}
