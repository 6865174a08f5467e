//! The changes that users make by signing in, without a permission: the time of their last sign-in, and the password that
//! they choose themselves.

use bulla_wire::{Error, SecretText};

use super::MAINTENANCE;
use crate::Kms;
use crate::people::{LoginProfile, PrincipalId, User};
use crate::sign_in::SignedIn;
use crate::state::{Changes, Decision, Row, Snapshot, Write};

impl Kms {
    /// Records that a user signed in. A failed write loses only the date, so a full disk does not lock users out.
    pub(crate) async fn note_login(&self, user: PrincipalId) {
        let now = self.now();
        let _ = self.state.commit(now, |snapshot| Ok(login_noted(snapshot, user, now))).await;
    }

    /// Replaces the password of a user who signed in with the old one. Returns the sign-in with the new one, or none if the
    /// old sign-in ended meanwhile.
    ///
    /// # Errors
    /// InternalFailure with its cause if the store fails; ServiceUnavailableTemporary.
    pub(crate) async fn replace_password(
        &self,
        signed_in: &SignedIn,
        password_hash: &SecretText,
    ) -> Result<Option<SignedIn>, Error> {
        let now = self.now();
        let decide = |snapshot: &Snapshot| {
            let Some((row, profile)) = signed_in.user_by_password(snapshot) else {
                return Changes::none().answering(None);
            };
            let profile = LoginProfile {
                password_hash: password_hash.clone(),
                reset_required: false,
                updated: now,
                ..profile.clone()
            };
            let answer = signed_in.renewed(&profile, None);
            let changes = changed(row, |user| user.login_profile = Some(profile));
            self.user_event(changes, "password-chosen", row).answering(answer)
        };
        self.state.commit(now, |snapshot| Ok(decide(snapshot))).await
    }
}

impl Kms {
    /// Adds the line of the audit trail to the changes.
    pub(super) fn user_event(&self, changes: Changes, event: &'static str, row: &Row<User>) -> Changes {
        let user = [("user", row.record.name.as_str())];
        self.auditor.with_event(changes, event, self.clock.raw(), &user, None)
    }
}

/// Returns no change for a user who was deleted meanwhile, or signed in later.
fn login_noted(snapshot: &Snapshot, user: PrincipalId, now: i64) -> Decision<()> {
    let row = snapshot.user_by_id(user).filter(|row| row.record.last_login < Some(now));
    let changes = row.map(|row| changed(row, |user| user.last_login = Some(now)));
    changes.unwrap_or_else(Changes::none).answering(())
}

/// Replaces the row of a user.
pub(super) fn changed(row: &Row<User>, edit: impl FnOnce(&mut User)) -> Changes {
    let mut user = User::clone(&row.record);
    edit(&mut user);
    MAINTENANCE.changes([(Write::User(user), row.revision)])
}
