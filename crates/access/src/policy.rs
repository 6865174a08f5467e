//! A parsed policy document. All checks that need only the document are made here, when it is parsed.

use crate::action::{ActionList, ActionPattern};
use crate::condition::Condition;
use crate::error::{Limit, PolicyError, Reason};
use crate::json::{Member, Node};
use crate::key::ConditionKey;
use crate::pattern::Pattern;
use crate::principal::{self, PrincipalId, PrincipalName, Trusted};

/// What a policy is attached to, which decides what the policy may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// A policy of users, groups and roles.
    Identity,
    /// A policy that the caller of AssumeRole passes to limit the session.
    Session,
    /// Which principals may assume a role. Has no `Resource`.
    Trust,
    /// Which principals may use a key. `Resource` is `*`, which means the key.
    Key,
    /// Which principals may use a secret. `Resource` is `*`, which means the secret.
    Secret,
    /// A policy of the [`system`](crate::system) table: an identity policy that may have conditions of products that this
    /// service does not have.
    System,
}

impl PolicyKind {
    /// Returns the maximum length of a document.
    pub const fn limit(self) -> Limit {
        match self {
            Self::Identity | Self::Trust | Self::System => Limit::Characters(6144),
            Self::Session => Limit::Characters(2048),
            Self::Key | Self::Secret => Limit::Bytes(32_768),
        }
    }

    /// Whether statements name principals: policies of a resource do, policies of an identity do not.
    pub(crate) const fn has_principals(self) -> bool {
        matches!(self, Self::Trust | Self::Key | Self::Secret)
    }

    /// Returns the only product whose actions the policy may contain; `None` if it may contain those of all products.
    const fn product(self) -> Option<&'static str> {
        match self {
            Self::Key | Self::Secret => Some("kms"),
            Self::Trust => Some("sts"),
            Self::Identity | Self::Session | Self::System => None,
        }
    }
}

/// A parsed policy. It does not keep the text of the document.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(crate) kind: PolicyKind,
    pub(crate) statements: Box<[Statement]>,
    /// The users and roles that are not bound yet, each as the error to return if no user or role has this name.
    unbound: Box<[PolicyError]>,
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Allows, unless a Deny applies too.
    Allow,
    /// Denies, even if an Allow applies too.
    Deny,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    /// Empty in policies without principals.
    pub(crate) principals: Box<[Trusted]>,
    pub(crate) actions: ActionList,
    /// Only `*` in policies of a resource.
    pub(crate) resources: Box<[Pattern]>,
    pub(crate) conditions: Box<[Condition]>,
    pub(crate) line: u32,
}

