//! Decides whether all applicable policies together allow a request.

use std::fmt;

use crate::condition::Condition;
use crate::evaluate::{Outcome, Query, Question, StatementRef, resource};
use crate::pattern::Pattern;
use crate::policy::{Effect, Policy, PolicyKind};

/// The policies that apply to a request.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The policy that a session was limited to when it was created. `None` for a session without a policy, and for a user.
    pub session: Option<&'a Policy>,
    /// The policies of the user and its groups, or of the role.
    pub identity: &'a [&'a Policy],
    /// The policy of the key or secret, or the trust policy of the role.
    pub resource: Option<&'a Policy>,
    /// How the decisions of identity and resource are combined.
    pub rule: Rule,
}

/// Which layers have to allow a request. A Deny in any layer always denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The identity or the resource: for keys, secrets and everything else of one account.
    Either,
    /// The identity and the resource: for AssumeRole.
    Both,
    /// The resource: for AssumeRoleWithOIDC, whose caller has no identity in the account.
    Resource,
}

/// The group of policies that a decision is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// [`Layers::session`].
    Session,
    /// [`Layers::identity`].
    Identity,
    /// [`Layers::resource`].
    Resource,
}

/// The position of a statement in the [`Layers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatementPosition {
    /// The layer of its policy.
    pub layer: Layer,
    /// The index of its policy in [`Layers::identity`]; 0 in the other layers.
    pub policy: usize,
    /// The statement.
    pub statement: StatementRef,
}

/// The result of [`decide()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed. This is one of the statements that allow it.
    Allow(StatementPosition),
    /// Denied.
    Deny(Denial),
}

/// Why a request is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies it.
    Explicit(StatementPosition),
    /// No statement of this layer allows it, and one would have to.
    Implicit(Layer),
}

impl Decision {
    /// Whether the request is allowed.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl Denial {
    /// Returns the layer that denies, or that lacks an Allow.
    pub const fn layer(&self) -> Layer {
        match self {
            Self::Explicit(source) => source.layer,
            Self::Implicit(layer) => *layer,
        }
    }

    /// Returns the `NoPermissionType` of AccessDeniedDetail.
    pub const fn no_permission_type(&self) -> &'static str {
        match self {
            Self::Explicit(_) => "ExplicitDeny",
            Self::Implicit(_) => "ImplicitDeny",
        }
    }
}

impl Layer {
    /// Returns the `PolicyType` of AccessDeniedDetail. `kind` is the kind of the resource's policy.
    pub const fn policy_type(self, kind: PolicyKind) -> &'static str {
        match (self, kind) {
            (Self::Session, _) => "SessionPolicy",
            (Self::Identity, _) => "AccountLevelIdentityBasedPolicy",
            (Self::Resource, PolicyKind::Trust) => "AssumeRolePolicy",
            (Self::Resource, _) => "ResourceBasedPolicy",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Session => "session policy",
            Self::Identity => "identity policies",
            Self::Resource => "resource policy",
        })
    }
}

/// Decides a request: a session policy, if there is one, has to allow it; a Deny of any policy denies it; otherwise it is
/// allowed if the layers that the rule names allow it.
pub fn decide(layers: &Layers<'_>, query: &Query<'_>) -> Decision {
    let arn = resource(query.resource);
    layers.decide(&Question::new(query, &arn))
}

/// Whether the caller has the action on every resource whose ARN begins with the query's resource, such as
/// `acs:kms:cn-hangzhou:1234567890123456:key/`. Policies of single resources are not considered. Only a caller with such a
/// right may learn that a resource does not exist.
///
/// Returns `false` in doubt: a Deny counts if it can apply to any of the resources, an Allow only if one statement covers all
/// of them. Conditions on properties of a single resource count as met in a Deny and as not met in an Allow.
pub fn covers_all(session: Option<&Policy>, identity: &[&Policy], query: &Query<'_>) -> bool {
    let prefix = resource(query.resource);
    let question = Question::new(query, &prefix);
    let mut granted = false;
    for policy in identity {
        match question.reach(policy) {
            Reach::Denied => return false,
            Reach::All => granted = true,
            Reach::Some => {}
        }
    }
    granted && session.is_none_or(|policy| question.reach(policy) == Reach::All)
}

/// What the decisions about two resources with the same ARN prefix can depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distinction {
    /// Nothing: the decision is the same for all.
    Nothing,
    /// Properties that conditions compare, such as tags.
    Conditions,
    /// The name, and possibly the properties too.
    Names,
}

