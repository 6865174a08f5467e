//! Caches unwrapped keys and recent refusals of a KMS during one run: a tree of files unwraps each distinct wrapped key only
//! once, and an unavailable KMS is not called again for each file.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bulla_envelope::{
    DataKey, EncryptionContext, GeneratedDataKey, KeyService, KeyServiceError, UnwrappedDataKey, WrappedKey,
};

/// A [`KeyService`] that caches the keys that the KMS unwrapped until it is dropped, and refusals for [`PAUSE`]. It does not call
/// a KMS that is unavailable for the same time either, so that a tree fails at once instead of after a timeout for each file.
///
/// Transient errors are not cached: an internal error of the KMS, or an embedded store that another process has locked. But a KMS
/// that returns only internal errors for that long counts as unavailable too. An error that is final for a wrapped key is cached
/// permanently.
///
/// A cache is for one KMS with one set of credentials, so wrapped key and context identify a result. It does not decide which
/// keys may be used: the caller checks the returned key each time. Cached keys are wiped when they are evicted or the cache is
/// dropped.
pub struct KeyCache<K> {
    kms: K,
    unwrapped: Mutex<Unwrapped>,
    refused: Mutex<HashMap<CallKey, RecentFailure>>,
    /// The last outage of the KMS.
    outage: Mutex<Option<RecentFailure>>,
    /// The transient failures since the last success or refusal.
    failing: Mutex<Option<Streak>>,
}

/// A call: the operation, the key or the wrapped key, and the encryption context.
type CallKey = (Operation, String, EncryptionContext);
/// The result of a call. It is locked during the call, so that threads with the same call make it only once.
type Entry = Arc<Mutex<Option<UnwrappedDataKey>>>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Generate,
    Wrap,
    Unwrap,
}

struct RecentFailure {
    since: Instant,
    error: KeyServiceError,
}

/// A series of transient failures.
struct Streak {
    first: Instant,
    last: Instant,
}

#[derive(Default)]
struct Unwrapped {
    entries: HashMap<CallKey, Entry>,
    /// The calls in the order in which they were added.
    order: VecDeque<CallKey>,
}

impl<K: KeyService> KeyCache<K> {
    /// Creates a cache for `kms`.
    #[must_use]
    pub fn new(kms: K) -> Self {
        Self {
            kms,
            unwrapped: Mutex::default(),
            refused: Mutex::default(),
            outage: Mutex::default(),
            failing: Mutex::default(),
        }
    }

    /// Calls the KMS unless a recent call found it unavailable, or refused the same call.
    fn call_unless_refused<T>(
        &self,
        call_key: &CallKey,
        call: impl FnOnce(&K) -> Result<T, KeyServiceError>,
    ) -> Result<T, KeyServiceError> {
        let outage = lock(&self.outage).as_ref().and_then(RecentFailure::unexpired);
        let recent_failure =
            outage.or_else(|| lock(&self.refused).get(call_key).and_then(RecentFailure::unexpired));
        match recent_failure {
            Some(error) => Err(error),
            None => {
                let result = call(&self.kms);
                match &result {
                    Err(error) => self.remember(call_key, error),
                    Ok(_) => *lock(&self.failing) = None,
                }
                result
            }
        }
    }

    fn remember(&self, call_key: &CallKey, error: &KeyServiceError) {
        let refused = RecentFailure { since: Instant::now(), error: error.clone() };
        match error {
            KeyServiceError::Local { .. } => {} // the embedded KMS waited already
            error if error.is_outage() => *lock(&self.outage) = Some(refused),
            error if error.is_transient() => {
                if self.has_failed_for_long() {
                    *lock(&self.outage) = Some(refused);
                }
            }
            _ => {
                *lock(&self.failing) = None;
                let mut refusals = lock(&self.refused);
                if refusals.len() >= LIMIT {
                    refusals.clear();
                }
                refusals.insert(call_key.clone(), refused);
            }
        }
    }

    /// Records a transient failure. Returns whether all calls have failed for as long as a client retries; then the next file
    /// would fail too, after as many attempts.
    fn has_failed_for_long(&self) -> bool {
        let mut failing = lock(&self.failing);
        let now = Instant::now();
        let streak = failing.get_or_insert(Streak { first: now, last: now });
        if now - streak.last >= 2 * PAUSE {
            streak.first = now; // no call was made meanwhile, and not because of an outage
        }
        streak.last = now;
        now - streak.first >= PAUSE
    }

