//! Renews credentials that expire: one thread renews them in time, while the others use the old ones as long as they are valid.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bulla_wire::Timestamp;

use super::Credentials;
use super::error::CredentialsError;

/// Credentials of a source, and when they expire.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) credentials: Credentials,
    /// `None` if it is not known, or if they do not expire.
    pub(super) expires: Option<Timestamp>,
}

/// The last credentials of a source.
#[derive(Debug, Default)]
pub(super) struct Renewed {
    state: Mutex<State>,
    /// Signals the end of a renewal.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    renewing: bool,
    /// The number of renewals that have succeeded or failed.
    rounds: u64,
    /// The error of the last of these renewals, also while the next one is in progress; `None` if it succeeded.
    failure: Option<Arc<CredentialsError>>,
}

#[derive(Debug)]
struct Held {
    credentials: Arc<Credentials>,
    expires: Option<Timestamp>,
    /// When to renew them.
    due: Option<Timestamp>,
}

impl Renewed {
    /// Returns the credentials at `now`, and renews them with `fetch` if they are due.
    ///
    /// One thread calls `fetch` at a time. The other threads get the old credentials meanwhile; if these have expired, they wait
    /// and share the result. If `fetch` fails, the old credentials are used until they expire, and the next renewal is attempted
    /// after [`PAUSE`].
    pub(super) fn get(
        &self,
        now: Timestamp,
        fetch: impl FnOnce() -> Result<Session, CredentialsError>,
    ) -> Result<Arc<Credentials>, Arc<CredentialsError>> {
        let mut state = self.lock();
        let first_round = state.rounds;
        loop {
            match state.next(now, first_round) {
                Next::Return(outcome) => return outcome,
                Next::Wait => state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Next::Fetch => break,
            }
        }
        state.renewing = true;
        drop(state);
        let round = Round(self);
        let outcome = fetch();
        round.settle(now, outcome)
    }

    /// Drops `credentials`, which a server calls expired, so that the next call renews them. Does nothing if they were renewed
    /// already.
    pub(super) fn forget(&self, credentials: &Arc<Credentials>) {
        let mut state = self.lock();
        if state.held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.credentials, credentials)) {
            state.held = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns what a thread does at `now` that came after `first_round` renewals.
    fn next(&self, now: Timestamp, first_round: u64) -> Next {
        let has_waited = self.rounds != first_round;
        match (&self.held, &self.failure) {
            (Some(held), _) if !held.is_due(now) => Next::Return(Ok(Arc::clone(&held.credentials))),
            (Some(held), None) if has_waited => Next::Return(Ok(Arc::clone(&held.credentials))), // renewed meanwhile
            (Some(held), _) if self.renewing && !held.has_expired(now) => {
                Next::Return(Ok(Arc::clone(&held.credentials)))
            }
            (_, Some(failure)) if has_waited => Next::Return(Err(Arc::clone(failure))),
            _ if self.renewing => Next::Wait,
            _ => Next::Fetch,
        }
    }
}

/// What a thread that needs credentials does next.
enum Next {
    Return(Result<Arc<Credentials>, Arc<CredentialsError>>),
    /// Waits for the renewal of another thread.
    Wait,
    Fetch,
}

/// A renewal in progress. It ends even if `fetch` panics, so that no other thread waits forever.
struct Round<'a>(&'a Renewed);

impl Round<'_> {
    fn settle(
        self,
        now: Timestamp,
        outcome: Result<Session, CredentialsError>,
    ) -> Result<Arc<Credentials>, Arc<CredentialsError>> {
        let mut state = self.0.lock();
        state.rounds += 1;
        let error = match outcome {
            Ok(session) => {
                state.failure = None;
                let held = state.held.insert(Held::new(session, now));
                return Ok(Arc::clone(&held.credentials));
            }
            Err(error) => Arc::new(error),
        };
        state.failure = Some(Arc::clone(&error));
        match &mut state.held {
            Some(held) if !held.has_expired(now) => {
                held.due = Some(Timestamp::from_unix(now.unix() + PAUSE));
                Ok(Arc::clone(&held.credentials))
            }
            _ => Err(error),
        }
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.renewing = false;
        drop(state);
        self.0.ended.notify_all();
    }
}

