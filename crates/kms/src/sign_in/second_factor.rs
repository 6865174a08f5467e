//! The second step of a sign-in: a code of the user's MFA device after the right password.

use bulla_wire::{Error, SecretText};

use super::{HalfSignedIn, SignedIn};
use crate::Kms;
use crate::mfa::Code;
use crate::people::PrincipalId;

/// Why a code signs no user in.
#[derive(Debug)]
pub enum CodeRefusal {
    /// The password or the MFA device has changed since the password was given.
    Ended,
    /// It is no code of the device at this time, or it was used before.
    Wrong,
    /// Too many wrong codes were tried in the last 30 seconds; this one was not looked at.
    TooMany,
    /// The engine could not check it, or not note that it is used.
    Store(Error),
}

impl Kms {
    /// Signs in a user who has given the password, by a code of the MFA device. That the code is used is durable before the
    /// answer, so of two requests with the same code, to whatever process, one signs in.
    ///
    /// # Errors
    /// [`CodeRefusal`].
    pub async fn second_factor(
        &self,
        half: &HalfSignedIn,
        code: &SecretText,
    ) -> Result<SignedIn, CodeRefusal> {
        self.try_code(half.user_id(), code, async |code| self.spend_code(half, &code).await).await
    }

    /// Counts a code as a wrong one until `check` finds it right, so that no number of requests at once has more tries.
    pub(super) async fn try_code<T>(
        &self,
        user: PrincipalId,
        code: &SecretText,
        check: impl AsyncFnOnce(Code) -> Result<T, CodeRefusal>,
    ) -> Result<T, CodeRefusal> {
        if !self.wrong_codes.take(user, self.elapsed()) {
            return Err(CodeRefusal::TooMany);
        }
        let outcome = match code.expose().parse() {
            Ok(code) => check(code).await,
            Err(_) => Err(CodeRefusal::Wrong),
        };
        if !matches!(outcome, Err(CodeRefusal::Wrong)) {
            self.wrong_codes.give_back(user);
        }
        outcome
    }
}

impl From<Error> for CodeRefusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}