    fn entry(&self, call_key: &CallKey) -> Entry {
        let mut unwrapped = lock(&self.unwrapped);
        if let Some(entry) = unwrapped.entries.get(call_key) {
            return entry.clone();
        }
        if unwrapped.order.len() == LIMIT
            && let Some(oldest) = unwrapped.order.pop_front()
        {
            unwrapped.entries.remove(&oldest);
        }
        unwrapped.order.push_back(call_key.clone());
        unwrapped.entries.entry(call_key.clone()).or_default().clone()
    }
}

impl RecentFailure {
    /// Returns the error, unless it has expired.
    fn unexpired(&self) -> Option<KeyServiceError> {
        (self.error.is_final() || self.since.elapsed() < PAUSE).then(|| self.error.clone())
    }
}

impl<K: KeyService> KeyService for KeyCache<K> {
    fn generate_data_key(
        &self,
        key: &str,
        context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, KeyServiceError> {
        let call_key = (Operation::Generate, key.to_owned(), context.clone());
        self.call_unless_refused(&call_key, |kms| kms.generate_data_key(key, context))
    }

    fn wrap(
        &self,
        key: &str,
        data_key: &DataKey,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyServiceError> {
        let call_key = (Operation::Wrap, key.to_owned(), context.clone());
        self.call_unless_refused(&call_key, |kms| kms.wrap(key, data_key, context))
    }

    fn unwrap(
        &self,
        ciphertext_blob: &str,
        context: &EncryptionContext,
    ) -> Result<UnwrappedDataKey, KeyServiceError> {
        let call_key = (Operation::Unwrap, ciphertext_blob.to_owned(), context.clone());
        let entry = self.entry(&call_key);
        let mut entry = lock(&entry);
        let unwrapped = match &mut *entry {
            Some(unwrapped) => unwrapped,
            empty => {
                empty.insert(self.call_unless_refused(&call_key, |kms| kms.unwrap(ciphertext_blob, context))?)
            }
        };
        Ok(UnwrappedDataKey {
            data_key: unwrapped.data_key.duplicate(),
            key_id: unwrapped.key_id.clone(),
            key_version_id: unwrapped.key_version_id.clone(),
        })
    }
}

/// Shows neither keys nor calls.
impl<K> fmt::Debug for KeyCache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maximum number of cached keys, and of cached refusals.
const LIMIT: usize = 1024;
/// How long a refusal is cached, and an unavailable KMS is not called: as long as a client retries before it gives up.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bulla_envelope::LocalFailure;

    use super::*;

    /// Unwraps by decoding the wrapped key, and counts the calls.
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
    fn the_same_call_is_made_once() {
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

    /// Returns the same error for every call, and counts the calls.
    struct Failing(AtomicUsize, Mutex<KeyServiceError>);

    impl Failing {
        fn fail<T>(&self) -> Result<T, KeyServiceError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(lock(&self.1).clone())
        }
    }

    impl KeyService for Failing {
        fn generate_data_key(
            &self,
            _: &str,
            _: &EncryptionContext,
        ) -> Result<GeneratedDataKey, KeyServiceError> {
            self.fail()
        }
        fn wrap(&self, _: &str, _: &DataKey, _: &EncryptionContext) -> Result<WrappedKey, KeyServiceError> {
            self.fail()
        }
        fn unwrap(&self, _: &str, _: &EncryptionContext) -> Result<UnwrappedDataKey, KeyServiceError> {
            self.fail()
        }
    }

    /// Returns how many calls reach a KMS that always fails with an error, of three calls for each of two keys; then the same
    /// after a pause.
    fn calls(error: KeyServiceError) -> (usize, usize) {
        let kms = Failing(AtomicUsize::new(0), Mutex::new(error));
        let (cache, none, data_key) = (KeyCache::new(&kms), EncryptionContext::default(), DataKey::random());
        let call_unless_refused = || {
            for key in ["one", "two", "one"] {
                assert!(cache.unwrap(key, &none).is_err());
                assert!(cache.wrap(key, &data_key, &none).is_err());
                assert!(cache.generate_data_key(key, &none).is_err());
            }
            kms.0.swap(0, Ordering::Relaxed)
        };
        let first = call_unless_refused();
        let long_ago = Instant::now().checked_sub(PAUSE).unwrap();
        lock(&cache.refused)
            .values_mut()
            .chain(&mut *lock(&cache.outage))
            .for_each(|failure| failure.since = long_ago);
        (first, call_unless_refused())
    }

    #[test]
    fn an_unavailable_kms_is_not_called_for_a_while() {
        assert_eq!(calls(KeyServiceError::Throttled), (1, 1));
        let source = Arc::new(std::io::Error::other("no route"));
        assert_eq!(calls(KeyServiceError::Unreachable { endpoint: String::new(), source }), (1, 1));
    }

    #[test]
    fn transient_failures_are_retried() {
        let refused = |status| KeyServiceError::Refused {
            status,
            code: String::new(),
            message: String::new(),
            request_id: String::new(),
        };
        let code = "InvalidTimeStamp.Expired".to_owned();
        let clock = KeyServiceError::Denied { code, message: String::new(), request_id: String::new() };
        let source = Arc::new(std::io::Error::other("in use"));
        let local = KeyServiceError::Local { kind: LocalFailure::InUse, source };
        for error in [refused(500), refused(503), clock, local] {
            assert_eq!(calls(error.clone()), (9, 9), "{error:?}");
        }
        assert_eq!(calls(refused(400)), (6, 6), "a refusal is remembered for its question, for a while");
        let disabled =
            KeyServiceError::KeyUnavailable { key: String::new(), code: "Rejected.Disabled".into() };
        assert_eq!(calls(disabled), (6, 6));
    }

    #[test]
    fn a_kms_that_only_fails_for_a_while_is_unavailable() {
        let refused = |status| KeyServiceError::Refused {
            status,
            code: String::new(),
            message: String::new(),
            request_id: String::new(),
        };
        let kms = Failing(AtomicUsize::new(0), Mutex::new(refused(503)));
        let (cache, none) = (KeyCache::new(&kms), EncryptionContext::default());
        let calls_of = |questions: &[&str]| {
            questions.iter().for_each(|call_key| assert!(cache.unwrap(call_key, &none).is_err()));
            kms.0.swap(0, Ordering::Relaxed)
        };
        let long_ago = Instant::now().checked_sub(PAUSE).unwrap();
        let failing = || lock(&cache.failing);
        let past = || lock(&cache.outage).as_mut().unwrap().since = long_ago;

        assert_eq!(calls_of(&["one", "two", "one"]), 3);
        failing().as_mut().unwrap().first = long_ago;
        assert_eq!(calls_of(&["one", "two", "one"]), 1, "after a while without an answer");
        past();
        assert_eq!(calls_of(&["one", "two"]), 1, "it is still so");
        past();
        // Any reply ends it, even a refusal.
        *lock(&kms.1) = refused(400);
        assert_eq!(calls_of(&["three"]), 1);
        *lock(&kms.1) = refused(503);
        assert_eq!(calls_of(&["one", "two"]), 2);
        // Failures with a long time between them do not mean that the KMS was unavailable meanwhile.
        let longer_ago = long_ago.checked_sub(PAUSE).unwrap();
        *failing() = Some(Streak { first: longer_ago, last: longer_ago });
        assert_eq!(calls_of(&["one", "two"]), 2);
    }

    #[test]
    fn final_failures_are_not_retried() {
        assert_eq!(calls(KeyServiceError::Damaged), (6, 0));
        assert_eq!(calls(KeyServiceError::UnknownKeyVersion), (6, 0));
    }

    #[test]
    fn an_answer_after_a_failure_is_kept() {
        struct FirstFails(AtomicUsize, Counting);
        impl KeyService for FirstFails {
            fn generate_data_key(
                &self,
                key: &str,
                context: &EncryptionContext,
            ) -> Result<GeneratedDataKey, KeyServiceError> {
                self.1.generate_data_key(key, context)
            }
            fn wrap(
                &self,
                key: &str,
                data_key: &DataKey,
                context: &EncryptionContext,
            ) -> Result<WrappedKey, KeyServiceError> {
                self.1.wrap(key, data_key, context)
            }
            fn unwrap(
                &self,
                blob: &str,
                context: &EncryptionContext,
            ) -> Result<UnwrappedDataKey, KeyServiceError> {
                match self.0.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(KeyServiceError::Refused {
                        status: 503,
                        code: "ServiceUnavailableTemporary".into(),
                        message: String::new(),
                        request_id: String::new(),
                    }),
                    _ => self.1.unwrap(blob, context),
                }
            }
        }
        let kms = FirstFails(AtomicUsize::new(0), Counting::default());
        let (cache, none) = (KeyCache::new(&kms), EncryptionContext::default());
        let key = DataKey::random().to_base64();
        assert!(cache.unwrap(&key, &none).is_err());
        for _ in 0..3 {
            cache.unwrap(&key, &none).unwrap();
        }
        assert_eq!(kms.0.load(Ordering::Relaxed), 2);
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
        assert_eq!(cache.unwrapped.lock().unwrap().entries.len(), LIMIT);
        cache.unwrap(&keys[LIMIT], &none).unwrap();
        assert_eq!(kms.0.load(Ordering::Relaxed), LIMIT + 1);
        cache.unwrap(&keys[0], &none).unwrap();
        assert_eq!(kms.0.load(Ordering::Relaxed), LIMIT + 2);
    }
}
