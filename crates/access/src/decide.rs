//! Whether a request is allowed by all the policies that have a say.

use std::fmt;

use crate::condition::Condition;
use crate::evaluate::{Outcome, Query, Question, StatementRef, resource};
use crate::pattern::Pattern;
use crate::policy::{Effect, Policy, PolicyKind};

/// The policies that have a say in a request.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// What the session was limited to when it was made. `None` for a session without a policy, and for a user.
    pub session: Option<&'a Policy>,
    /// The policies of the user and its groups, or of the role.
    pub identity: &'a [&'a Policy],
    /// The policy of the key or secret, or the trust policy of the role.
    pub resource: Option<&'a Policy>,
    /// How identity and resource go together.
    pub rule: Rule,
}

/// Who has to allow. A Deny on either side always denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The identity or the resource: keys, secrets and everything else of one account.
    Either,
    /// The identity and the resource: AssumeRole.
    Both,
    /// The resource: AssumeRoleWithOIDC, whose caller has no identity here.
    Resource,
}

/// Which policies a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// [`Layers::session`].
    Session,
    /// [`Layers::identity`].
    Identity,
    /// [`Layers::resource`].
    Resource,
}

/// A statement among the [`Layers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Where its policy is.
    pub layer: Layer,
    /// The index of its policy in [`Layers::identity`]; 0 in the other layers.
    pub policy: usize,
    /// The statement.
    pub statement: StatementRef,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed, by this statement among others.
    Allow(Source),
    /// Denied.
    Deny(Denial),
}

/// Why a request is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies it.
    Explicit(Source),
    /// No statement of this layer, which has to allow it, does.
    Implicit(Layer),
}

impl Decision {
    /// Whether the request is allowed.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl Denial {
    /// The policies that deny, or that lack an Allow.
    pub const fn layer(&self) -> Layer {
        match self {
            Self::Explicit(source) => source.layer,
            Self::Implicit(layer) => *layer,
        }
    }

    /// The `NoPermissionType` of AccessDeniedDetail.
    pub const fn no_permission_type(&self) -> &'static str {
        match self {
            Self::Explicit(_) => "ExplicitDeny",
            Self::Implicit(_) => "ImplicitDeny",
        }
    }
}

impl Layer {
    /// The `PolicyType` of AccessDeniedDetail. `kind` is that of the resource's policy.
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

/// Decides a request. A session policy has to allow it in any case; then a Deny of any policy denies it; then those allow
/// it that the rule names.
pub fn decide(layers: &Layers<'_>, query: &Query<'_>) -> Decision {
    let arn = resource(query.resource);
    layers.decide(&Question::new(query, &arn))
}

/// Whether the caller has the action on every resource whose ARN begins with the query's resource, such as
/// `acs:kms:cn-hangzhou:1234567890123456:key/`; policies of single resources aside. Only then may the caller learn that a
/// resource does not exist.
///
/// Answers `false` in doubt: a Deny counts if it can apply to any of the resources, an Allow only if one statement covers all
/// of them, and conditions on what is known of a single resource only are taken as met in a Deny and as not met in an Allow.
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

/// What makes policies answer differently about two resources below one prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distinction {
    /// Nothing: the answer is the same for all.
    Nothing,
    /// Only what conditions see of a resource, such as its tags.
    Conditions,
    /// Also the names.
    Names,
}

/// What makes the answer to the query differ between resources whose ARNs begin with the query's resource, policies of
/// single resources aside; so that a caller who asks about many need not ask about those that are alike.
///
/// Answers [`Distinction::Names`] in doubt.
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

/// What the policies of a layer say together.
struct Verdict {
    layer: Layer,
    denies: Option<Source>,
    allows: Option<Source>,
}

impl Verdict {
    fn of<'a>(layer: Layer, policies: impl IntoIterator<Item = &'a Policy>, question: &Question<'_>) -> Self {
        let mut verdict = Self { layer, denies: None, allows: None };
        for (policy, parsed) in policies.into_iter().enumerate() {
            match question.evaluate(parsed) {
                Outcome::Deny(statement) => {
                    verdict.denies = Some(Source { layer, policy, statement });
                    break;
                }
                Outcome::Allow(statement) => {
                    verdict.allows.get_or_insert(Source { layer, policy, statement });
                }
                Outcome::Silent => {}
            }
        }
        verdict
    }

    /// Why this layer does not allow.
    fn missing(&self) -> Option<Denial> {
        match (self.denies, self.allows) {
            (Some(source), _) => Some(Denial::Explicit(source)),
            (None, None) => Some(Denial::Implicit(self.layer)),
            (None, Some(_)) => None,
        }
    }
}

/// What a policy says about all resources below a prefix.
#[derive(PartialEq, Eq)]
enum Reach {
    /// A Deny may apply to one of them.
    Denied,
    /// A statement allows all.
    All,
    /// No statement allows all.
    Some,
}

impl Question<'_> {
    /// The resource of the question is the prefix.
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

    /// The resource of the question is the prefix.
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
