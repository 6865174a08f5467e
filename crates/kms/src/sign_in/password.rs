//! Lets a user who signed in by password choose another password.

use bulla_wire::{Error, SecretText};

use super::SignedIn;
use crate::Kms;
use crate::password::{CheckError, PasswordSource};
use crate::people::{LoginProfile, PasswordFault};

/// Why a password cannot be replaced.
#[derive(Debug)]
pub enum PasswordRefusal {
    /// The user did not sign in by password, or that sign-in ended.
    Ended,
    /// The old password is wrong or missing.
    WrongOld,
    /// The new password equals the old one.
    Same,
    /// The new password breaks a rule.
    Unfit(PasswordFault),
    /// Too many passwords wait to be checked or hashed.
    Busy,
    /// The engine could not check or write it.
    Store(Error),
}

impl Kms {
    /// Replaces the password of the signed-in user, without a permission. Requires the old password, unless a new one is due
    /// ([`SignedIn::must_choose_password`]). All sign-ins with the old password end; returns one with the new password.
    ///
    /// # Errors
    /// [`PasswordRefusal`].
    pub async fn choose_password(
        &self,
        signed_in: &SignedIn,
        old: Option<&SecretText>,
        new: &SecretText,
    ) -> Result<SignedIn, PasswordRefusal> {
        self.auditor.admit()?;
        let (name, source, hash) = {
            let snapshot = self.state.snapshot()?;
            let (row, profile) = signed_in.user_by_password(&snapshot).ok_or(PasswordRefusal::Ended)?;
            (row.record.name.clone(), PasswordSource::User(row.record.id), profile.password_hash.clone())
        };
        LoginProfile::check_password(new.expose(), name.as_str()).map_err(PasswordRefusal::Unfit)?;
        if signed_in.must_choose_password() {
            // The old one was given at the sign-in, which permits nothing else.
            if self.hasher.is_right(new, Some(hash), source).await? {
                return Err(PasswordRefusal::Same);
            }
        } else {
            let old = old.ok_or(PasswordRefusal::WrongOld)?;
            if !self.hasher.is_right(old, Some(hash), source).await? {
                return Err(PasswordRefusal::WrongOld);
            }
            if old == new {
                return Err(PasswordRefusal::Same);
            }
        }
        let password_hash = self.hasher.hash(new).await.map_err(CheckError::from)?;
        self.replace_password(signed_in, &password_hash).await?.ok_or(PasswordRefusal::Ended)
    }
}

impl From<Error> for PasswordRefusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<CheckError> for PasswordRefusal {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Busy => Self::Busy,
            CheckError::Failed(error) => Self::Store(error),
        }
    }
}
