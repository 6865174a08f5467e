//! The roles that a caller may assume, and who the caller is.

use bulla_wire::{Error, ErrorCode};

use super::{Allowed, Resource, View};
use crate::origin::{Caller, RoleSession};
use crate::people::{NameKey, Role, User};

/// A role that the caller may assume: the proof for which credentials are made.
#[derive(Clone, Copy)]
pub(crate) struct AssumableRole<'v> {
    role: &'v Role,
}

/// Who sent a request, with the names of the moment.
pub(crate) enum CallerRecord<'v> {
    Account,
    User(&'v User),
    Session { role: &'v Role, session: &'v RoleSession },
}

impl<'v> View<'v> {
    /// The role with this name, for a caller who may assume it. Its trust policy has to allow that, and for a user or session its
    /// own policies too.
    ///
    /// # Errors
    /// One NoPermission, whether the role does not exist, does not trust the caller, or the caller lacks the permission.
    pub(crate) fn role_to_assume(&self, name: &str) -> Result<Allowed<AssumableRole<'v>>, Error> {
        let key = NameKey::of(name);
        let found = self.snapshot.get::<Role>(&key);
        let asked = self.ask(Resource::Role(key.as_str().into()));
        match (asked, found) {
            (Ok(()), Some(row)) => Ok(Allowed::new(AssumableRole { role: &row.record })),
            _ => Err(ErrorCode::AssumeRoleNoPermission.into()),
        }
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// As authentication refuses a user or role that is gone.
    pub(crate) fn caller_record(&self) -> Result<CallerRecord<'v>, Error> {
        match self.caller() {
            Caller::Root { .. } | Caller::Owner | Caller::Unsigned => Ok(CallerRecord::Account),
            Caller::User { id, .. } => match self.snapshot.user_by_id(*id) {
                Some(row) => Ok(CallerRecord::User(&row.record)),
                None => Err(ErrorCode::InvalidAccessKeyIdNotFound.into()),
            },
            Caller::Session(session) => match self.snapshot.role_by_id(session.role().id) {
                Some(row) => Ok(CallerRecord::Session { role: &row.record, session }),
                None => Err(ErrorCode::SecurityTokenExpired.into()),
            },
        }
    }
}

impl<'v> AssumableRole<'v> {
    pub(crate) fn role(&self) -> &'v Role {
        self.role
    }
}