impl Policy {
    /// Parses and checks a document of `account`, an id of at most 16 digits.
    ///
    /// Users and roles in the document match no principal until [`bind`](Self::bind) replaces them with their ids.
    ///
    /// # Errors
    ///
    /// Returns the first error and its place.
    pub fn parse(kind: PolicyKind, account: &str, text: &str) -> Result<Self, PolicyError> {
        if !kind.limit().allows(text) {
            return Err(PolicyError::at(text, 0, String::new(), Reason::Length(kind.limit())));
        }
        let root = Node::parse(text)?;
        let mut statements = None;
        let mut version = None;
        for member in root.members()? {
            match &*member.name {
                "Version" => version = Some(check_version(&member.value)?),
                "Statement" => statements = Some(member.value),
                _ => return Err(unknown(&member)),
            }
        }
        version.ok_or_else(|| root.refused(Reason::Missing("Version")))?;
        let list = statements.ok_or_else(|| root.refused(Reason::Missing("Statement")))?;
        let items = list.items()?;
        if items.is_empty() {
            return Err(list.refused(Reason::Empty));
        }
        let mut unbound = Vec::new();
        let parse = |node: &Node<'_>| Parts::read(node)?.check(kind, account, &mut unbound);
        let statements = items.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { kind, statements, unbound: unbound.into() })
    }

    /// Returns what the policy is attached to.
    pub const fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Returns the users and roles that are named but not bound, and the OIDC providers. A principal that is named twice is
    /// returned twice. The account is not returned.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalName> {
        let unbound = self.unbound.iter().filter_map(|error| match &error.reason {
            Reason::UnknownPrincipal(name) => Some(name),
            _ => None,
        });
        let trusted = self.statements.iter().flat_map(|statement| &statement.principals);
        unbound.chain(trusted.filter_map(|trusted| match trusted {
            Trusted::Named(name @ PrincipalName::OidcProvider(_)) => Some(name),
            _ => None,
        }))
    }

    /// Replaces the names of users and roles with their ids. `resolve` is not called for OIDC providers, which are identified by
    /// name.
    ///
    /// # Errors
    ///
    /// Returns an error for the first name for which `resolve` returns `None`, with its place.
    pub fn bind(
        mut self,
        mut resolve: impl FnMut(&PrincipalName) -> Option<PrincipalId>,
    ) -> Result<Self, PolicyError> {
        let mut unbound = std::mem::take(&mut self.unbound).into_iter();
        for trusted in self.statements.iter_mut().flat_map(|statement| &mut statement.principals) {
            let Trusted::Named(name @ (PrincipalName::User(_) | PrincipalName::Role(_))) = trusted else {
                continue;
            };
            let error = unbound.next().expect("each name has its error, in the same order");
            let id = resolve(name).ok_or(error)?;
            *trusted = match name {
                PrincipalName::User(_) => Trusted::User(id),
                _ => Trusted::Role(id),
            };
        }
        Ok(self)
    }

    /// Returns the users and roles that a Deny names. One that is named twice is returned twice.
    pub fn denied(&self) -> impl Iterator<Item = PrincipalId> {
        let denials = self.statements.iter().filter(|statement| statement.effect == Effect::Deny);
        denials.flat_map(|statement| &statement.principals).filter_map(|trusted| match trusted {
            Trusted::User(id) | Trusted::Role(id) => Some(*id),
            _ => None,
        })
    }

    /// Whether a statement allows every action on every resource without a condition.
    pub fn allows_everything(&self) -> bool {
        self.statements.iter().any(|statement| {
            statement.effect == Effect::Allow
                && statement.actions.is_everything()
                && statement.resources.contains(&Pattern::Any)
                && statement.conditions.is_empty()
        })
    }

    /// Whether any statement is a Deny.
    pub fn has_deny(&self) -> bool {
        self.statements.iter().any(|statement| statement.effect == Effect::Deny)
    }

    /// Returns the number of statements, at least 1.
    pub fn statement_count(&self) -> usize {
        self.statements.len()
    }
}

/// The members of a statement before they are checked together.
struct Parts<'a> {
    node: Node<'a>,
    effect: Option<Member<'a>>,
    action: Option<Member<'a>>,
    not_action: Option<Member<'a>>,
    resource: Option<Member<'a>>,
    principal: Option<Member<'a>>,
    condition: Option<Member<'a>>,
    sid: Option<Member<'a>>,
}

impl<'a> Parts<'a> {
    fn read(node: &Node<'a>) -> Result<Self, PolicyError> {
        let mut parts = Self {
            node: node.clone(),
            effect: None,
            action: None,
            not_action: None,
            resource: None,
            principal: None,
            condition: None,
            sid: None,
        };
        for member in node.members()? {
            let part = match &*member.name {
                "Effect" => &mut parts.effect,
                "Action" => &mut parts.action,
                "NotAction" => &mut parts.not_action,
                "Resource" => &mut parts.resource,
                "Principal" => &mut parts.principal,
                "Condition" => &mut parts.condition,
                "Sid" => &mut parts.sid,
                "NotResource" => return Err(member.refused(Reason::NotResource)),
                _ => return Err(unknown(&member)),
            };
            *part = Some(member);
        }
        Ok(parts)
    }

    fn check(
        self,
        kind: PolicyKind,
        account: &str,
        unbound: &mut Vec<PolicyError>,
    ) -> Result<Statement, PolicyError> {
        self.check_sid(kind)?;
        let effect = self.effect()?;
        let statement = Statement {
            effect,
            principals: self.principals(kind, account, effect, unbound)?,
            actions: self.actions(kind)?,
            resources: self.resources(kind)?,
            conditions: match &self.condition {
                Some(member) => Condition::parse_all(&member.value, kind)?.into(),
                None => Box::default(),
            },
            line: self.node.line(),
        };
        if let Some(claim) = statement.unrestricted_claim() {
            let principal = self.principal.as_ref().map_or(&self.node, |member| &member.value);
            return Err(principal.refused(Reason::UnrestrictedClaim(claim)));
        }
        Ok(statement)
    }

    fn check_sid(&self, kind: PolicyKind) -> Result<(), PolicyError> {
        let Some(sid) = &self.sid else { return Ok(()) };
        if !matches!(kind, PolicyKind::Key | PolicyKind::Secret) {
            return Err(sid.refused(Reason::Misplaced("Sid")));
        }
        let text = sid.value.string()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" _/+=.@-".contains(&byte);
        if text.len() > 128 || !text.bytes().all(allowed) {
            return Err(sid.value.refused(Reason::Sid(text)));
        }
        Ok(())
    }

