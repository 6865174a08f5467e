//! Evaluates one policy: whether it allows a request, denies it, or has no statement that applies.

use std::borrow::Cow;

use crate::action::ActionName;
use crate::condition::{Condition, Context, Values};
use crate::pattern::{Pattern, Subject};
use crate::policy::{Effect, Policy, PolicyKind, Statement};
use crate::principal::Principal;

/// What a caller asks to do.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The names of the action. Some actions have several, such as `kms:TagResources` and `ecs:TagResources`: the action is
    /// allowed if any name is allowed, and denied if any name is denied.
    pub actions: &'a [&'a str],
    /// The ARN of the resource, with `*` or nothing as the region if its product has no regions; `*` for an action without a
    /// resource, which only statements on `*` allow. Names other than those of roles match with case, so the ARN has to spell the
    /// name as the record does.
    pub resource: &'a str,
    /// The caller.
    pub principal: Principal<'a>,
    /// The values that conditions compare.
    pub context: &'a dyn Context,
}

/// The result for one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This statement allows the request, and no statement denies it.
    Allow(StatementRef),
    /// This statement denies the request.
    Deny(StatementRef),
    /// No statement applies.
    Silent,
}

/// A statement of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatementRef {
    /// Its index in the policy, from 0.
    pub index: usize,
    /// The line of the document where it begins, from 1.
    pub line: u32,
}

/// Evaluates one policy for a request.
pub fn evaluate(policy: &Policy, query: &Query<'_>) -> Outcome {
    Question::new(query, &resource(query.resource)).evaluate(policy)
}

/// A query, prepared once for all policies.
pub(crate) struct Question<'a> {
    pub(crate) actions: Vec<ActionName<'a>>,
    pub(crate) resource: Subject<'a>,
    principal: Principal<'a>,
    pub(crate) values: Values<'a>,
}

impl<'a> Question<'a> {
    /// `resource` is the resource of the query, converted by [`resource`].
    pub(crate) fn new(query: &Query<'a>, resource: &'a str) -> Self {
        Self {
            actions: query.actions.iter().map(|action| ActionName::new(action)).collect(),
            resource: if is_role(resource) {
                Subject::without_case(resource)
            } else {
                Subject::new(resource)
            },
            principal: query.principal,
            values: Values::new(query.context),
        }
    }

    pub(crate) fn evaluate(&self, policy: &Policy) -> Outcome {
        let mut allowed = Outcome::Silent;
        for (index, statement) in policy.statements.iter().enumerate() {
            let decided = statement.effect == Effect::Allow && allowed != Outcome::Silent;
            if decided || !self.applies(statement, policy.kind) {
                continue;
            }
            let place = StatementRef { index, line: statement.line };
            match statement.effect {
                Effect::Deny => return Outcome::Deny(place),
                Effect::Allow => allowed = Outcome::Allow(place),
            }
        }
        allowed
    }

    fn applies(&self, statement: &Statement, kind: PolicyKind) -> bool {
        self.concerns(statement, kind)
            && self.is_about_resource(statement)
            && self.unmet(statement).next().is_none()
    }

    /// Whether the statement is about the resource. In doubt, a Deny is and an Allow is not: a name that is too long is not
    /// compared with patterns that have wildcards elsewhere than at the end.
    pub(crate) fn is_about_resource(&self, statement: &Statement) -> bool {
        statement.resources.iter().any(|pattern| match pattern {
            Pattern::General(_) if self.resource.is_too_long() => statement.effect == Effect::Deny,
            pattern => pattern.matches(&self.resource),
        })
    }

    /// Whether the statement is about the principal and the action.
    pub(crate) fn concerns(&self, statement: &Statement, kind: PolicyKind) -> bool {
        self.is_named(statement, kind) && statement.actions.has_any(&self.actions)
    }

    pub(crate) fn is_named(&self, statement: &Statement, kind: PolicyKind) -> bool {
        !kind.has_principals()
            || statement.principals.iter().any(|trusted| trusted.matches(kind, self.principal))
    }

    /// Returns the conditions that keep the statement from applying.
    pub(crate) fn unmet<'s>(&self, statement: &'s Statement) -> impl Iterator<Item = &'s Condition> {
        statement.conditions.iter().filter(|condition| !condition.is_met(statement.effect, &self.values))
    }
}

/// Whether the resource is a role. Names of roles ignore case, so patterns are compared with them without case: otherwise a
/// Deny that spells the name of a role in another case would not deny anything.
fn is_role(resource: &str) -> bool {
    let mut parts = resource.splitn(5, ':').skip(1);
    parts.next() == Some("ram") && parts.nth(2).is_some_and(|name| name.starts_with("role/"))
}

/// Returns the resource in the form that patterns are compared with: `*` as the region becomes empty, which both an empty region
/// and `*` in a pattern match.
pub(crate) fn resource(arn: &str) -> Cow<'_, str> {
    let mut parts = arn.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(scheme), Some(product), Some("*"), Some(rest)) => format!("{scheme}:{product}::{rest}").into(),
        _ => arn.into(),
    }
}
