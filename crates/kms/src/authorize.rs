//! The first gate: whether a caller may do what the request says.

use std::ops::Deref;

use bulla_wire::{Action, Error};

use crate::origin::{Caller, Origin};

/// A request that its caller may make. Every action takes one, and only this module makes them; the store
/// commits only with one.
pub(crate) struct Allowed<A> {
    request: A,
}

/// Lets a request pass, if its caller may make it.
///
/// # Errors
/// Forbidden.NoPermission. The owner of the account may do everything, and there is nobody else yet.
pub(crate) fn authorize<A: Action>(origin: &Origin, request: A) -> Result<Allowed<A>, Error> {
    match origin.caller {
        Caller::Root { .. } | Caller::Owner => Ok(Allowed { request }),
    }
}

impl<A> Deref for Allowed<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.request
    }
}
