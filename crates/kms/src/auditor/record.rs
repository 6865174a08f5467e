//! Builds the record of a request from its checks and its outcome. The line in the audit trail and the line in the log of a server
//! are views of it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bulla_keys::KeyId;
use bulla_wire::ram::PolicyType;

use super::Running;
use crate::Kms;
use crate::audit::{
    CallerIdentity, CallerType, Content, ContextPair, Decision, Effect, Event, Line, Members, Outcome,
    Request, Resource, SessionLink, Text, Time,
};
use crate::authorize::{DecidedBy, Inquiry, PolicySource, Question, Used};
use crate::origin::{self, Connection, RoleSession, SessionSource};
use crate::state::{MadeResource as Made, Snapshot};
use crate::store::Rollback;

/// A request that did not reach [`Kms::call`]: it had no valid signature or wrong parameters, or it was a sign-in to the
/// console.
#[derive(Clone, Copy, Debug)]
pub struct OutsideRequest<'r> {
    /// Its connection.
    pub connection: &'r Connection,
    /// The caller, if proved.
    pub caller: Option<&'r origin::Caller>,
    /// The access key that the request names, if it exists.
    pub access_key_id: Option<&'r str>,
    /// The product and the action, if they exist.
    pub requested: Option<(&'static str, &'static str)>,
    /// The status of the reply.
    pub status: u16,
    /// The error code, if it was refused.
    pub code: Option<&'r str>,
    /// Its duration.
    pub took: Duration,
}

impl OutsideRequest<'_> {
    /// Whether its sender is unproved.
    pub(super) fn is_of_stranger(&self) -> bool {
        self.caller.is_none_or(|caller| *caller == origin::Caller::Unsigned)
    }
}

/// The record of an answered request, built once; each line about the request is a view of it.
pub(super) struct Record<'r> {
    time: Time,
    request: Box<Request<'r>>,
}

/// The permissions that a request has asked for and the key versions that it has used so far.
pub(super) struct Noted {
    questions: Vec<Question>,
    used: Used,
}

/// The outcome of a request.
#[derive(Clone, Copy)]
pub(super) enum Answered<'e> {
    Done,
    Refused(&'e bulla_wire::Error),
}

impl Noted {
    pub(super) fn of(inquiry: &Inquiry<'_>) -> Self {
        Self { questions: inquiry.questions(), used: inquiry.used() }
    }
}

impl<'r> Record<'r> {
    /// Returns the record of a request, with the names in this snapshot. `made` are the things that a change has created.
    pub(super) fn of(
        inquiry: &'r Inquiry<'_>,
        noted: &'r Noted,
        snapshot: &'r Snapshot,
        answered: Answered<'r>,
        made: &'r [Made],
    ) -> Self {
        let Noted { questions, used } = noted;
        let requested = inquiry.requested();
        let connection = inquiry.origin().connection();
        let context = used.context.iter().flat_map(|context| &context.0).take(MAX_PAIRS);
        let has_values = inquiry.has_context_values();
        let request = Request {
            request_id: Cow::Borrowed(&*connection.request_id),
            caller: caller(inquiry.origin().caller(), snapshot, inquiry.account()),
            access_key_id: inquiry.origin().caller().access_key_id().map(Cow::Borrowed),
            source: connection.source,
            user_agent: connection.user_agent.as_deref().map(Text::new),
            product: Some(Cow::Borrowed(requested.product)),
            action: Some(Cow::Borrowed(requested.action)),
            resources: resources(questions, &used.versions, made, snapshot),
            context: context.map(|(name, value)| pair(name, value, has_values)).collect(),
            decision: decision(questions),
            outcome: outcome(answered),
            microseconds: u64::try_from(inquiry.took().as_micros()).unwrap_or(u64::MAX),
        };
        Self::new(inquiry.wall_time(), request)
    }

    /// Returns the record of a request that did not reach [`Kms::call`].
    pub(super) fn outside(kms: &'r Kms, snapshot: &'r Snapshot, outside: &OutsideRequest<'r>) -> Self {
        let OutsideRequest { connection, caller: by, access_key_id, requested, status, code, took } =
            *outside;
        let signer = by.and_then(|by| by.access_key_id());
        let request = Request {
            request_id: Cow::Borrowed(&*connection.request_id),
            caller: by.and_then(|by| caller(by, snapshot, kms.account())),
            access_key_id: access_key_id.or(signer).map(Cow::Borrowed),
            source: connection.source,
            user_agent: connection.user_agent.as_deref().map(Text::new),
            product: requested.map(|(product, _)| product.into()),
            action: requested.map(|(_, action)| action.into()),
            outcome: Outcome { status, code: code.map(Cow::Borrowed) },
            microseconds: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            ..Request::default()
        };
        Self::new(kms.clock.raw(), request)
    }

