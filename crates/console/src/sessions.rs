//! Sessions, kept in memory only: a restart ends all of them.
//!
//! The cookie of a session is 256 random bits. The table contains only their SHA-256, which cannot be used to sign in. The token
//! of a form is an HMAC of the cookie, so it is not stored; pages of other sites can read neither.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bulla_keys::{Random, SystemRandom};

/// The sessions of a console, each of a caller `W`.
pub(crate) struct Sessions<W> {
    key: hmac::Key,
    lifetime: Lifetime,
    table: Mutex<HashMap<Hash, Session<W>>>,
}

/// When a session expires.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    /// Time without a request.
    idle: Duration,
    /// Time since the sign-in.
    longest: Duration,
}

impl Lifetime {
    /// The lifetime of a session.
    pub(crate) const SIGNED_IN: Self =
        Self { idle: Duration::from_secs(15 * 60), longest: Duration::from_secs(8 * 3600) };
    /// The time to enter the code after the password.
    pub(crate) const HALF: Self = Self { idle: Duration::from_secs(300), longest: Duration::from_secs(300) };
    /// Of a browser in which a user has signed in.
    pub(crate) const KNOWN_BROWSER: Self =
        Self { idle: Duration::from_secs(30 * 86_400), longest: Duration::from_secs(30 * 86_400) };
}

type Hash = [u8; 32];

struct Session<W> {
    who: W,
    begun: Duration,
    used: Duration,
}

impl<W: Clone> Sessions<W> {
    pub(crate) fn new(lifetime: Lifetime) -> Self {
        let mut key = [0; 32];
        SystemRandom.fill(&mut key);
        Self { key: hmac::Key::new(HMAC_SHA256, &key), lifetime, table: Mutex::default() }
    }

    /// Returns a random value for a cookie. It is not a session yet.
    pub(crate) fn draw() -> String {
        let mut bits = [0; 32];
        SystemRandom.fill(&mut bits);
        BASE64.encode(bits)
    }

    /// Returns the token of forms for a browser with this cookie.
    pub(crate) fn form_token(&self, cookie: &str) -> String {
        BASE64.encode(hmac::sign(&self.key, cookie.as_bytes()))
    }

    /// Whether the token of a form belongs to this cookie.
    pub(crate) fn is_form_token(&self, cookie: &str, token: &str) -> bool {
        BASE64.decode(token).is_ok_and(|token| hmac::verify(&self.key, cookie.as_bytes(), &token).is_ok())
    }

