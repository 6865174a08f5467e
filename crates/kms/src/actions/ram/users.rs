//! The actions on users: CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers.

use bulla_wire::ram::{
    self, CreateUser, DeleteUser, Done, GetUser, ListUsers, ListUsersReply, UpdateUser, UserList, UserReply,
};
use bulla_wire::{Error, ErrorCode, MaybeEmpty, Timestamp};

use super::page::Page;
use super::refusal::{good_text, parse_name};
use crate::authorize::Container;
use crate::people::{NameKey, Profile, User, UserConflict, UserName, text};
use crate::session::Session;
use crate::state::Write;

pub(in crate::actions) async fn create(session: &Session<'_, CreateUser>) -> Result<UserReply, Error> {
    let name: UserName = parse_name("UserName", &session.request.user_name)?;
    let profile = profile(session.request)?;
    session
        .change(|state| {
            let users = state.every(Container::Users)?;
            if state.is_name_taken::<User>(&users, &name.key) {
                return Err(ErrorCode::EntityAlreadyExistsUser.into());
            }
            if state.count::<User>(&users) >= state.quotas().users {
                return Err(ErrorCode::LimitExceededUser.into());
            }
            let user = User::new(name.clone(), profile.clone(), state.now());
            let reply = UserReply { user: without_update(&user) };
            Ok(users.changes([(Write::User(user), 0)]).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn get(session: &Session<'_, GetUser>) -> Result<UserReply, Error> {
    let user = session.user(&session.request.user_name)?;
    let last_login = user.record.last_login.map(|time| Timestamp::from_unix(time).to_string());
    let last_login_date = Some(last_login.unwrap_or_default());
    Ok(UserReply { user: ram::User { last_login_date, ..with_update(&user.record) } })
}

pub(in crate::actions) async fn update(session: &Session<'_, UpdateUser>) -> Result<UserReply, Error> {
    let request = session.request;
    let name = request.new_user_name.as_deref().map(|name| parse_name("NewUserName", name)).transpose()?;
    let edit = ProfileEdit::new(request)?;
    session
        .change(|state| {
            let user = state.ask_user(&request.user_name)?;
            let is_taken = name.as_ref().map(|name| state.is_user_name_taken(name)).transpose()?;
            let user = user?;
            let mut changed = User::clone(&user.record);
            if let Some(name) = &name {
                if name.key != changed.name.key && is_taken == Some(true) {
                    return Err(ErrorCode::EntityAlreadyExistsUser.into());
                }
                changed.name = name.clone();
            }
            edit.apply(&mut changed.profile);
            if changed != *user.record {
                changed.updated = state.now();
            }
            let reply = UserReply { user: with_update(&changed) };
            Ok(user.replaced(changed).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeleteUser>) -> Result<Done, Error> {
    session
        .change(|state| {
            let user = state.user(&session.request.user_name)?;
            user.record.check_deletable().map_err(|conflict| match conflict {
                UserConflict::Group => ErrorCode::DeleteConflictUserGroup,
                UserConflict::AccessKey => ErrorCode::DeleteConflictUserAccessKey,
                UserConflict::LoginProfile => ErrorCode::DeleteConflictUserLoginProfile,
                UserConflict::MfaDevice => ErrorCode::DeleteConflictUserMfaDevice,
                UserConflict::Policy => ErrorCode::DeleteConflictUserPolicy,
            })?;
            let removal = Write::NoUser(user.record.name.key.clone());
            Ok(user.changes([(removal, user.revision)]).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn list(session: &Session<'_, ListUsers>) -> Result<ListUsersReply, Error> {
    let page = Page::new(session.request.marker.as_deref(), session.request.max_items)?;
    let users = session.every(Container::Users)?;
    let rows = session.rows_after::<User>(&users, page.after.as_deref().map(NameKey::of).as_ref());
    let page = page.take(rows, |row| row.record.name.key.as_str());
    Ok(ListUsersReply {
        users: UserList { user: page.entries.iter().map(|row| with_update(&row.record)).collect() },
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

/// The user in the reply of CreateUser.
fn without_update(user: &User) -> ram::User {
    let Profile { display_name, mobile_phone, email, comments } = &user.profile;
    ram::User {
        user_id: user.id.to_string(),
        user_name: user.name.to_string(),
        display_name: display_name.to_string(),
        mobile_phone: mobile_phone.to_string(),
        email: email.to_string(),
        comments: comments.to_string(),
        create_date: Timestamp::from_unix(user.created),
        update_date: None,
        last_login_date: None,
    }
}

/// The user in all other replies.
pub(crate) fn with_update(user: &User) -> ram::User {
    ram::User { update_date: Some(Timestamp::from_unix(user.updated)), ..without_update(user) }
}

/// Returns the profile of a new user; fields that are not in the request are empty.
fn profile(request: &CreateUser) -> Result<Profile, Error> {
    let good = |parameter, value: &Option<String>, check| good_text(parameter, value.as_deref(), check);
    Ok(Profile {
        display_name: good("DisplayName", &request.display_name, text::check_display_name)?
            .unwrap_or_default(),
        mobile_phone: good("MobilePhone", &request.mobile_phone, text::check_mobile_phone)?
            .unwrap_or_default(),
        email: good("Email", &request.email, text::check_email)?.unwrap_or_default(),
        comments: good("Comments", &request.comments, text::check_comments)?.unwrap_or_default(),
    })
}

/// The fields of a profile that a request changes; none leaves a field unchanged.
struct ProfileEdit {
    display_name: Option<Box<str>>,
    mobile_phone: Option<Box<str>>,
    email: Option<Box<str>>,
    comments: Option<Box<str>>,
}

impl ProfileEdit {
    fn new(request: &UpdateUser) -> Result<Self, Error> {
        let display_name = request.new_display_name.as_deref();
        let good = |parameter, value: &Option<MaybeEmpty>, check| {
            good_text(parameter, value.as_ref().map(|text| &*text.0), check)
        };
        Ok(Self {
            display_name: good_text("NewDisplayName", display_name, text::check_display_name)?,
            mobile_phone: good("NewMobilePhone", &request.new_mobile_phone, text::check_mobile_phone)?,
            email: good("NewEmail", &request.new_email, text::check_email)?,
            comments: good("NewComments", &request.new_comments, text::check_comments)?,
        })
    }

    fn apply(&self, profile: &mut Profile) {
        let replace = |text: &mut Box<str>, edit: &Option<Box<str>>| {
            if let Some(new) = edit {
                text.clone_from(new);
            }
        };
        replace(&mut profile.display_name, &self.display_name);
        replace(&mut profile.mobile_phone, &self.mobile_phone);
        replace(&mut profile.email, &self.email);
        replace(&mut profile.comments, &self.comments);
    }
}
