//! Begins a session: the chain of the caller, and the role that is added to it.

use std::sync::Arc;

use bulla_access::Policy;

use crate::oidc::OidcIdentity;
use crate::origin::{AssumedRole, Caller, Proof, RoleSession, SessionSource};
use crate::people::Role;

/// The chain before the new role. It expires with the session that assumes the role.
pub(crate) struct Chain {
    source: SessionSource,
    roles: Vec<AssumedRole>,
    source_identity: Option<Box<str>>,
    mfa: Option<bool>,
    ends: Option<i64>,
}

/// The parameters of the request for a session.
pub(crate) struct NewSession<'a> {
    pub(crate) session_name: &'a str,
    pub(crate) source_identity: Option<&'a str>,
    pub(crate) policy: Option<Arc<Policy>>,
    /// The requested end, in seconds since 1970.
    pub(crate) expires: i64,
}

/// Why a caller cannot begin a session of any role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainRefusal {
    /// The account's root is not a user, and has all rights already.
    Root,
    /// The user signed in by password. A chain must name an access key, whose removal ends it; the session would outlive the
    /// password.
    NoAccessKey,
    /// The chain has the maximum number of roles.
    TooLong,
    /// The source identity differs from that of the session which assumes the role.
    SourceIdentity,
}

impl Chain {
    /// Returns the chain of the caller.
    ///
    /// # Errors
    /// [`ChainRefusal::Root`], [`ChainRefusal::NoAccessKey`], [`ChainRefusal::TooLong`].
    pub(crate) fn of(caller: &Caller) -> Result<Self, ChainRefusal> {
        match caller {
            Caller::User { id, proof: Proof::AccessKey(access_key_id) } => {
                let access_key_id = access_key_id.as_str().into();
                Ok(Self::new(SessionSource::User { id: *id, access_key_id }))
            }
            Caller::User { proof: Proof::Password { .. }, .. } => Err(ChainRefusal::NoAccessKey),
            Caller::Session(session) if session.roles.len() >= RoleSession::MAX_LINKS => {
                Err(ChainRefusal::TooLong)
            }
            Caller::Session(session) => {
                let RoleSession { source, roles, source_identity, mfa, expires, .. } = (**session).clone();
                Ok(Self { source, roles, source_identity, mfa, ends: Some(expires) })
            }
            Caller::Root { .. } | Caller::Owner | Caller::Unsigned => Err(ChainRefusal::Root),
        }
    }

    /// Returns the chain of the bearer of a token of `provider`.
    pub(crate) fn of_token(provider: &str, identity: &OidcIdentity) -> Self {
        Self::new(SessionSource::Oidc {
            provider: provider.into(),
            issuer: identity.issuer.as_str().into(),
            subject: identity.subject.as_str().into(),
        })
    }

    fn new(source: SessionSource) -> Self {
        Self { source, roles: Vec::new(), source_identity: None, mfa: None, ends: None }
    }

    /// Checks the source identity of a request: only the first role of a chain can set it.
    ///
    /// # Errors
    /// [`ChainRefusal::SourceIdentity`].
    pub(crate) fn check_source_identity(&self, named: Option<&str>) -> Result<(), ChainRefusal> {
        let is_same = named.is_none() || named == self.source_identity.as_deref();
        if self.roles.is_empty() || is_same { Ok(()) } else { Err(ChainRefusal::SourceIdentity) }
    }

    /// Returns the session that adds a role to this chain. It expires no later than the session that assumes the role.
    pub(crate) fn session(self, access_key_id: Box<str>, role: &Role, new: NewSession<'_>) -> RoleSession {
        let mut roles = self.roles;
        let session_name = new.session_name.into();
        roles.push(AssumedRole { id: role.id, session_name, not_before: role.not_before() });
        RoleSession {
            access_key_id,
            source: self.source,
            roles,
            policy: new.policy,
            source_identity: self.source_identity.or_else(|| new.source_identity.map(Into::into)),
            mfa: self.mfa,
            expires: self.ends.map_or(new.expires, |end| new.expires.min(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::PrincipalId;
    use crate::people::Document;

    fn role(name: &str) -> Role {
        let trust = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"RAM":"acs:ram::42:root"}}]}"#;
        Role::new(name.parse().unwrap(), Document::parse("42", trust, |_| None).unwrap(), 7)
    }

    fn new(expires: i64, source_identity: Option<&str>) -> NewSession<'_> {
        NewSession { session_name: "s", source_identity, policy: None, expires }
    }

    fn user() -> Caller {
        Caller::User { id: PrincipalId::from_random(1), proof: Proof::AccessKey("BULLAa".into()) }
    }

    #[test]
    fn a_chain_has_four_roles_at_most_and_ends_with_its_first_session() {
        let roles = ["a", "b", "c", "d"].map(role);
        let mut caller = user();
        for (number, role) in roles.iter().enumerate() {
            let expires = if number == 1 { 500 } else { 1000 };
            let session = Chain::of(&caller).unwrap().session("STS.a".into(), role, new(expires, None));
            assert_eq!(session.roles.len(), number + 1);
            assert_eq!(session.role().id, role.id);
            assert_eq!(session.expires, if number == 0 { 1000 } else { 500 });
            assert!(
                matches!(&session.source, SessionSource::User { access_key_id, .. } if &**access_key_id == "BULLAa")
            );
            caller = Caller::Session(session.into());
        }
        assert!(matches!(Chain::of(&caller), Err(ChainRefusal::TooLong)));
    }

    #[test]
    fn the_source_identity_is_that_of_the_first_role() {
        let role = role("a");
        for first in [Some("alice"), None] {
            let begun = Chain::of(&user()).unwrap();
            assert_eq!(begun.check_source_identity(first), Ok(()));
            let session = begun.session("STS.a".into(), &role, new(9, first));
            let next = Chain::of(&Caller::Session(session.into())).unwrap();
            assert_eq!(next.check_source_identity(None), Ok(()));
            assert_eq!(next.check_source_identity(first), Ok(()));
            assert_eq!(next.check_source_identity(Some("bob")), Err(ChainRefusal::SourceIdentity));
            let session = next.session("STS.b".into(), &role, new(9, None));
            assert_eq!(session.source_identity.as_deref(), first);
        }
    }

    #[test]
    fn root_and_the_owner_begin_no_session() {
        for caller in [Caller::Root { access_key_id: "a".into() }, Caller::Owner, Caller::Unsigned] {
            assert!(matches!(Chain::of(&caller), Err(ChainRefusal::Root)));
        }
    }

    #[test]
    fn a_user_who_signed_in_by_password_begins_no_session() {
        let caller = Caller::User { id: PrincipalId::from_random(1), proof: Proof::Password { mfa: true } };
        assert!(matches!(Chain::of(&caller), Err(ChainRefusal::NoAccessKey)));
    }
}
