//! Hypothetical requests: whether a request of another user or role would be allowed, and why. The console
//! shows it.
//!
//! Nothing is decided here: the hypothetical request passes the same view and authorizer as a real one, and each check is
//! recorded with its explanation. A caller may ask only about users and roles whose policies the caller may read, and about
//! resources whose policies and tags the caller may read. So the answer reveals nothing beyond what those actions return.

use std::collections::BTreeSet;

use bulla_access::{
    ConditionKey, Context, Decision, Denial, Explanation, Layer, Missing, StatementPosition, depends_on,
};
use bulla_wire::kms::{DescribeKey, DescribeSecret, GetKeyPolicy, GetSecretPolicy, ListResourceTags};
use bulla_wire::ram::{
    GetGroup, GetPolicy, GetRole, GetUser, ListGroupsForUser, ListPoliciesForGroup, ListPoliciesForRole,
    ListPoliciesForUser, ListTagResources, ListVirtualMFADevices,
};
use bulla_wire::{ContextParameter, Error};

use super::conditions::Conditions;
use super::rights::Rights;
use super::{Allowed, Container, Inquiry, Permission, PolicySource, Query, View};
use crate::clock::Times;
use crate::origin::Origin;
use crate::people::{Attachments, PolicyRef, Role, User};
use crate::queries::On;
use crate::state::Row;

/// A user or role whose hypothetical request is explained.
#[derive(Clone, Copy)]
pub(crate) enum Supposed<'v> {
    User(&'v User),
    Role(&'v Role),
}

/// A hypothetical request: its sender, its resource and its parameters.
pub(crate) struct Supposition<'s> {
    pub(crate) origin: Origin,
    /// The time of the request, in seconds since 1970. Default: now.
    pub(crate) time: Option<i64>,
    pub(crate) permission: Permission,
    pub(crate) on: On<'s>,
    pub(crate) encryption_context: Option<&'s ContextParameter>,
    pub(crate) external_id: Option<&'s str>,
}

/// A permission check of a hypothetical request, and why it is allowed or denied.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedQuestion {
    /// The permission, such as `kms:Decrypt`.
    pub permission: String,
    /// The ARN of the resource, as policies match it.
    pub resource: String,
    /// Whether there is no such resource, so that the permission for all of the kind is needed.
    pub is_missing: bool,
    /// The answer of the authorizer.
    pub is_allowed: bool,
    /// The result of each statement about the action; the decision is [`ExplainedQuestion::is_allowed`].
    pub explanation: Explanation,
    /// The policies of the user or role, in the order in which the explanation counts them.
    pub identity: Vec<PolicySource>,
    /// The policy of the resource, if it has one that takes part in the decision.
    pub of_resource: Option<PolicySource>,
    /// Condition keys without a value in the hypothetical request that could change the answer.
    pub depends_on: BTreeSet<ConditionKey>,
}

