//! The query Explain: whether a request of a user or role would be allowed, and which statements of which policies decide.

use std::net::IpAddr;

use bulla_access::{Policy, PolicyError, PolicyKind};
use bulla_wire::{ContextParameter, Error};

use super::{NoResource, On};
use crate::authorize::{Allowed, ExplainedQuestion, Permission, Supposed, Supposition};
use crate::origin::{AssumedRole, Caller, Connection, Origin, Proof, RoleSession, SessionSource};
use crate::policy_action::{AlsoNeeded, NoPolicyAction, PolicyAction};
use crate::session::Session;

/// Asks whether a request of a user or role would be allowed.
///
/// It needs the permissions to read all policies that decide: `ram:ListPoliciesForUser` and `ram:ListGroupsForUser` on the
/// user, `ram:ListPoliciesForGroup` on each group, or `ram:ListPoliciesForRole` on the role; `ram:GetPolicy` on each policy
/// of the account; and those to read the resource: for a key `kms:DescribeKey`, `kms:GetKeyPolicy` and
/// `kms:ListResourceTags`, for a secret `kms:DescribeSecret` and `kms:GetSecretPolicy`, for others `ram:Get...` and
/// `ram:ListTagResources`.
#[derive(Clone, Debug, Default)]
pub struct Explain {
    /// `user/NAME` or `role/NAME`.
    pub who: String,
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// `key/ID`, `alias/NAME`, `secret/NAME`, `user/NAME`, `group/NAME`, `role/NAME`, `policy/NAME`, `system/NAME` or an ARN.
    /// May be empty for an action that does not concern a single resource.
    pub resource: String,
    /// The source address of the request.
    pub source_ip: Option<IpAddr>,
    /// Whether the request uses TLS.
    pub tls: bool,
    /// Whether the caller proved a second factor; none for an access key, which cannot prove one.
    pub mfa: Option<bool>,
    /// The time of the request, in seconds since 1970. Default: now.
    pub time: Option<i64>,
    /// The encryption context.
    pub encryption_context: Option<ContextParameter>,
    /// The external id of AssumeRole.
    pub external_id: Option<String>,
    /// The policy of the session, for a role.
    pub session_policy: Option<String>,
}

/// The outcome of the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// `user/NAME` or `role/NAME`, with the name in the record.
    pub who: String,
    /// The action.
    pub action: String,
    /// Whether the policies allow the request.
    pub is_allowed: bool,
    /// The permission checks of the request, in order, up to the first denied one. Empty if the request is refused before.
    pub questions: Vec<ExplainedQuestion>,
    /// What the request needs besides, which depends on more than one resource.
    pub also_needed: Option<AlsoNeeded>,
}

/// Why a question is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoQuestion {
    /// `who` is neither a user nor a role.
    Who,
    /// Policies do not decide about the action.
    Action(NoPolicyAction),
    /// A request for the action cannot name the resource.
    Resource(NoResource),
    /// The policy of the session is invalid.
    SessionPolicy(PolicyError),
    /// Users have no sessions.
    SessionOfUser,
}

pub(super) async fn explain(session: &Session<'_, Explain>) -> Result<Result<Explained, NoQuestion>, Error> {
    let query = session.request;
    let request = match ExplainRequest::parse(query, session.account(), session.region()) {
        Ok(request) => request,
        Err(problem) => return Ok(Err(problem)),
    };
    let who = match request.who {
        Who::User(name) => session.supposed_user(name)?,
        Who::Role(name) => session.supposed_role(name)?,
    };
    let connection =
        Connection { source: query.source_ip, tls: query.tls, request_id: "".into(), user_agent: None };
    let supposition = Supposition {
        origin: Origin { caller: request.caller(&who, query.mfa), connection },
        time: query.time,
        permission: Permission::of_policy(request.action),
        on: request.on,
        encryption_context: query.encryption_context.as_ref(),
        external_id: query.external_id.as_deref(),
    };
    let questions = session.suppose(&who, &supposition)?;
    Ok(Ok(Explained {
        who: match *who {
            Supposed::User(user) => format!("user/{}", user.name),
            Supposed::Role(role) => format!("role/{}", role.name),
        },
        action: request.action.to_string(),
        is_allowed: questions.last().is_some_and(|last| last.is_allowed),
        also_needed: request.also_needed(),
        questions,
    }))
}

/// A valid query.
struct ExplainRequest<'q> {
    who: Who<'q>,
    action: PolicyAction,
    on: On<'q>,
    session_policy: Option<Policy>,
}

/// A user or role, by name.
#[derive(Clone, Copy)]
enum Who<'q> {
    User(&'q str),
    Role(&'q str),
}

impl<'q> Who<'q> {
    fn parse(text: &'q str, account: &str) -> Option<Self> {
        let of_account =
            |text: &'q str| text.strip_prefix("acs:ram::")?.strip_prefix(account)?.strip_prefix(':');
        let (kind, name) = of_account(text).unwrap_or(text).split_once('/')?;
        match kind {
            _ if name.is_empty() => None,
            "user" => Some(Self::User(name)),
            "role" => Some(Self::Role(name)),
            _ => None,
        }
    }
}

impl<'q> ExplainRequest<'q> {
    fn parse(query: &'q Explain, account: &str, region: &str) -> Result<Self, NoQuestion> {
        let who = Who::parse(&query.who, account).ok_or(NoQuestion::Who)?;
        let action = PolicyAction::parse(&query.action).map_err(NoQuestion::Action)?;
        let on = On::parse(action, &query.resource, account, region).map_err(NoQuestion::Resource)?;
        let session_policy = match (&query.session_policy, who) {
            (None, _) => None,
            (Some(_), Who::User(_)) => return Err(NoQuestion::SessionOfUser),
            (Some(text), Who::Role(_)) => {
                let policy = Policy::parse(PolicyKind::Session, account, text);
                Some(policy.map_err(NoQuestion::SessionPolicy)?)
            }
        };
        Ok(Self { who, action, on, session_policy })
    }

    /// Returns the caller of the request.
    fn caller(&self, who: &Allowed<Supposed<'_>>, mfa: Option<bool>) -> Caller {
        match **who {
            Supposed::User(user) => {
                let proof = match mfa {
                    None => Proof::AccessKey(String::new()),
                    Some(mfa) => Proof::Password { mfa },
                };
                Caller::User { id: user.id, proof }
            }
            Supposed::Role(role) => {
                let source =
                    SessionSource::Oidc { provider: "".into(), issuer: "".into(), subject: "".into() };
                let link =
                    AssumedRole { id: role.id, session_name: "".into(), not_before: role.not_before() };
                let session = RoleSession {
                    access_key_id: "".into(),
                    source,
                    roles: vec![link],
                    policy: self.session_policy.clone().map(Into::into),
                    source_identity: None,
                    mfa,
                    expires: i64::MAX,
                };
                Caller::Session(session.into())
            }
        }
    }

    /// Returns what the checks leave out. They include the key of a secret, and the key of an alias that is deleted.
    fn also_needed(&self) -> Option<AlsoNeeded> {
        let is_listed = match self.on {
            On::Secret(_) => ["GetSecretValue", "PutSecretValue"].contains(&self.action.name),
            On::Alias(_) => self.action.name == "DeleteAlias",
            _ => false,
        };
        self.action.also_needed().filter(|_| !is_listed)
    }
}