    pub(super) fn new(time: SystemTime, request: Request<'r>) -> Self {
        Self { time: Time::from(time), request: Box::new(request) }
    }

    /// Returns the record of the same request with this error as its outcome.
    pub(super) fn refused(mut self, error: &'r bulla_wire::Error) -> Self {
        self.request.outcome = outcome(Answered::Refused(error));
        self
    }

    pub(super) fn time(&self) -> Time {
        self.time
    }

    pub(super) fn request(&self) -> &Request<'r> {
        &self.request
    }
}

impl Running {
    /// Renders a record as a line of the trail.
    pub(super) fn members(&self, record: Record<'_>) -> Members {
        let Record { time, request } = record;
        Members::new(&self.identity, &Line { time, content: Content::Request(request) })
    }

    /// Renders the line of a change without a request.
    pub(super) fn event(
        &self,
        event: &'static str,
        time: SystemTime,
        resources: &[(&'static str, &str)],
        detail: Option<String>,
    ) -> Members {
        let resources = resources.iter().map(|(kind, name)| Resource {
            kind: (*kind).into(),
            name: Text::new(*name),
            ..Resource::default()
        });
        let detail = detail.map(Text::new);
        let event = Event { event: event.into(), resources: resources.collect(), detail };
        Members::new(&self.identity, &Line { time: Time::from(time), content: Content::Event(event) })
    }
}

fn pair<'p>(name: &'p str, value: &'p str, has_value: bool) -> ContextPair<'p> {
    ContextPair { name: Text::new(name), value: has_value.then(|| Text::new(value)) }
}

/// Returns the event of a start that accepts a store which was rolled back.
pub(super) fn rollback_accepted(rollback: &Rollback) -> Event<'static> {
    Event {
        event: "rollback-accepted".into(),
        detail: Some(Text::new(rollback.to_string())),
        ..Event::default()
    }
}

fn outcome(answered: Answered<'_>) -> Outcome<'_> {
    match answered {
        Answered::Done => Outcome { status: SUCCESS, code: None },
        Answered::Refused(error) => Outcome { status: error.status(), code: Some(error.code_text().into()) },
    }
}

/// Returns each resource once, with the versions of keys that were opened.
fn resources<'q>(
    questions: &'q [Question],
    versions: &[(KeyId, bulla_keys::KeyVersionId)],
    made: &'q [Made],
    snapshot: &Snapshot,
) -> Vec<Resource<'q>> {
    let mut resources: Vec<Resource<'_>> = Vec::new();
    for question in questions {
        let (kind, name) = question.resource.kind_and_name();
        let is_there =
            resources.iter().any(|resource| resource.kind == kind && resource.name.as_str() == name);
        if !is_there && resources.len() < MAX_RESOURCES {
            let is_unknown = !question.resource.is_known(snapshot);
            resources.push(Resource { kind: kind.into(), name: Text::new(name), version: None, is_unknown });
        }
    }
    for (key, version) in versions {
        let key = key.to_string();
        let of_key = |resource: &&mut Resource<'_>| {
            resource.kind == KEY && resource.version.is_none() && resource.name.as_str() == key
        };
        let version = Some(Text::new(version.to_string()));
        match resources.iter_mut().find(of_key) {
            Some(resource) => resource.version = version,
            None => resources.push(Resource {
                kind: KEY.into(),
                name: Text::new(key),
                version,
                is_unknown: false,
            }),
        }
    }
    for made in made.iter().take(MAX_RESOURCES) {
        let is_there = |resource: &&mut Resource<'_>| {
            resource.kind == made.kind && resource.name.as_str() == &*made.name && made.version.is_none()
        };
        match resources.iter_mut().find(is_there) {
            Some(resource) => resource.is_unknown = false,
            None => resources.push(Resource {
                kind: made.kind.into(),
                name: Text::new(&*made.name),
                version: made.version.as_deref().map(Text::new),
                is_unknown: false,
            }),
        }
    }
    resources
}

