//! The actions on groups: CreateGroup, GetGroup, UpdateGroup, DeleteGroup, ListGroups.

use bulla_wire::ram::{
    self, CreateGroup, DeleteGroup, Done, GetGroup, GroupList, GroupReply, ListGroups, ListGroupsReply,
    UpdateGroup,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::page::Page;
use super::refusal::{good_text, parse_name};
use crate::authorize::Container;
use crate::people::{Group, GroupConflict, GroupName, NameKey, text};
use crate::session::Session;
use crate::state::Write;

pub(in crate::actions) async fn create(session: &Session<'_, CreateGroup>) -> Result<GroupReply, Error> {
    let request = session.request;
    let name: GroupName = parse_name("GroupName", &request.group_name)?;
    let comments = good_text("Comments", request.comments.as_deref(), text::check_comments)?;
    session
        .change(|state| {
            let groups = state.every(Container::Groups)?;
            if state.is_name_taken::<Group>(&groups, &name.key) {
                return Err(ErrorCode::EntityAlreadyExistsGroup.into());
            }
            if state.count::<Group>(&groups) >= state.quotas().groups {
                return Err(ErrorCode::LimitExceededGroup.into());
            }
            let group = Group::new(name.clone(), comments.clone().unwrap_or_default(), state.now());
            let reply = GroupReply { group: without_update(&group) };
            Ok(groups.changes([(Write::Group(group), 0)]).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn get(session: &Session<'_, GetGroup>) -> Result<GroupReply, Error> {
    let group = session.group(&session.request.group_name)?;
    Ok(GroupReply { group: with_update(&group.record) })
}

pub(in crate::actions) async fn update(session: &Session<'_, UpdateGroup>) -> Result<GroupReply, Error> {
    let request = session.request;
    let name: Option<GroupName> =
        request.new_group_name.as_deref().map(|name| parse_name("NewGroupName", name)).transpose()?;
    let comments = request.new_comments.as_ref().map(|comments| &*comments.0);
    let comments = good_text("NewComments", comments, text::check_comments)?;
    session
        .change(|state| {
            let group = state.ask_group(&request.group_name)?;
            let is_taken = name.as_ref().map(|name| state.is_group_name_taken(name)).transpose()?;
            let group = group?;
            let mut changed = Group::clone(&group.record);
            if let Some(name) = &name {
                if name.key != changed.name.key && is_taken == Some(true) {
                    return Err(ErrorCode::EntityAlreadyExistsGroup.into());
                }
                changed.name = name.clone();
            }
            if let Some(comments) = &comments {
                changed.comments.clone_from(comments);
            }
            if changed != *group.record {
                changed.updated = state.now();
            }
            let reply = GroupReply { group: with_update(&changed) };
            Ok(group.replaced(changed).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeleteGroup>) -> Result<Done, Error> {
    session
        .change(|state| {
            let group = state.group(&session.request.group_name)?;
            let has_members = state.members_of(&group).len() > 0;
            group.record.check_deletable(has_members).map_err(|conflict| match conflict {
                GroupConflict::User => ErrorCode::DeleteConflictGroupUser,
                GroupConflict::Policy => ErrorCode::DeleteConflictGroupPolicy,
            })?;
            let removal = Write::NoGroup(group.record.name.key.clone());
            Ok(group.changes([(removal, group.revision)]).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn list(session: &Session<'_, ListGroups>) -> Result<ListGroupsReply, Error> {
    let page = Page::new(session.request.marker.as_deref(), session.request.max_items)?;
    let groups = session.every(Container::Groups)?;
    let rows = session.rows_after::<Group>(&groups, page.after.as_deref().map(NameKey::of).as_ref());
    let page = page.take(rows, |row| row.record.name.key.as_str());
    Ok(ListGroupsReply {
        groups: GroupList { group: page.entries.iter().map(|row| with_update(&row.record)).collect() },
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

/// The group in the reply of CreateGroup.
fn without_update(group: &Group) -> ram::Group {
    ram::Group {
        group_id: group.id.to_string(),
        group_name: group.name.to_string(),
        comments: group.comments.to_string(),
        create_date: Timestamp::from_unix(group.created),
        update_date: None,
    }
}

/// The group in all other replies.
pub(crate) fn with_update(group: &Group) -> ram::Group {
    ram::Group { update_date: Some(Timestamp::from_unix(group.updated)), ..without_update(group) }
}