impl<'v> View<'v> {
    /// Returns the user with this name, if the caller may read all of the user's policies.
    ///
    /// # Errors
    /// NoPermission, as for all functions below; EntityNotExist.User.
    pub(crate) fn supposed_user(&self, name: &str) -> Result<Allowed<Supposed<'v>>, Error> {
        let user = self.with_permission(Permission::of::<ListPoliciesForUser>()).user(name)?;
        self.with_permission(Permission::of::<ListGroupsForUser>()).user(name)?;
        self.read_attached(&user.record.policies)?;
        for (group, _) in self.groups_of(&user) {
            self.with_permission(Permission::of::<ListPoliciesForGroup>())
                .group(group.record.name.as_str())?;
            self.read_attached(&group.record.policies)?;
        }
        let row: &'v Row<User> = *user;
        Ok(Allowed::new(Supposed::User(&row.record)))
    }

    /// Returns the role with this name, if the caller may read all of its policies.
    ///
    /// # Errors
    /// EntityNotExist.Role.
    pub(crate) fn supposed_role(&self, name: &str) -> Result<Allowed<Supposed<'v>>, Error> {
        let role = self.with_permission(Permission::of::<ListPoliciesForRole>()).role(name)?;
        self.read_attached(&role.record.policies)?;
        let row: &'v Row<Role> = *role;
        Ok(Allowed::new(Supposed::Role(&row.record)))
    }

    /// Returns the checks of a hypothetical request, in order. Like a real request, it ends with the first denied check.
    ///
    /// # Errors
    /// The denial of a caller who may not read the policies and tags of the resource.
    pub(crate) fn suppose(
        &self,
        _who: &Allowed<Supposed<'v>>,
        supposition: &Supposition<'_>,
    ) -> Result<Vec<ExplainedQuestion>, Error> {
        self.read_resource(supposition.permission, supposition.on)?;
        let times = self.inquiry.times();
        let times = Times { believed: supposition.time.unwrap_or(times.believed), ..times };
        let inquiry = Inquiry::of_supposition(self.inquiry.kms, &supposition.origin, times);
        let view = View::new(self.snapshot, &inquiry, supposition.permission)
            .with_context(supposition.encryption_context)
            .with_external_id(supposition.external_id);
        // The last check has the answer; errors other than denials do not concern policies.
        drop(view.ask_on(supposition.on));
        Ok(inquiry.into_explained())
    }

    /// Checks that the caller may read policies. System policies are public.
    fn read_attached(&self, attached: &Attachments) -> Result<(), Error> {
        let view = self.with_permission(Permission::of::<GetPolicy>());
        for attachment in attached.iter() {
            if let PolicyRef::Custom(name) = &attachment.policy {
                view.custom_policy(name.as_str())?;
            }
        }
        Ok(())
    }

    /// Checks that the caller may read everything that an answer about a resource depends on and therefore reveals: its
    /// existence, the key of an alias or secret, its tags and its policy.
    fn read_resource(&self, permission: Permission, on: On<'_>) -> Result<(), Error> {
        match on {
            On::Anything | On::Keys | On::Aliases | On::Secrets | On::Account => Ok(()),
            On::Users | On::Groups | On::Roles | On::Policies | On::SystemPolicy(_) => Ok(()),
            On::AllKeys => {
                self.with_permission(Permission::of::<GetKeyPolicy>()).every(Container::Keys).map(drop)
            }
            On::AllSecrets => {
                self.with_permission(Permission::of::<GetSecretPolicy>()).every(Container::Secrets).map(drop)
            }
            On::Key(name) | On::Alias(name) => {
                READ_KEY.iter().try_for_each(|read| self.with_permission(*read).ask_key(name).map(drop))
            }
            On::Secret(name) => self.read_secret(permission, name),
            On::MfaDevices => Ok(()),
            On::MfaDevice(_) => {
                let view = self.with_permission(Permission::of::<ListVirtualMFADevices>());
                view.every(Container::MfaDevices).map(drop)
            }
            On::User(name) => self.with_permission(Permission::of::<GetUser>()).ask_user(name).map(drop),
            On::Group(name) => self.with_permission(Permission::of::<GetGroup>()).ask_group(name).map(drop),
            On::Role(name) => [Permission::of::<GetRole>(), Permission::of::<ListTagResources>()]
                .iter()
                .try_for_each(|read| self.with_permission(*read).ask_role(name).map(drop)),
            On::Policy(name) => [Permission::of::<GetPolicy>(), Permission::of::<ListTagResources>()]
                .iter()
                .try_for_each(|read| self.with_permission(*read).ask_custom_policy(name).map(drop)),
        }
    }

    fn read_secret(&self, permission: Permission, name: &str) -> Result<(), Error> {
        drop(self.with_permission(Permission::of::<GetSecretPolicy>()).ask_secret(name)?);
        let view = self.with_permission(Permission::of::<DescribeSecret>());
        let Ok(secret) = view.ask_secret(name)? else { return Ok(()) };
        if permission.on_key_of_secret().is_none() {
            return Ok(());
        }
        READ_KEY.iter().try_for_each(|read| view.key_of(&secret, *read).map(drop))
    }
}

/// The permissions that together reveal everything about a key that a decision depends on.
const READ_KEY: [Permission; 3] =
    [Permission::of::<DescribeKey>(), Permission::of::<GetKeyPolicy>(), Permission::of::<ListResourceTags>()];

impl ExplainedQuestion {
    pub(super) fn new(query: &Query<'_>, is_allowed: bool) -> Self {
        let explanation = match Rights::of(query) {
            Some(rights) => rights.explain(query),
            None => without_rights(),
        };
        let unknown = unknown(query, &explanation);
        Self {
            permission: query.permission.to_string(),
            resource: query.resource.arn(query.home),
            is_missing: query.missing_from.is_some(),
            is_allowed,
            depends_on: depends_on(&explanation, &unknown),
            explanation,
            identity: PolicySource::of_identity(query),
            of_resource: PolicySource::of_resource(query),
        }
    }

    /// Returns the policy that contains a statement of the explanation.
    #[must_use]
    pub fn policy(&self, source: StatementPosition) -> Option<&PolicySource> {
        match source.layer {
            Layer::Session => Some(&PolicySource::Session),
            Layer::Identity => self.identity.get(source.policy),
            Layer::Resource => self.of_resource.as_ref(),
        }
    }
}

/// Returns the denial of a user or role with an attached policy that no longer exists, because it might contain a Deny.
fn without_rights() -> Explanation {
    let lacking = Layer::Identity;
    Explanation {
        decision: Decision::Deny(Denial::Implicit(lacking)),
        statements: Vec::new(),
        missing: vec![Missing::Allow(lacking)],
    }
}

/// Returns the condition keys that a real request would have, and the hypothetical one leaves open.
fn unknown(query: &Query<'_>, explanation: &Explanation) -> BTreeSet<ConditionKey> {
    let parameters = query.permission.parameters();
    let brings = |names: &[&str]| names.iter().any(|name| parameters.contains(name));
    let conditions = Conditions { query, sees_resource: true };
    let is_open = |key: &ConditionKey| match key {
        ConditionKey::SourceIp => query.connection.source.is_none(),
        ConditionKey::EncryptionContext(_) => {
            query.facts.encryption_context.is_none()
                && (brings(&["EncryptionContext"]) || query.permission.is_to_re_encrypt())
        }
        ConditionKey::EncryptionAlgorithm => {
            (brings(&["Algorithm"]) || query.permission.is_to_re_encrypt()) && conditions.value(key).is_none()
        }
        ConditionKey::RequestTag(_) => brings(&["Tags", "Tag"]),
        ConditionKey::ExternalId => query.permission.is_to_assume() && query.facts.external_id.is_none(),
        _ => false,
    };
    let keys = explanation.statements.iter().flat_map(|statement| &statement.keys);
    keys.filter(|key| is_open(key)).cloned().collect()
}
