//! Whether one policy allows a request, denies it, or says nothing about it.

use std::borrow::Cow;

use crate::action::Asked;
use crate::condition::{Condition, Context, Values};
use crate::pattern::{Pattern, Subject};
use crate::policy::{Effect, Policy, PolicyKind, Statement};
use crate::principal::Principal;

/// What a caller wants to do.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The action. Some have several names, such as `kms:TagResources` and `ecs:TagResources`: the action is allowed if any
    /// name is, and denied if any name is.
    pub actions: &'a [&'a str],
    /// The ARN of the resource, its region `*` or empty if its product has none; `*` for an action without a resource,
    /// which only statements on `*` allow. Letter case matters, so names are as the records have them.
    pub resource: &'a str,
    /// Who acts.
    pub principal: Principal<'a>,
    /// What conditions look at.
    pub context: &'a dyn Context,
}

/// What one policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This statement allows, and none denies.
    Allow(StatementRef),
    /// This statement denies.
    Deny(StatementRef),
    /// No statement applies.
    Silent,
}

/// A statement of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatementRef {
    /// Its number in the policy, from 0.
    pub index: usize,
    /// The line of the document where it begins, from 1.
    pub line: u32,
}

/// Evaluates one policy.
pub fn evaluate(policy: &Policy, query: &Query<'_>) -> Outcome {
    Question::new(query, &resource(query.resource)).evaluate(policy)
}

/// A query, taken apart once for all policies.
pub(crate) struct Question<'a> {
    pub(crate) actions: Vec<Asked<'a>>,
    pub(crate) resource: Subject<'a>,
    principal: Principal<'a>,
    pub(crate) values: Values<'a>,
}

impl<'a> Question<'a> {
    /// `resource` is the query's, as [`resource`] gives it.
    pub(crate) fn new(query: &Query<'a>, resource: &'a str) -> Self {
        Self {
            actions: query.actions.iter().map(|action| Asked::new(action)).collect(),
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

    /// Whether the statement is about the resource. In doubt a Deny is and an Allow is not: patterns with wildcards inside
    /// are not compared with a name that is too long for it.
    pub(crate) fn is_about_resource(&self, statement: &Statement) -> bool {
        statement.resources.iter().any(|pattern| match pattern {
            Pattern::General(_) if self.resource.is_too_long() => statement.effect == Effect::Deny,
            pattern => pattern.matches(&self.resource),
        })
    }

    /// Whether the statement is about this principal and this action.
    pub(crate) fn concerns(&self, statement: &Statement, kind: PolicyKind) -> bool {
        self.is_named(statement, kind) && statement.actions.has_any(&self.actions)
    }

    pub(crate) fn is_named(&self, statement: &Statement, kind: PolicyKind) -> bool {
        !kind.has_principals()
            || statement.principals.iter().any(|trusted| trusted.matches(kind, self.principal))
    }

    /// The conditions that keep the statement from applying.
    pub(crate) fn unmet<'s>(&self, statement: &'s Statement) -> impl Iterator<Item = &'s Condition> {
        statement.conditions.iter().filter(|condition| !condition.is_met(statement.effect, &self.values))
    }
}

/// Names of roles are the same in every case, so a pattern is about a role in whatever case it has the name: else a Deny in the
/// spelling of the role's name would deny nothing.
fn is_role(resource: &str) -> bool {
    let mut parts = resource.splitn(5, ':').skip(1);
    parts.next() == Some("ram") && parts.nth(2).is_some_and(|name| name.starts_with("role/"))
}

/// A resource as patterns are compared with it: the region of a product without regions is empty, which patterns match as
/// the empty region and as `*`.
pub(crate) fn resource(arn: &str) -> Cow<'_, str> {
    let mut parts = arn.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(scheme), Some(product), Some("*"), Some(rest)) => format!("{scheme}:{product}::{rest}").into(),
        _ => arn.into(),
    }
}
