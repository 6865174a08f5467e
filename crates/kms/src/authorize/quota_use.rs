//! The usage of quotas, for callers who may read it.

use bulla_keys::Maker;
use bulla_wire::Error;
use bulla_wire::ram::ListUsers;

use super::{Allowed, Container, Permission, Resource, View};
use crate::people::{Group, ManagedPolicy, MfaDevice, Role, User};
use crate::state::{KeptKind, Made, Makers, Snapshot};

/// The counts that quotas limit.
#[derive(Clone, Copy)]
pub(crate) struct QuotaUse<'v> {
    snapshot: &'v Snapshot,
}

/// The makers of records, by their current names.
#[derive(Clone, Copy)]
pub(crate) struct MakerNames<'v> {
    snapshot: &'v Snapshot,
}

impl<'v> View<'v> {
    /// Returns the counts that quotas limit. Checks the permission to read them.
    ///
    /// # Errors
    /// Forbidden.NoPermission.
    pub(crate) fn quota_use(&self) -> Result<Allowed<QuotaUse<'v>>, Error> {
        self.with_permission(Permission::READ_QUOTAS).anything()?;
        Ok(Allowed::new(QuotaUse { snapshot: self.snapshot }))
    }

    /// Returns the makers of records, if the caller may list users. The check is not recorded, because the request is
    /// answered either way.
    pub(crate) fn maker_names(&self) -> Option<Allowed<MakerNames<'v>>> {
        let asker = self.inquiry.asker();
        let questions = asker.series(Permission::of::<ListUsers>(), self.snapshot);
        let may_list = questions.allows(&Resource::Every(Container::Users));
        may_list.then(|| Allowed::new(MakerNames { snapshot: self.snapshot }))
    }
}

impl<'v> QuotaUse<'v> {
    pub(crate) fn users(&self) -> usize {
        self.count::<User>()
    }

    pub(crate) fn groups(&self) -> usize {
        self.count::<Group>()
    }

    pub(crate) fn roles(&self) -> usize {
        self.count::<Role>()
    }

    pub(crate) fn mfa_devices(&self) -> usize {
        self.count::<MfaDevice>()
    }

    /// Without the system policies.
    pub(crate) fn policies(&self) -> usize {
        self.count::<ManagedPolicy>()
    }

    /// The records of a kind that callers create, in total and by maker.
    pub(crate) fn made<R: Made>(&self) -> &'v Makers {
        R::makers(self.snapshot)
    }

    fn count<R: KeptKind>(&self) -> usize {
        self.snapshot.count::<R>()
    }
}

impl MakerNames<'_> {
    /// Returns the name of a maker: for a deleted user its id.
    pub(crate) fn name(&self, maker: &Maker) -> String {
        let user = maker.as_str().strip_prefix("user/").and_then(|id| id.parse().ok());
        match user.and_then(|id| self.snapshot.user_by_id(id)) {
            Some(row) => format!("user/{}", row.record.name),
            None => maker.as_str().to_owned(),
        }
    }
}
