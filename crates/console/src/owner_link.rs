//! The link that lets the owner of an embedded store in: it lives for a minute and works once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::sessions::Sessions;

/// The link, if one was made.
#[derive(Default)]
pub(crate) struct OwnerLink(Mutex<Option<Made>>);

struct Made {
    token: String,
    at: Duration,
    is_used: bool,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    /// The owner enters.
    Right,
    /// The link was used before: somebody else has seen it, so nobody stays.
    Again,
    /// It is another link, or too old.
    Wrong,
}

impl OwnerLink {
    /// A new token, in place of an earlier one.
    pub(crate) fn make(&self, now: Duration) -> String {
        let token = Sessions::<()>::draw();
        let made = Made { token: token.clone(), at: now, is_used: false };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        token
    }

    pub(crate) fn try_out(&self, token: &str, now: Duration) -> Try {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it =
            |made: &&mut Made| verify_slices_are_equal(made.token.as_bytes(), token.as_bytes()).is_ok();
        let Some(made) = made.as_mut().filter(is_it) else { return Try::Wrong };
        if made.is_used {
            return Try::Again;
        }
        if now.saturating_sub(made.at) > LIFE {
            return Try::Wrong;
        }
        made.is_used = true;
        Try::Right
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
        assert_eq!(link.try_out("", second(0)), Try::Wrong);
        let token = link.make(second(0));
        assert_eq!(link.try_out(&token[1..], second(1)), Try::Wrong);
        assert_eq!(link.try_out(&token, second(60)), Try::Right);
        assert_eq!(link.try_out(&token, second(60)), Try::Again);
        let newer = link.make(second(70));
        assert_eq!(link.try_out(&token, second(71)), Try::Wrong);
        assert_eq!(link.try_out(&newer, second(131)), Try::Wrong);
    }
}
