//! What a KMS answered in one run: a tree of files asks it once for each distinct wrapped key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};

/// A [`KeyService`] that remembers what it unwrapped, for as long as it lives, and what the KMS refused. One that
/// said nothing is left alone for a while: a tree whose KMS is away fails at once, and not after a wait for each file.
///
/// It stands before one KMS with one set of credentials, so an answer is known by its wrapped key and context. It
/// says nothing about what may be used: whoever asks checks the key that is answered each time. Remembered keys
/// are wiped when they make room for others and in the end.
pub struct KeyCache<'a> {
    kms: &'a dyn KeyService,
    entries: Mutex<Entries>,
    /// When the KMS last said nothing, and in which way.
    silence: Mutex<Option<(Instant, KeyServiceError)>>,
}

/// The wrapped key and its context.
type Question = (String, EncryptionContext);
/// Held while the KMS is asked, so that two who ask the same at once ask it once.
type Answer = Arc<Mutex<Option<Result<UnwrappedDataKey, KeyServiceError>>>>;

#[derive(Default)]
struct Entries {
    answers: HashMap<Question, Answer>,
    /// In the order in which they came.
    order: VecDeque<Question>,
}

impl<'a> KeyCache<'a> {
    /// Before this KMS.
    #[must_use]
    pub fn new(kms: &'a dyn KeyService) -> Self {
        Self { kms, entries: Mutex::default(), silence: Mutex::default() }
    }

    /// Asks, unless the KMS has just said nothing to somebody.
    fn ask<T>(
        &self,
        question: impl FnOnce(&dyn KeyService) -> Result<T, KeyServiceError>,
    ) -> Result<T, KeyServiceError> {
        if let Some((since, error)) = &*lock(&self.silence)
            && since.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        question(self.kms).inspect_err(|error| {
            if error.is_silence() {
                *lock(&self.silence) = Some((Instant::now(), error.clone()));
            }
        })
    }

    fn answer(&self, question: Question) -> Answer {
        let mut entries = lock(&self.entries);
        if let Some(answer) = entries.answers.get(&question) {
            return answer.clone();
        }
        if entries.order.len() == LIMIT
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.answers.remove(&oldest);
        }
        entries.order.push_back(question.clone());
        entries.answers.entry(question).or_default().clone()
    }
}

