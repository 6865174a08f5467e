//! A user: a person or program with access keys, groups and policies.

use bulla_access::PrincipalId;
use bulla_keys::record::Record;
use minicbor::{Decode, Encode};

use super::attachments::Attachments;
use super::id::{GroupId, principal_id, random_principal_id};
use super::login_profile::LoginProfile;
use super::mfa_device::MfaBinding;
use super::name::UserName;

/// A user. The row lists what belongs to the user, so limits hold and a deletion finds its conflicts on every node.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct User {
    #[n(0)]
    pub(crate) name: UserName,
    #[n(1)]
    #[cbor(with = "principal_id")]
    pub(crate) id: PrincipalId,
    #[n(2)]
    pub(crate) profile: Profile,
    /// Seconds since 1970, as all times here.
    #[n(3)]
    pub(crate) created: i64,
    #[n(4)]
    pub(crate) updated: i64,
    #[n(5)]
    pub(crate) last_login: Option<i64>,
    #[n(6)]
    pub(crate) login_profile: Option<LoginProfile>,
    #[n(7)]
    groups: Vec<Membership>,
    #[n(8)]
    pub(crate) policies: Attachments,
    /// Ids, oldest first.
    #[n(9)]
    access_keys: Vec<Box<str>>,
    /// The MFA device that a sign-in by password requires.
    #[n(10)]
    pub(crate) mfa: Option<MfaBinding>,
}

/// The texts by which people identify a user; each may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Profile {
    #[n(0)]
    pub(crate) display_name: Box<str>,
    #[n(1)]
    pub(crate) mobile_phone: Box<str>,
    #[n(2)]
    pub(crate) email: Box<str>,
    #[n(3)]
    pub(crate) comments: Box<str>,
}

/// A group that a user is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Membership {
    #[n(0)]
    pub(crate) group: GroupId,
    #[n(1)]
    pub(crate) joined: i64,
}

/// Why a user cannot join a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinRefusal {
    AlreadyMember,
    LimitExceeded,
}

/// The user already has the maximum number of access keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyAccessKeys;

/// What prevents the deletion of a user; the first in this order is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserConflict {
    Group,
    AccessKey,
    LoginProfile,
    MfaDevice,
    Policy,
}

impl Record for User {
    const TABLE: &'static str = "user";
    fn primary_key(&self) -> &[u8] {
        self.name.key.as_str().as_bytes()
    }
}

impl User {
    /// Returns a new user with its own id.
    pub(crate) fn new(name: UserName, profile: Profile, now: i64) -> Self {
        Self {
            name,
            id: random_principal_id(),
            profile,
            created: now,
            updated: now,
            last_login: None,
            login_profile: None,
            groups: Vec::new(),
            policies: Attachments::default(),
            access_keys: Vec::new(),
            mfa: None,
        }
    }

