//! The state of a sign-in: which user signed in with which credentials, what is still required, and whether they are still
//! valid.

use std::fmt;

use bulla_keys::record::Revision;

use crate::origin::{Caller, PrincipalId, Proof};
use crate::people::{BindingMark, LoginProfile, PasswordMark, User};
use crate::state::{AccessKey, AccessKeyOwner, Row, Snapshot};

/// A sign-in: the user and the credentials, by ids. It contains no secret, and grants nothing without a check
/// ([`Kms::origin_of`](crate::Kms::origin_of)).
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn(By);

/// What must be unchanged in the snapshot since the sign-in.
#[derive(Clone, PartialEq, Eq)]
enum By {
    /// The row of an access key. Every change gives it another revision, so the sign-in does not become valid again when the
    /// key is activated again, nor when another key gets its id.
    AccessKey { id: Box<str>, owner: AccessKeyOwner, revision: Revision },
    /// The password of a user. Every password that is set has another mark, even if it is the same password.
    Password { user: PrincipalId, password: PasswordMark, is_due: bool, factor: SecondFactor },
}

/// The second factor of a sign-in by password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondFactor {
    /// None: the user has no device and needs none.
    None,
    /// None yet: the user has no device and must bind one.
    Due,
    /// A code of the device that is bound to the user by this binding.
    Proved(BindingMark),
}

impl SecondFactor {
    /// Returns the factor of a user without a device.
    pub(crate) fn unproved(is_required: bool) -> Self {
        if is_required { Self::Due } else { Self::None }
    }
}

/// A user who gave a right password and has an MFA device. It permits only [`Kms::second_factor`](crate::Kms::second_factor).
#[derive(Clone)]
pub struct HalfSignedIn {
    user: PrincipalId,
    password: PasswordMark,
    binding: BindingMark,
}

/// What a right password permits.
#[derive(Clone, Debug)]
pub enum FirstFactor {
    /// The sign-in is complete.
    Enough(SignedIn),
    /// A code of the user's MFA device is required.
    CodeNeeded(HalfSignedIn),
}

impl FirstFactor {
    /// Returns what the right password of a user permits; none without a login profile.
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

    /// Returns the row and the profile of the user, if the password and the device are unchanged.
    pub(crate) fn user<'s>(&self, snapshot: &'s Snapshot) -> Option<(&'s Row<User>, &'s LoginProfile)> {
        let row = snapshot.user_by_id(self.user)?;
        let profile = row.record.login_profile.as_ref().filter(|profile| profile.mark() == self.password)?;
        let is_same = row.record.mfa.as_ref().is_some_and(|mfa| mfa.mark == self.binding);
        is_same.then_some((row, profile))
    }

    /// Returns the sign-in after a right code.
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

    /// Returns this sign-in after its password or device was replaced.
    pub(crate) fn renewed(&self, profile: &LoginProfile, factor: Option<SecondFactor>) -> Option<Self> {
        let By::Password { user, factor: before, .. } = self.0 else { return None };
        Some(Self::by_password(user, profile, factor.unwrap_or(before)))
    }

    /// Whether it belongs to the account's root, which policies do not bind.
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

    /// Whether it permits only [`Kms::choose_password`](crate::Kms::choose_password).
    #[must_use]
    pub fn must_choose_password(&self) -> bool {
        matches!(self.0, By::Password { is_due: true, .. })
    }

    /// Whether the user gave a code of an MFA device.
    #[must_use]
    pub fn has_given_code(&self) -> bool {
        matches!(self.0, By::Password { factor: SecondFactor::Proved(_), .. })
    }

    /// Whether it permits only binding an MFA device ([`Kms::bind_own_device`](crate::Kms::bind_own_device)), after choosing
    /// another password if that is due too.
    #[must_use]
    pub fn must_bind_device(&self) -> bool {
        matches!(self.0, By::Password { factor: SecondFactor::Due, .. })
    }

    /// Returns the caller, if the credentials are unchanged.
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

    /// Returns the row and the profile of a user who signed in by password, if the password and the MFA device are unchanged.
    /// If the profile requires another password or a device since, or a device was bound since, a new sign-in is required.
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
