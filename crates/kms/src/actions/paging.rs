//! Pages of lists: `PageNumber` and `PageSize`. The cost of a page depends on its size, not on its position in the list.

use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

use bulla_wire::Error;

use crate::state::Index;

/// The requested page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Begins with 1.
    pub(crate) number: u32,
    pub(crate) size: u32,
}

impl Page {
    /// # Errors
    /// InvalidParameter naming the parameter that is out of range.
    pub(crate) fn new(
        number: Option<u32>,
        size: Option<u32>,
        sizes: RangeInclusive<u32>,
    ) -> Result<Self, Error> {
        let page = Self { number: number.unwrap_or(1), size: size.unwrap_or(DEFAULT_SIZE) };
        if page.number == 0 {
            return Err(Error::invalid("PageNumber"));
        }
        if sizes.contains(&page.size) { Ok(page) } else { Err(Error::invalid("PageSize")) }
    }

    /// Returns the entries on this page of the list that some parts of an index form together, and the number on all pages.
    /// The parts must be disjoint.
    pub(super) fn of<'i, P, K>(self, index: &'i Index<P, K>, parts: &[P]) -> (Vec<&'i K>, u64)
    where
        P: Ord + Clone,
        K: Ord + Clone,
    {
        let joined = Joined::new(index, parts);
        (joined.slice(self.places()), joined.len() as u64)
    }

    /// Returns the entries on this page of a short list, and the number on all pages.
    pub(crate) fn counted<T>(self, entries: impl Iterator<Item = T>) -> (Vec<T>, u64) {
        let here = self.skipped()..self.skipped() + u64::from(self.size);
        let mut page = Vec::new();
        let mut total = 0;
        for entry in entries {
            if here.contains(&total) {
                page.push(entry);
            }
            total += 1;
        }
        (page, total)
    }

    /// The positions of the entries on this page; the list may be shorter.
    pub(crate) fn places(self) -> Range<usize> {
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        place(self.skipped())..place(self.skipped() + u64::from(self.size))
    }

    /// The number of entries on earlier pages.
    fn skipped(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
    }
}

/// The list that some parts of an index form together, in their common order. The parts must be disjoint.
pub(crate) struct Joined<'i, 'p, P, K> {
    index: &'i Index<P, K>,
    lists: Vec<List<'p, P>>,
}

impl<'i, 'p, P: Ord + Clone, K: Ord + Clone> Joined<'i, 'p, P, K> {
    pub(crate) fn new(index: &'i Index<P, K>, parts: &'p [P]) -> Self {
        let mut lists: Vec<_> = parts.iter().map(|part| List { part, ranks: index.part(part) }).collect();
        lists.retain(|list| !list.ranks.is_empty());
        Self { index, lists }
    }

    pub(crate) fn len(&self) -> usize {
        self.lists.iter().map(|list| list.ranks.len()).sum()
    }

    /// Returns the entries at these positions, as far as they exist.
    pub(crate) fn slice(&self, places: Range<usize>) -> Vec<&'i K> {
        if places.start >= self.len() {
            return vec![];
        }
        let mut lists = self.lists.clone();
        skip(self.index, &mut lists, places.start);
        merge(self.index, lists).take(places.len()).collect()
    }
}

/// The rest of one part of an index.
struct List<'p, P> {
    part: &'p P,
    ranks: Range<usize>,
}

impl<P> Clone for List<'_, P> {
    fn clone(&self) -> Self {
        Self { part: self.part, ranks: self.ranks.clone() }
    }
}

