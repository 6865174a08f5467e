//! A histogram of durations with fixed buckets, in the form that monitoring systems read. The engine counts commits with
//! it, and the server requests.

use std::time::Duration;

/// Counts of durations by size, and their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// A duration counts in the first bucket whose bound it does not exceed; the last bucket is for those beyond all bounds.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// The upper bounds of the buckets, inclusive.
    pub const BOUNDS: [Duration; BOUNDS.len()] = BOUNDS;

    /// Counts a duration.
    pub fn observe(&mut self, duration: Duration) {
        let bucket = BOUNDS.iter().position(|bound| duration <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(duration);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// The count of each bucket, without those of smaller buckets; the last one is for durations beyond [`Self::BOUNDS`].
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all durations.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

/// 100 µs to 10 s, two for each power of ten: GenerateDataKey takes about 100 µs, a commit that waits for a disk a few
/// milliseconds, and a client times out after 10 s.
const BOUNDS: [Duration; 11] = [
    Duration::from_micros(100),
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_it_fits_into() {
        let mut histogram = Histogram::default();
        let sizes = [
            (Duration::ZERO, 0),
            (Duration::from_micros(100), 0),
            (Duration::from_nanos(100_001), 1),
            (Duration::from_secs(10), 10),
            (Duration::from_secs(11), 11),
            (Duration::MAX, 11),
        ];
        for (duration, bucket) in sizes {
            let before = histogram.counts()[bucket];
            histogram.observe(duration);
            assert_eq!(histogram.counts()[bucket], before + 1, "{duration:?}");
        }
        assert_eq!(histogram.count(), 6);
        assert_eq!(histogram.sum(), Duration::MAX, "it stops there");
    }

    #[test]
    fn merging_adds_up() {
        let of = |durations: &[u64]| {
            let mut histogram = Histogram::default();
            durations.iter().for_each(|millis| histogram.observe(Duration::from_millis(*millis)));
            histogram
        };
        let mut merged = of(&[1, 20, 5000]);
        merged.merge(&of(&[2, 20]));
        assert_eq!(merged, of(&[1, 2, 20, 20, 5000]));
    }
}
