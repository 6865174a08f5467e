//! Explain: what a request of a user or role would be answered, and which statements of which policies say so.

use std::net::IpAddr;

use bulla_access::{Policy, PolicyError, PolicyKind};
use bulla_wire::{ContextParameter, Error};

use super::{NoResource, On};
use crate::authorize::{Allowed, ExplainedQuestion, Permission, Supposed, Supposition};
use crate::origin::{AssumedRole, Caller, Connection, Origin, Proof, RoleSession, SessionSource};
use crate::policy_action::{AlsoNeeded, NoPolicyAction, PolicyAction};
use crate::session::Session;

/// Asks what a request of a user or role would be answered.
///
/// It needs the permissions to read all policies that decide: `ram:ListPoliciesForUser` and `ram:ListGroupsForUser` on the user,
/// `ram:ListPoliciesForGroup` on each group, or `ram:ListPoliciesForRole` on the role; `ram:GetPolicy` on each policy of the
/// account; and what tells of the resource: of a key `kms:DescribeKey`, `kms:GetKeyPolicy` and `kms:ListResourceTags`, of a secret
/// `kms:DescribeSecret` and `kms:GetSecretPolicy`, of the others `ram:Get...` and `ram:ListTagResources`.
#[derive(Clone, Debug, Default)]
pub struct Explain {
    /// `user/NAME` or `role/NAME`.
    pub who: String,
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// `key/ID`, `alias/NAME`, `secret/NAME`, `user/NAME`, `group/NAME`, `role/NAME`, `policy/NAME`, `system/NAME` or an ARN; may
    /// be empty for an action that is about no single one.
    pub resource: String,
    /// The address that the request comes from.
    pub source_ip: Option<IpAddr>,
    /// Whether it comes over TLS.
    pub tls: bool,
    /// Whether the caller proved a second factor; none for an access key, of which that is not known.
    pub mfa: Option<bool>,
    /// When it arrives, in seconds since 1970; by default now.
    pub time: Option<i64>,
    /// The encryption context.
    pub encryption_context: Option<ContextParameter>,
    /// The external id of AssumeRole.
    pub external_id: Option<String>,
    /// The policy of the session, of a role.
    pub session_policy: Option<String>,
}

/// What the request would be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// `user/NAME` or `role/NAME`, as the record has the name.
    pub who: String,
    /// The action.
    pub action: String,
    /// Whether the policies allow the request.
    pub is_allowed: bool,
    /// What the request asks for, in order, up to the first question that is denied. None if the request is refused before.
    pub questions: Vec<ExplainedQuestion>,
    /// What it needs besides, which depends on more than one resource.
    pub also_needed: Option<AlsoNeeded>,
}

/// Why a question makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoQuestion {
    /// `who` is neither a user nor a role.
    Who,
    /// No policy decides about the action.
    Action(NoPolicyAction),
    /// The resource is none that a request for the action names.
    Resource(NoResource),
    /// The policy of the session is wrong.
    SessionPolicy(PolicyError),
    /// A user has no session.
    SessionOfUser,
}

pub(super) async fn explain(session: &Session<'_, Explain>) -> Result<Result<Explained, NoQuestion>, Error> {
    let query = session.request;
    let asked = match Asked::parse(query, session.account(), session.region()) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Err(problem)),
    };
    let who = match asked.who {
        Who::User(name) => session.supposed_user(name)?,
        Who::Role(name) => session.supposed_role(name)?,
    };
    let connection =
        Connection { source: query.source_ip, tls: query.tls, request_id: "".into(), user_agent: None };
    let supposition = Supposition {
        origin: Origin { caller: asked.caller(&who, query.mfa), connection },
        time: query.time,
        permission: Permission::of_policy(asked.action),
        on: asked.on,
        encryption_context: query.encryption_context.as_ref(),
        external_id: query.external_id.as_deref(),
    };
    let questions = session.suppose(&who, &supposition)?;
    Ok(Ok(Explained {
        who: match *who {
            Supposed::User(user) => format!("user/{}", user.name),
            Supposed::Role(role) => format!("role/{}", role.name),
        },
        action: asked.action.to_string(),
        is_allowed: questions.last().is_some_and(|last| last.is_allowed),
        also_needed: asked.also_needed(),
        questions,
    }))
}

/// A query that makes sense.
struct Asked<'q> {
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

impl<'q> Asked<'q> {
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

    /// A caller as whom the request is answered.
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

    /// What the questions leave out. The key of a secret is among them, and so is the key of an alias that is deleted.
    fn also_needed(&self) -> Option<AlsoNeeded> {
        let is_told = match self.on {
            On::Secret(_) => ["GetSecretValue", "PutSecretValue"].contains(&self.action.name),
            On::Alias(_) => self.action.name == "DeleteAlias",
            _ => false,
        };
        self.action.also_needed().filter(|_| !is_told)
    }
}
