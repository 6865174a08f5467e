//! Who asks the authorizer during one request, and what was allowed.

use std::sync::{Mutex, PoisonError};

use bulla_wire::{ContextParameter, Error, ErrorCode};

use super::{Permission, Query, Resource};
use crate::Kms;
use crate::clock::Times;
use crate::origin::Origin;
use crate::state::Snapshot;

/// What all questions of one request have in common: the engine, the caller and the time. Remembers what was allowed,
/// for the audit trail.
pub(crate) struct Inquiry<'k> {
    pub(super) kms: &'k Kms,
    origin: &'k Origin,
    times: Times,
    allowed: Mutex<Permissions>,
}

/// Permissions with their resources, each once. Most requests use one, which takes no allocation.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    first: Option<(Permission, Resource)>,
    others: Vec<(Permission, Resource)>,
}

impl<'k> Inquiry<'k> {
    /// Begins a request: looks at the clock.
    pub(crate) fn new(kms: &'k Kms, origin: &'k Origin) -> Self {
        Self { kms, origin, times: kms.clock.look(), allowed: Mutex::default() }
    }

    /// The times of the request.
    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// Asks for a permission, and remembers it.
    ///
    /// # Errors
    /// Forbidden.NoPermission.
    pub(super) fn ask(
        &self,
        permission: Permission,
        resource: Resource,
        encryption_context: Option<&ContextParameter>,
        snapshot: &Snapshot,
    ) -> Result<(), Error> {
        let query = Query {
            permission,
            resource: &resource,
            caller: self.origin.caller(),
            connection: self.origin.connection(),
            time: self.times.believed,
            encryption_context,
            snapshot,
        };
        if !self.kms.authorizer.allows(&query) {
            return Err(ErrorCode::ForbiddenNoPermission.into());
        }
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.insert((permission, resource));
        Ok(())
    }
}

impl Permissions {
    fn insert(&mut self, permission: (Permission, Resource)) {
        match &self.first {
            None => self.first = Some(permission),
            Some(first) if *first == permission || self.others.contains(&permission) => {}
            Some(_) => self.others.push(permission),
        }
    }
}

#[cfg(test)]
mod tests {
    use bulla_wire::kms::{Decrypt, Encrypt};

    use super::super::Container;
    use super::*;

    #[test]
    fn a_permission_is_remembered_once() {
        let mut permissions = Permissions::default();
        let keys = || Resource::Container(Container::Keys);
        for _ in 0..2 {
            permissions.insert((Permission::of::<Encrypt>(), keys()));
            permissions.insert((Permission::of::<Decrypt>(), keys()));
            permissions.insert((Permission::of::<Decrypt>(), Resource::Anything));
        }
        assert_eq!(permissions.first, Some((Permission::of::<Encrypt>(), keys())));
        let others =
            [(Permission::of::<Decrypt>(), keys()), (Permission::of::<Decrypt>(), Resource::Anything)];
        assert_eq!(permissions.others, others);
    }
}