/// Returns the deciding question: the one that was denied, or else the last one that a statement allowed.
fn decision(questions: &[Question]) -> Option<Decision<'_>> {
    let denied = questions.iter().find(|question| !question.is_allowed);
    let allowed = || questions.iter().rev().find(|question| question.by.is_some());
    let question = denied.or_else(allowed).or(questions.last())?;
    let effect = if question.is_allowed { Effect::Allow } else { Effect::Deny };
    let by = question.by.as_ref();
    Some(Decision {
        effect,
        policy: by.map(|DecidedBy { policy, .. }| Text::new(policy_name(policy))),
        statement: by.and_then(|by| u32::try_from(by.statement).ok()),
    })
}

fn policy_name(policy: &PolicySource) -> Cow<'_, str> {
    match policy {
        PolicySource::Attached { policy_type: PolicyType::System, name, .. } => {
            format!("system/{name}").into()
        }
        PolicySource::Attached { name, .. } => format!("custom/{name}").into(),
        PolicySource::Session => "session".into(),
        PolicySource::Key(id) => format!("key/{id}").into(),
        PolicySource::Secret(name) => format!("secret/{name}").into(),
        PolicySource::Trust(role) => format!("role/{role}").into(),
    }
}

fn caller<'c>(by: &'c origin::Caller, snapshot: &'c Snapshot, account: &str) -> Option<CallerIdentity<'c>> {
    let of = |kind| CallerIdentity { kind, name: None, id: None, arn: None, session: Vec::new() };
    Some(match by {
        origin::Caller::Unsigned => return None,
        origin::Caller::Owner => of(CallerType::Owner),
        origin::Caller::Root { .. } => {
            let arn = Some(format!("acs:ram::{account}:root").into());
            CallerIdentity { arn, ..of(CallerType::RootAccount) }
        }
        origin::Caller::User { id, .. } => {
            let user = snapshot.user_by_id(*id).map(|row| &*row.record);
            CallerIdentity {
                name: user.map(|user| user.name.as_str().into()),
                id: Some(id.to_string().into()),
                arn: user.map(|user| user.arn(account).into()),
                ..of(CallerType::RamUser)
            }
        }
        origin::Caller::Session(session) => {
            let acting = session.role();
            let role = snapshot.role_by_id(acting.id).map(|row| &*row.record);
            let name = role.map(|role| role.name.key.as_str());
            let session_name = &acting.session_name;
            let arn = name.map(|name| format!("acs:ram::{account}:assumed-role/{name}/{session_name}"));
            CallerIdentity {
                name: role.map(|role| role.name.as_str().into()),
                id: Some(acting.id.to_string().into()),
                arn: arn.map(Cow::from),
                session: chain(session, snapshot),
                ..of(CallerType::AssumedRole)
            }
        }
    })
}

fn chain<'c>(session: &'c RoleSession, snapshot: &'c Snapshot) -> Vec<SessionLink<'c>> {
    let source = match &session.source {
        SessionSource::User { id, .. } => SessionLink {
            kind: "user".into(),
            name: snapshot.user_by_id(*id).map(|row| row.record.name.as_str().into()),
            id: Some(Text::new(id.to_string())),
            session_name: None,
        },
        SessionSource::Oidc { provider, subject, .. } => SessionLink {
            kind: "oidc".into(),
            name: Some((&**provider).into()),
            id: Some(Text::new(&**subject)),
            session_name: None,
        },
    };
    let roles = session.roles.iter().map(|role| SessionLink {
        kind: "role".into(),
        name: snapshot.role_by_id(role.id).map(|row| row.record.name.as_str().into()),
        id: Some(Text::new(role.id.to_string())),
        session_name: Some(Text::new(&*role.session_name)),
    });
    [source].into_iter().chain(roles).collect()
}

const SUCCESS: u16 = 200;
const KEY: &str = "key";
/// Maximum resources in a line; an action can name many.
const MAX_RESOURCES: usize = 64;
/// Maximum pairs of the encryption context in a line.
const MAX_PAIRS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// As docs/audit-format.md describes them.
    #[test]
    fn a_policy_has_its_kind_and_name() {
        let attached =
            |policy_type| PolicySource::Attached { policy_type, name: "readers".into(), group: None };
        for (policy, expected) in [
            (attached(PolicyType::System), "system/readers"),
            (attached(PolicyType::Custom), "custom/readers"),
            (PolicySource::Secret("db".into()), "secret/db"),
            (PolicySource::Trust("ops".into()), "role/ops"),
            (PolicySource::Session, "session"),
        ] {
            assert_eq!(policy_name(&policy), expected);
        }
    }
}