    /// Returns the ARN in policies and replies.
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("acs:ram::{account}:user/{}", self.name)
    }

    /// The user's groups, in the order of joining.
    pub(crate) fn groups(&self) -> &[Membership] {
        &self.groups
    }

    /// Adds the user to a group.
    ///
    /// # Errors
    /// [`JoinRefusal`]; nothing is changed.
    pub(crate) fn join(&mut self, group: GroupId, now: i64, limit: usize) -> Result<(), JoinRefusal> {
        if self.groups.iter().any(|membership| membership.group == group) {
            return Err(JoinRefusal::AlreadyMember);
        }
        if self.groups.len() >= limit {
            return Err(JoinRefusal::LimitExceeded);
        }
        self.groups.push(Membership { group, joined: now });
        Ok(())
    }

    /// Removes the user from a group; false if the user was not in it.
    pub(crate) fn leave(&mut self, group: GroupId) -> bool {
        let before = self.groups.len();
        self.groups.retain(|membership| membership.group != group);
        self.groups.len() < before
    }

    /// The ids of the user's access keys, oldest first.
    pub(crate) fn access_keys(&self) -> &[Box<str>] {
        &self.access_keys
    }

    /// Records that an access key belongs to the user.
    ///
    /// # Errors
    /// [`TooManyAccessKeys`]; nothing is changed.
    pub(crate) fn add_access_key(&mut self, id: &str, limit: usize) -> Result<(), TooManyAccessKeys> {
        if self.access_keys.len() >= limit {
            return Err(TooManyAccessKeys);
        }
        self.access_keys.push(id.into());
        Ok(())
    }

    /// Records that an access key no longer belongs to the user; false if it did not.
    pub(crate) fn remove_access_key(&mut self, id: &str) -> bool {
        let before = self.access_keys.len();
        self.access_keys.retain(|key| **key != *id);
        self.access_keys.len() < before
    }

    /// Checks that the user can be deleted.
    ///
    /// # Errors
    /// [`UserConflict`].
    pub(crate) fn check_deletable(&self) -> Result<(), UserConflict> {
        let conflicts = [
            (!self.groups.is_empty(), UserConflict::Group),
            (!self.access_keys.is_empty(), UserConflict::AccessKey),
            (self.login_profile.is_some(), UserConflict::LoginProfile),
            (self.mfa.is_some(), UserConflict::MfaDevice),
            (!self.policies.is_empty(), UserConflict::Policy),
        ];
        let first = conflicts.into_iter().find_map(|(exists, conflict)| exists.then_some(conflict));
        first.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AttachmentLimits, MfaDevice, NameKey, PolicyRef};
    use super::*;

    fn user() -> User {
        User::new("Alice".parse().unwrap(), Profile::default(), 7)
    }

    #[test]
    fn a_user_round_trips_and_is_stored_under_its_lowercase_name() {
        let mut user = user();
        user.join(GroupId::random(), 8, 5).unwrap();
        user.add_access_key("BULLA1", 2).unwrap();
        user.policies
            .attach(
                PolicyRef::System(NameKey::of("ReadOnlyAccess")),
                9,
                AttachmentLimits { system: 1, custom: 1 },
            )
            .unwrap();
        user.login_profile = Some(LoginProfile {
            password_hash: String::from("$argon2id$x").into(),
            reset_required: true,
            mfa_required: false,
            created: 9,
            updated: 10,
        });
        let back: User = minicbor::decode(&minicbor::to_vec(&user).unwrap()).unwrap();
        assert_eq!(back, user);
        assert_eq!(user.primary_key(), b"alice");
        assert_eq!(user.arn("42"), "acs:ram::42:user/Alice");
        assert!(!format!("{user:?}").contains("argon2id"));
    }

    #[test]
    fn a_user_joins_and_leaves_groups_up_to_the_limit() {
        let mut user = user();
        let groups = [GroupId::random(), GroupId::random(), GroupId::random()];
        user.join(groups[0], 1, 2).unwrap();
        assert_eq!(user.join(groups[0], 2, 2), Err(JoinRefusal::AlreadyMember));
        user.join(groups[1], 3, 2).unwrap();
        assert_eq!(user.join(groups[2], 4, 2), Err(JoinRefusal::LimitExceeded));
        assert!(user.leave(groups[0]) && !user.leave(groups[0]));
        assert_eq!(user.groups(), [Membership { group: groups[1], joined: 3 }]);
    }

    #[test]
    fn a_user_has_access_keys_up_to_the_limit() {
        let mut user = user();
        user.add_access_key("a", 2).unwrap();
        user.add_access_key("b", 2).unwrap();
        assert_eq!(user.add_access_key("c", 2), Err(TooManyAccessKeys));
        assert!(user.remove_access_key("a") && !user.remove_access_key("a"));
        assert_eq!(user.access_keys(), ["b".into()]);
    }

    #[test]
    fn conflicts_of_a_deletion_are_reported_in_a_fixed_order() {
        let mut user = user();
        let group = GroupId::random();
        let policy = PolicyRef::Custom(NameKey::of("p"));
        user.join(group, 1, 1).unwrap();
        user.add_access_key("a", 1).unwrap();
        user.policies.attach(policy.clone(), 1, AttachmentLimits { system: 0, custom: 1 }).unwrap();
        assert_eq!(user.check_deletable(), Err(UserConflict::Group));
        user.leave(group);
        assert_eq!(user.check_deletable(), Err(UserConflict::AccessKey));
        user.remove_access_key("a");
        let sealed_seed = vec![].into();
        let name = "phone".parse().unwrap();
        let device = MfaDevice { name, sealed_seed, created: 1, user: None, spent: 0 };
        user.mfa = Some(device.bound_to(user.id, 1, 1).1);
        assert_eq!(user.check_deletable(), Err(UserConflict::MfaDevice));
        user.mfa = None;
        assert_eq!(user.check_deletable(), Err(UserConflict::Policy));
        user.policies.detach(&policy);
        assert_eq!(user.check_deletable(), Ok(()));
    }
}
