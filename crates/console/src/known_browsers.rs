//! Browsers in which a user has signed in by password before. The next password for this user does not wait behind a flood of
//! sign-ins from other clients, not even from the browser's own address (OWASP: "device cookies").
//!
//! The cookie signs no user in. It ends after 30 days, after [`MAX_FAILURES`] failed sign-ins, and with the server.

use std::time::Duration;

use bulla_kms::PrincipalId;

use crate::cookies::ServerCookie;
use crate::http::Request;
use crate::sessions::{Lifetime, Sessions};

/// The browsers of one console.
pub(crate) struct KnownBrowsers(Sessions<Known>);

#[derive(Clone)]
struct Known {
    user: PrincipalId,
    failures: u32,
}

impl Default for KnownBrowsers {
    fn default() -> Self {
        Self(Sessions::new(Lifetime::KNOWN_BROWSER))
    }
}

impl KnownBrowsers {
    /// The user who has signed in before in the browser that sends this request.
    pub(crate) fn user(&self, request: &Request<'_>, now: Duration) -> Option<PrincipalId> {
        let value = ServerCookie::of_browser(request).read(request)?;
        Some(self.0.resume(value, now)?.user)
    }

    /// Remembers the browser of a user who has just signed in. Returns the `Set-Cookie` header of its new cookie.
    pub(crate) fn remember(&self, request: &Request<'_>, user: PrincipalId, now: Duration) -> String {
        let cookie = ServerCookie::of_browser(request);
        let value = self.0.begin(cookie.read(request), Known { user, failures: 0 }, now);
        self.0.limit(MAX_BROWSERS, |browser| browser.user == user);
        cookie.set(&value)
    }

    /// Counts a failed sign-in, and forgets the browser after several: its cookie may be stolen.
    pub(crate) fn fail(&self, request: &Request<'_>, now: Duration) {
        let cookie = ServerCookie::of_browser(request);
        let Some(value) = cookie.read(request) else { return };
        match self.0.resume(value, now) {
            Some(browser) if browser.failures + 1 < MAX_FAILURES => {
                self.0.note(value, Known { failures: browser.failures + 1, ..browser });
            }
            _ => self.0.end(value),
        }
    }
}

/// Browsers of one user. More push out the one that was not used for longest, so that no user pushes out those of others.
const MAX_BROWSERS: usize = 16;

/// Failed sign-ins in a row that end a cookie.
const MAX_FAILURES: u32 = 5;