/// Returns what the decisions about resources whose ARNs begin with the query's resource depend on, so that a caller with many
/// resources needs one decision for all that are alike. Policies of single resources are not considered.
///
/// Returns [`Distinction::Names`] in doubt.
pub fn distinction(session: Option<&Policy>, identity: &[&Policy], query: &Query<'_>) -> Distinction {
    let prefix = resource(query.resource);
    let question = Question::new(query, &prefix);
    let policies = session.into_iter().chain(identity.iter().copied());
    policies.map(|policy| question.distinction(policy)).max().unwrap_or(Distinction::Nothing)
}

impl Layers<'_> {
    pub(crate) fn decide(&self, question: &Question<'_>) -> Decision {
        if let Some(policy) = self.session
            && let Some(denial) = Verdict::of(Layer::Session, [policy], question).missing()
        {
            return Decision::Deny(denial);
        }
        let identity = Verdict::of(Layer::Identity, self.identity.iter().copied(), question);
        let resource = Verdict::of(Layer::Resource, self.resource, question);
        for verdict in [&identity, &resource] {
            if let Some(source) = verdict.denies {
                return Decision::Deny(Denial::Explicit(source));
            }
        }
        let allowed = match self.rule {
            Rule::Either => identity.allows.or(resource.allows),
            Rule::Both => identity.allows.filter(|_| resource.allows.is_some()),
            Rule::Resource => resource.allows,
        };
        let lacking = match self.rule {
            Rule::Both if identity.allows.is_some() => Layer::Resource,
            Rule::Resource => Layer::Resource,
            Rule::Either | Rule::Both => Layer::Identity,
        };
        allowed.map_or(Decision::Deny(Denial::Implicit(lacking)), Decision::Allow)
    }
}

/// The combined result of the policies of a layer.
struct Verdict {
    layer: Layer,
    denies: Option<StatementPosition>,
    allows: Option<StatementPosition>,
}

impl Verdict {
    fn of<'a>(layer: Layer, policies: impl IntoIterator<Item = &'a Policy>, question: &Question<'_>) -> Self {
        let mut verdict = Self { layer, denies: None, allows: None };
        for (policy, parsed) in policies.into_iter().enumerate() {
            match question.evaluate(parsed) {
                Outcome::Deny(statement) => {
                    verdict.denies = Some(StatementPosition { layer, policy, statement });
                    break;
                }
                Outcome::Allow(statement) => {
                    verdict.allows.get_or_insert(StatementPosition { layer, policy, statement });
                }
                Outcome::Silent => {}
            }
        }
        verdict
    }

    /// Returns why this layer does not allow the request; `None` if it does.
    fn missing(&self) -> Option<Denial> {
        match (self.denies, self.allows) {
            (Some(source), _) => Some(Denial::Explicit(source)),
            (None, None) => Some(Denial::Implicit(self.layer)),
            (None, Some(_)) => None,
        }
    }
}

/// What a policy decides about all resources with a prefix.
#[derive(PartialEq, Eq)]
enum Reach {
    /// A Deny may apply to one of them.
    Denied,
    /// One statement allows all of them.
    All,
    /// No single statement allows all of them.
    Some,
}

impl Question<'_> {
    /// Implements [`distinction()`] for one policy. The resource of the question is the prefix.
    fn distinction(&self, policy: &Policy) -> Distinction {
        let mut distinction = Distinction::Nothing;
        for statement in policy.statements.iter().filter(|statement| self.concerns(statement, policy.kind)) {
            let is_partial =
                |pattern: &Pattern| pattern.touches(&self.resource) && !pattern.covers(&self.resource);
            if statement.resources.iter().any(is_partial) {
                return Distinction::Names;
            }
            if statement.conditions.iter().any(|condition| condition.key.is_of_resource()) {
                distinction = Distinction::Conditions;
            }
        }
        distinction
    }

    /// Implements [`covers_all`] for one policy. The resource of the question is the prefix.
    fn reach(&self, policy: &Policy) -> Reach {
        let mut reach = Reach::Some;
        for statement in policy.statements.iter().filter(|statement| self.concerns(statement, policy.kind)) {
            match statement.effect {
                Effect::Deny => {
                    let can_apply = self.unmet(statement).all(|condition| condition.key.is_of_resource());
                    if can_apply && statement.resources.iter().any(|pattern| pattern.touches(&self.resource))
                    {
                        return Reach::Denied;
                    }
                }
                Effect::Allow => {
                    let of_resource = |condition: &Condition| condition.key.is_of_resource();
                    if self.unmet(statement).next().is_none()
                        && !statement.conditions.iter().any(of_resource)
                        && statement.resources.iter().any(|pattern| pattern.covers(&self.resource))
                    {
                        reach = Reach::All;
                    }
                }
            }
        }
        reach
    }
}
