//! The actions on roles: CreateRole, GetRole, UpdateRole, DeleteRole, ListRoles.

use std::sync::Arc;

use bulla_wire::ram::{
    self as wire, CreateRole, DeleteRole, Done, GetRole, ListRoles, ListRolesReply, RoleList, RoleReply,
    UpdateRole,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::page::Page;
use super::refusal::{document_refused, good_text, incorrect, parse_name};
use super::tag_list::{self, TagFilter};
use crate::authorize::{Container, NamedRows, View};
use crate::people::{Document, NameKey, OfRole, Role, RoleConflict, RoleName, text};
use crate::session::Session;
use crate::state::Write;

pub(in crate::actions) async fn create(session: &Session<'_, CreateRole>) -> Result<RoleReply, Error> {
    let request = session.request;
    let name: RoleName = parse_name("RoleName", &request.role_name)?;
    let description = good_text("Description", request.description.as_deref(), text::check_description)?;
    check_max_session("MaxSessionDuration", request.max_session_duration)?;
    check_console("AllowConsoleLogin", request.allow_console_login)?;
    let tags = tag_list::parse(request.tag.as_ref())?;
    session
        .change(|state| {
            let roles = state.with_tags(&tags).every(Container::Roles)?;
            if state.is_name_taken::<Role>(&roles, &name.key) {
                return Err(ErrorCode::EntityAlreadyExistsRole.into());
            }
            if state.count::<Role>(&roles) >= state.quotas().roles {
                return Err(ErrorCode::LimitExceededRole.into());
            }
            let document = &request.assume_role_policy_document;
            let (trust, named) = trust(state, "AssumeRolePolicyDocument", document)?;
            let mut role = Role::new(name.clone(), trust, state.now());
            role.description = description.clone().unwrap_or_default();
            role.max_session = request.max_session_duration.unwrap_or(role.max_session);
            role.tags = tags.clone();
            let reply = RoleReply { role: wire::Role { update_date: None, ..entry(&role, state.account()) } };
            Ok(roles.changes(named.into_iter().chain([(Write::Role(role), 0)])).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn get(session: &Session<'_, GetRole>) -> Result<RoleReply, Error> {
    let role = session.role(&session.request.role_name)?;
    let role = wire::Role {
        is_service_linked_role: Some(false), // only services of the cloud create those
        ..entry(&role.record, session.account())
    };
    Ok(RoleReply { role })
}

pub(in crate::actions) async fn update(session: &Session<'_, UpdateRole>) -> Result<RoleReply, Error> {
    let request = session.request;
    let description = request.new_description.as_ref().map(|description| &*description.0);
    let description = good_text("NewDescription", description, text::check_description)?;
    check_max_session("NewMaxSessionDuration", request.new_max_session_duration)?;
    check_console("NewAllowConsoleLogin", request.new_allow_console_login)?;
    session
        .change(|state| {
            let role = state.role(&request.role_name)?;
            let mut changed = Role::clone(&role.record);
            let mut named = NamedRows::new();
            if let Some(document) = &request.new_assume_role_policy_document {
                (changed.trust, named) = trust(state, "NewAssumeRolePolicyDocument", document)?;
                named.retain(|(row, _)| !is_row_of(row, &changed)); // a change cannot depend on a row that it replaces
            }
            if let Some(description) = &description {
                changed.description.clone_from(description);
            }
            changed.max_session = request.new_max_session_duration.unwrap_or(changed.max_session);
            if request.end_sessions == Some(true) {
                changed.end_sessions(state.now());
            }
            if changed != *role.record {
                changed.updated = state.now();
            }
            let reply = RoleReply { role: entry(&changed, state.account()) };
            Ok(role.replaced(changed).and(role.changes(named)).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeleteRole>) -> Result<Done, Error> {
    session
        .change(|state| {
            let role = state.role(&session.request.role_name)?;
            let deletable = role.record.check_deletable();
            deletable.map_err(|RoleConflict| ErrorCode::DeleteConflictRolePolicy)?;
            let deletion = (Write::NoRole(role.record.name.key.clone()), role.revision);
            Ok(role.changes([deletion]).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn list(session: &Session<'_, ListRoles>) -> Result<ListRolesReply, Error> {
    let request = session.request;
    let page = Page::new(request.marker.as_deref(), request.max_items)?;
    let filter = TagFilter::new(request.tag.as_ref())?;
    let roles = session.listing::<Role>(&session.every(Container::Roles)?);
    let after = page.after.as_deref().map(NameKey::of);
    // With a filter, a page may read all roles, so it runs on another thread, and other requests do not wait.
    let may_be_long = !filter.is_empty();
    let search = move || {
        let found = roles.rows_after(after.as_ref()).filter(|row| filter.matches(&row.record.tags));
        page.take(found.map(|row| Arc::clone(&row.record)), |role| role.name.key.as_str())
    };
    let page = if may_be_long { session.search(search).await? } else { search() };
    let is_truncated = page.is_truncated();
    let role = page.entries.iter().map(|role| listed(role, session.account())).collect();
    Ok(ListRolesReply { roles: RoleList { role }, is_truncated, marker: page.marker })
}

/// The role in lists.
pub(crate) fn listed(role: &Role, account: &str) -> wire::Role {
    wire::Role {
        assume_role_policy_document: None,
        tags: Some(tag_list::entries(&role.tags)),
        ..entry(role, account)
    }
}

/// The fields that all replies have.
fn entry(role: &Role, account: &str) -> wire::Role {
    wire::Role {
        role_id: role.id.to_string(),
        role_name: role.name.to_string(),
        arn: role.arn(account),
        description: role.description.to_string(),
        assume_role_policy_document: Some(role.trust.text().into()),
        max_session_duration: role.max_session,
        create_date: Timestamp::from_unix(role.created),
        update_date: Some(Timestamp::from_unix(role.updated)),
        is_service_linked_role: None,
        tags: None,
    }
}

/// Parses a trust policy and resolves its principals, which must exist. Returns it with their rows.
fn trust(state: &View<'_>, parameter: &str, text: &str) -> Result<(Document<OfRole>, NamedRows), Error> {
    state.document(text).map_err(|error| document_refused(parameter, &error))
}

fn is_row_of(row: &Write, role: &Role) -> bool {
    matches!(row, Write::SameRole(name) if *name == role.name.key)
}

fn check_max_session(parameter: &str, seconds: Option<u32>) -> Result<(), Error> {
    if seconds.is_none_or(Role::may_last) { Ok(()) } else { Err(incorrect(parameter)) }
}

fn check_console(parameter: &str, allowed: Option<bool>) -> Result<(), Error> {
    if allowed == Some(true) { Err(incorrect(parameter)) } else { Ok(()) }
}
