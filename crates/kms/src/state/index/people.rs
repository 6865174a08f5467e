//! The indexes of users, groups and roles by id and by attached policy, and of users by group.

use bulla_wire::Error;
use imbl::OrdMap;

use crate::people::{Attachments, Group, GroupId, MfaDevice, NameKey, PolicyRef, PrincipalId, Role, User};
use crate::state::kind::{self, Row};
use crate::state::ranked::Index;
use crate::state::snapshot::Snapshot;

/// The users, groups or roles that each policy is attached to.
pub(crate) type Attached = Index<PolicyRef, NameKey>;

/// The users in each group, by name.
pub(crate) type Members = Index<GroupId, NameKey>;

/// Users by id, policy and group.
#[derive(Clone, Default)]
pub(crate) struct UserIndex {
    entities: Entities<PrincipalId>,
    members: Members,
}

/// Groups by id and policy.
#[derive(Clone, Default)]
pub(crate) struct GroupIndex(Entities<GroupId>);

/// Roles by id and policy.
#[derive(Clone, Default)]
pub(crate) struct RoleIndex(Entities<PrincipalId>);

/// Names by id, and by attached policy.
#[derive(Clone)]
struct Entities<I> {
    names: OrdMap<I, NameKey>,
    attached: Attached,
}

impl<I: Ord + Copy> Entities<I> {
    /// Renaming deletes one row and writes another with the same id, in either order.
    fn remove(&mut self, id: I, name: &NameKey, policies: &Attachments) {
        if self.names.get(&id) == Some(name) {
            self.names.remove(&id);
        }
        for attachment in policies.iter() {
            self.attached.remove(&(attachment.policy.clone(), name.clone()));
        }
    }

    fn insert(&mut self, id: I, name: &NameKey, policies: &Attachments) {
        self.names.insert(id, name.clone());
        for attachment in policies.iter() {
            self.attached.insert((attachment.policy.clone(), name.clone()));
        }
    }
}

impl<I> Default for Entities<I> {
    fn default() -> Self {
        Self { names: OrdMap::new(), attached: Attached::default() }
    }
}

impl kind::Index<User> for UserIndex {
    fn replace(&mut self, old: Option<&User>, new: Option<&User>) {
        if let Some(user) = old {
            let name = &user.name.key;
            self.entities.remove(user.id, name, &user.policies);
            user.groups().iter().for_each(|of| self.members.remove(&(of.group, name.clone())));
        }
        if let Some(user) = new {
            let name = &user.name.key;
            self.entities.insert(user.id, name, &user.policies);
            user.groups().iter().for_each(|of| self.members.insert((of.group, name.clone())));
        }
    }
}

impl kind::Index<Group> for GroupIndex {
    fn replace(&mut self, old: Option<&Group>, new: Option<&Group>) {
        old.into_iter().for_each(|group| self.0.remove(group.id, &group.name.key, &group.policies));
        new.into_iter().for_each(|group| self.0.insert(group.id, &group.name.key, &group.policies));
    }
}

impl kind::Index<Role> for RoleIndex {
    fn replace(&mut self, old: Option<&Role>, new: Option<&Role>) {
        old.into_iter().for_each(|role| self.0.remove(role.id, &role.name.key, &role.policies));
        new.into_iter().for_each(|role| self.0.insert(role.id, &role.name.key, &role.policies));
    }
}

impl Snapshot {
    pub(crate) fn user_by_id(&self, id: PrincipalId) -> Option<&Row<User>> {
        self.get(self.tables.users.index.entities.names.get(&id)?)
    }

    /// Returns the MFA device that is bound to a user.
    ///
    /// # Errors
    /// InternalFailure if there is none, or the row of the device disagrees.
    pub(crate) fn mfa_device_of(&self, user: &User) -> Result<&Row<MfaDevice>, Error> {
        let device = user.mfa.as_ref().and_then(|mfa| self.get::<MfaDevice>(&mfa.device));
        let device = device.filter(|row| row.record.user.is_some_and(|bound| bound.0 == user.id));
        device.ok_or_else(|| Error::internal("the MFA device of a user is missing"))
    }

    pub(crate) fn group_by_id(&self, id: GroupId) -> Option<&Row<Group>> {
        self.get(self.tables.groups.index.0.names.get(&id)?)
    }

    pub(crate) fn role_by_id(&self, id: PrincipalId) -> Option<&Row<Role>> {
        self.get(self.tables.roles.index.0.names.get(&id)?)
    }

    /// The users in groups, by name.
    pub(crate) fn members(&self) -> &Members {
        &self.tables.users.index.members
    }

    /// The users that policies are attached to, by name.
    pub(crate) fn attached_users(&self) -> &Attached {
        &self.tables.users.index.entities.attached
    }

    /// The groups that policies are attached to, by name.
    pub(crate) fn attached_groups(&self) -> &Attached {
        &self.tables.groups.index.0.attached
    }

    /// The roles that policies are attached to, by name.
    pub(crate) fn attached_roles(&self) -> &Attached {
        &self.tables.roles.index.0.attached
    }

