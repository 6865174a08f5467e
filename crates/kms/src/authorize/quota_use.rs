//! How much of the quotas is used.

use bulla_keys::Maker;
use bulla_wire::Error;
use bulla_wire::ram::ListUsers;

use super::{Allowed, Container, Permission, Resource, View};
use crate::people::{Group, ManagedPolicy, MfaDevice, Role, User};
use crate::state::{KeptKind, Made, Makers, Snapshot};

/// What quotas count.
#[derive(Clone, Copy)]
pub(crate) struct QuotaUse<'v> {
    snapshot: &'v Snapshot,
}

/// Who made records, by the names that they have now.
#[derive(Clone, Copy)]
pub(crate) struct MakerNames<'v> {
    snapshot: &'v Snapshot,
}

impl<'v> View<'v> {
    /// What quotas count, for the permission to read that.
    ///
    /// # Errors
    /// Forbidden.NoPermission.
    pub(crate) fn quota_use(&self) -> Result<Allowed<QuotaUse<'v>>, Error> {
        self.asking(Permission::READ_QUOTAS).anything()?;
        Ok(Allowed::new(QuotaUse { snapshot: self.snapshot }))
    }

    /// Who made records, for the permission to list users; none without it. The question is not noted: the request is answered
    /// either way.
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

    /// Records that users and programs make, in all and by maker.
    pub(crate) fn made<R: Made>(&self) -> &'v Makers {
        R::makers(self.snapshot)
    }

    fn count<R: KeptKind>(&self) -> usize {
        self.snapshot.count::<R>()
    }
}

impl MakerNames<'_> {
    /// What a maker is called: a user that is no longer there by its id.
    pub(crate) fn name(&self, maker: &Maker) -> String {
        let user = maker.as_str().strip_prefix("user/").and_then(|id| id.parse().ok());
        match user.and_then(|id| self.snapshot.user_by_id(id)) {
            Some(row) => format!("user/{}", row.record.name),
            None => maker.as_str().to_owned(),
        }
    }
}