impl Held {
    fn new(session: Session, now: Timestamp) -> Self {
        let due = session.expires.map(|expires| {
            let lifetime = expires.unix() - now.unix();
            Timestamp::from_unix(expires.unix() - (lifetime / 4).clamp(0, MARGIN))
        });
        Self { credentials: Arc::new(session.credentials), expires: session.expires, due }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now) || self.has_expired(now)
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Credentials are renewed this many seconds before they expire, as in the official clients. If they are valid for less than an
/// hour, they are renewed when a quarter of that time is left.
const MARGIN: i64 = 15 * 60;
/// Seconds between a failed renewal and the next attempt, while the old credentials are valid.
const PAUSE: i64 = 10;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    fn session(id: &str, expires: Option<i64>) -> Result<Session, CredentialsError> {
        let credentials = Credentials::new(id, "s".to_owned()).unwrap();
        Ok(Session { credentials, expires: expires.map(at) })
    }

    fn failure() -> Result<Session, CredentialsError> {
        Err(CredentialsError::LoginExpired { place: "here".to_owned() })
    }

    fn id(outcome: Result<Arc<Credentials>, Arc<CredentialsError>>) -> String {
        outcome.map_or_else(|error| error.to_string(), |credentials| credentials.access_key_id.clone())
    }

    fn unasked() -> Result<Session, CredentialsError> {
        panic!("not due")
    }

    #[test]
    fn renewed_before_they_expire() {
        for (lifetime, due) in [(3600, 2700), (43_200, 42_300), (1000, 750), (100, 75)] {
            let renewed = Renewed::default();
            assert_eq!(id(renewed.get(at(0), || session("old", Some(lifetime)))), "old");
            assert_eq!(id(renewed.get(at(due - 1), unasked)), "old");
            assert_eq!(id(renewed.get(at(due), || session("new", Some(2 * lifetime)))), "new");
        }
    }

    #[test]
    fn without_an_expiry_they_are_kept() {
        let renewed = Renewed::default();
        assert_eq!(id(renewed.get(at(0), || session("a", None))), "a");
        assert_eq!(id(renewed.get(at(i64::MAX), unasked)), "a");
    }

    #[test]
    fn credentials_that_have_already_expired_are_used_and_fetched_again() {
        let renewed = Renewed::default();
        assert_eq!(id(renewed.get(at(100), || session("a", Some(50)))), "a");
        assert_eq!(id(renewed.get(at(100), || session("b", Some(50)))), "b");
    }

    #[test]
    fn after_a_failure_the_old_ones_serve_until_they_expire() {
        let renewed = Renewed::default();
        assert_eq!(id(renewed.get(at(0), || session("old", Some(3600)))), "old");
        assert_eq!(id(renewed.get(at(3000), failure)), "old");
        assert_eq!(id(renewed.get(at(3009), unasked)), "old", "not tried again at once");
        assert_eq!(id(renewed.get(at(3010), failure)), "old");
        assert_eq!(id(renewed.get(at(3595), failure)), "old");
        assert_eq!(id(renewed.get(at(3600), failure)), "here: the login has expired");
        assert_eq!(id(renewed.get(at(3601), || session("new", Some(9999)))), "new");
    }

    #[test]
    fn what_a_server_calls_expired_is_renewed() {
        let renewed = Renewed::default();
        let old = renewed.get(at(0), || session("old", Some(3600))).unwrap();
        renewed.forget(&old);
        assert_eq!(id(renewed.get(at(1), || session("new", Some(3600)))), "new");
        renewed.forget(&old);
        assert_eq!(id(renewed.get(at(2), unasked)), "new", "another thread has renewed them already");
    }

