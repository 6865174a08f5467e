//! Users, groups, roles, policies, access keys and MFA devices as one request may see them.
//!
//! Names are found without case, and the permission is asked for the name as the record has it: a Deny for `user/Admin`
//! holds for whoever is named `admin` in a request. Roles have their names in lower case, as in their ARNs. A denial has
//! the name as the request wrote it, so it does not tell whether there is a record.

use bulla_access::system::{self, SystemPolicy};
use bulla_keys::record::Record;
use bulla_keys::{Key, Secret};
use bulla_wire::ram::PolicyType;
use bulla_wire::{Error, ErrorCode};

use super::denial::Written;
use super::{Allowed, Asked, Container, Part, Resource, View};
use crate::origin::Caller;
use crate::people::{
    Account, AttachedTo, Group, GroupId, GroupName, KeyPolicy, ManagedPolicy, Membership, MfaDevice, NameKey,
    PolicyRef, Quotas, Role, SecretPolicy, User, UserName,
};
use crate::state::{AccessKey, AccessKeyOwner, AccessKeyUse, Attached, Changes, KeptKind, Row, Write};

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

impl Allowed<AnyPolicy<'_>> {
    /// Writes the row of the policy again, unchanged, for a change that attaches it: a deletion of the policy that another
    /// node decided without the attachment then meets another revision. System policies are not deleted.
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
    /// Replaces the policy, if anything about it changed.
    pub(crate) fn replaced(&self, policy: ManagedPolicy) -> Changes {
        self.changes((policy != *self.record).then_some((Write::Policy(policy), self.revision)))
    }
}

impl Allowed<&Row<Role>> {
    /// Replaces the role, if anything about it changed.
    pub(crate) fn replaced(&self, role: Role) -> Changes {
        self.changes((role != *self.record).then_some((Write::Role(role), self.revision)))
    }
}

impl Container {
    /// The table of what it holds, for kinds whose rows are listed by name.
    fn table(self) -> Option<&'static str> {
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

/// Finding what requests name.
impl<'v> View<'v> {
    /// The user with this name.
    ///
    /// # Errors
    /// NoPermission, as all functions below; EntityNotExist.User.
    pub(crate) fn user(&self, name: &str) -> Result<Allowed<&'v Row<User>>, Error> {
        self.ask_user(name)?
    }

    /// The user who sent the request.
    ///
    /// # Errors
    /// EntityNotExist.User for another caller, and for a user who is deleted meanwhile.
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

    /// The virtual MFA device with this serial number.
    ///
    /// # Errors
    /// EntityNotExist.VirtualMFADevice.
    pub(crate) fn mfa_device(&self, serial_number: &str) -> Result<Allowed<&'v Row<MfaDevice>>, Error> {
        self.ask_mfa_device(serial_number)?
    }

    /// As [`View::mfa_device`].
    pub(crate) fn ask_mfa_device(&self, serial_number: &str) -> Result<Asked<&'v Row<MfaDevice>>, Error> {
        let name = MfaDevice::name_in(self.account(), serial_number);
        let found = name.and_then(|name| self.snapshot.get::<MfaDevice>(&NameKey::of(name)));
        let name = name.unwrap_or(serial_number);
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistVirtualMfaDevice);
        self.allow_named(Resource::MfaDevice, spelled, name, Container::MfaDevices, found)
    }

    /// The policy of the account with this name; system policies are not changed.
    ///
    /// # Errors
    /// EntityNotExist.Policy.
    pub(crate) fn custom_policy(&self, name: &str) -> Result<Allowed<&'v Row<ManagedPolicy>>, Error> {
        self.ask_custom_policy(name)?
    }

    /// As [`View::custom_policy`].
    pub(crate) fn ask_custom_policy(&self, name: &str) -> Result<Asked<&'v Row<ManagedPolicy>>, Error> {
        let found = self.snapshot.get::<ManagedPolicy>(&NameKey::of(name));
        let spelled = found.map_or(name, |row| row.record.name.as_str());
        let found = found.ok_or(ErrorCode::EntityNotExistPolicy);
        self.allow_named(Resource::Policy, spelled, name, Container::Policies, found)
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

    /// Whether a name that a renaming gives to a user is taken, which is told for the permission for that name.
    pub(crate) fn is_user_name_taken(&self, name: &UserName) -> Result<bool, Error> {
        let found = self.snapshot.get::<User>(&name.key);
        let spelled = found.map_or(name, |row| &row.record.name);
        let written = Written::As(Resource::User(name.as_str().into()));
        self.ask_of(Resource::User(spelled.as_str().into()), written, None)?;
        Ok(found.is_some())
    }

    /// As [`View::is_user_name_taken`], of a group.
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
    ) -> Result<Asked<R>, Error> {
        self.allow(resource(spelled.into()), Written::As(resource(written.into())), container, found)
    }
}

