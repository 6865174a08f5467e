//! Evaluates the policies that apply to a caller: those of the user and its groups, or those of the role and its session,
//! together with the policy of the resource.

use bulla_access::{
    self as access, Decision, Denial, Distinction, Explanation, Layers, Policy, Principal, Rule, covers_all,
    decide, distinction, explain,
};

use super::conditions::Conditions;
use super::verdict::Verdict;
use super::{Container, Permission, Query, Resource};
use crate::origin::Caller;
use crate::people::{Attachments, NameKey, Role};
use crate::state::Snapshot;

/// The policies of a caller, and the principal that the caller acts as.
pub(super) struct Rights<'q> {
    principal: Principal<'q>,
    session: Option<&'q Policy>,
    identity: Vec<&'q Policy>,
}

impl<'q> Rights<'q> {
    /// None for a caller that policies do not bind, or that no longer exists.
    pub(super) fn of(query: &Query<'q>) -> Option<Self> {
        let Query { caller, snapshot, .. } = query;
        match caller {
            Caller::User { id, .. } => {
                let user = &snapshot.user_by_id(*id)?.record;
                let mut identity = Vec::new();
                add_attached(&mut identity, &user.policies, snapshot)?;
                for membership in user.groups() {
                    let group = snapshot.group_by_id(membership.group)?;
                    add_attached(&mut identity, &group.record.policies, snapshot)?;
                }
                Some(Self { principal: Principal::User(*id), session: None, identity })
            }
            Caller::Session(session) => {
                let id = session.role().id;
                let mut identity = Vec::new();
                add_attached(&mut identity, &snapshot.role_by_id(id)?.record.policies, snapshot)?;
                Some(Self { principal: Principal::Role(id), session: session.policy.as_deref(), identity })
            }
            Caller::Unsigned => {
                let provider = query.facts.token?.provider;
                Some(Self { principal: Principal::Oidc(provider), session: None, identity: Vec::new() })
            }
            Caller::Root { .. } | Caller::Owner => None,
        }
    }

    /// Whether the caller has the permission for the resource; if it is missing, for everything that it could be. The
    /// existence of a role to be assumed is never revealed.
    pub(super) fn allow(&self, query: &Query<'q>) -> bool {
        self.verdict(query).is_allowed
    }

    /// Like [`Rights::allow`], with the statement that decided. A question about everything of a kind is not decided by a
    /// single statement.
    pub(super) fn verdict(&self, query: &Query<'q>) -> Verdict {
        match query.required_whole() {
            Some(_) if query.permission.is_to_assume() => Verdict::without_statement(false),
            Some(container) => Verdict::without_statement(self.cover(query, query.permission, container)),
            None => Verdict::from(self.decide(query)),
        }
    }

    /// Whether the caller has a permission for everything in a container, and no policy of a single resource denies it.
    pub(super) fn cover(&self, query: &Query<'q>, permission: Permission, container: Container) -> bool {
        let is_denied_one = match container {
            Container::Keys => query.snapshot.denies_a_key(self.principal),
            Container::Secrets => query.snapshot.denies_a_secret(self.principal),
            _ => false,
        };
        let below = container.prefix(query.home);
        let covers = |question: &access::Query<'_>| covers_all(self.session, &self.identity, question);
        !is_denied_one && self.ask(query, permission, &below, true, covers)
    }

    /// What the answer of the caller's policies can depend on, for two resources in a container.
    pub(super) fn distinction(&self, query: &Query<'q>, container: Container) -> Distinction {
        let below = container.prefix(query.home);
        let tell_apart = |question: &access::Query<'_>| distinction(self.session, &self.identity, question);
        self.ask(query, query.permission, &below, true, tell_apart)
    }

    /// Returns the decision of the caller's policies and that of the resource.
    pub(super) fn decide(&self, query: &Query<'q>) -> Decision {
        let arn = query.resource.arn(query.home);
        let (resource, rule) = policy_of_resource(query);
        let layers = Layers { session: self.session, identity: &self.identity, resource, rule };
        self.ask(query, query.permission, &arn, true, |question| decide(&layers, question))
    }

    /// Explains why the caller has the permission or not, consistent with [`Rights::allow`]. If the resource is outside of
    /// the container that the caller needs the permission for, such as an alias without a key, it explains the answer for the
    /// container.
    pub(super) fn explain(&self, query: &Query<'q>) -> Explanation {
        let arn = query.resource.arn(query.home);
        let whole = query.required_whole().filter(|whole| !arn.starts_with(&whole.prefix(query.home)));
        let arn = whole.map_or(arn, |whole| Resource::Every(whole).arn(query.home));
        let (resource, rule) = policy_of_resource(query);
        let layers = Layers { session: self.session, identity: &self.identity, resource, rule };
        let explanation =
            self.ask(query, query.permission, &arn, true, |question| explain(&layers, question));
        if self.allow(query) { explanation } else { explanation.not_on_all() }
    }

    /// Returns why the caller's own policies do not allow a permission for an ARN, whether or not the resource exists; none
    /// if they allow it.
    pub(super) fn lack(&self, query: &Query<'q>, permission: Permission, arn: &str) -> Option<Denial> {
        let layers =
            Layers { session: self.session, identity: &self.identity, resource: None, rule: Rule::Either };
        match self.ask(query, permission, arn, false, |question| decide(&layers, question)) {
            Decision::Allow(_) => None,
            Decision::Deny(denial) => Some(denial),
        }
    }

    fn ask<T>(
        &self,
        query: &Query<'q>,
        permission: Permission,
        arn: &str,
        sees_resource: bool,
        answer: impl FnOnce(&access::Query<'_>) -> T,
    ) -> T {
        let name = permission.to_string();
        let names = [&*name];
        let actions = match permission.synonyms() {
            [] => &names[..],
            synonyms => synonyms,
        };
        let context = &Conditions { query, sees_resource };
        answer(&access::Query { actions, resource: arn, principal: self.principal, context })
    }
}

/// Returns the policy of the resource, and how it combines with the caller's.
fn policy_of_resource<'q>(query: &Query<'q>) -> (Option<&'q Policy>, Rule) {
    let snapshot = query.snapshot;
    match query.resource {
        Resource::Key(id) => (snapshot.key_policy(*id), Rule::Either),
        Resource::Secret(name) => {
            let name = name.parse().ok();
            (name.and_then(|name| snapshot.secret_policy(&name)), Rule::Either)
        }
        Resource::Role(name) if query.permission.is_to_assume() => {
            let role = snapshot.get::<Role>(&NameKey::of(name));
            let rule = if *query.caller == Caller::Unsigned { Rule::Resource } else { Rule::Both };
            (role.map(|row| &**row.record.trust.policy()), rule)
        }
        _ => (None, Rule::Either),
    }
}

/// Returns none if a policy is missing, because it might contain a Deny.
fn add_attached<'s>(
    policies: &mut Vec<&'s Policy>,
    attached: &Attachments,
    snapshot: &'s Snapshot,
) -> Option<()> {
    for attachment in attached.iter() {
        policies.push(snapshot.policy(&attachment.policy)?);
    }
    Some(())
}