impl KeyService for KeyCache<'_> {
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        self.ask(|kms| kms.generate_data_key(key, context))
    }

    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        self.ask(|kms| kms.wrap(key, data_key, context))
    }

    fn unwrap(
        &self,
        ciphertext_blob: &str,
        context: &EncryptionContext,
    ) -> Result<UnwrappedDataKey, KeyServiceError> {
        let answer = self.answer((ciphertext_blob.to_owned(), context.clone()));
        let mut answer = lock(&answer);
        let known = match &mut *answer {
            Some(known) => known,
            unknown => match self.ask(|kms| kms.unwrap(ciphertext_blob, context)) {
                Err(error) if error.is_silence() => return Err(error), // says nothing about the next time
                said => unknown.insert(said),
            },
        };
        let known = known.as_ref().map_err(KeyServiceError::clone)?;
        Ok(UnwrappedDataKey {
            data_key: known.data_key.duplicate(),
            key_id: known.key_id.clone(),
            key_version_id: known.key_version_id.clone(),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keys remembered at once.
const LIMIT: usize = 1024;
/// How long a KMS that said nothing is left alone: as long as a client tries before it says so.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Unwraps by reading the wrapped key, and counts.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl KeyService for Counting {
        fn generate_data_key(
            &self,
            _: &str,
            _: &EncryptionContext,
        ) -> Result<GeneratedDataKey, KeyServiceError> {
            Err(KeyServiceError::Throttled)
        }
        fn wrap(&self, _: &str, _: &DataKey, _: &EncryptionContext) -> Result<WrappedKey, KeyServiceError> {
            Err(KeyServiceError::Throttled)
        }
        fn unwrap(&self, blob: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let data_key = DataKey::from_base64(blob).map_err(|_| KeyServiceError::Damaged)?;
            Ok(UnwrappedDataKey { data_key, key_id: "k".into(), key_version_id: "v".into() })
        }
    }

    #[test]
    fn the_same_question_is_asked_once() {
        let kms = Counting::default();
        let cache = KeyCache::new(&kms);
        let (one, two) = (DataKey::random().to_base64(), DataKey::random().to_base64());
        let none = EncryptionContext::default();
        let other = EncryptionContext::new([("a", "b")]).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(*cache.unwrap(&one, &none).unwrap().data_key.to_base64(), *one));
            }
        });
        assert_eq!(kms.0.load(Ordering::Relaxed), 1);
        cache.unwrap(&one, &other).unwrap();
        cache.unwrap(&two, &none).unwrap();
        assert_eq!(kms.0.load(Ordering::Relaxed), 3, "another context or key is another question");
        for _ in 0..2 {
            assert!(cache.unwrap("bad", &none).is_err());
        }
        assert_eq!(kms.0.load(Ordering::Relaxed), 4, "a refusal is remembered too");
    }

    #[test]
    fn a_silent_kms_is_left_alone_for_a_while_and_then_asked_again() {
        struct Silent(AtomicUsize);
        impl KeyService for Silent {
            fn generate_data_key(
                &self,
                _: &str,
                _: &EncryptionContext,
            ) -> Result<GeneratedDataKey, KeyServiceError> {
                self.0.fetch_add(1, Ordering::Relaxed);
                Err(KeyServiceError::Throttled)
            }
            fn wrap(
                &self,
                key: &str,
                _: &DataKey,
                _: &EncryptionContext,
            ) -> Result<WrappedKey, KeyServiceError> {
                self.0.fetch_add(1, Ordering::Relaxed);
                Err(KeyServiceError::KeyNotFound { key: key.to_owned() })
            }
            fn unwrap(&self, _: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
                self.0.fetch_add(1, Ordering::Relaxed);
                Err(KeyServiceError::Throttled)
            }
        }
        let kms = Silent(AtomicUsize::new(0));
        let cache = KeyCache::new(&kms);
        let none = EncryptionContext::default();
        let data_key = DataKey::random();
        for _ in 0..2 {
            assert!(matches!(cache.wrap("k", &data_key, &none), Err(KeyServiceError::KeyNotFound { .. })));
        }
        assert_eq!(kms.0.load(Ordering::Relaxed), 2, "a refusal is no silence");
        for wrapped in ["one", "two", "one"] {
            assert!(matches!(cache.unwrap(wrapped, &none), Err(KeyServiceError::Throttled)));
            assert!(matches!(cache.generate_data_key("k", &none), Err(KeyServiceError::Throttled)));
            assert!(matches!(cache.wrap("k", &data_key, &none), Err(KeyServiceError::Throttled)));
        }
        assert_eq!(kms.0.load(Ordering::Relaxed), 3);
        *lock(&cache.silence) =
            Some((Instant::now().checked_sub(PAUSE).unwrap(), KeyServiceError::Throttled));
        assert!(cache.unwrap("one", &none).is_err());
        assert_eq!(kms.0.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn the_oldest_makes_room() {
        let kms = Counting::default();
        let cache = KeyCache::new(&kms);
        let none = EncryptionContext::default();
        let keys: Vec<_> = (0..=LIMIT).map(|_| DataKey::random().to_base64()).collect();
        for key in &keys {
            cache.unwrap(key, &none).unwrap();
        }
        assert_eq!(cache.entries.lock().unwrap().answers.len(), LIMIT);
        cache.unwrap(&keys[LIMIT], &none).unwrap();
        assert_eq!(kms.0.load(Ordering::Relaxed), LIMIT + 1);
        cache.unwrap(&keys[0], &none).unwrap();
        assert_eq!(kms.0.load(Ordering::Relaxed), LIMIT + 2);
    }
}
