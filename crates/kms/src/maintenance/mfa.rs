//! The changes to MFA devices that users make by signing in, without a permission: they use up codes, and bind and remove
//! their own device.

use bulla_keys::record::Revision;
use bulla_wire::Error;

use super::MAINTENANCE;
use super::sign_in::changed;
use crate::Kms;
use crate::mfa::Code;
use crate::people::MfaDevice;
use crate::sign_in::{CodeRefusal, DeviceRefusal, HalfSignedIn, OfferedDevice, SecondFactor, SignedIn};
use crate::state::{Changes, Decision, Snapshot, Write};

impl Kms {
    /// Records that a code is used up, and that its user signed in.
    ///
    /// # Errors
    /// [`CodeRefusal`].
    pub(crate) async fn spend_code(&self, half: &HalfSignedIn, code: &Code) -> Result<SignedIn, CodeRefusal> {
        let now = self.now();
        let decide = |snapshot: &Snapshot| -> Result<Decision<Result<SignedIn, CodeRefusal>>, Error> {
            let Some((row, profile)) = half.user(snapshot) else { return Ok(refused(CodeRefusal::Ended)) };
            let device = snapshot.mfa_device_of(&row.record)?;
            let seed = self.keyring.seed_of(&device.record)?;
            let Some(spent) = seed.step_of(code, now, device.record.spent) else {
                return Ok(refused(CodeRefusal::Wrong));
            };
            let device_after = MfaDevice { spent, ..MfaDevice::clone(&device.record) };
            let signed_in = changed(row, |user| user.last_login = user.last_login.max(Some(now)));
            let changes = signed_in.and(device_change(Write::MfaDevice(device_after), device.revision));
            Ok(changes.answering(Ok(half.with_code(profile))))
        };
        self.state.commit(now, decide).await?
    }

    /// Binds an offered device to its user.
    ///
    /// # Errors
    /// [`DeviceRefusal`].
    pub(crate) async fn bind_offered(
        &self,
        signed_in: &SignedIn,
        offered: &OfferedDevice,
        codes: &[Code; 2],
    ) -> Result<SignedIn, DeviceRefusal> {
        let now = self.now();
        let seed = self.keyring.seed_of(&offered.device)?;
        let decide = |snapshot: &Snapshot| -> Result<Decision<Result<SignedIn, DeviceRefusal>>, Error> {
            let found = signed_in.user_by_password(snapshot);
            let Some((row, profile)) = found.filter(|(row, _)| row.record.id == offered.user) else {
                return Ok(refused(DeviceRefusal::Ended));
            };
            if row.record.mfa.is_some() || snapshot.get::<MfaDevice>(&offered.device.name.key).is_some() {
                return Ok(refused(DeviceRefusal::NotNow));
            }
            if snapshot.count::<MfaDevice>() >= self.quotas.load().mfa_devices {
                return Ok(refused(DeviceRefusal::LimitExceeded));
            }
            let Some(spent) = seed.step_of_pair(codes, now, offered.device.spent) else {
                return Ok(refused(DeviceRefusal::WrongCode));
            };
            let (device, binding) = offered.device.bound_to(offered.user, spent, now);
            let answer = signed_in.renewed(profile, Some(SecondFactor::Proved(binding.mark)));
            let bound = changed(row, |user| user.mfa = Some(binding));
            let changes = bound.and(device_change(Write::MfaDevice(device), 0));
            let changes = self.user_event(changes, "mfa-device-bound", row);
            Ok(changes.answering(answer.ok_or(DeviceRefusal::Ended)))
        };
        self.state.commit(now, decide).await?
    }

    /// Removes the device of a user, who proves a code of it.
    ///
    /// # Errors
    /// [`CodeRefusal`].
    pub(crate) async fn remove_device(
        &self,
        signed_in: &SignedIn,
        code: &Code,
    ) -> Result<SignedIn, CodeRefusal> {
        let now = self.now();
        let decide = |snapshot: &Snapshot| -> Result<Decision<Result<SignedIn, CodeRefusal>>, Error> {
            let Some((row, profile)) = signed_in.user_by_password(snapshot) else {
                return Ok(refused(CodeRefusal::Ended));
            };
            let device = snapshot.mfa_device_of(&row.record)?;
            let seed = self.keyring.seed_of(&device.record)?;
            if seed.step_of(code, now, device.record.spent).is_none() {
                return Ok(refused(CodeRefusal::Wrong));
            }
            let answer = signed_in.renewed(profile, Some(SecondFactor::unproved(profile.mfa_required)));
            let removal = Write::NoMfaDevice(device.record.name.key.clone());
            let unbound = changed(row, |user| user.mfa = None);
            let changes = unbound.and(device_change(removal, device.revision));
            let changes = self.user_event(changes, "mfa-device-removed", row);
            Ok(changes.answering(answer.ok_or(CodeRefusal::Ended)))
        };
        self.state.commit(now, decide).await?
    }
}

fn device_change(write: Write, revision: Revision) -> Changes {
    MAINTENANCE.changes([(write, revision)])
}

fn refused<T, E>(refusal: E) -> Decision<Result<T, E>> {
    Changes::none().answering(Err(refusal))
}
