//! The creator of a key, an alias or a secret.

use minicbor::{Decode, Encode};

/// The user or program that created a record, under the name that the engine gives to it. A record has none if it is older than
/// version 6 of the store, or if the owner of an embedded store created it.
///
/// This differs from the `creator` of a key, which is the account, as the API specifies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Maker(#[n(0)] Box<str>);

impl Maker {
    /// Creates a maker with this name.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
