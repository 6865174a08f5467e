//! A group: users who share its policies.

use bulla_keys::record::Record;
use minicbor::{Decode, Encode};

use super::attachments::Attachments;
use super::id::GroupId;
use super::name::GroupName;

/// A group. Its members are in the rows of the users. Joining a group changes the revision of its row, so a concurrent
/// deletion that misses the member conflicts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Group {
    #[n(0)]
    pub(crate) name: GroupName,
    #[n(1)]
    pub(crate) id: GroupId,
    /// May be empty.
    #[n(2)]
    pub(crate) comments: Box<str>,
    /// Seconds since 1970.
    #[n(3)]
    pub(crate) created: i64,
    #[n(4)]
    pub(crate) updated: i64,
    #[n(5)]
    pub(crate) policies: Attachments,
}

/// What prevents the deletion of a group; the first in this order is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupConflict {
    User,
    Policy,
}

impl Record for Group {
    const TABLE: &'static str = "group";
    fn primary_key(&self) -> &[u8] {
        self.name.key.as_str().as_bytes()
    }
}

impl Group {
    /// Returns a new group with its own id.
    pub(crate) fn new(name: GroupName, comments: Box<str>, now: i64) -> Self {
        let id = GroupId::random();
        Self { name, id, comments, created: now, updated: now, policies: Attachments::default() }
    }

    /// Checks that the group can be deleted.
    ///
    /// # Errors
    /// [`GroupConflict`].
    pub(crate) fn check_deletable(&self, has_members: bool) -> Result<(), GroupConflict> {
        if has_members {
            Err(GroupConflict::User)
        } else if !self.policies.is_empty() {
            Err(GroupConflict::Policy)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AttachmentLimits, NameKey, PolicyRef};
    use super::*;

    #[test]
    fn a_group_comes_back_and_is_deleted_without_members_and_policies() {
        let mut group = Group::new("Ops".parse().unwrap(), "on call".into(), 7);
        assert_eq!(group.check_deletable(true), Err(GroupConflict::User));
        assert_eq!(group.check_deletable(false), Ok(()));
        let limits = AttachmentLimits { system: 1, custom: 1 };
        group.policies.attach(PolicyRef::Custom(NameKey::of("p")), 8, limits).unwrap();
        assert_eq!(group.check_deletable(false), Err(GroupConflict::Policy));
        let back: Group = minicbor::decode(&minicbor::to_vec(&group).unwrap()).unwrap();
        assert_eq!(back, group);
        assert_eq!(group.primary_key(), b"ops");
    }
}
