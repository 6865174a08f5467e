//! Explains why a request is allowed or denied: whether each statement about the action applies, and what is missing.

use std::fmt;

use crate::decide::{Decision, Denial, Layer, Layers, Rule, StatementPosition};
use crate::evaluate::{Query, Question, StatementRef, resource};
use crate::key::ConditionKey;
use crate::policy::{Effect, Policy, PolicyKind, Statement};
use crate::principal::Trusted;

/// The explanation of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The decision, the same as that of [`decide`](crate::decide()).
    pub decision: Decision,
    /// All statements about the action, in the order of the layers.
    pub statements: Vec<Considered>,
    /// What would have to change for the request to be allowed; empty if it is allowed.
    pub missing: Vec<Missing>,
}

/// A statement about the action.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    /// The place of the statement.
    pub source: StatementPosition,
    /// The effect of the statement if it applies.
    pub effect: Effect,
    /// Whether it applies.
    pub application: Application,
    /// The condition keys of the statement.
    pub keys: Vec<ConditionKey>,
}

/// Whether a statement about the action applies, or the first thing that keeps it from applying.
#[derive(Clone, Debug, PartialEq)]
pub enum Application {
    /// It applies.
    Applies,
    /// It names other principals.
    OtherPrincipal,
    /// It names the account, which grants its users and roles no right: they need policies of their own.
    AccountOnly,
    /// It is about other resources.
    OtherResource,
    /// These conditions are not met.
    Conditions(Vec<Unmet>),
}

/// A condition that is not met.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmet {
    /// The operator, such as `IpAddress`.
    pub operator: &'static str,
    /// The key.
    pub key: ConditionKey,
    /// Whether the request has no value for the key.
    pub is_absent: bool,
}

/// What keeps a request from being allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// This statement must not apply.
    NoDeny(StatementPosition),
    /// A statement of this layer has to allow the action.
    Allow(Layer),
    /// A statement of the identity's policies or of the resource's policy has to allow the action.
    AllowOfEither,
    /// A statement has to allow the action on all resources of a kind, and none may deny it on one of them, as
    /// [`covers_all`](crate::covers_all) checks.
    AllowOnAll,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDeny(source) => {
                write!(formatter, "a Deny applies ({}, line {})", source.layer, source.statement.line)
            }
            Self::Allow(layer) => write!(formatter, "no Allow applies ({layer})"),
            Self::AllowOfEither => {
                write!(formatter, "no Allow applies ({} or {})", Layer::Identity, Layer::Resource)
            }
            Self::AllowOnAll => formatter.write_str("an Allow on all of them, without a Deny on one of them"),
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.operator, self.key)?;
        if self.is_absent { formatter.write_str(", which the request does not have") } else { Ok(()) }
    }
}

impl Explanation {
    /// Turns an explanation of an allowed request into a denial, for a request about all resources of a kind for which
    /// [`covers_all`](crate::covers_all) returned `false`.
    #[must_use]
    pub fn not_on_all(mut self) -> Self {
        if self.decision.is_allowed() {
            self.decision = Decision::Deny(Denial::Implicit(Layer::Identity));
            self.missing.push(Missing::AllowOnAll);
        }
        self
    }
}

/// Explains the decision about a request.
///
/// A key without a value in the query's context counts as absent. So if a client does not know a value, such as the address that
/// the server sees, the conditions on it are listed in [`Application::Conditions`].
pub fn explain(layers: &Layers<'_>, query: &Query<'_>) -> Explanation {
    let arn = resource(query.resource);
    let question = Question::new(query, &arn);
    let decision = layers.decide(&question);
    let mut statements = Vec::new();
    for (layer, policy, parsed) in layers.policies() {
        for (index, statement) in parsed.statements.iter().enumerate() {
            if statement.actions.has_any(&question.actions) {
                let place = StatementRef { index, line: statement.line };
                statements.push(Considered {
                    source: StatementPosition { layer, policy, statement: place },
                    effect: statement.effect,
                    application: question.application(statement, parsed.kind),
                    keys: statement.conditions.iter().map(|condition| condition.key.clone()).collect(),
                });
            }
        }
    }
    let missing = if decision.is_allowed() { Vec::new() } else { missing(layers, &statements) };
    Explanation { decision, statements, missing }
}

fn missing(layers: &Layers<'_>, statements: &[Considered]) -> Vec<Missing> {
    let applying = || statements.iter().filter(|one| one.application == Application::Applies);
    let allows = |layer| applying().any(|one| one.effect == Effect::Allow && one.source.layer == layer);
    let denies = applying().filter(|one| one.effect == Effect::Deny);
    let mut missing: Vec<_> = denies.map(|one| Missing::NoDeny(one.source)).collect();
    if layers.session.is_some() && !allows(Layer::Session) {
        missing.push(Missing::Allow(Layer::Session));
    }
    let needed: &[Layer] = match layers.rule {
        Rule::Either => {
            if !allows(Layer::Identity) && !allows(Layer::Resource) {
                missing.push(Missing::AllowOfEither);
            }
            &[]
        }
        Rule::Both => &[Layer::Identity, Layer::Resource],
        Rule::Resource => &[Layer::Resource],
    };
    missing.extend(needed.iter().filter(|layer| !allows(**layer)).map(|layer| Missing::Allow(*layer)));
    missing
}

impl<'a> Layers<'a> {
    /// Returns every policy with its layer and its index in the layer.
    fn policies(&self) -> impl Iterator<Item = (Layer, usize, &'a Policy)> {
        let session = self.session.map(|policy| (Layer::Session, 0, policy));
        let identity = self.identity.iter().enumerate().map(|(at, policy)| (Layer::Identity, at, *policy));
        let resource = self.resource.map(|policy| (Layer::Resource, 0, policy));
        session.into_iter().chain(identity).chain(resource)
    }
}

impl Question<'_> {
    fn application(&self, statement: &Statement, kind: PolicyKind) -> Application {
        if !self.is_named(statement, kind) {
            return if statement.principals.contains(&Trusted::Account) {
                Application::AccountOnly
            } else {
                Application::OtherPrincipal
            };
        }
        if !self.is_about_resource(statement) {
            return Application::OtherResource;
        }
        let unmet: Vec<_> = self
            .unmet(statement)
            .map(|condition| Unmet {
                operator: condition.operator.name,
                key: condition.key.clone(),
                is_absent: !self.values.has(&condition.key),
            })
            .collect();
        if unmet.is_empty() { Application::Applies } else { Application::Conditions(unmet) }
    }
}
