//! A set of minutes, stored as a few ranges. Replay protection keeps in it the minutes whose requests are refused.

/// A set of minutes since 1970, which only grows.
///
/// It stores at most [`MAX_RANGES`] ranges: beyond that, it merges the two lowest, including the gap between them. So it may
/// contain more minutes than were added, and never fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Minutes {
    /// First and last minute of each range: ascending, and not adjacent.
    ranges: Vec<(i64, i64)>,
}

impl Minutes {
    pub(crate) fn contains(&self, minute: i64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= minute);
        after.checked_sub(1).is_some_and(|index| minute <= self.ranges[index].1)
    }

    /// Adds all minutes from `first` to `last`.
    pub(crate) fn insert(&mut self, first: i64, last: i64) {
        let begin = self.ranges.partition_point(|range| range.1 < first.saturating_sub(1));
        let end = self.ranges.partition_point(|range| range.0 <= last.saturating_add(1));
        let touched = &self.ranges[begin..end];
        let first = touched.first().map_or(first, |range| first.min(range.0));
        let last = touched.last().map_or(last, |range| last.max(range.1));
        self.ranges.splice(begin..end, [(first, last)]);
        if self.ranges.len() > MAX_RANGES {
            let lowest = self.ranges.remove(0);
            self.ranges[0].0 = lowest.0;
        }
    }

    /// Adds the minutes of another set from `minute` on.
    pub(crate) fn insert_from(&mut self, minute: i64, other: &Self) {
        for (first, last) in other.ranges().filter(|(_, last)| *last >= minute) {
            self.insert(first.max(minute), last);
        }
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = (i64, i64)> {
        self.ranges.iter().copied()
    }
}

/// With a request every ten minutes, these cover the last ten hours.
const MAX_RANGES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut minutes = Minutes::default();
        for minute in [5, 9, 7, 1, 6, 8] {
            minutes.insert(minute, minute);
        }
        assert_eq!(minutes.ranges().collect::<Vec<_>>(), [(1, 1), (5, 9)]);
        minutes.insert(0, 20);
        assert_eq!(minutes.ranges().collect::<Vec<_>>(), [(0, 20)]);
        minutes.insert(3, 4);
        assert_eq!(minutes.ranges().collect::<Vec<_>>(), [(0, 20)]);
        for (minute, inside) in [(-1, false), (0, true), (20, true), (21, false)] {
            assert_eq!(minutes.contains(minute), inside, "{minute}");
        }
    }

    #[test]
    fn no_minute_leaves_when_there_are_too_many() {
        let mut minutes = Minutes::default();
        let added: Vec<i64> = (0..500).map(|n| n * 7919 % 5000).collect();
        for (count, minute) in added.iter().enumerate() {
            minutes.insert(*minute, *minute);
            assert!(added[..=count].iter().all(|minute| minutes.contains(*minute)));
            assert!(minutes.ranges.len() <= MAX_RANGES);
            assert!(minutes.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{minutes:?}");
        }
    }

    #[test]
    fn what_comes_later_is_taken_from_another_set() {
        let (mut minutes, mut other) = (Minutes::default(), Minutes::default());
        other.insert(1, 4);
        other.insert(8, 12);
        other.insert(20, 20);
        minutes.insert_from(10, &other);
        assert_eq!(minutes.ranges().collect::<Vec<_>>(), [(10, 12), (20, 20)]);
    }
}