    fn effect(&self) -> Result<Effect, PolicyError> {
        let value = &self.required(&self.effect, "Effect")?.value;
        match value.string()?.as_str() {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            other => Err(value.refused(Reason::Effect(other.to_owned()))),
        }
    }

    fn principals(
        &self,
        kind: PolicyKind,
        account: &str,
        effect: Effect,
        unbound: &mut Vec<PolicyError>,
    ) -> Result<Box<[Trusted]>, PolicyError> {
        if !kind.has_principals() {
            return match &self.principal {
                Some(member) => Err(member.refused(Reason::Misplaced("Principal"))),
                None => Ok(Box::default()),
            };
        }
        let node = &self.required(&self.principal, "Principal")?.value;
        let placed = principal::parse(node, kind, account, effect)?;
        let keep = |principal: principal::Placed| {
            unbound.extend(principal.unknown);
            principal.trusted
        };
        Ok(placed.into_iter().map(keep).collect())
    }

    fn actions(&self, kind: PolicyKind) -> Result<ActionList, PolicyError> {
        let member = match (&self.action, &self.not_action) {
            (Some(_), Some(not_action)) => return Err(not_action.refused(Reason::ActionAndNotAction)),
            (None, Some(not_action)) if kind.has_principals() => {
                return Err(not_action.refused(Reason::Misplaced("NotAction")));
            }
            (None, Some(not_action)) => not_action,
            (action, None) => self.required(action, "Action")?,
        };
        let action = |node: Node<'_>| {
            ActionPattern::parse(&node.string()?, kind.product()).map_err(|reason| node.refused(reason))
        };
        let patterns = member.value.one_or_more()?.into_iter().map(action).collect::<Result<_, _>>()?;
        Ok(ActionList { negated: self.not_action.is_some(), patterns })
    }

    fn resources(&self, kind: PolicyKind) -> Result<Box<[Pattern]>, PolicyError> {
        if kind == PolicyKind::Trust {
            return match &self.resource {
                Some(member) => Err(member.refused(Reason::Misplaced("Resource"))),
                None => Ok(Box::new([Pattern::Any])),
            };
        }
        let parse = |node: Node<'_>| {
            let text = node.string()?;
            match resource(&text) {
                Some(pattern) if pattern == Pattern::Any || !kind.has_principals() => Ok(pattern),
                Some(_) => Err(node.refused(Reason::ResourceNotAll(text))),
                None => Err(node.refused(Reason::Resource(text))),
            }
        };
        self.required(&self.resource, "Resource")?.value.one_or_more()?.into_iter().map(parse).collect()
    }

    fn required<'b>(
        &self,
        member: &'b Option<Member<'a>>,
        name: &'static str,
    ) -> Result<&'b Member<'a>, PolicyError> {
        member.as_ref().ok_or_else(|| self.node.refused(Reason::Missing(name)))
    }
}

impl Statement {
    /// Returns the token claim that the trust in an OIDC provider does not restrict. A provider such as a CI service issues
    /// tokens to all its customers, so without these conditions any of them could assume the role.
    fn unrestricted_claim(&self) -> Option<&'static str> {
        let is_provider =
            |trusted: &Trusted| matches!(trusted, Trusted::Named(PrincipalName::OidcProvider(_)));
        if self.effect == Effect::Deny || !self.principals.iter().any(is_provider) {
            return None;
        }
        let fixed = |key| self.conditions.iter().any(|condition| condition.fixes(&key));
        if !fixed(ConditionKey::OidcAudience) {
            Some("oidc:aud")
        } else if !fixed(ConditionKey::OidcSubject) {
            Some("oidc:sub")
        } else {
            None
        }
    }
}

fn check_version(node: &Node<'_>) -> Result<(), PolicyError> {
    let text = node.string()?;
    if text == "1" { Ok(()) } else { Err(node.refused(Reason::Version(text))) }
}

fn unknown(member: &Member<'_>) -> PolicyError {
    member.refused(Reason::UnknownMember(member.name.to_string()))
}

/// Parses `*` or an ARN. A `*` may replace several parts of the ARN, as in `acs:kms:*`.
fn resource(text: &str) -> Option<Pattern> {
    if text == "*" {
        return Some(Pattern::Any);
    }
    let parts = text.strip_prefix("acs:")?.split(':').count();
    (parts >= 4 || text.contains('*')).then(|| Pattern::new(text))
}
