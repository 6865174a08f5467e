//! Sign-in to the console, by access key or by password.
//!
//! A sign-in ([`SignedIn`]) names an access key, or a password and an MFA device, by ids. Every request compares it with the
//! snapshot, so it ends when any of these is disabled, deleted or changed: the first request after the confirmation of such a
//! change is refused, independent of any clock. The console limits how long a sign-in lasts, stores the cookies and delays
//! failures.
//!
//! An outsider gets the same refusal for every error, after the same work: one secret of an access key opened and compared,
//! or one password hashed. Only a right password reveals whether the user has an MFA device.

mod device;
mod login_name;
mod password;
mod second_factor;
mod signed_in;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use bulla_wire::{Error, SecretText};

pub use self::device::{DeviceRefusal, OfferedDevice};
use self::login_name::LoginName;
pub use self::password::PasswordRefusal;
pub use self::second_factor::CodeRefusal;
pub(crate) use self::signed_in::SecondFactor;
pub use self::signed_in::{FirstFactor, HalfSignedIn, SignedIn};
use crate::Kms;
use crate::origin::{Connection, Origin};
use crate::password::{CheckError, PasswordSource};
use crate::people::{Account, PrincipalId, User};
use crate::state::{AccessKey, Snapshot};

/// Why a sign-in is refused.
#[derive(Debug)]
pub enum SignInRefusal {
    /// There is no such access key or user, it is inactive or has no password, or the secret is wrong.
    Wrong,
    /// The server accepts only signatures of version 3, so that it never sees the secret of an access key.
    NoSecretsHere,
    /// Too many passwords wait for their check, in total or from this address.
    Busy,
    /// The engine failed.
    Store(Error),
}

/// Why a sign-in permits no request.
#[derive(Debug)]
pub enum SignInEnded {
    /// The credentials were disabled, deleted, replaced or changed since.
    Ended,
    /// The user must choose another password first ([`Kms::choose_password`]).
    PasswordDue,
    /// The user must bind an MFA device first ([`Kms::bind_own_device`]).
    DeviceDue,
    /// The engine failed; the sign-in may still be valid.
    Store(Error),
}

impl Kms {
    /// Whether sign-in by access key is enabled.
    #[must_use]
    pub fn takes_secrets(&self) -> bool {
        self.options.accept_v1
    }

    /// Signs in the account's root or a user by an access key that is not temporary.
    ///
    /// # Errors
    /// [`SignInRefusal::Wrong`], [`SignInRefusal::NoSecretsHere`], [`SignInRefusal::Store`].
    pub fn sign_in_by_access_key(&self, id: &str, secret: &SecretText) -> Result<SignedIn, SignInRefusal> {
        if !self.options.accept_v1 {
            return Err(SignInRefusal::NoSecretsHere);
        }
        self.auditor.admit()?;
        let snapshot = self.state.snapshot()?;
        let row = snapshot.get::<AccessKey>(&id.into());
        let is_right = self.keyring.is_secret_of(row.map(|row| &*row.record), secret)?;
        let signed_in = row.filter(|_| is_right).map(SignedIn::by_access_key);
        let signed_in = signed_in.filter(|signed_in| signed_in.caller(&snapshot).is_some());
        let signed_in = signed_in.ok_or(SignInRefusal::Wrong)?;
        self.note_use(id, self.now());
        Ok(signed_in)
    }

