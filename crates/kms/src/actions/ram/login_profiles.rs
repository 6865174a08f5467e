//! The actions on passwords for the console: CreateLoginProfile, GetLoginProfile, UpdateLoginProfile, DeleteLoginProfile.
//!
//! A separate thread hashes the password, after the permission and all other conditions were checked.

use bulla_wire::ram::{
    self, CreateLoginProfile, DeleteLoginProfile, Done, GetLoginProfile, LoginProfileReply,
    UpdateLoginProfile,
};
use bulla_wire::{Error, ErrorCode, SecretText, Timestamp};

use crate::people::{LoginProfile, PasswordFault, User};
use crate::session::Session;

pub(in crate::actions) async fn create(
    session: &Session<'_, CreateLoginProfile>,
) -> Result<LoginProfileReply, Error> {
    let request = session.request;
    check_password(&request.password, &request.user_name)?;
    check_none(&session.user(&request.user_name)?.record)?;
    let password_hash = session.password_hash(&request.password).await?;
    session
        .change(|state| {
            let user = state.user(&request.user_name)?;
            check_none(&user.record)?;
            let profile = LoginProfile {
                password_hash: password_hash.clone(),
                reset_required: request.password_reset_required == Some(true),
                mfa_required: request.mfa_bind_required == Some(true),
                created: state.now(),
                updated: state.now(),
            };
            let reply = profile_reply(&user.record, &profile);
            let changed = with_profile(&user.record, Some(profile));
            Ok(user.replaced(changed).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn get(
    session: &Session<'_, GetLoginProfile>,
) -> Result<LoginProfileReply, Error> {
    let user = session.user(&session.request.user_name)?;
    Ok(profile_reply(&user.record, profile_of(&user.record)?))
}

pub(in crate::actions) async fn update(session: &Session<'_, UpdateLoginProfile>) -> Result<Done, Error> {
    let request = session.request;
    let password = request.password.as_ref();
    password.map(|password| check_password(password, &request.user_name)).transpose()?;
    profile_of(&session.user(&request.user_name)?.record)?;
    let password_hash = match password {
        Some(password) => Some(session.password_hash(password).await?),
        None => None,
    };
    session
        .change(|state| {
            let user = state.user(&request.user_name)?;
            let current = profile_of(&user.record)?;
            let edited = LoginProfile {
                password_hash: password_hash.as_ref().unwrap_or(&current.password_hash).clone(),
                reset_required: request.password_reset_required.unwrap_or(current.reset_required),
                mfa_required: request.mfa_bind_required.unwrap_or(current.mfa_required),
                ..current.clone()
            };
            let updated = if edited == *current { current.updated } else { state.now() };
            let profile = LoginProfile { updated, ..edited };
            let changed = with_profile(&user.record, Some(profile));
            Ok(user.replaced(changed).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeleteLoginProfile>) -> Result<Done, Error> {
    session
        .change(|state| {
            let user = state.user(&session.request.user_name)?;
            profile_of(&user.record)?;
            let changed = with_profile(&user.record, None);
            Ok(user.replaced(changed).answering(Done {}))
        })
        .await
}

fn check_password(password: &SecretText, user_name: &str) -> Result<(), Error> {
    LoginProfile::check_password(password.expose(), user_name).map_err(|fault| match fault {
        PasswordFault::Length => Error::with(ErrorCode::ParameterLength, "Password"),
        PasswordFault::InvalidChars => Error::with(ErrorCode::ParameterInvalidChars, "Password"),
        PasswordFault::TooWeak => ErrorCode::PasswordTooWeak.into(),
    })
}

fn check_none(user: &User) -> Result<(), Error> {
    match user.login_profile {
        Some(_) => Err(ErrorCode::EntityAlreadyExistsUserLoginProfile.into()),
        None => Ok(()),
    }
}

fn profile_of(user: &User) -> Result<&LoginProfile, Error> {
    user.login_profile.as_ref().ok_or_else(|| ErrorCode::EntityNotExistUserLoginProfile.into())
}

fn with_profile(user: &User, profile: Option<LoginProfile>) -> User {
    let mut changed = user.clone();
    changed.login_profile = profile;
    changed
}

fn profile_reply(user: &User, profile: &LoginProfile) -> LoginProfileReply {
    LoginProfileReply {
        login_profile: ram::LoginProfile {
            user_name: user.name.to_string(),
            password_reset_required: profile.reset_required,
            mfa_bind_required: profile.mfa_required,
            create_date: Timestamp::from_unix(profile.created),
        },
    }
}
