//! Resolves names of users, groups, roles, policies, access keys and MFA devices, and checks the permission for each.
//!
//! Names are found regardless of case, and the permission is checked for the name in the record: a Deny for `user/Admin` also
//! applies to a request that names `admin`. Roles have their names in lower case, as in their ARNs. A denial has the name as
//! the request wrote it, so it does not reveal whether the record exists.

mod belongings;
#[cfg(test)]
mod tests;

use bulla_access::system::{self, SystemPolicy};
use bulla_keys::record::Record;
use bulla_wire::ram::PolicyType;
use bulla_wire::{Error, ErrorCode};

use super::denial::Written;
use super::{Allowed, CheckedResource, Container, Part, Resource, View};
use crate::origin::Caller;
use crate::people::{
    Account, Group, GroupId, GroupName, ManagedPolicy, MfaDevice, NameKey, PolicyRef, Role, User, UserName,
};
use crate::state::{Changes, Row, Write};

/// The users in a group, by name.
pub(crate) type Members<'v> = Part<'v, GroupId, NameKey, User>;

/// A policy of either type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyPolicy<'v> {
    System(&'static SystemPolicy),
    Custom(&'v Row<ManagedPolicy>),
}

impl AnyPolicy<'_> {
    /// The reference of attachments to this policy.
    pub(crate) fn reference(&self) -> PolicyRef {
        match self {
            Self::System(policy) => PolicyRef::System(NameKey::of(policy.name)),
            Self::Custom(row) => PolicyRef::Custom(row.record.name.key.clone()),
        }
    }
}

impl Allowed<AnyPolicy<'_>> {
    /// Writes the unchanged row of the policy again, for a change that attaches it: a deletion of the policy that another
    /// node decided without the attachment then conflicts. System policies cannot be deleted.
    pub(crate) fn touched(&self) -> Changes {
        match **self {
            AnyPolicy::System(_) => Changes::none(),
            AnyPolicy::Custom(row) => {
                self.changes([(Write::Policy(ManagedPolicy::clone(&row.record)), row.revision)])
            }
        }
    }
}

impl Allowed<&Row<ManagedPolicy>> {
    /// Replaces the policy, if it differs.
    pub(crate) fn replaced(&self, policy: ManagedPolicy) -> Changes {
        self.changes((policy != *self.record).then_some((Write::Policy(policy), self.revision)))
    }
}

impl Allowed<&Row<Role>> {
    /// Replaces the role, if it differs.
    pub(crate) fn replaced(&self, role: Role) -> Changes {
        self.changes((role != *self.record).then_some((Write::Role(role), self.revision)))
    }
}

impl Container {
    /// The table of its records, for kinds whose rows are listed by name.
    pub(super) fn table(self) -> Option<&'static str> {
        match self {
            Self::Users => Some(User::TABLE),
            Self::Groups => Some(Group::TABLE),
            Self::Roles => Some(Role::TABLE),
            Self::MfaDevices => Some(MfaDevice::TABLE),
            Self::Policies => Some(ManagedPolicy::TABLE),
            Self::Keys | Self::Aliases | Self::Secrets | Self::SystemPolicies => None,
        }
    }
}

