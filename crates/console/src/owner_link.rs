//! The link with which the owner of an embedded store signs in. It works once and expires after a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::sessions::Sessions;

/// The current link, if there is one.
#[derive(Default)]
pub(crate) struct OwnerLink(Mutex<Option<Made>>);

struct Made {
    token: String,
    at: Duration,
    is_used: bool,
}

/// The result of using a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkUse {
    /// The link is valid: the owner is signed in.
    Valid,
    /// The link was used before, so another person or program knows it. The caller must end all sessions.
    Reused,
    /// The link is unknown or has expired.
    Invalid,
}

impl OwnerLink {
    /// Creates a token, which replaces an earlier one.
    pub(crate) fn make(&self, now: Duration) -> String {
        let token = Sessions::<()>::draw();
        let made = Made { token: token.clone(), at: now, is_used: false };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        token
    }

    pub(crate) fn try_out(&self, token: &str, now: Duration) -> LinkUse {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it =
            |made: &&mut Made| verify_slices_are_equal(made.token.as_bytes(), token.as_bytes()).is_ok();
        let Some(made) = made.as_mut().filter(is_it) else { return LinkUse::Invalid };
        if made.is_used {
            return LinkUse::Reused;
        }
        if now.saturating_sub(made.at) > LIFE {
            return LinkUse::Invalid;
        }
        made.is_used = true;
        LinkUse::Valid
    }
}

const LIFE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_for_a_minute() {
        let link = OwnerLink::default();
        let second = Duration::from_secs;
        assert_eq!(link.try_out("", second(0)), LinkUse::Invalid);
        let token = link.make(second(0));
        assert_eq!(link.try_out(&token[1..], second(1)), LinkUse::Invalid);
        assert_eq!(link.try_out(&token, second(60)), LinkUse::Valid);
        assert_eq!(link.try_out(&token, second(60)), LinkUse::Reused);
        let newer = link.make(second(70));
        assert_eq!(link.try_out(&token, second(71)), LinkUse::Invalid);
        assert_eq!(link.try_out(&newer, second(131)), LinkUse::Invalid);
    }
}
