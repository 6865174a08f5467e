//! One question to the authorizer.

use bulla_keys::Tags;
use bulla_wire::ContextParameter;

use super::{Container, Permission, Resource};
use crate::home::Home;
use crate::origin::{Caller, Connection};
use crate::state::Snapshot;

/// One question to the [`Authorizer`](super::Authorizer).
#[allow(dead_code, reason = "the owner's rights depend on the caller alone")]
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
#[allow(dead_code, reason = "the owner's rights depend on the caller alone")]
pub(crate) struct Facts<'v> {
    pub(crate) encryption_context: Option<&'v ContextParameter>,
    /// The algorithm of a key pair, as the request names it.
    pub(crate) algorithm: Option<&'v str>,
    /// The tags that the request gives to the resource.
    pub(crate) tags: Option<&'v Tags>,
}
