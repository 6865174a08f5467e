//! The kinds of records that policies are attached to: users, groups and roles.

use std::sync::Arc;

use bulla_wire::{Error, ErrorCode};

use crate::authorize::{Allowed, CheckedResource, View};
use crate::people::{AttachmentLimits, Attachments, Group, NameKey, Quotas, Role, User};
use crate::state::{Changes, KeptKind, Row, Write};

/// A kind of record that policies are attached to.
pub(super) trait Entity: KeptKind<Id = NameKey, Kept = Arc<Self>> + Clone {
    const NOT_ATTACHED: ErrorCode;
    const ALREADY_ATTACHED: ErrorCode;
    const TOO_MANY_ATTACHED: ErrorCode;

    /// Like [`View::ask_user`].
    fn ask<'v>(view: &View<'v>, name: &str) -> Result<CheckedResource<&'v Row<Self>>, Error>;
    fn policies(&self) -> &Attachments;
    fn policies_mut(&mut self) -> &mut Attachments;
    fn limits(quotas: &Quotas) -> AttachmentLimits;
    /// Returns the change that replaces the record.
    fn replaced(allowed: &Allowed<&Row<Self>>, record: Self) -> Changes;
}

macro_rules! entities {
    ($($Entity:ident: $ask:ident, $limits:ident, $not:ident, $already:ident, $too_many:ident;)*) => {$(
        impl Entity for $Entity {
            const NOT_ATTACHED: ErrorCode = ErrorCode::$not;
            const ALREADY_ATTACHED: ErrorCode = ErrorCode::$already;
            const TOO_MANY_ATTACHED: ErrorCode = ErrorCode::$too_many;

            fn ask<'v>(view: &View<'v>, name: &str) -> Result<CheckedResource<&'v Row<Self>>, Error> {
                view.$ask(name)
            }

            fn policies(&self) -> &Attachments {
                &self.policies
            }

            fn policies_mut(&mut self) -> &mut Attachments {
                &mut self.policies
            }

            fn limits(quotas: &Quotas) -> AttachmentLimits {
                quotas.$limits()
            }

            fn replaced(allowed: &Allowed<&Row<Self>>, record: Self) -> Changes {
                allowed.changes([(Write::$Entity(record), allowed.revision)])
            }
        }
    )*};
}

entities! {
    User: ask_user, of_user, EntityNotExistUserPolicy, EntityAlreadyExistsUserPolicy, LimitExceededUserPolicy;
    Group: ask_group, of_group, EntityNotExistGroupPolicy, EntityAlreadyExistsGroupPolicy, LimitExceededGroupPolicy;
    Role: ask_role, of_role, EntityNotExistRolePolicy, EntityAlreadyExistsRolePolicy, LimitExceededRolePolicy;
}
