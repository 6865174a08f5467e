//! The first gate: what a request may do to which resource, asked before it learns anything about the resource.
//!
//! A [`View`] finds keys, aliases and secrets by the names that requests use. It asks the [`Authorizer`] about each one,
//! and only then returns an [`Allowed`]. Nothing is written and no material is opened without one.

mod allowed;
mod inquiry;
mod listing;
mod resource;
#[cfg(test)]
mod tests;
mod view;

use bulla_wire::ContextParameter;
use bulla_wire::{Action, Product};

pub(crate) use self::allowed::Allowed;
pub(crate) use self::inquiry::Inquiry;
pub(crate) use self::listing::{Listing, Part};
pub(crate) use self::resource::{Container, Resource};
pub(crate) use self::view::{Aliases, Asked, SealedBlob, View};
use crate::origin::{Caller, Connection};
use crate::state::Snapshot;

/// Decides whether a caller may do something to a resource.
pub(crate) enum Authorizer {
    /// The account itself may do everything, and nobody else anything.
    Owner,
    #[cfg(test)]
    Test(Box<dyn Fn(&Query<'_>) -> bool + Send + Sync>),
}

impl Authorizer {
    /// Returns whether the caller has the permission. A change asks while it is decided, and meanwhile no other change can
    /// be: an authorizer must neither block nor call the engine, whose next change would wait for this one for ever.
    pub(crate) fn allows(&self, query: &Query<'_>) -> bool {
        match self {
            Self::Owner => match query.caller {
                Caller::Root { .. } | Caller::Owner => true,
                Caller::User { .. } | Caller::Session(_) | Caller::Unsigned => false,
            },
            #[cfg(test)]
            Self::Test(allows) => allows(query),
        }
    }
}

/// One question to the [`Authorizer`].
#[cfg_attr(not(test), expect(dead_code, reason = "the owner's rights depend on the caller alone"))]
pub(crate) struct Query<'q> {
    pub(crate) permission: Permission,
    pub(crate) resource: &'q Resource,
    pub(crate) caller: &'q Caller,
    pub(crate) connection: &'q Connection,
    /// Seconds since 1970.
    pub(crate) time: i64,
    pub(crate) encryption_context: Option<&'q ContextParameter>,
    /// The state in which the resource was looked for; in a change the one that it is decided on.
    pub(crate) snapshot: &'q Snapshot,
}

/// A right to do something, as policies name it: `kms:Decrypt`. Usually the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    product: Product,
    name: &'static str,
}

impl Permission {
    /// ReEncrypt reads a blob of this key.
    pub(crate) const RE_ENCRYPT_FROM: Self = Self { product: Product::Kms, name: "ReEncryptFrom" };
    /// ReEncrypt makes a blob of this key.
    pub(crate) const RE_ENCRYPT_TO: Self = Self { product: Product::Kms, name: "ReEncryptTo" };

    /// The permission to call an action.
    pub(crate) const fn of<A: Action>() -> Self {
        Self { product: A::PRODUCT, name: A::NAME }
    }
}
