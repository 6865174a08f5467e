//! Users, groups, roles, policies and access keys as one request may see them.
//!
//! Names are found without case, and the permission is asked for the name as the record has it: a Deny for `user/Admin`
//! holds for whoever is named `admin` in a request. Roles have their names in lower case, as in their ARNs. A denial has
//! the name as the request wrote it, so it does not tell whether there is a record.

use bulla_access::system::{self, SystemPolicy};
use bulla_keys::record::Record;
use bulla_wire::ram::PolicyType;
use bulla_wire::{Error, ErrorCode};

use super::denial::Written;
use super::{Allowed, Asked, Container, Part, Resource, View};
use crate::people::{
    Account, AttachedTo, Group, GroupId, ManagedPolicy, Membership, NameKey, PolicyRef, Role, User,
};
use crate::state::{AccessKey, AccessKeyOwner, AccessKeyUse, Attached, KeptKind, Row};

/// Users in a group, by name.
pub(crate) type Members<'v> = Part<'v, GroupId, NameKey, User>;

/// Users, groups or roles to which a policy is attached, by name.
pub(crate) type Entities<'v, R> = Part<'v, PolicyRef, NameKey, R>;

/// A policy of either type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyPolicy<'v> {
    System(&'static SystemPolicy),
    Custom(&'v Row<ManagedPolicy>),
}

impl AnyPolicy<'_> {
    /// What attachments name it by.
    pub(crate) fn reference(&self) -> PolicyRef {
        match self {
            Self::System(policy) => PolicyRef::System(NameKey::of(policy.name)),
            Self::Custom(row) => PolicyRef::Custom(row.record.name.key.clone()),
        }
    }
}

impl Container {
    /// The table of what it holds, for kinds whose rows are listed by name.
    fn table(self) -> Option<&'static str> {
        match self {
            Self::Users => Some(User::TABLE),
            Self::Groups => Some(Group::TABLE),
            Self::Roles => Some(Role::TABLE),
            Self::Policies => Some(ManagedPolicy::TABLE),
            Self::Keys | Self::Aliases | Self::Secrets | Self::SystemPolicies => None,
        }
    }
}

/// Finding what requests name.
#[allow(dead_code, reason = "the actions on people come next")]
impl<'v> View<'v> {
    /// The user with this name.
    ///
    /// # Errors
    /// NoPermission, as all functions below; EntityNotExist.User.
    pub(crate) fn user(&self, name: &str) -> Result<Allowed<&'v Row<User>>, Error> {
        self.ask_user(name)?
    }

    /// As [`View::user`].
    pub(crate) fn ask_user(&self, name: &str) -> Result<Asked<&'v Row<User>>, Error> {
        let found = self.snapshot.get::<User>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistUser);
        self.allow_named(Resource::User, spelled, name, Container::Users, found)
    }

    /// The group with this name.
    ///
    /// # Errors
    /// EntityNotExist.Group.
    pub(crate) fn group(&self, name: &str) -> Result<Allowed<&'v Row<Group>>, Error> {
        self.ask_group(name)?
    }

    /// As [`View::group`].
    pub(crate) fn ask_group(&self, name: &str) -> Result<Asked<&'v Row<Group>>, Error> {
        let found = self.snapshot.get::<Group>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistGroup);
        self.allow_named(Resource::Group, spelled, name, Container::Groups, found)
    }

    /// The role with this name.
    ///
    /// # Errors
    /// EntityNotExist.Role.
    pub(crate) fn role(&self, name: &str) -> Result<Allowed<&'v Row<Role>>, Error> {
        self.ask_role(name)?
    }

    /// As [`View::role`].
    pub(crate) fn ask_role(&self, name: &str) -> Result<Asked<&'v Row<Role>>, Error> {
        let key = NameKey::of(name);
        let found = self.snapshot.get::<Role>(&key).ok_or(ErrorCode::EntityNotExistRole);
        self.allow_named(Resource::Role, key.as_str(), name, Container::Roles, found)
    }

    /// The policy of the account with this name; system policies are not changed.
    ///
    /// # Errors
    /// EntityNotExist.Policy.
    pub(crate) fn custom_policy(&self, name: &str) -> Result<Allowed<&'v Row<ManagedPolicy>>, Error> {
        let found = self.snapshot.get::<ManagedPolicy>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistPolicy);
        self.allow_named(Resource::Policy, spelled, name, Container::Policies, found)?
    }

    /// The policy with this type and name.
    ///
    /// # Errors
    /// EntityNotExist.Policy.
    pub(crate) fn policy(&self, of: PolicyType, name: &str) -> Result<Allowed<AnyPolicy<'v>>, Error> {
        self.ask_policy(of, name)?
    }

    /// As [`View::policy`].
    pub(crate) fn ask_policy(&self, of: PolicyType, name: &str) -> Result<Asked<AnyPolicy<'v>>, Error> {
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

    /// The account itself, whose row is there from its first change on.
    pub(crate) fn account_row(&self) -> Result<Allowed<Option<&'v Row<Account>>>, Error> {
        self.ask(Resource::Account)?;
        Ok(Allowed::new(self.snapshot.get::<Account>(&Account::NAME.into())))
    }

    fn allow_named<R>(
        &self,
        resource: fn(Box<str>) -> Resource,
        spelled: &str,
        written: &str,
        container: Container,
        found: Result<R, ErrorCode>,
    ) -> Result<Asked<R>, Error> {
        self.allow(resource(spelled.into()), Written::As(resource(written.into())), container, found)
    }
}

