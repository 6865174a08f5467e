//! AssumeRole: issues temporary credentials of a role to a user, or to a session of another role.

use bulla_wire::sts::{AssumeRole, AssumeRoleReply};
use bulla_wire::{Error, ErrorCode};

use super::parameters::{SessionParameters, is_session_name, wrongly_formed};
use crate::session::Session;
use crate::sessions::{Chain, ChainRefusal, NewSession};

/// # Errors
/// NoPermission for root; for a role that does not exist or does not trust the caller; for a caller without the permission;
/// for the fifth role of a chain; and for a user who signed in to the console by password. Throttling.User beyond the quota
/// for each second.
pub(in super::super) async fn assume_role(
    session: &Session<'_, AssumeRole>,
) -> Result<AssumeRoleReply, Error> {
    let request = session.request;
    let parameters = SessionParameters::check(
        session.account(),
        &request.role_arn,
        &request.role_session_name,
        request.duration_seconds,
        request.policy.as_deref(),
    )?;
    let external_id = request.external_id.as_deref();
    let source_identity = request.source_identity.as_deref();
    if external_id.is_some_and(|id| !is_external_id(id)) {
        return Err(wrongly_formed("ExternalId"));
    }
    if source_identity.is_some_and(|identity| !is_session_name(identity)) {
        return Err(wrongly_formed("SourceIdentity"));
    }
    let chain = Chain::of(session.caller()).map_err(refused)?;
    let asking = session.with_external_id(external_id);
    let role = asking.role_to_assume(parameters.role_name)?;
    parameters.check_duration(role.role())?;
    chain.check_source_identity(source_identity).map_err(refused)?;
    session.take_assumed_role(&role)?;

    let new = NewSession {
        session_name: parameters.session_name,
        source_identity,
        policy: parameters.policy.as_ref().map(|passed| passed.policy.clone()),
        expires: session.now() + i64::from(parameters.duration),
    };
    let text = parameters.policy.as_ref().map(|passed| passed.text);
    let credentials = session.credentials(&role, chain, new, text).await?;
    Ok(AssumeRoleReply {
        assumed_role_user: parameters.user(session.account(), role.role()),
        credentials,
        source_identity: request.source_identity.clone(),
    })
}

fn refused(refusal: ChainRefusal) -> Error {
    match refusal {
        ChainRefusal::Root => ErrorCode::RootAssumesNoRole.into(),
        ChainRefusal::NoAccessKey | ChainRefusal::TooLong => ErrorCode::AssumeRoleNoPermission.into(),
        ChainRefusal::SourceIdentity => wrongly_formed("SourceIdentity"),
    }
}

fn is_external_id(text: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
    (2..=1224).contains(&text.len()) && text.bytes().all(is_id_byte)
}
