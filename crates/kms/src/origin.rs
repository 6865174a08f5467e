//! Where a request comes from: who sent it, from which address.

use std::net::IpAddr;
use std::sync::Arc;

use bulla_access::Policy;
pub use bulla_access::PrincipalId;
use bulla_keys::Maker;

/// The facts about a request that are not in its parameters. Made only by authentication, or for the owner of
/// an embedded store.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(crate) caller: Caller,
    pub(crate) connection: Connection,
}

/// What the network says about a request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The address it came from; none for a call within the process.
    pub source: Option<IpAddr>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The name of the request in answers and logs.
    pub request_id: Arc<str>,
    /// What the client calls itself, for the audit trail.
    pub user_agent: Option<Arc<str>>,
}

/// Who acts. Users and roles are named by their ids, because a name can pass to another user or role.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// The account itself, by this access key.
    Root {
        /// The access key's id.
        access_key_id: String,
    },
    /// A user.
    User {
        /// The user's id.
        id: PrincipalId,
        /// What proved that the user acts.
        proof: Proof,
    },
    /// A session of a role, by temporary credentials. Shared, because it is large and rare.
    Session(Arc<RoleSession>),
    /// The sender of a request without a signature, for the one action that takes them: AssumeRoleWithOIDC, whose token says
    /// who asks.
    Unsigned,
    /// Whoever can read the root key of an embedded store.
    Owner,
}

/// What proves that a user acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// An access key, by its id: it signed the request, or its secret was given at the console's sign-in.
    AccessKey(String),
    /// The user's password, given at the console's sign-in.
    Password {
        /// Whether a code of the user's MFA device was given with it.
        mfa: bool,
    },
}

/// A session of a role: it acts with the rights of the role, cut down by the policy of the session.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleSession {
    /// The id of the temporary access key.
    pub(crate) access_key_id: Box<str>,
    /// Who assumed the first role.
    pub(crate) source: SessionSource,
    /// The roles that were assumed one from another, at most [`RoleSession::MAX_LINKS`]. The last one acts.
    pub(crate) roles: Vec<AssumedRole>,
    /// The policy that was given when the last role was assumed. Allows nothing that the role does not.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Set when the first role was assumed, and the same along the chain.
    pub(crate) source_identity: Option<Box<str>>,
    /// Whether the one who assumed the first role had proved a second factor; none where that is not known.
    pub(crate) mfa: Option<bool>,
    /// When the session ends, in seconds since 1970.
    pub(crate) expires: i64,
}

/// Who assumed the first role of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionSource {
    User {
        id: PrincipalId,
        access_key_id: Box<str>,
    },
    /// A token of an OIDC provider, by the provider's name and issuer in the configuration; `subject` is whom it names.
    Oidc {
        provider: Box<str>,
        issuer: Box<str>,
        subject: Box<str>,
    },
}

/// Who is behind what a caller does: at the start of the chain, if the caller is a session. So neither limits nor quotas can
/// be escaped by assuming roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Principal<'c> {
    /// The root of the account.
    Root,
    User(PrincipalId),
    /// Whom tokens of an OIDC provider name.
    Subject {
        provider: &'c str,
        issuer: &'c str,
        subject: &'c str,
    },
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssumedRole {
    pub(crate) id: PrincipalId,
    pub(crate) session_name: Box<str>,
    /// The not-before of the role when it was assumed. Sessions end by a change of it, which no clock takes part in.
    pub(crate) not_before: i64,
}

impl RoleSession {
    /// The longest chain of roles.
    pub(crate) const MAX_LINKS: usize = 4;

    /// The role that acts.
    pub(crate) fn role(&self) -> &AssumedRole {
        self.roles.last().expect("a session is of a role")
    }
}

impl Caller {
    /// The access key that the caller acts by, for the log; a session is named by its temporary one.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        match self {
            Self::Root { access_key_id } => Some(access_key_id),
            Self::User { proof: Proof::AccessKey(id), .. } => Some(id),
            Self::Session(session) => Some(&session.access_key_id),
            Self::User { proof: Proof::Password { .. }, .. } | Self::Unsigned | Self::Owner => None,
        }
    }

    /// The user who acts, for the log; none if the caller is not a user.
    #[must_use]
    pub fn user_id(&self) -> Option<PrincipalId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Root { .. } | Self::Session(_) | Self::Unsigned | Self::Owner => None,
        }
    }
}

impl Caller {
    /// The access key that the caller acts by; that of the start of the chain, if the caller is a session.
    pub(crate) fn first_access_key(&self) -> Option<&str> {
        match self {
            Self::Session(session) => match &session.source {
                SessionSource::User { access_key_id, .. } => Some(access_key_id),
                SessionSource::Oidc { .. } => None,
            },
            _ => self.access_key_id(),
        }
    }
}

impl<'c> Principal<'c> {
    /// None for the owner of an embedded store, and for the sender of a request without a signature.
    pub(crate) fn of(caller: &'c Caller) -> Option<Self> {
        match caller {
            Caller::Root { .. } => Some(Self::Root),
            Caller::User { id, .. } => Some(Self::User(*id)),
            Caller::Session(session) => Some(match &session.source {
                SessionSource::User { id, .. } => Self::User(*id),
                SessionSource::Oidc { provider, issuer, subject } => {
                    Self::Subject { provider, issuer, subject }
                }
            }),
            Caller::Unsigned | Caller::Owner => None,
        }
    }
}

impl Principal<'_> {
    /// As the maker of a record. Names of providers have no slash, so no two principals have the same name.
    pub(crate) fn maker(&self) -> Maker {
        Maker::new(match self {
            Self::Root => "root".to_owned(),
            Self::User(id) => format!("user/{id}"),
            Self::Subject { provider, subject, .. } => format!("oidc-provider/{provider}/{subject}"),
        })
    }
}

impl Origin {
    /// Who acts.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the network says.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_acts_as_its_last_role_and_is_logged_by_its_own_access_key() {
        let role =
            |id| AssumedRole { id: PrincipalId::from_random(id), session_name: "s".into(), not_before: 0 };
        let user = PrincipalId::from_random(1);
        let session = RoleSession {
            access_key_id: "STS.a".into(),
            source: SessionSource::User { id: user, access_key_id: "BULLAa".into() },
            roles: vec![role(2), role(3)],
            policy: None,
            source_identity: None,
            mfa: None,
            expires: 0,
        };
        assert_eq!(session.role().id, PrincipalId::from_random(3));
        let session = Caller::Session(session.into());
        assert_eq!((session.access_key_id(), session.first_access_key()), (Some("STS.a"), Some("BULLAa")));
        assert_eq!(Principal::of(&session), Some(Principal::User(user)), "who began it");
        let by_key = Caller::User { id: user, proof: Proof::AccessKey("BULLAa".into()) };
        assert_eq!((by_key.access_key_id(), by_key.user_id()), (Some("BULLAa"), Some(user)));
        let by_password = Caller::User { id: user, proof: Proof::Password { mfa: false } };
        assert_eq!((by_password.access_key_id(), by_password.user_id()), (None, Some(user)));
        assert_eq!(
            [Caller::Unsigned, Caller::Owner].map(|caller| caller.access_key_id().map(str::to_owned)),
            [None, None]
        );
    }
}
