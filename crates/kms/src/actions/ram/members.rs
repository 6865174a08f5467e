//! The actions on members of groups: AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser, ListUsersForGroup.

use bulla_wire::ram::{
    AddUserToGroup, Done, JoinedGroup, JoinedGroupList, ListGroupsForUser, ListGroupsForUserReply,
    ListUsersForGroup, ListUsersForGroupReply, Member, MemberList, RemoveUserFromGroup,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::page::Page;
use crate::people::{Group, GroupId, JoinRefusal, Membership, NameKey, User};
use crate::session::Session;
use crate::state::Write;

/// Adds a user to a group. Also writes the unchanged row of the group: a deletion of the group that was decided without the
/// new member then conflicts.
pub(in crate::actions) async fn add(session: &Session<'_, AddUserToGroup>) -> Result<Done, Error> {
    session
        .change(|state| {
            let user = state.ask_user(&session.request.user_name)?;
            let group = state.ask_group(&session.request.group_name)?;
            let user = user?;
            let group = group?;
            let mut member = User::clone(&user.record);
            let joined = member.join(group.record.id, state.now(), state.quotas().groups_per_user);
            joined.map_err(|refusal| match refusal {
                JoinRefusal::AlreadyMember => ErrorCode::EntityAlreadyExistsUserGroup,
                JoinRefusal::LimitExceeded => ErrorCode::LimitExceededUserGroup,
            })?;
            let touched = Write::Group(Group::clone(&group.record));
            let touched = group.changes([(touched, group.revision)]);
            Ok(user.replaced(member).and(touched).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn remove(session: &Session<'_, RemoveUserFromGroup>) -> Result<Done, Error> {
    session
        .change(|state| {
            let user = state.ask_user(&session.request.user_name)?;
            let group = state.ask_group(&session.request.group_name)?;
            let user = user?;
            let group = group?;
            let mut leaver = User::clone(&user.record);
            if !leaver.leave(group.record.id) {
                return Err(ErrorCode::EntityNotExistUserGroup.into());
            }
            Ok(user.replaced(leaver).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn groups_of_user(
    session: &Session<'_, ListGroupsForUser>,
) -> Result<ListGroupsForUserReply, Error> {
    let user = session.user(&session.request.user_name)?;
    let entry = |group: &Group, membership: Membership| JoinedGroup {
        group_id: group.id.to_string(),
        group_name: group.name.to_string(),
        comments: group.comments.to_string(),
        join_date: Timestamp::from_unix(membership.joined),
    };
    let groups = session.groups_of(&user).map(|(row, membership)| entry(&row.record, membership));
    Ok(ListGroupsForUserReply { groups: JoinedGroupList { group: groups.collect() } })
}

pub(in crate::actions) async fn users_of_group(
    session: &Session<'_, ListUsersForGroup>,
) -> Result<ListUsersForGroupReply, Error> {
    let page = Page::new(session.request.marker.as_deref(), session.request.max_items)?;
    let group = session.group(&session.request.group_name)?;
    let members = session.members_of(&group);
    let after = page.after.as_deref().map(NameKey::of);
    let page = page.take(members.after(after.as_ref()), |row| row.record.name.key.as_str());
    let members = page.entries.iter().filter_map(|row| member(&row.record, group.record.id));
    Ok(ListUsersForGroupReply {
        users: MemberList { user: members.collect() },
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

fn member(user: &User, group: GroupId) -> Option<Member> {
    let membership = user.groups().iter().find(|membership| membership.group == group)?;
    Some(Member {
        user_name: user.name.to_string(),
        display_name: user.profile.display_name.to_string(),
        join_date: Timestamp::from_unix(membership.joined),
    })
}

#[cfg(test)]
mod tests {
    use bulla_wire::Request;
    use bulla_wire::ram::{CreateGroup, CreateUser};

    use super::*;
    use crate::{Kms, Options, Role, SystemClock};

    #[test]
    fn a_group_that_a_user_joins_has_another_revision() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        call(CreateUser { user_name: "alice".into(), ..CreateUser::default() }.into());
        call(CreateGroup { group_name: "ops".into(), comments: None }.into());
        let revision = || kms.state.snapshot().unwrap().get::<Group>(&NameKey::of("ops")).unwrap().revision;
        let before = revision();
        call(AddUserToGroup { user_name: "alice".into(), group_name: "ops".into() }.into());
        assert_ne!(revision(), before);
    }
}
