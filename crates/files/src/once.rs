//! Answers that several threads need: one of them asks, and the others wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The answers of a run, by their questions.
pub(crate) struct Answers<Q, A>(Mutex<HashMap<Q, Place<A>>>);

/// Held while the answer is asked for.
type Place<A> = Arc<Mutex<Option<A>>>;

impl<Q: Hash + Eq, A: Clone> Answers<Q, A> {
    /// The answer to `question`, which `ask` is called for if there is none yet. Threads with the same question make one
    /// call; those with other questions do not wait for it. A failure is not kept.
    pub(crate) fn get_or_ask<E>(&self, question: Q, ask: impl FnOnce() -> Result<A, E>) -> Result<A, E> {
        let place = {
            let mut places = lock(&self.0);
            if places.len() >= LIMIT {
                places.clear();
            }
            Arc::clone(places.entry(question).or_default())
        };
        let mut answer = lock(&place);
        match &*answer {
            Some(answer) => Ok(answer.clone()),
            None => Ok(answer.insert(ask()?).clone()),
        }
    }
}

impl<Q, A> Default for Answers<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers kept at once.
const LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn threads_with_one_question_ask_once() {
        let (answers, calls) = (Answers::default(), AtomicUsize::new(0));
        let ask = || Ok::<_, ()>(calls.fetch_add(1, Ordering::Relaxed));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(answers.get_or_ask("a", ask), Ok(0)));
            }
        });
        assert_eq!(answers.get_or_ask("b", ask), Ok(1));
    }

    #[test]
    fn other_questions_do_not_wait() {
        let (answers, both) = (Answers::default(), Barrier::new(2));
        let ask = || {
            both.wait(); // only if both are asked at the same time
            Ok::<_, ()>(())
        };
        thread::scope(|scope| {
            for question in ["a", "b"] {
                let (answers, ask) = (&answers, &ask);
                scope.spawn(move || answers.get_or_ask(question, ask).unwrap());
            }
        });
    }

    #[test]
    fn a_failure_is_not_kept() {
        let answers = Answers::default();
        assert_eq!(answers.get_or_ask("a", || Err("first")), Err("first"));
        assert_eq!(answers.get_or_ask("a", || Ok::<_, &str>(1)), Ok(1));
    }
}