/// Resolving the names in requests.
impl<'v> View<'v> {
    /// Returns the user with this name.
    ///
    /// # Errors
    /// NoPermission, as for all functions below; EntityNotExist.User.
    pub(crate) fn user(&self, name: &str) -> Result<Allowed<&'v Row<User>>, Error> {
        self.ask_user(name)?
    }

    /// Returns the user who sent the request.
    ///
    /// # Errors
    /// EntityNotExist.User for other callers, and for a user who was deleted meanwhile.
    pub(crate) fn calling_user(&self) -> Result<Allowed<&'v Row<User>>, Error> {
        let row = match self.caller() {
            Caller::User { id, .. } => self.snapshot.user_by_id(*id),
            Caller::Root { .. } | Caller::Owner | Caller::Session(_) | Caller::Unsigned => None,
        };
        let Some(row) = row else {
            self.every(Container::Users)?;
            return Err(ErrorCode::EntityNotExistUser.into());
        };
        self.ask(Resource::User(row.record.name.as_str().into()))?;
        Ok(Allowed::new(row))
    }

    /// Like [`View::user`], with separate errors.
    pub(crate) fn ask_user(&self, name: &str) -> Result<CheckedResource<&'v Row<User>>, Error> {
        let found = self.snapshot.get::<User>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistUser);
        self.allow_named(Resource::User, spelled, name, Container::Users, found)
    }

    /// Returns the group with this name.
    ///
    /// # Errors
    /// EntityNotExist.Group.
    pub(crate) fn group(&self, name: &str) -> Result<Allowed<&'v Row<Group>>, Error> {
        self.ask_group(name)?
    }

    /// Like [`View::group`], with separate errors.
    pub(crate) fn ask_group(&self, name: &str) -> Result<CheckedResource<&'v Row<Group>>, Error> {
        let found = self.snapshot.get::<Group>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistGroup);
        self.allow_named(Resource::Group, spelled, name, Container::Groups, found)
    }

    /// Returns the role with this name.
    ///
    /// # Errors
    /// EntityNotExist.Role.
    pub(crate) fn role(&self, name: &str) -> Result<Allowed<&'v Row<Role>>, Error> {
        self.ask_role(name)?
    }

    /// Like [`View::role`], with separate errors.
    pub(crate) fn ask_role(&self, name: &str) -> Result<CheckedResource<&'v Row<Role>>, Error> {
        let key = NameKey::of(name);
        let found = self.snapshot.get::<Role>(&key).ok_or(ErrorCode::EntityNotExistRole);
        self.allow_named(Resource::Role, key.as_str(), name, Container::Roles, found)
    }

    /// Returns the virtual MFA device with this serial number.
    ///
    /// # Errors
    /// EntityNotExist.VirtualMFADevice.
    pub(crate) fn mfa_device(&self, serial_number: &str) -> Result<Allowed<&'v Row<MfaDevice>>, Error> {
        self.ask_mfa_device(serial_number)?
    }

    /// Like [`View::mfa_device`], with separate errors.
    pub(crate) fn ask_mfa_device(
        &self,
        serial_number: &str,
    ) -> Result<CheckedResource<&'v Row<MfaDevice>>, Error> {
        let name = MfaDevice::name_in(self.account(), serial_number);
        let found = name.and_then(|name| self.snapshot.get::<MfaDevice>(&NameKey::of(name)));
        let name = name.unwrap_or(serial_number);
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistVirtualMfaDevice);
        self.allow_named(Resource::MfaDevice, spelled, name, Container::MfaDevices, found)
    }

    /// Returns the policy of the account with this name; system policies cannot be changed.
    ///
    /// # Errors
    /// EntityNotExist.Policy.
    pub(crate) fn custom_policy(&self, name: &str) -> Result<Allowed<&'v Row<ManagedPolicy>>, Error> {
        self.ask_custom_policy(name)?
    }

    /// Like [`View::custom_policy`], with separate errors.
    pub(crate) fn ask_custom_policy(
        &self,
        name: &str,
    ) -> Result<CheckedResource<&'v Row<ManagedPolicy>>, Error> {
        let found = self.snapshot.get::<ManagedPolicy>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistPolicy);
        self.allow_named(Resource::Policy, spelled, name, Container::Policies, found)
    }

    /// Returns the policy with this type and name.
    ///
    /// # Errors
    /// EntityNotExist.Policy.
    pub(crate) fn policy(&self, of: PolicyType, name: &str) -> Result<Allowed<AnyPolicy<'v>>, Error> {
        self.ask_policy(of, name)?
    }

    /// Like [`View::policy`], with separate errors.
    pub(crate) fn ask_policy(
        &self,
        of: PolicyType,
        name: &str,
    ) -> Result<CheckedResource<AnyPolicy<'v>>, Error> {
        let missing = ErrorCode::EntityNotExistPolicy;
        match of {
            PolicyType::System => {
                let found = system::find(name);
                let spelled = found.map_or(name, |policy| policy.name);
                let found = found.map(AnyPolicy::System).ok_or(missing);
                self.allow_named(Resource::SystemPolicy, spelled, name, Container::SystemPolicies, found)
            }
            PolicyType::Custom => {
                let found = self.snapshot.get::<ManagedPolicy>(&NameKey::of(name));
                let spelled = found.map_or(name, |row| row.record.name.as_str());
                let found = found.map(AnyPolicy::Custom).ok_or(missing);
                self.allow_named(Resource::Policy, spelled, name, Container::Policies, found)
            }
        }
    }

    /// Returns the account, whose row exists from its first change on.
    pub(crate) fn account_row(&self) -> Result<Allowed<Option<&'v Row<Account>>>, Error> {
        self.ask(Resource::Account)?;
        Ok(Allowed::new(self.snapshot.get::<Account>(&Account::NAME.into())))
    }

    /// Whether a user has this name already. Needs the permission for the name, because the answer reveals it.
    pub(crate) fn is_user_name_taken(&self, name: &UserName) -> Result<bool, Error> {
        let found = self.snapshot.get::<User>(&name.key);
        let spelled = found.map_or(name, |row| &row.record.name);
        let written = Written::As(Resource::User(name.as_str().into()));
        self.ask_of(Resource::User(spelled.as_str().into()), written, None)?;
        Ok(found.is_some())
    }

    /// Like [`View::is_user_name_taken`], for a group.
    pub(crate) fn is_group_name_taken(&self, name: &GroupName) -> Result<bool, Error> {
        let found = self.snapshot.get::<Group>(&name.key);
        let spelled = found.map_or(name, |row| &row.record.name);
        let written = Written::As(Resource::Group(name.as_str().into()));
        self.ask_of(Resource::Group(spelled.as_str().into()), written, None)?;
        Ok(found.is_some())
    }

    fn allow_named<R>(
        &self,
        resource: fn(Box<str>) -> Resource,
        spelled: &str,
        written: &str,
        container: Container,
        found: Result<R, ErrorCode>,
    ) -> Result<CheckedResource<R>, Error> {
        self.allow(resource(spelled.into()), Written::As(resource(written.into())), container, found)
    }
}
