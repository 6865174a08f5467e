//! AssumeRoleWithOIDC: issues temporary credentials of a role to the bearer of a token of an OIDC provider. A signature on
//! the request, if there is one, is irrelevant.

use bulla_wire::sts::{AssumeRoleWithOIDC, AssumeRoleWithOidcReply, OidcTokenInfo};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::parameters::{Arn, SessionParameters, wrongly_formed};
use crate::authorize::TokenFacts;
use crate::oidc::{OidcIdentity, OidcRefusal};
use crate::session::Session;
use crate::sessions::{Chain, NewSession};

/// # Errors
/// AuthenticationFail.OIDCToken.Invalid (also for a provider that is not configured), .Expired and
/// .PublicKeyFingerprintMismatch; ServiceUnavailableTemporary while the keys of the provider are unknown; NoPermission as for
/// AssumeRole.
pub(in super::super) async fn assume_role_with_oidc(
    session: &Session<'_, AssumeRoleWithOIDC>,
) -> Result<AssumeRoleWithOidcReply, Error> {
    let request = session.request;
    let parameters = SessionParameters::check(
        session.account(),
        &request.role_arn,
        &request.role_session_name,
        request.duration_seconds,
        request.policy.as_deref(),
    )?;
    let (provider, identity) = verified(session)?;
    let client_ids: Vec<&str> = identity.client_ids.iter().map(String::as_str).collect();
    let token =
        TokenFacts { provider, issuer: &identity.issuer, audiences: &client_ids, subject: &identity.subject };
    let role = session.with_token(token).role_to_assume(parameters.role_name)?;
    parameters.check_duration(role.role())?;

    let new = NewSession {
        session_name: parameters.session_name,
        source_identity: None,
        policy: parameters.policy.as_ref().map(|passed| passed.policy.clone()),
        expires: session.now() + i64::from(parameters.duration),
    };
    let text = parameters.policy.as_ref().map(|passed| passed.text);
    let chain = Chain::of_token(provider, &identity);
    let credentials = session.credentials(&role, chain, new, text).await?;
    Ok(AssumeRoleWithOidcReply {
        assumed_role_user: parameters.user(session.account(), role.role()),
        credentials,
        oidc_token_info: token_info(&identity),
    })
}

/// Returns the provider that the request names, and the identity in its token.
fn verified<'r>(session: &Session<'r, AssumeRoleWithOIDC>) -> Result<(&'r str, OidcIdentity), Error> {
    let request = session.request;
    let arn = Arn::parse(&request.oidc_provider_arn, "oidc-provider/", b"._-");
    let arn = arn.ok_or_else(|| wrongly_formed("OIDCProviderArn"))?;
    let token = request.oidc_token.expose();
    if !(4..=20_000).contains(&token.len()) {
        return Err(wrongly_formed("OIDCToken"));
    }
    let is_here = arn.account == session.account();
    let verified = session.verify_oidc_token(arn.name, token).filter(|_| is_here);
    match verified.unwrap_or(Err(OidcRefusal::Invalid)) {
        Ok(identity) => Ok((arn.name, identity)),
        Err(OidcRefusal::Invalid) => Err(ErrorCode::OidcTokenInvalid.into()),
        Err(OidcRefusal::Expired) => Err(ErrorCode::OidcTokenExpired.into()),
        Err(OidcRefusal::UnknownKey) => Err(ErrorCode::OidcTokenKeyMismatch.into()),
        Err(OidcRefusal::NoKeys) => Err(ErrorCode::ServiceUnavailableTemporary.into()),
    }
}

fn token_info(identity: &OidcIdentity) -> OidcTokenInfo {
    OidcTokenInfo {
        subject: identity.subject.clone(),
        issuer: identity.issuer.clone(),
        client_ids: identity.audiences.join(","),
        expiration_time: Timestamp::from_unix(identity.expires),
        issuance_time: Timestamp::from_unix(identity.issued),
        verification_info: "Success".into(),
    }
}