    #[test]
    fn one_thread_renews_while_the_others_use_the_old_ones() {
        let renewed = Renewed::default();
        renewed.get(at(0), || session("old", Some(3600))).unwrap();
        let begun = Barrier::new(2);
        let resume = Barrier::new(2);
        thread::scope(|scope| {
            let renewing = scope.spawn(|| {
                let fetch = || {
                    begun.wait();
                    resume.wait();
                    session("new", Some(9999))
                };
                id(renewed.get(at(3000), fetch))
            });
            begun.wait();
            for _ in 0..8 {
                assert_eq!(id(renewed.get(at(3000), unasked)), "old");
            }
            resume.wait();
            assert_eq!(renewing.join().unwrap(), "new");
        });
        assert_eq!(id(renewed.get(at(3000), unasked)), "new");
    }

    /// Calls from many threads at once and counts the fetches.
    fn herd(fetch: fn() -> Result<Session, CredentialsError>) -> (Vec<String>, usize) {
        let renewed = Renewed::default();
        let count = AtomicUsize::new(0);
        let barrier = Barrier::new(16);
        let outcomes = thread::scope(|scope| {
            let call = || {
                barrier.wait();
                id(renewed.get(at(0), || {
                    count.fetch_add(1, Ordering::Relaxed);
                    // Waits until all other threads wait, or have returned.
                    thread::sleep(std::time::Duration::from_millis(100));
                    fetch()
                }))
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(call)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        (outcomes, count.into_inner())
    }

    #[test]
    fn a_herd_waits_for_one_fetch() {
        let (outcomes, fetches) = herd(|| session("a", Some(3600)));
        assert_eq!((outcomes, fetches), (vec!["a".to_owned(); 16], 1));
    }

    #[test]
    fn those_who_waited_for_a_failure_share_it() {
        let (outcomes, _) = herd(failure);
        assert_eq!(outcomes, vec!["here: the login has expired".to_owned(); 16]);
    }

    /// A thread that waited may wake up after another one has begun the next renewal.
    #[test]
    fn a_thread_that_wakes_up_during_the_next_renewal_gets_the_failure() {
        let renewed = Renewed::default();
        assert_eq!(id(renewed.get(at(0), || session("old", Some(100)))), "old");
        let first_round = renewed.lock().rounds;
        let late = || match renewed.lock().next(at(100), first_round) {
            Next::Return(outcome) => id(outcome),
            Next::Wait => "waits".to_owned(),
            Next::Fetch => "fetches".to_owned(),
        };
        let first = renewed.get(at(100), || {
            assert_eq!(late(), "waits");
            failure()
        });
        assert_eq!(id(first), "here: the login has expired");
        let second = renewed.get(at(100), || {
            assert_eq!(late(), "here: the login has expired");
            session("new", Some(9999))
        });
        assert_eq!(id(second), "new");
        assert_eq!(late(), "new");
    }

    /// Nothing was renewed, and there is no error to share.
    #[test]
    fn a_thread_that_waited_for_a_panic_renews() {
        let renewed = Renewed::default();
        assert_eq!(id(renewed.get(at(0), || session("old", Some(100)))), "old");
        let first_round = renewed.lock().rounds;
        let panicked =
            thread::scope(|scope| scope.spawn(|| renewed.get(at(100), || panic!("on purpose"))).join());
        assert!(panicked.is_err());
        assert!(matches!(renewed.lock().next(at(100), first_round), Next::Fetch));
    }

    #[test]
    fn a_panic_ends_the_round() {
        let renewed = Renewed::default();
        let panicked =
            thread::scope(|scope| scope.spawn(|| renewed.get(at(0), || panic!("on purpose"))).join());
        assert!(panicked.is_err());
        assert_eq!(id(renewed.get(at(0), || session("a", None))), "a");
    }
}
