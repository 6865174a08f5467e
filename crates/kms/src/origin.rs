//! The origin of a request: its caller and its connection. Authentication creates it; permission checks, conditions of
//! policies and the audit trail read it.

use std::net::IpAddr;
use std::sync::Arc;

use bulla_access::Policy;
pub use bulla_access::PrincipalId;
use bulla_keys::Maker;

/// The facts about a request that are not in its parameters. Only authentication creates one, and
/// [`Kms::owner`](crate::Kms::owner) for the owner of an embedded store.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(crate) caller: Caller,
    pub(crate) connection: Connection,
}

/// The connection of a request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its source address; none for a call within the process.
    pub source: Option<IpAddr>,
    /// Whether it uses TLS.
    pub tls: bool,
    /// The id of the request in replies and logs.
    pub request_id: Arc<str>,
    /// The client's name for itself, for the audit trail.
    pub user_agent: Option<Arc<str>>,
}

/// The caller of a request. Users and roles are identified by their ids, because a name can pass to another user or role.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// The root of the account, by this access key.
    Root {
        /// The access key's id.
        access_key_id: String,
    },
    /// A user.
    User {
        /// The user's id.
        id: PrincipalId,
        /// The proof of identity.
        proof: Proof,
    },
    /// A session of a role, by temporary credentials. In an `Arc`, because it is large and rare.
    Session(Arc<RoleSession>),
    /// The sender of a request without a signature. Only AssumeRoleWithOIDC accepts one: its token names the caller.
    Unsigned,
    /// The owner of an embedded store, who can read its root key.
    Owner,
}

/// The proof of a user's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// An access key, by its id: it signed the request, or the user entered its secret on the sign-in page of the console.
    AccessKey(String),
    /// The user's password, entered on the sign-in page of the console.
    Password {
        /// Whether the user entered a code of an MFA device too.
        mfa: bool,
    },
}

/// A session of a role: it has the rights of the role, restricted by the policy of the session.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleSession {
    /// The id of the temporary access key.
    pub(crate) access_key_id: Box<str>,
    /// The caller who assumed the first role.
    pub(crate) source: SessionSource,
    /// The chain of roles, each assumed by the session of the one before, at most [`RoleSession::MAX_LINKS`]. The session
    /// acts as the last one.
    pub(crate) roles: Vec<AssumedRole>,
    /// The policy that was passed when the last role was assumed. It allows nothing beyond the role's rights.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Set when the first role was assumed, and constant along the chain.
    pub(crate) source_identity: Option<Box<str>>,
    /// Whether the caller who assumed the first role had proved a second factor; none if that is unknown.
    pub(crate) mfa: Option<bool>,
    /// When the session expires, in seconds since 1970.
    pub(crate) expires: i64,
}

/// The caller who assumed the first role of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionSource {
    User {
        id: PrincipalId,
        access_key_id: Box<str>,
    },
    /// A token of an OIDC provider, by the provider's name and issuer in the configuration, and the subject that it names.
    Oidc {
        provider: Box<str>,
        issuer: Box<str>,
        subject: Box<str>,
    },
}

/// The caller that limits and quotas apply to: for a session, the start of its chain, so that assuming roles does not escape
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Principal<'c> {
    /// The root of the account.
    Root,
    User(PrincipalId),
    /// The subject of tokens of an OIDC provider.
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
    /// The not-before of the role when it was assumed. Changing it in the role ends its sessions, independent of any clock.
    pub(crate) not_before: i64,
}

impl RoleSession {
    /// The maximum length of a chain of roles.
    pub(crate) const MAX_LINKS: usize = 4;

    /// The role that the session acts as.
    pub(crate) fn role(&self) -> &AssumedRole {
        self.roles.last().expect("a session has a role")
    }
}

impl Caller {
    /// The access key of the caller, for the log; for a session the temporary one.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        match self {
            Self::Root { access_key_id } => Some(access_key_id),
            Self::User { proof: Proof::AccessKey(id), .. } => Some(id),
            Self::Session(session) => Some(&session.access_key_id),
            Self::User { proof: Proof::Password { .. }, .. } | Self::Unsigned | Self::Owner => None,
        }
    }

    /// The id of the calling user, for the log; none for other callers.
    #[must_use]
    pub fn user_id(&self) -> Option<PrincipalId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Root { .. } | Self::Session(_) | Self::Unsigned | Self::Owner => None,
        }
    }
}

impl Caller {
    /// The access key of the caller; for a session, that of the start of the chain.
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
    /// Returns the caller as the maker of a record. Names of providers contain no slash, so the names of makers are unique.
    pub(crate) fn maker(&self) -> Maker {
        Maker::new(match self {
            Self::Root => "root".to_owned(),
            Self::User(id) => format!("user/{id}"),
            Self::Subject { provider, subject, .. } => format!("oidc-provider/{provider}/{subject}"),
        })
    }
}

impl Origin {
    /// The caller.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The connection.
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
