//! One question to the authorizer.

use bulla_keys::Tags;
use bulla_wire::ContextParameter;

use super::{Container, Permission, Resource};
use crate::home::Home;
use crate::origin::{Caller, Connection};
use crate::state::Snapshot;

/// One question to the [`Authorizer`](super::Authorizer).
#[derive(Clone, Copy)]
pub(crate) struct Query<'q> {
    pub(crate) permission: Permission,
    pub(crate) resource: &'q Resource,
    /// What the resource was looked for in and is missing from. Only a caller who has the permission for everything in there
    /// may learn that it does not exist.
    pub(crate) missing_from: Option<Container>,
    pub(crate) caller: &'q Caller,
    pub(crate) connection: &'q Connection,
    /// The believed time, in seconds since 1970.
    pub(crate) time: i64,
    pub(crate) facts: Facts<'q>,
    /// The state in which the resource was looked for; in a change the one that it is decided on.
    pub(crate) snapshot: &'q Snapshot,
    /// What ARNs begin with here.
    pub(crate) home: &'q Home,
}

/// What a request says that the conditions of policies are about.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts<'v> {
    pub(crate) encryption_context: Option<&'v ContextParameter>,
    /// The algorithm of a key pair, as the request names it.
    pub(crate) algorithm: Option<&'v str>,
    /// The tags that the request gives to the resource.
    pub(crate) tags: Option<&'v Tags>,
    /// The ExternalId of AssumeRole.
    pub(crate) external_id: Option<&'v str>,
    /// The verified token of AssumeRoleWithOIDC.
    pub(crate) token: Option<TokenFacts<'v>>,
}

/// What a verified OIDC token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenFacts<'v> {
    /// The provider, by its name in the configuration.
    pub(crate) provider: &'v str,
    pub(crate) issuer: &'v str,
    pub(crate) audiences: &'v [&'v str],
    pub(crate) subject: &'v str,
}

impl Query<'_> {
    /// What the caller has to have the permission for all of, if one resource is not enough: all of a kind are asked about,
    /// or the one that is asked about is missing.
    pub(super) fn required_whole(&self) -> Option<Container> {
        match self.resource {
            Resource::Every(container) => Some(*container),
            _ => self.missing_from,
        }
    }
}
