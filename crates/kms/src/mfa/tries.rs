//! Limits how many codes of a user are verified in each time step.
//!
//! Three of 10^6 codes are valid at a time, so a guess is right with probability 3 · 10^-6. Five guesses in 30 seconds
//! succeed with 1.5 · 10^-5, which is 4 % for a whole day of guessing, by an attacker who knows the password, with 14,400
//! refusals in the log. Without the limit, a guess would succeed within seconds.
//!
//! The limit is in the engine, so changing the address or the session does not bypass it, and it counts pending checks too.
//! It restarts every 30 seconds, so no user is locked out permanently. But while an attacker who knows the password keeps
//! guessing, the user's own codes are delayed too, until the password is changed. Each process counts separately.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::totp::STEP;
use crate::people::PrincipalId;

/// The attempts in the current time step, by elapsed time, which changes to the clock do not affect.
#[derive(Default)]
pub(crate) struct WrongCodes(Mutex<Tries>);

#[derive(Default)]
struct Tries {
    step: u64,
    /// The users who tried a code in this step, all of whom gave the right password.
    counts: HashMap<PrincipalId, u32>,
}

impl WrongCodes {
    /// Counts an attempt as wrong, before the check. Returns false beyond the limit; the code must not be checked then.
    pub(crate) fn take(&self, user: PrincipalId, elapsed: Duration) -> bool {
        let mut tries = self.lock();
        let step = elapsed.as_secs() / STEP;
        if tries.step != step {
            *tries = Tries { step, counts: HashMap::new() };
        }
        let count = tries.counts.entry(user).or_default();
        let is_within = *count < MAX;
        *count += u32::from(is_within);
        is_within
    }

    /// Uncounts an attempt that turned out right.
    pub(crate) fn give_back(&self, user: PrincipalId) {
        if let Some(count) = self.lock().counts.get_mut(&user) {
            *count = count.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MAX: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_five_wrong_codes_in_a_step() {
        let tries = WrongCodes::default();
        let [alice, bob] = [1, 2].map(PrincipalId::from_random);
        let at = Duration::from_secs;
        let taken = |user, second| {
            [(); 7].map(|()| tries.take(user, at(second))).into_iter().filter(|is| *is).count()
        };
        assert_eq!((taken(alice, 60), taken(bob, 61), taken(alice, 89)), (5, 5, 0));
        assert_eq!(taken(alice, 90), 5);
        tries.give_back(alice);
        assert_eq!(taken(alice, 91), 1);
        tries.give_back(bob); // from an earlier step
        assert_eq!(taken(bob, 92), 5);
    }
}
