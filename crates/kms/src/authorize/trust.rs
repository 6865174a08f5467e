//! Finds the role that a request assumes, if its trust policy allows the caller; and the record of the caller, for
//! GetCallerIdentity.

use bulla_wire::{Error, ErrorCode};

use super::{Allowed, Resource, View};
use crate::origin::{Caller, RoleSession};
use crate::people::{NameKey, Role, User};

/// A role that the caller may assume: the proof that creating credentials needs.
#[derive(Clone, Copy)]
pub(crate) struct AssumableRole<'v> {
    role: &'v Role,
}

/// The record of the caller, with its current names.
pub(crate) enum CallerRecord<'v> {
    Account,
    User(&'v User),
    Session { role: &'v Role, session: &'v RoleSession },
}

impl<'v> View<'v> {
    /// Returns the role with this name, if the caller may assume it. Its trust policy must allow that, and for a user or
    /// session its own policies too.
    ///
    /// # Errors
    /// The same NoPermission if the role does not exist, does not trust the caller, or the caller lacks the permission.
    pub(crate) fn role_to_assume(&self, name: &str) -> Result<Allowed<AssumableRole<'v>>, Error> {
        let key = NameKey::of(name);
        let found = self.snapshot.get::<Role>(&key);
        let permission = self.ask(Resource::Role(key.as_str().into()));
        match (permission, found) {
            (Ok(()), Some(row)) => Ok(Allowed::new(AssumableRole { role: &row.record })),
            _ => Err(ErrorCode::AssumeRoleNoPermission.into()),
        }
    }

    /// Returns the record of the caller.
    ///
    /// # Errors
    /// The error of authentication for a user or role that was deleted.
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
