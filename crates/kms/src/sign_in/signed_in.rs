//! Who signed in and by what, and whether that still holds.

use std::fmt;

use bulla_keys::record::Revision;

use crate::origin::{Caller, PrincipalId, Proof};
use crate::people::{LoginProfile, PasswordMark, User};
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
    Password { user: PrincipalId, password: PasswordMark, is_due: bool },
}

impl SignedIn {
    pub(super) fn by_access_key(row: &Row<AccessKey>) -> Self {
        let AccessKey { id, owner, .. } = &*row.record;
        Self(By::AccessKey { id: id.clone(), owner: *owner, revision: row.revision })
    }

    pub(crate) fn by_password(user: PrincipalId, profile: &LoginProfile) -> Self {
        Self(By::Password { user, password: profile.mark(), is_due: profile.reset_required })
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

    /// Who acts, if what signed in is still there as it was.
    pub(super) fn caller(&self, snapshot: &Snapshot) -> Option<Caller> {
        match &self.0 {
            By::AccessKey { id, revision, .. } => {
                let row = snapshot.get::<AccessKey>(id).filter(|row| row.revision == *revision)?;
                row.record.caller(snapshot).filter(|_| row.record.active)
            }
            By::Password { user, .. } => {
                self.user_by_password(snapshot)?;
                Some(Caller::User { id: *user, proof: Proof::Password })
            }
        }
    }

    /// The row and the profile of a user who signed in by password, if the password is still that one. A profile that came to
    /// require another password or a second factor since asks for a new sign-in.
    pub(crate) fn user_by_password<'s>(
        &self,
        snapshot: &'s Snapshot,
    ) -> Option<(&'s Row<User>, &'s LoginProfile)> {
        let By::Password { user, password, is_due } = &self.0 else { return None };
        let row = snapshot.user_by_id(*user)?;
        let profile = row.record.login_profile.as_ref()?;
        let is_same = profile.mark() == *password && profile.reset_required == *is_due;
        (is_same && !profile.mfa_required).then_some((row, profile))
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
