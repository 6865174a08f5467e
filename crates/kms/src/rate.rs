//! A limit on events in each second, for the whole engine: the quota of AssumeRole. The rate limits of callers are in
//! `limits.rs`.

use std::sync::{Mutex, PoisonError};

/// Counts events in the current second of elapsed time.
#[derive(Debug, Default)]
pub(crate) struct Rate(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    second: i64,
    done: usize,
}

impl Rate {
    /// Counts an event in this second if there were fewer than `limit`, and returns whether it was counted.
    pub(crate) fn take(&self, second: i64, limit: usize) -> bool {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.second != second {
            *count = Count { second, done: 0 };
        }
        let is_within = count.done < limit;
        count.done += usize::from(is_within);
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_each_second() {
        let rate = Rate::default();
        for second in [5, 6, 9] {
            assert_eq!([(); 4].map(|()| rate.take(second, 3)), [true, true, true, false]);
        }
        assert!(!rate.take(10, 0));
    }
}