    /// Returns the number of users, groups and roles that a policy is attached to.
    pub(crate) fn attachment_count(&self, policy: &PolicyRef) -> usize {
        let attached = [self.attached_users(), self.attached_groups(), self.attached_roles()];
        attached.into_iter().map(|index| index.part(policy).len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use bulla_keys::record::Revision;

    use super::*;
    use crate::people::{AttachmentLimits, Document, Profile, random_principal_id};
    use crate::state::{Changes, CommitError, Write};
    use crate::{Kms, Options, Role as KmsRole, SystemClock};

    const LIMITS: AttachmentLimits = AttachmentLimits { system: 9, custom: 9 };

    fn open(data: &Path) -> Kms {
        Kms::open(&Options::new(data, KmsRole::Command), SystemClock).unwrap()
    }

    fn write(kms: &Kms, writes: Vec<(Write, Revision)>) -> Result<(), CommitError> {
        let change = Changes::for_test(writes).answering(());
        let (_, answered) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(change)).unwrap();
        pollster::block_on(answered).unwrap()
    }

    fn user(name: &str, groups: &[GroupId], policy: &PolicyRef) -> User {
        let mut user = User::new(name.parse().unwrap(), Profile::default(), 1);
        groups.iter().for_each(|group| user.join(*group, 2, 9).unwrap());
        user.policies.attach(policy.clone(), 3, LIMITS).unwrap();
        user
    }

    fn names<P: Ord + Clone>(index: &Index<P, NameKey>, part: &P) -> Vec<String> {
        index.keys(index.part(part)).map(NameKey::to_string).collect()
    }

    fn snapshot(kms: &Kms) -> Arc<Snapshot> {
        Arc::clone(&kms.state.snapshot().unwrap())
    }

    #[test]
    fn users_groups_and_roles_are_found_by_what_refers_to_them() {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        let policy = PolicyRef::Custom(NameKey::of("p"));
        let mut group = Group::new("Ops".parse().unwrap(), "".into(), 1);
        group.policies.attach(policy.clone(), 3, LIMITS).unwrap();
        let text = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"RAM": "acs:ram::42:user/alice"}}]}"#;
        let trust = Document::parse("42", text, |_| Some(random_principal_id())).unwrap();
        let mut role = Role::new("Job".parse().unwrap(), trust, 1);
        role.policies.attach(policy.clone(), 3, LIMITS).unwrap();
        let users = [user("Bob", &[group.id], &policy), user("alice", &[group.id], &policy)];
        let (bob, group_id, role_id) = (users[0].id, group.id, role.id);
        let writes = users.into_iter().map(|user| (Write::User(user), 0));
        let others = [(Write::Group(group), 0), (Write::Role(role), 0)];
        write(&kms, writes.chain(others).collect()).unwrap();
        drop(kms);

        let kms = open(data.path());
        let found = snapshot(&kms);
        assert_eq!(names(found.members(), &group_id), ["alice", "bob"]);
        assert_eq!(names(found.attached_users(), &policy), ["alice", "bob"]);
        assert_eq!(names(found.attached_groups(), &policy), ["ops"]);
        assert_eq!(names(found.attached_roles(), &policy), ["job"]);
        assert_eq!(found.attachment_count(&policy), 4);
        assert_eq!(found.attachment_count(&PolicyRef::System(NameKey::of("p"))), 0);
        assert_eq!(found.user_by_id(bob).unwrap().record.name.as_str(), "Bob");
        assert_eq!(found.group_by_id(group_id).unwrap().record.name.as_str(), "Ops");
        assert_eq!(found.role_by_id(role_id).unwrap().record.name.as_str(), "Job");
        assert!(found.user_by_id(role_id).is_none(), "the id of a role");
    }

    /// In either order of the two writes, because a change has no order.
    #[test]
    fn a_renamed_user_is_found_by_its_id_and_a_new_one_of_its_name_is_not() {
        for puts_first in [true, false] {
            let data = tempfile::tempdir().unwrap();
            let kms = open(data.path());
            let policy = PolicyRef::System(NameKey::of("p"));
            let group = GroupId::random();
            write(&kms, vec![(Write::User(user("old", &[group], &policy)), 0)]).unwrap();
            let old = snapshot(&kms).get::<User>(&NameKey::of("OLD")).unwrap().clone();
            let mut renamed = User::clone(&old.record);
            renamed.name = "new".parse().unwrap();
            let mut writes =
                vec![(Write::NoUser(old.record.name.key.clone()), old.revision), (Write::User(renamed), 0)];
            if puts_first {
                writes.reverse();
            }
            write(&kms, writes).unwrap();
            write(&kms, vec![(Write::User(user("old", &[], &policy)), 0)]).unwrap();
            let found = snapshot(&kms);
            assert_eq!(found.user_by_id(old.record.id).unwrap().record.name.as_str(), "new");
            assert_eq!(names(found.members(), &group), ["new"]);
            assert_eq!(found.attachment_count(&policy), 2);
        }
    }

    #[test]
    fn a_name_is_taken_in_any_case() {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        let policy = PolicyRef::System(NameKey::of("p"));
        write(&kms, vec![(Write::User(user("Admin", &[], &policy)), 0)]).unwrap();
        let refused = write(&kms, vec![(Write::User(user("admin", &[], &policy)), 0)]);
        assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    }

    #[test]
    fn rows_are_read_from_after_a_name_that_may_be_deleted() {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        let policy = PolicyRef::System(NameKey::of("p"));
        let writes = ["d", "B", "a"].map(|name| (Write::User(user(name, &[], &policy)), 0));
        write(&kms, writes.into()).unwrap();
        let after = |name: Option<&str>| {
            let found = snapshot(&kms);
            let after = name.map(NameKey::of);
            found
                .rows_after::<User>(after.as_ref())
                .map(|row| row.record.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(after(None), ["a", "B", "d"]);
        assert_eq!(after(Some("b")), ["d"]);
        assert_eq!(after(Some("c")), ["d"]);
        assert_eq!(snapshot(&kms).count::<User>(), 3);
    }
}
