//! Who signed in and by what, what is still needed for it, and whether it still holds.

use std::fmt;

use bulla_keys::record::Revision;

use crate::origin::{Caller, PrincipalId, Proof};
use crate::people::{BindingMark, LoginProfile, PasswordMark, User};
use crate::state::{AccessKey, AccessKeyOwner, Row, Snapshot};

/// Who signed in and by what, by ids: it holds no secret, and gives no right by itself ([`Kms::origin_of`](crate::Kms::origin_of)).
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn(By);

/// What has to be in the snapshot as it was at the sign-in.
#[derive(Clone, PartialEq, Eq)]
enum By {
    /// The row of an access key. Every change of it has another revision, so it does not come back when it is activated again,
    /// nor when another one gets its id.
    AccessKey { id: Box<str>, owner: AccessKeyOwner, revision: Revision },
    /// The password of a user. Every password that is set has another mark, also the same one.
    Password { user: PrincipalId, password: PasswordMark, is_due: bool, factor: SecondFactor },
}

/// What a sign-in by password rests on beside the password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondFactor {
    /// Nothing: the user has no device and needs none.
    None,
    /// Nothing yet: the user has no device and must bind one.
    Due,
    /// A code of the device that is bound to the user by this binding.
    Proved(BindingMark),
}

impl SecondFactor {
    /// Of a user without a device.
    pub(crate) fn unproved(is_required: bool) -> Self {
        if is_required { Self::Due } else { Self::None }
    }
}

/// A user who gave a right password and has an MFA device. It is good for nothing but [`Kms::second_factor`](crate::Kms::second_factor).
#[derive(Clone)]
pub struct HalfSignedIn {
    user: PrincipalId,
    password: PasswordMark,
    binding: BindingMark,
}

/// What a right password is enough for.
#[derive(Clone, Debug)]
pub enum FirstFactor {
    /// To sign in.
    Enough(SignedIn),
    /// To be asked for a code of the user's MFA device.
    CodeNeeded(HalfSignedIn),
}

impl FirstFactor {
    /// What the right password of a user is enough for; none without a login profile.
    pub(super) fn of(user: &User) -> Option<Self> {
        let profile = user.login_profile.as_ref()?;
        Some(match &user.mfa {
            Some(mfa) => {
                Self::CodeNeeded(HalfSignedIn { user: user.id, password: profile.mark(), binding: mfa.mark })
            }
            None => {
                let factor = SecondFactor::unproved(profile.mfa_required);
                Self::Enough(SignedIn::by_password(user.id, profile, factor))
            }
        })
    }
}

impl HalfSignedIn {
    /// The user who gave the password.
    #[must_use]
    pub fn user_id(&self) -> PrincipalId {
        self.user
    }

    /// The row and the profile of the user, if the password and the device are still those.
    pub(crate) fn user<'s>(&self, snapshot: &'s Snapshot) -> Option<(&'s Row<User>, &'s LoginProfile)> {
        let row = snapshot.user_by_id(self.user)?;
        let profile = row.record.login_profile.as_ref().filter(|profile| profile.mark() == self.password)?;
        let is_same = row.record.mfa.as_ref().is_some_and(|mfa| mfa.mark == self.binding);
        is_same.then_some((row, profile))
    }

    /// The sign-in after a right code.
    pub(crate) fn with_code(&self, profile: &LoginProfile) -> SignedIn {
        SignedIn::by_password(self.user, profile, SecondFactor::Proved(self.binding))
    }
}

impl SignedIn {
    pub(super) fn by_access_key(row: &Row<AccessKey>) -> Self {
        let AccessKey { id, owner, .. } = &*row.record;
        Self(By::AccessKey { id: id.clone(), owner: *owner, revision: row.revision })
    }

    pub(crate) fn by_password(user: PrincipalId, profile: &LoginProfile, factor: SecondFactor) -> Self {
        Self(By::Password { user, password: profile.mark(), is_due: profile.reset_required, factor })
    }

