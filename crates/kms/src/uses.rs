//! Records when access keys were last used: in memory for each request; maintenance writes it to the store once a minute.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

/// The last use of access keys since the last write, in seconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Uses(RwLock<HashMap<Box<str>, AtomicI64>>);

impl Uses {
    /// Records a use. Only the first use of a key since the last write blocks others.
    pub(crate) fn note(&self, access_key_id: &str, now: i64) {
        let uses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = uses.get(access_key_id) {
            if last.load(Ordering::Relaxed) < now {
                last.fetch_max(now, Ordering::Relaxed);
            }
            return;
        }
        drop(uses);
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let last = uses.entry(access_key_id.into()).or_insert_with(|| AtomicI64::new(now));
        *last.get_mut() = (*last.get_mut()).max(now);
    }

    /// Returns the recorded uses, and clears them.
    pub(crate) fn take(&self) -> HashMap<Box<str>, i64> {
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        uses.drain().map(|(id, last)| (id, last.into_inner())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_use_of_each_access_key_is_taken_once() {
        let uses = Uses::default();
        for (id, now) in [("a", 3), ("b", 9), ("a", 5), ("a", 4)] {
            uses.note(id, now);
        }
        assert_eq!(uses.take(), HashMap::from([("a".into(), 5), ("b".into(), 9)]));
        assert!(uses.take().is_empty());
        uses.note("a", 1);
        assert_eq!(uses.take(), HashMap::from([("a".into(), 1)]));
    }
}
