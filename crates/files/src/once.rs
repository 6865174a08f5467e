//! A map of results that several threads need: one thread computes each result, and the others wait for it. Rewrapping stores its
//! data keys, key versions and wraps in such maps.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The results of a run, by key.
pub(crate) struct OnceMap<K, V>(Mutex<HashMap<K, Entry<V>>>);

/// Locked while the result is computed.
type Entry<V> = Arc<Mutex<Option<V>>>;

impl<K: Hash + Eq, V: Clone> OnceMap<K, V> {
    /// Returns the result for a key, and calls the function if there is none yet. Threads with the same key make one call;
    /// threads with other keys do not wait for it. A failure is not stored.
    pub(crate) fn get_or_call<E>(&self, key: K, call: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        let entry = {
            let mut entries = lock(&self.0);
            if entries.len() >= LIMIT {
                entries.clear();
            }
            Arc::clone(entries.entry(key).or_default())
        };
        let mut value = lock(&entry);
        match &*value {
            Some(value) => Ok(value.clone()),
            None => Ok(value.insert(call()?).clone()),
        }
    }
}

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maximum number of results.
const LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn threads_with_one_question_ask_once() {
        let (answers, calls) = (OnceMap::default(), AtomicUsize::new(0));
        let call = || Ok::<_, ()>(calls.fetch_add(1, Ordering::Relaxed));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(answers.get_or_call("a", call), Ok(0)));
            }
        });
        assert_eq!(answers.get_or_call("b", call), Ok(1));
    }

    #[test]
    fn other_questions_do_not_wait() {
        let (answers, both) = (OnceMap::default(), Barrier::new(2));
        let call = || {
            both.wait(); // ends only if both calls run at the same time
            Ok::<_, ()>(())
        };
        thread::scope(|scope| {
            for key in ["a", "b"] {
                let (answers, call) = (&answers, &call);
                scope.spawn(move || answers.get_or_call(key, call).unwrap());
            }
        });
    }

    #[test]
    fn a_failure_is_not_kept() {
        let answers = OnceMap::default();
        assert_eq!(answers.get_or_call("a", || Err("first")), Err("first"));
        assert_eq!(answers.get_or_call("a", || Ok::<_, &str>(1)), Ok(1));
    }
}
