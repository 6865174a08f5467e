//! Who made a key, an alias or a secret.

use minicbor::{Decode, Encode};

/// The user or program that made a record, by a name that the engine gives to it. Records of before version 6 of the store,
/// and those that the owner of an embedded store makes, have none.
///
/// `creator` of a key is another thing: the account, as the API wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Maker(#[n(0)] Box<str>);

impl Maker {
    /// The maker of this name.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