/// Skips the first `count` entries of the list that `lists` form together. It must have at least that many.
fn skip<P: Ord + Clone, K: Ord + Clone>(index: &Index<P, K>, lists: &mut [List<'_, P>], count: usize) {
    if let [only] = lists {
        only.ranks.start += count;
        return;
    }
    // Each list is cut at a rank within its range. Each turn halves the widest one.
    let mut cuts: Vec<_> = lists.iter().map(|list| list.ranks.clone()).collect();
    while let Some(widest) =
        (0..cuts.len()).max_by_key(|at| cuts[*at].len()).filter(|at| !cuts[*at].is_empty())
    {
        let middle = cuts[widest].start + cuts[widest].len() / 2;
        let (_, pivot) = index.get(middle).expect("the ranks of a part are there");
        let before: Vec<_> = lists.iter().map(|list| index.rank(list.part, pivot)).collect();
        let skipped: usize = before.iter().zip(&*lists).map(|(rank, list)| rank - list.ranks.start).sum();
        match skipped.cmp(&count) {
            Ordering::Less => {
                cuts.iter_mut().zip(before).for_each(|(cut, rank)| cut.start = rank);
                cuts[widest].start = middle + 1;
            }
            Ordering::Equal => cuts = before.into_iter().map(|rank| rank..rank).collect(),
            Ordering::Greater => cuts.iter_mut().zip(before).for_each(|(cut, rank)| cut.end = rank),
        }
    }
    lists.iter_mut().zip(cuts).for_each(|(list, cut)| list.ranks.start = cut.start);
}

/// Returns the entries of some lists in their common order.
fn merge<'i, P: Ord + Clone, K: Ord + Clone>(
    index: &'i Index<P, K>,
    lists: Vec<List<'_, P>>,
) -> impl Iterator<Item = &'i K> {
    let mut lists: Vec<_> = lists.into_iter().map(|list| index.keys(list.ranks).peekable()).collect();
    std::iter::from_fn(move || {
        let heads = lists.iter_mut().enumerate().filter_map(|(at, list)| Some((*list.peek()?, at)));
        let (_, first) = heads.min()?;
        lists[first].next()
    })
}

const DEFAULT_SIZE: u32 = 10;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bulla_keys::{Random, SystemRandom};

    use super::*;

    #[test]
    fn pages() {
        let of = |number, size| {
            let (page, total) = Page::new(number, size, 1..=100).unwrap().counted(1..=25);
            assert_eq!(total, 25);
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

    #[test]
    fn parts_make_one_list_together() {
        let mut bytes = vec![0; 3_000];
        SystemRandom.fill(&mut bytes);
        // Parts of very different sizes, some of them empty, one apart from the rest.
        let part = |byte: u8| byte.leading_zeros().min(6);
        let mut index = Index::default();
        for (number, byte) in bytes.iter().enumerate() {
            index.insert((part(*byte), number));
            index.insert((9, 1_000_000 + number));
        }
        for parts in [&[][..], &[0], &[8], &[0, 1], &[6, 0], &[0, 1, 2, 3, 4, 5, 6], &[9, 2, 7]] {
            let list: BTreeSet<_> = parts.iter().flat_map(|part| index.keys(index.part(part))).collect();
            for size in [0, 1, 7, 100, 5_000] {
                for number in (1..30).chain([1_000, u32::MAX]) {
                    let page = Page { number, size };
                    assert_eq!(
                        page.of(&index, parts),
                        page.counted(list.iter().copied()),
                        "{parts:?} {page:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_page_costs_by_its_size_and_not_by_where_it_is() {
        use crate::state::VISITS;
        let mut index = Index::default();
        for number in 0..100_000_u32 {
            index.insert((if number % 1_000 == 7 { 1 } else { number % 2 * 2 }, number));
        }
        for parts in [&[2][..], &[0, 1, 2]] {
            let cost = |number| {
                VISITS.set(0);
                let (page, total) = Page { number, size: 100 }.of(&index, parts);
                assert!(page.len() >= 50 && total >= 49_000);
                VISITS.get()
            };
            // Later pages search the three lists a few times for their start.
            let most = cost(1) + 1_000;
            for number in [2, 250, 499] {
                assert!(cost(number) <= most, "{} > {most}", cost(number));
            }
        }
    }
}
