//! The second step of a sign-in: a code of the user's MFA device after the right password.

use bulla_wire::{Error, SecretText};

use super::{HalfSignedIn, SignedIn};
use crate::Kms;
use crate::mfa::Code;
use crate::people::PrincipalId;

/// Why a code does not sign a user in.
#[derive(Debug)]
pub enum CodeRefusal {
    /// The password or the MFA device has changed since the password was given.
    Ended,
    /// It is not a current code of the device, or was used before.
    Wrong,
    /// Too many wrong codes were tried in the last 30 seconds; this one was not checked.
    TooMany,
    /// The engine could not check the code, or record its use.
    Store(Error),
}

impl Kms {
    /// Signs in a user who has given the password, with a code of the MFA device. The use of the code is durable before the
    /// reply, so of two requests with the same code, to any processes, only one signs in.
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

    /// Counts a code as wrong until `check` finds it right, so that concurrent requests get no additional attempts.
    pub(super) async fn try_code<T>(
        &self,
        user: PrincipalId,
        code: &SecretText,
        check: impl AsyncFnOnce(Code) -> Result<T, CodeRefusal>,
    ) -> Result<T, CodeRefusal> {
        self.auditor.admit()?; // before the code is used up
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