    /// Signs in a user by password. The name is found regardless of case, and may be followed by `@` and the id or the alias
    /// of the account, with or without `.onaliyun.com`.
    ///
    /// Passwords are checked one at a time. Addresses take turns, so that a flood of sign-ins delays itself; `from` is the
    /// address of the client. A password for `returning_user` does not wait for addresses: the caller must know that the client
    /// has signed in as this user before.
    ///
    /// After the password of a user with an MFA device, only [`Kms::second_factor`] is permitted. A user who must choose
    /// another password, or bind a device, may only call [`Kms::choose_password`] and [`Kms::bind_own_device`].
    ///
    /// # Errors
    /// [`SignInRefusal::Wrong`], [`SignInRefusal::Busy`], [`SignInRefusal::Store`].
    pub async fn sign_in_by_password(
        &self,
        name: &str,
        password: &SecretText,
        from: Option<IpAddr>,
        returning_user: Option<PrincipalId>,
    ) -> Result<FirstFactor, SignInRefusal> {
        self.auditor.admit()?; // before the time of the sign-in is recorded
        let found = {
            let snapshot = self.state.snapshot()?;
            let user = self.user_to_sign_in(&snapshot, name);
            user.and_then(|user| Some((user.id, user.login_profile.as_ref()?.password_hash.clone())))
        };
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let is_known = |(user, _): &&(PrincipalId, _)| returning_user == Some(*user);
        let source = found
            .as_ref()
            .filter(is_known)
            .map_or(PasswordSource::of(from), |(user, _)| PasswordSource::User(*user));
        let is_right = self.hasher.is_right(password, hash, source).await?;
        let (user, hash) = found.filter(|_| is_right).ok_or(SignInRefusal::Wrong)?;
        let first = {
            // The user may have changed while the password was hashed.
            let snapshot = self.state.snapshot()?;
            let user = snapshot.user_by_id(user).map(|row| &*row.record);
            let has_it = |user: &&User| {
                user.login_profile.as_ref().is_some_and(|profile| profile.password_hash == hash)
            };
            user.filter(has_it).and_then(FirstFactor::of).ok_or(SignInRefusal::Wrong)?
        };
        if let FirstFactor::Enough(_) = first {
            self.note_login(user).await;
        }
        Ok(first)
    }

    /// Returns the origin of a request of a signed-in caller. The console calls it for every request.
    ///
    /// # Errors
    /// [`SignInEnded`].
    pub fn origin_of(&self, signed_in: &SignedIn, connection: Connection) -> Result<Origin, SignInEnded> {
        let caller = signed_in.caller(&*self.state.snapshot()?).ok_or(SignInEnded::Ended)?;
        if signed_in.must_choose_password() {
            return Err(SignInEnded::PasswordDue);
        }
        if signed_in.must_bind_device() {
            return Err(SignInEnded::DeviceDue);
        }
        if let Some(access_key) = signed_in.access_key_id() {
            self.note_use(access_key, self.now());
        }
        Ok(Origin { caller, connection })
    }

    /// Returns the name of a signed-in caller, for the head of a page: the current name of the user, or `root`. A user may be
    /// named `root` too ([`SignedIn::is_root`] distinguishes them).
    #[must_use]
    pub fn name_of(&self, signed_in: &SignedIn) -> String {
        signed_in.user_id().map_or_else(|| ROOT.into(), |user| self.name_of_user(user))
    }

    /// Returns the current name of a user, for pages and the log; the id if the user was deleted.
    #[must_use]
    pub fn name_of_user(&self, user: PrincipalId) -> String {
        let snapshot = self.state.published();
        snapshot.user_by_id(user).map_or_else(|| user.to_string(), |row| row.record.name.to_string())
    }

    /// Returns the user of a login name; none also if it names another account.
    fn user_to_sign_in<'s>(&self, snapshot: &'s Snapshot, name: &str) -> Option<&'s User> {
        let account = snapshot.get::<Account>(&Account::NAME.into());
        let alias = account.and_then(|row| row.record.alias.as_deref());
        let name = LoginName::parse(name);
        let user = snapshot.get::<User>(&name.user)?;
        name.is_of(self.account(), alias).then_some(&*user.record)
    }
}

impl From<Error> for SignInRefusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<CheckError> for SignInRefusal {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Busy => Self::Busy,
            CheckError::Failed(error) => Self::Store(error),
        }
    }
}

impl From<Error> for SignInEnded {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

const ROOT: &str = "root";
