//! One question to the authorizer: may this caller, in this request, use this permission on this resource? (The queries of
//! the console are in `queries.rs`.)

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
    /// If the resource does not exist: the container in which it was searched. Only a caller with the permission for
    /// everything in the container may learn that.
    pub(crate) missing_from: Option<Container>,
    pub(crate) caller: &'q Caller,
    pub(crate) connection: &'q Connection,
    /// The believed time, in seconds since 1970.
    pub(crate) time: i64,
    pub(crate) facts: Facts<'q>,
    /// The state in which the resource was searched; in a change, the state that the change is decided on.
    pub(crate) snapshot: &'q Snapshot,
    /// The beginning of local ARNs.
    pub(crate) home: &'q Home,
}

/// Facts in a request that conditions of policies refer to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts<'v> {
    pub(crate) encryption_context: Option<&'v ContextParameter>,
    /// The algorithm of a key pair that the request names.
    pub(crate) algorithm: Option<&'v str>,
    /// The tags that the request sets on the resource.
    pub(crate) tags: Option<&'v Tags>,
    /// The ExternalId of AssumeRole.
    pub(crate) external_id: Option<&'v str>,
    /// The verified token of AssumeRoleWithOIDC.
    pub(crate) token: Option<TokenFacts<'v>>,
}

/// The content of a verified OIDC token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenFacts<'v> {
    /// The name of the provider in the configuration.
    pub(crate) provider: &'v str,
    pub(crate) issuer: &'v str,
    pub(crate) audiences: &'v [&'v str],
    pub(crate) subject: &'v str,
}

impl Query<'_> {
    /// The container for which the caller needs the whole permission, because the request concerns everything in it, or
    /// because the resource is missing.
    pub(super) fn required_whole(&self) -> Option<Container> {
        match self.resource {
            Resource::Every(container) => Some(*container),
            _ => self.missing_from,
        }
    }
}