    /// The same sign-in, as it is after another password or device replaced the one before.
    pub(crate) fn renewed(&self, profile: &LoginProfile, factor: Option<SecondFactor>) -> Option<Self> {
        let By::Password { user, factor: before, .. } = self.0 else { return None };
        Some(Self::by_password(user, profile, factor.unwrap_or(before)))
    }

    /// Whether it is the account's root, which no policy binds.
    #[must_use]
    pub fn is_root(&self) -> bool {
        matches!(self.0, By::AccessKey { owner: AccessKeyOwner::Root, .. })
    }

    /// The user who signed in; none for root.
    #[must_use]
    pub fn user_id(&self) -> Option<PrincipalId> {
        match self.0 {
            By::AccessKey { owner: AccessKeyOwner::Root, .. } => None,
            By::AccessKey { owner: AccessKeyOwner::User(user), .. } | By::Password { user, .. } => Some(user),
        }
    }

    /// The access key that signed in; none for a password.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        match &self.0 {
            By::AccessKey { id, .. } => Some(id),
            By::Password { .. } => None,
        }
    }

    /// Whether it is good for nothing but [`Kms::choose_password`](crate::Kms::choose_password).
    #[must_use]
    pub fn must_choose_password(&self) -> bool {
        matches!(self.0, By::Password { is_due: true, .. })
    }

    /// Whether a code of an MFA device was given.
    #[must_use]
    pub fn has_given_code(&self) -> bool {
        matches!(self.0, By::Password { factor: SecondFactor::Proved(_), .. })
    }

    /// Whether it is good for nothing but binding an MFA device ([`Kms::bind_own_device`](crate::Kms::bind_own_device)), once
    /// another password is chosen if that is due too.
    #[must_use]
    pub fn must_bind_device(&self) -> bool {
        matches!(self.0, By::Password { factor: SecondFactor::Due, .. })
    }

    /// Who acts, if what signed in is still there as it was.
    pub(super) fn caller(&self, snapshot: &Snapshot) -> Option<Caller> {
        match &self.0 {
            By::AccessKey { id, revision, .. } => {
                let row = snapshot.get::<AccessKey>(id).filter(|row| row.revision == *revision)?;
                row.record.caller(snapshot).filter(|_| row.record.active)
            }
            By::Password { user, .. } => {
                self.user_by_password(snapshot)?;
                Some(Caller::User { id: *user, proof: Proof::Password { mfa: self.has_given_code() } })
            }
        }
    }

    /// The row and the profile of a user who signed in by password, if the password and the MFA device are still those. A
    /// profile that came to require another password or a device since asks for a new sign-in, and so does a device that was
    /// bound since.
    pub(crate) fn user_by_password<'s>(
        &self,
        snapshot: &'s Snapshot,
    ) -> Option<(&'s Row<User>, &'s LoginProfile)> {
        let By::Password { user, password, is_due, factor } = &self.0 else { return None };
        let row = snapshot.user_by_id(*user)?;
        let profile = row.record.login_profile.as_ref()?;
        let is_same = profile.mark() == *password && profile.reset_required == *is_due;
        let holds = match (factor, &row.record.mfa) {
            (SecondFactor::Proved(mark), Some(mfa)) => mfa.mark == *mark,
            (factor, None) => *factor == SecondFactor::unproved(profile.mfa_required),
            (SecondFactor::Due | SecondFactor::None, Some(_)) => false,
        };
        (is_same && holds).then_some((row, profile))
    }
}

impl fmt::Debug for HalfSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HalfSignedIn").field("user_id", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SignedIn");
        match &self.0 {
            By::AccessKey { id, .. } => shown.field("access_key_id", id),
            By::Password { user, .. } => shown.field("user_id", user),
        };
        shown.finish_non_exhaustive()
    }
}