/// What belongs to a user, group, role or policy that the request may use, and lists.
#[allow(dead_code, reason = "the actions on people come next")]
impl<'v> View<'v> {
    /// Whether there is a user, group, role or policy of this name, for the permission to make one: names that are taken
    /// are told.
    pub(crate) fn is_name_taken<R>(&self, container: &Allowed<Container>, name: &NameKey) -> bool
    where
        R: KeptKind<Id = NameKey>,
    {
        debug_assert_eq!(container.table(), Some(R::TABLE), "the permission is for another kind");
        self.snapshot.get::<R>(name).is_some()
    }

    /// How many there are, for the quota.
    pub(crate) fn count<R: KeptKind>(&self, container: &Allowed<Container>) -> usize {
        debug_assert_eq!(container.table(), Some(R::TABLE), "the permission is for another kind");
        self.snapshot.count::<R>()
    }

    /// Users, groups, roles or policies of the account in the order of their names, after one that may be gone; for the
    /// permission to list them.
    pub(crate) fn rows_after<R>(
        &self,
        container: &Allowed<Container>,
        after: Option<&NameKey>,
    ) -> impl Iterator<Item = &'v Row<R>> + use<'v, R>
    where
        R: KeptKind<Id = NameKey>,
    {
        debug_assert_eq!(container.table(), Some(R::TABLE), "the permission is for another kind");
        self.snapshot.rows_after::<R>(after)
    }

