//! Lets a user who signed in by password bind an MFA device, or remove it. Neither needs a permission, because a user whose
//! login profile requires a device must bind one before anything else.

use bulla_wire::{Error, SecretText};

use super::{CodeRefusal, SignedIn};
use crate::Kms;
use crate::mfa::{Code, Enrolment, Seed};
use crate::password::{CheckError, PasswordSource};
use crate::people::{MfaDevice, PrincipalId};

/// A device that is offered to a user for binding: it has no row in the store, and its seed is sealed.
#[derive(Clone, Debug)]
pub struct OfferedDevice {
    pub(crate) user: PrincipalId,
    pub(crate) device: MfaDevice,
}

/// Why a device cannot be bound or removed.
#[derive(Debug)]
pub enum DeviceRefusal {
    /// The user did not sign in by password, or that sign-in ended.
    Ended,
    /// The user has a device already, or none to remove.
    NotNow,
    /// The account has the maximum number of devices.
    LimitExceeded,
    /// The password is wrong or missing.
    WrongPassword,
    /// The codes are not those of the device, or not consecutive.
    WrongCode,
    /// Too many wrong codes were tried in the last 30 seconds.
    TooManyCodes,
    /// Too many passwords wait for their check.
    Busy,
    /// The engine could not check or write it.
    Store(Error),
}

impl Kms {
    /// Creates a device with a new seed, for a user who signed in by password and has none.
    ///
    /// # Errors
    /// [`DeviceRefusal::Ended`], [`DeviceRefusal::NotNow`], [`DeviceRefusal::Store`].
    pub fn offer_device(&self, signed_in: &SignedIn) -> Result<OfferedDevice, DeviceRefusal> {
        let snapshot = self.state.snapshot()?;
        let (row, _) = signed_in.user_by_password(&snapshot).ok_or(DeviceRefusal::Ended)?;
        if row.record.mfa.is_some() {
            return Err(DeviceRefusal::NotNow);
        }
        let name = row.record.name.device_name();
        let device = self.keyring.mfa_device(name, &Seed::random(), self.now());
        Ok(OfferedDevice { user: row.record.id, device })
    }

    /// Returns the forms in which the user can enter the device into an authenticator app.
    ///
    /// # Errors
    /// InternalFailure if the seed does not open.
    pub fn enrolment_of(&self, offered: &OfferedDevice) -> Result<Enrolment, Error> {
        let snapshot = self.state.published();
        let name = snapshot.user_by_id(offered.user).map(|row| row.record.name.to_string());
        let label = format!("{}@{}", name.unwrap_or_default(), self.account());
        Ok(Enrolment::new(self.keyring.seed_of(&offered.device)?.base32(), &label))
    }

    /// Binds an offered device to the signed-in user, with two consecutive codes. Requires the password, unless a device is
    /// due, because the password was just given then. All sign-ins by the password alone end; returns a sign-in with both
    /// factors.
    ///
    /// # Errors
    /// [`DeviceRefusal`].
    pub async fn bind_own_device(
        &self,
        signed_in: &SignedIn,
        offered: &OfferedDevice,
        codes: [&SecretText; 2],
        password: Option<&SecretText>,
    ) -> Result<SignedIn, DeviceRefusal> {
        self.auditor.admit()?;
        let (source, hash) = {
            let snapshot = self.state.snapshot()?;
            let (row, profile) = signed_in.user_by_password(&snapshot).ok_or(DeviceRefusal::Ended)?;
            (PasswordSource::User(row.record.id), profile.password_hash.clone())
        };
        if !signed_in.must_bind_device() {
            let password = password.ok_or(DeviceRefusal::WrongPassword)?;
            if !self.hasher.is_right(password, Some(hash), source).await? {
                return Err(DeviceRefusal::WrongPassword);
            }
        }
        let codes = parsed(codes).ok_or(DeviceRefusal::WrongCode)?;
        self.bind_offered(signed_in, offered, &codes).await
    }

    /// Removes the device with which the user signed in, with one of its codes. Returns a sign-in without it, which only
    /// permits binding another device if the login profile requires one.
    ///
    /// # Errors
    /// [`DeviceRefusal`].
    pub async fn remove_own_device(
        &self,
        signed_in: &SignedIn,
        code: &SecretText,
    ) -> Result<SignedIn, DeviceRefusal> {
        let user = signed_in.user_id().filter(|_| signed_in.has_given_code()).ok_or(DeviceRefusal::NotNow)?;
        let removed = self.try_code(user, code, async |code| self.remove_device(signed_in, &code).await);
        Ok(removed.await?)
    }
}

fn parsed(codes: [&SecretText; 2]) -> Option<[Code; 2]> {
    let [first, second] = codes.map(|code| code.expose().parse().ok());
    Some([first?, second?])
}

impl From<Error> for DeviceRefusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<CheckError> for DeviceRefusal {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Busy => Self::Busy,
            CheckError::Failed(error) => Self::Store(error),
        }
    }
}

impl From<CodeRefusal> for DeviceRefusal {
    fn from(refusal: CodeRefusal) -> Self {
        match refusal {
            CodeRefusal::Ended => Self::Ended,
            CodeRefusal::Wrong => Self::WrongCode,
            CodeRefusal::TooMany => Self::TooManyCodes,
            CodeRefusal::Store(error) => Self::Store(error),
        }
    }
}
