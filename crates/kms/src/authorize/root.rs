//! The access keys of the account's root. Only root itself may manage them; no policy grants that.

use bulla_access::Policy;
use bulla_keys::record::Revision;
use bulla_wire::Error;

use super::allowed::Writable;
use super::{Allowed, Resource, View};
use crate::origin::Caller;
use crate::people::{Account, Attachments, Group, ManagedPolicy, PolicyRef, User};
use crate::state::{AccessKey, AccessKeyOwner, AccessKeyUse, Row, Snapshot, Write};

/// The access keys of root, for root alone.
#[derive(Clone, Copy)]
pub(crate) struct RootAccessKeys<'v> {
    snapshot: &'v Snapshot,
}

/// The rows that prove that a user is an administrator, for a change that depends on it.
pub(crate) type Grounds = Vec<(Write, Revision)>;

impl Writable for RootAccessKeys<'_> {
    fn covers(&self, write: &Write) -> bool {
        match write {
            Write::AccessKey(key) => key.owner == AccessKeyOwner::Root,
            Write::NoAccessKey(id) | Write::NoAccessKeyUse(id) => self.get(id).is_some(),
            Write::Account(account) => *account == self.account().0,
            _ => false,
        }
    }
}

impl<'v> View<'v> {
    /// Returns the access keys of root, for root alone: even full rights do not include them.
    ///
    /// # Errors
    /// NoPermission, which names the account; policies are not evaluated.
    pub(crate) fn root_access_keys(&self) -> Result<Allowed<RootAccessKeys<'v>>, Error> {
        if !matches!(self.caller(), Caller::Root { .. } | Caller::Owner) {
            let account = Resource::Account.arn(&self.inquiry.kms.home);
            return Err(self.permission.refusing_product().denied(&self.permission.to_string(), &account));
        }
        self.ask(Resource::Account)?;
        Ok(Allowed::new(RootAccessKeys { snapshot: self.snapshot }))
    }
}

impl<'v> RootAccessKeys<'v> {
    /// Returns the current row of the account, for a change that adds an access key. If two nodes add one at once, both write
    /// this row, so the second conflicts and counts the access keys again.
    pub(crate) fn account(&self) -> (Account, Revision) {
        let row = self.snapshot.get::<Account>(&Account::NAME.into());
        row.map_or_else(|| (Account::default(), 0), |row| (Account::clone(&row.record), row.revision))
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'v Row<AccessKey>> + use<'v> {
        self.snapshot.access_keys_of(AccessKeyOwner::Root)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&'v Row<AccessKey>> {
        let row = self.snapshot.get::<AccessKey>(&id.into());
        row.filter(|row| row.record.owner == AccessKeyOwner::Root)
    }

    /// Returns the row with the last use of an access key.
    pub(crate) fn last_use(&self, id: &str) -> Option<&'v Row<AccessKeyUse>> {
        self.snapshot.get(&id.into())
    }

    /// Returns the proof that another administrator exists: a user with full rights, by a statement without conditions and
    /// with no Deny in any policy, who has an active access key that signed a request since `since`.
    pub(crate) fn administrator(&self, since: i64) -> Option<Grounds> {
        let mut uses = self.snapshot.rows_after::<AccessKeyUse>(None);
        uses.find_map(|used| {
            let key = self.snapshot.get::<AccessKey>(&used.record.id)?;
            let AccessKeyOwner::User(user) = key.record.owner else { return None };
            let is_current = key.record.active && used.record.last_used >= since;
            let user = self.snapshot.user_by_id(user).filter(|_| is_current)?;
            let mut grounds = self.rights_to_everything(user)?;
            grounds.push((Write::SameAccessKey(key.record.id.clone()), key.revision));
            Some(grounds)
        })
    }

    fn rights_to_everything(&self, user: &Row<User>) -> Option<Grounds> {
        let mut grounds = vec![(Write::SameUser(user.record.name.key.clone()), user.revision)];
        let mut attached: Vec<&Attachments> = vec![&user.record.policies];
        for membership in user.record.groups() {
            let group: &Row<Group> = self.snapshot.group_by_id(membership.group)?;
            grounds.push((Write::SameGroup(group.record.name.key.clone()), group.revision));
            attached.push(&group.record.policies);
        }
        let mut policies: Vec<&Policy> = Vec::new();
        for attachment in attached.into_iter().flat_map(Attachments::iter) {
            policies.push(self.snapshot.policy(&attachment.policy)?);
            if let PolicyRef::Custom(name) = &attachment.policy {
                let row = self.snapshot.get::<ManagedPolicy>(name)?;
                grounds.push((Write::SamePolicy(name.clone()), row.revision));
            }
        }
        let has_all = policies.iter().any(|policy| policy.allows_everything());
        (has_all && !policies.iter().any(|policy| policy.has_deny())).then_some(grounds)
    }
}
