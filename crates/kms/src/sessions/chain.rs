//! Checks that a session and its chain are still valid. Authentication does it for every request, in its snapshot.

use crate::clock_trust::MAX_JUMP;
use crate::oidc::Providers;
use crate::origin::{AssumedRole, PrincipalId, RoleSession, SessionSource};
use crate::people::{Role, User};
use crate::state::{AccessKeyOwner, Row, Snapshot};

impl RoleSession {
    /// Whether the session has not expired at `now`. A session with more time left than any session can have began while the
    /// clock was ahead, and is refused.
    pub(crate) fn lasts(&self, now: i64) -> bool {
        let longest = i64::from(Role::MAX_SESSION) + MAX_JUMP;
        now < self.expires && self.expires.saturating_sub(now) <= longest
    }

    /// Whether the source of the chain still exists with its access key or provider, and every role is the one that was
    /// assumed, with no end of its sessions since.
    pub(crate) fn holds(&self, snapshot: &Snapshot, providers: &Providers) -> bool {
        let has_source = match &self.source {
            SessionSource::User { id, access_key_id } => {
                snapshot.access_key(access_key_id).is_some_and(|key| key.active)
                    && snapshot.has_access_key(*id, access_key_id)
            }
            SessionSource::Oidc { provider, issuer, .. } => providers.has(provider, issuer),
        };
        has_source && self.roles.iter().all(|link| is_current(snapshot, link))
    }
}

fn is_current(snapshot: &Snapshot, link: &AssumedRole) -> bool {
    snapshot.role_by_id(link.id).is_some_and(|row| row.record.not_before() == link.not_before)
}

impl Snapshot {
    /// Whether a user exists and has this access key, active or not, according to both rows.
    pub(crate) fn has_access_key(&self, user: PrincipalId, id: &str) -> bool {
        let is_listed = |row: &Row<User>| row.record.access_keys().iter().any(|listed| **listed == *id);
        self.access_key(id).is_some_and(|key| key.owner == AccessKeyOwner::User(user))
            && self.user_by_id(user).is_some_and(is_listed)
    }
}