    /// The groups of a user with the times of joining, in their order.
    pub(crate) fn groups_of(
        &self,
        user: &Allowed<&'v Row<User>>,
    ) -> impl Iterator<Item = (&'v Row<Group>, Membership)> + use<'v> {
        let snapshot = self.snapshot;
        let memberships = user.record.groups().iter();
        memberships.filter_map(|membership| Some((snapshot.group_by_id(membership.group)?, *membership)))
    }

    /// The users in a group, by name.
    pub(crate) fn members_of(&self, group: &Allowed<&'v Row<Group>>) -> Members<'v> {
        let index = self.snapshot.members();
        Part {
            snapshot: self.snapshot,
            index,
            part: group.record.id,
            row: |snapshot, name| snapshot.get(name),
        }
    }

    /// The users to which a policy is attached, by name.
    pub(crate) fn users_with(&self, policy: &Allowed<AnyPolicy<'v>>) -> Entities<'v, User> {
        self.entities(policy, self.snapshot.attached_users())
    }

    /// The groups to which a policy is attached, by name.
    pub(crate) fn groups_with(&self, policy: &Allowed<AnyPolicy<'v>>) -> Entities<'v, Group> {
        self.entities(policy, self.snapshot.attached_groups())
    }

    /// The roles to which a policy is attached, by name.
    pub(crate) fn roles_with(&self, policy: &Allowed<AnyPolicy<'v>>) -> Entities<'v, Role> {
        self.entities(policy, self.snapshot.attached_roles())
    }

    fn entities<R>(&self, policy: &Allowed<AnyPolicy<'v>>, index: &'v Attached) -> Entities<'v, R>
    where
        R: KeptKind<Id = NameKey>,
    {
        let part = policy.reference();
        Part { snapshot: self.snapshot, index, part, row: |snapshot, name| snapshot.get(name) }
    }

    /// Whether a policy of the account is attached to users, groups and roles.
    pub(crate) fn attached_to(&self, policy: &Allowed<&'v Row<ManagedPolicy>>) -> AttachedTo {
        let part = PolicyRef::Custom(policy.record.name.key.clone());
        let is_attached = |index: &Attached| !index.part(&part).is_empty();
        AttachedTo {
            users: is_attached(self.snapshot.attached_users()),
            groups: is_attached(self.snapshot.attached_groups()),
            roles: is_attached(self.snapshot.attached_roles()),
        }
    }

    /// To how many users, groups and roles a policy is attached; for the permission for it, or to list policies.
    pub(crate) fn attachment_count<P>(&self, _policies: &Allowed<P>, policy: &PolicyRef) -> usize {
        self.snapshot.attachment_count(policy)
    }

    /// The policy that an attachment of an allowed user, group or role names. None only for a system policy that this
    /// version no longer has.
    pub(crate) fn attached_policy<R>(
        &self,
        _entity: &Allowed<R>,
        policy: &PolicyRef,
    ) -> Option<AnyPolicy<'v>> {
        match policy {
            PolicyRef::System(name) => system::find(name.as_str()).map(AnyPolicy::System),
            PolicyRef::Custom(name) => self.snapshot.get(name).map(AnyPolicy::Custom),
        }
    }

    /// The access keys of a user, oldest first.
    pub(crate) fn access_keys_of(
        &self,
        user: &Allowed<&'v Row<User>>,
    ) -> impl Iterator<Item = &'v Row<AccessKey>> + use<'v> {
        self.snapshot.access_keys_of(AccessKeyOwner::User(user.record.id))
    }

    /// One access key of a user.
    pub(crate) fn access_key_of(
        &self,
        user: &Allowed<&'v Row<User>>,
        id: &str,
    ) -> Option<Allowed<&'v Row<AccessKey>>> {
        let owner = AccessKeyOwner::User(user.record.id);
        let key = self.snapshot.get::<AccessKey>(&id.into());
        key.filter(|key| key.record.owner == owner).map(Allowed::new)
    }

    /// The access keys of the root of the account, oldest first, for the permission for the account.
    pub(crate) fn access_keys_of_root(
        &self,
        _account: &Allowed<Option<&'v Row<Account>>>,
    ) -> impl Iterator<Item = Allowed<&'v Row<AccessKey>>> + use<'v> {
        self.snapshot.access_keys_of(AccessKeyOwner::Root).map(Allowed::new)
    }

    /// When an access key was last used, if it ever was. What was used in the last minute may not be here yet.
    pub(crate) fn last_use(&self, key: &Allowed<&'v Row<AccessKey>>) -> Option<&'v Row<AccessKeyUse>> {
        self.snapshot.get::<AccessKeyUse>(&key.record.id)
    }
}