/// What belongs to a user, group, role or policy that the request may use, and lists.
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

    /// How many of everything there may be.
    pub(crate) fn quotas(&self) -> Quotas {
        **self.inquiry.kms.quotas.load()
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

    /// The policy of a key, if it has one of its own.
    pub(crate) fn policy_of_key(&self, key: &Allowed<&'v Row<Key>>) -> Option<&'v Row<KeyPolicy>> {
        self.snapshot.get::<KeyPolicy>(&key.record.id)
    }

    /// The policy of a secret, if it has one of its own.
    pub(crate) fn policy_of_secret(
        &self,
        secret: &Allowed<&'v Row<Secret>>,
    ) -> Option<&'v Row<SecretPolicy>> {
        self.snapshot.get::<SecretPolicy>(&secret.record.name)
    }

    /// The MFA device that is bound to a user, if one is.
    ///
    /// # Errors
    /// InternalFailure if the row of the device does not say so too.
    pub(crate) fn mfa_device_of(
        &self,
        user: &Allowed<&'v Row<User>>,
    ) -> Result<Option<&'v Row<MfaDevice>>, Error> {
        user.record.mfa.is_some().then(|| self.snapshot.mfa_device_of(&user.record)).transpose()
    }

    /// The user whom an MFA device is bound to; for the permission to list devices, which tells.
    pub(crate) fn user_of_device(
        &self,
        devices: &Allowed<Container>,
        device: &MfaDevice,
    ) -> Option<&'v Row<User>> {
        debug_assert_eq!(**devices, Container::MfaDevices, "the permission is for another kind");
        self.snapshot.user_by_id(device.user?.0)
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

    /// When an access key was last used, if it ever was. What was used in the last minute may not be here yet.
    pub(crate) fn last_use(&self, key: &Allowed<&'v Row<AccessKey>>) -> Option<&'v Row<AccessKeyUse>> {
        self.snapshot.get::<AccessKeyUse>(&key.record.id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bulla_keys::record::Revision;
    use bulla_wire::kms::Decrypt;

    use super::*;
    use crate::authorize::{AskedFor, Authorizer, Inquiry, Permission, Query};
    use crate::mfa::Seed;
    use crate::people::{AttachmentLimits, Document, Profile, random_principal_id};
    use crate::state::{Changes, Write};
    use crate::{Kms, Options, Role as KmsRole, SystemClock};

    /// An engine with people, whose authorizer notes the resources, and allows all of them or none.
    struct Bench {
        kms: Kms,
        asked: Arc<Mutex<Vec<String>>>,
        _data: tempfile::TempDir,
    }

    impl Bench {
        fn new(allows: bool) -> Self {
            let data = tempfile::tempdir().unwrap();
            let mut kms = Kms::open(&Options::new(data.path(), KmsRole::Command), SystemClock).unwrap();
            let asked = Arc::new(Mutex::new(Vec::new()));
            let noted = Arc::clone(&asked);
            kms.authorizer = Authorizer::Test(Arc::new(move |query: &Query<'_>| {
                noted.lock().unwrap().push(query.resource.arn(query.home));
                allows
            }));
            let bench = Self { kms, asked, _data: data };
            bench.fill();
            bench
        }

        fn fill(&self) {
            let limits = AttachmentLimits { system: 9, custom: 9 };
            let name = "Ops".parse().unwrap();
            let group = Group::new(name, "".into(), 1);
            let mut alice = User::new("Alice".parse().unwrap(), Profile::default(), 1);
            alice.join(group.id, 2, 5).unwrap();
            let system = PolicyRef::System(NameKey::of("AdministratorAccess"));
            alice.policies.attach(system, 1, limits).unwrap();
            alice.policies.attach(PolicyRef::Custom(NameKey::of("Rule")), 1, limits).unwrap();
            let bob = User::new("bob".parse().unwrap(), Profile::default(), 1);
            let owners = [
                ("k1", AccessKeyOwner::User(alice.id)),
                ("k2", AccessKeyOwner::User(bob.id)),
                ("k3", AccessKeyOwner::Root),
            ];
            let key = |(id, owner): (&str, _)| {
                Write::AccessKey(self.kms.keyring.access_key(id.into(), &String::new().into(), owner, 1))
            };
            let text =
                r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
            let policy = ManagedPolicy::new("Rule".parse().unwrap(), text, 1).unwrap();
            let trust = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"RAM": "acs:ram::111122223333:user/alice"}}]}"#;
            let trust = Document::parse("111122223333", trust, |_| Some(random_principal_id())).unwrap();
            let role = Role::new("Job".parse().unwrap(), trust, 1);
            let mut writes: Vec<(Write, Revision)> = owners.map(|owner| (key(owner), 0)).into();
            writes.extend([
                (Write::User(alice), 0),
                (Write::User(bob), 0),
                (Write::Group(group), 0),
                (Write::Role(role), 0),
                (Write::Policy(policy), 0),
                (
                    Write::MfaDevice(self.kms.keyring.mfa_device(
                        "Phone".parse().unwrap(),
                        &Seed::random(),
                        1,
                    )),
                    0,
                ),
            ]);
            let change = Changes::for_test(writes).answering(());
            let (_, answered) = self.kms.state.stage(1, |_| Ok::<_, Error>(change)).unwrap();
            pollster::block_on(answered).unwrap().unwrap();
        }

        fn look<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
            let origin = self.kms.owner();
            let inquiry = Inquiry::new(&self.kms, &origin, AskedFor::default());
            let snapshot = self.kms.state.snapshot().unwrap();
            look(&View::new(&snapshot, &inquiry, Permission::of::<Decrypt>()))
        }

        /// What is asked about.
        fn asked(&self) -> String {
            self.asked.lock().unwrap().pop().unwrap()
        }
    }

    type Find = fn(&View<'_>, &str) -> Result<(), Error>;

    const FINDERS: [(Find, &str, &str); 7] = [
        (
            |view, name| view.mfa_device(&MfaDevice::serial_number("111122223333", name)).map(drop),
            "Phone",
            "acs:ram:*:111122223333:mfa/",
        ),
        (|view, name| view.user(name).map(drop), "Alice", "acs:ram:*:111122223333:user/"),
        (|view, name| view.group(name).map(drop), "Ops", "acs:ram:*:111122223333:group/"),
        (|view, name| view.role(name).map(drop), "job", "acs:ram:*:111122223333:role/"),
        (|view, name| view.custom_policy(name).map(drop), "Rule", "acs:ram:*:111122223333:policy/"),
        (
            |view, name| view.policy(PolicyType::Custom, name).map(drop),
            "Rule",
            "acs:ram:*:111122223333:policy/",
        ),
        (
            |view, name| view.policy(PolicyType::System, name).map(drop),
            "AdministratorAccess",
            "acs:ram:*:system:policy/",
        ),
    ];

    #[test]
    fn the_permission_is_asked_for_the_name_as_the_record_has_it() {
        let bench = Bench::new(true);
        for (find, name, arn) in FINDERS {
            for spelled in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
                bench.look(|view| find(view, &spelled)).unwrap();
                assert_eq!(bench.asked(), format!("{arn}{name}"));
            }
            let missing = bench.look(|view| find(view, "nobody")).unwrap_err();
            assert!(missing.code_text().starts_with("EntityNotExist."), "{missing}");
            assert_eq!(bench.asked(), format!("{arn}nobody"));
        }
    }

    #[test]
    fn a_denial_tells_neither_whether_there_is_a_record_nor_how_its_name_is_spelled() {
        let bench = Bench::new(false);
        for (find, name, arn) in FINDERS {
            let denied = |written: &str| bench.look(|view| find(view, written)).unwrap_err().to_string();
            let written = name.to_uppercase();
            assert!(denied(&written).contains(&format!("{arn}{written}")), "{}", denied(&written));
            let same_length = "X".repeat(written.len());
            assert_eq!(denied(&written).replace(&written, &same_length), denied(&same_length));
        }
    }

    #[test]
    fn what_belongs_to_a_user_is_found_by_the_user_alone() {
        let bench = Bench::new(true);
        bench.look(|view| {
            let alice = view.user("alice").unwrap();
            let keys: Vec<_> = view.access_keys_of(&alice).map(|key| &*key.record.id).collect();
            assert_eq!(keys, ["k1"]);
            assert!(view.access_key_of(&alice, "k1").is_some());
            assert!(view.access_key_of(&alice, "k2").is_none() && view.access_key_of(&alice, "k3").is_none());
            let root = view.root_access_keys().unwrap();
            let keys: Vec<_> = root.iter().map(|key| &*key.record.id).collect();
            assert_eq!(keys, ["k3"]);
            let (group, membership) = view.groups_of(&alice).next().unwrap();
            assert_eq!((group.record.name.as_str(), membership.joined), ("Ops", 2));
            let group = view.group("ops").unwrap();
            let members: Vec<_> = view.members_of(&group).rows(0..9).map(|row| row.record.id).collect();
            assert_eq!(members, [alice.record.id]);
        });
    }

    #[test]
    fn a_policy_is_found_by_what_it_is_attached_to() {
        let bench = Bench::new(true);
        bench.look(|view| {
            for (of, name) in [(PolicyType::System, "administratoraccess"), (PolicyType::Custom, "rule")] {
                let policy = view.policy(of, name).unwrap();
                assert_eq!((view.users_with(&policy).len(), view.groups_with(&policy).len()), (1, 0));
                assert_eq!(view.attachment_count(&policy, &policy.reference()), 1);
            }
            let policy = view.custom_policy("rule").unwrap();
            let attached = AttachedTo { users: true, ..AttachedTo::default() };
            assert_eq!(view.attached_to(&policy), attached);
            let alice = view.user("alice").unwrap();
            let found: Vec<_> = alice
                .record
                .policies
                .iter()
                .map(|attachment| view.attached_policy(&alice, &attachment.policy).unwrap().reference())
                .collect();
            assert!(found.iter().eq(alice.record.policies.iter().map(|attachment| &attachment.policy)));
        });
    }

    #[test]
    fn lists_go_on_after_a_name_and_say_which_names_are_taken() {
        let bench = Bench::new(true);
        bench.look(|view| {
            let users = view.every(Container::Users).unwrap();
            let after = |name: &str| {
                let rows = view.rows_after::<User>(&users, Some(&NameKey::of(name)));
                rows.map(|row| row.record.name.to_string()).collect::<Vec<_>>()
            };
            assert_eq!((after(""), after("alice")), (vec!["Alice".into(), "bob".into()], vec!["bob".into()]));
            assert_eq!(view.count::<User>(&users), 2);
            assert!(view.is_name_taken::<User>(&users, &NameKey::of("ALICE")));
            assert!(!view.is_name_taken::<User>(&users, &NameKey::of("carol")));
        });
        assert_eq!(bench.asked(), "acs:ram:*:111122223333:user/*");
    }
}