    /// Begins a session at `now` and returns the value of its cookie. Ends the session of the cookie `before`, if there is one.
    pub(crate) fn begin(&self, before: Option<&str>, who: W, now: Duration) -> String {
        let cookie = Self::draw();
        let mut table = self.lock();
        if let Some(before) = before {
            table.remove(&hash(before));
        }
        table.retain(|_, session| session.is_alive(self.lifetime, now));
        if table.len() >= MAX {
            let oldest = table.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash);
            oldest.map(|oldest| table.remove(&oldest));
        }
        table.insert(hash(&cookie), Session { who, begun: now, used: now });
        cookie
    }

    /// Ends the least recently used of the sessions that `is_counted` selects, until no more than `most` are left.
    pub(crate) fn limit(&self, most: usize, is_counted: impl Fn(&W) -> bool) {
        let mut table = self.lock();
        let mut counted: Vec<_> = table.iter().filter(|(_, session)| is_counted(&session.who)).collect();
        counted.sort_unstable_by_key(|(_, session)| session.used);
        let surplus = counted.len().saturating_sub(most);
        let ended: Vec<_> = counted.into_iter().take(surplus).map(|(hash, _)| *hash).collect();
        ended.iter().for_each(|hash| drop(table.remove(hash)));
    }

    /// Returns the caller of the session of this cookie, and records its use at `now`.
    pub(crate) fn resume(&self, cookie: &str, now: Duration) -> Option<W> {
        let mut table = self.lock();
        let session = table.get_mut(&hash(cookie)).filter(|session| session.is_alive(self.lifetime, now))?;
        session.used = now;
        Some(session.who.clone())
    }

    /// Replaces the caller of the session of this cookie, if there is one.
    pub(crate) fn note(&self, cookie: &str, who: W) {
        if let Some(session) = self.lock().get_mut(&hash(cookie)) {
            session.who = who;
        }
    }

    pub(crate) fn end(&self, cookie: &str) {
        self.lock().remove(&hash(cookie));
    }

    /// Ends all sessions. Returns whether there was one.
    pub(crate) fn end_all(&self) -> bool {
        let mut table = self.lock();
        let had_one = !table.is_empty();
        table.clear();
        had_one
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Session<W>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Session<W> {
    fn is_alive(&self, lifetime: Lifetime, now: Duration) -> bool {
        now.saturating_sub(self.used) < lifetime.idle && now.saturating_sub(self.begun) < lifetime.longest
    }
}

fn hash(cookie: &str) -> Hash {
    digest(&SHA256, cookie.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Maximum number of sessions. Another one ends the least recently used.
const MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_ends_the_sessions_of_one_that_were_not_used_for_longest() {
        let sessions = Sessions::new(Lifetime::SIGNED_IN);
        let of = |who, minute| sessions.begin(None, who, minutes(minute));
        let cookies = [of("ann", 0), of("bob", 0), of("ann", 1), of("ann", 2)];
        sessions.resume(&cookies[0], minutes(3)).unwrap();
        sessions.limit(2, |who| *who == "ann");
        let left = cookies.map(|cookie| sessions.resume(&cookie, minutes(3)).is_some());
        assert_eq!(left, [true, true, false, true]);
    }

    const fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn a_session_ends_when_idle_and_after_eight_hours_in_any_case() {
        let sessions = Sessions::new(Lifetime::SIGNED_IN);
        let cookie = sessions.begin(None, "ann", minutes(0));
        assert_eq!(sessions.resume(&cookie, minutes(14)), Some("ann"));
        assert_eq!(sessions.resume(&cookie, minutes(29)), None);
        let cookie = sessions.begin(None, "ann", minutes(0));
        for quarter in 1..48 {
            assert_eq!(sessions.resume(&cookie, minutes(10 * quarter)), Some("ann"));
        }
        assert_eq!(sessions.resume(&cookie, minutes(480)), None);
    }

    #[test]
    fn signing_in_changes_the_cookie_and_ends_the_session_before() {
        let sessions = Sessions::new(Lifetime::SIGNED_IN);
        let first = sessions.begin(None, "ann", minutes(0));
        let second = sessions.begin(Some(&first), "bob", minutes(0));
        assert_ne!(first, second);
        assert_eq!(
            (sessions.resume(&first, minutes(1)), sessions.resume(&second, minutes(1))),
            (None, Some("bob"))
        );
        sessions.end(&second);
        assert_eq!(sessions.resume(&second, minutes(1)), None);
        assert!(!sessions.end_all());
    }

    #[test]
    fn what_is_noted_of_a_session_lasts_as_long_as_it() {
        let halves = Sessions::new(Lifetime::HALF);
        let cookie = halves.begin(None, 0, minutes(0));
        halves.note(&cookie, 1);
        assert_eq!((halves.resume(&cookie, minutes(4)), halves.resume(&cookie, minutes(5))), (Some(1), None));
        halves.end(&cookie);
        halves.note(&cookie, 2);
        assert_eq!(halves.resume(&cookie, minutes(4)), None);
    }

    #[test]
    fn a_form_token_belongs_to_one_cookie_of_one_console() {
        let one = Sessions::<()>::new(Lifetime::SIGNED_IN);
        let other = Sessions::<()>::new(Lifetime::SIGNED_IN);
        let cookie = Sessions::<()>::draw();
        let token = one.form_token(&cookie);
        assert!(one.is_form_token(&cookie, &token));
        assert!(!one.is_form_token(&Sessions::<()>::draw(), &token));
        assert!(!other.is_form_token(&cookie, &token));
        for damaged in ["", "!", &token[1..], &cookie] {
            assert!(!one.is_form_token(&cookie, damaged));
        }
    }

    #[test]
    fn the_session_that_was_not_used_for_longest_makes_room() {
        let sessions = Sessions::new(Lifetime::SIGNED_IN);
        let first = sessions.begin(None, 0, minutes(0));
        let second = sessions.begin(None, 1, minutes(0));
        assert!(sessions.resume(&first, minutes(1)).is_some());
        for number in 2..=MAX {
            sessions.begin(None, number, minutes(2));
        }
        assert_eq!(
            (sessions.resume(&first, minutes(2)), sessions.resume(&second, minutes(2))),
            (Some(0), None)
        );
    }
}
