//! What policies allow and deny.

use bulla_wire::{Action, Product};

/// A right to do something, as policies name it: `kms:Decrypt`. Usually the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(super) product: Product,
    pub(super) name: &'static str,
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
