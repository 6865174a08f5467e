//! What policies allow and deny.

use std::fmt;

use bulla_wire::{Action, Product};

use crate::policy_action::{PolicyAction, prefix};

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

    /// The permission that policies name so.
    pub(crate) fn of_policy(action: PolicyAction) -> Self {
        Self { product: action.product, name: action.name }
    }

    /// The permission to call the action of this name; none if the product has no such action.
    pub(crate) fn named(product: Product, action: &str) -> Option<Self> {
        let name = product.actions().iter().find(|name| **name == action)?;
        Some(Self { product, name })
    }

    /// Other names that policies have for the permission. It is allowed if it is by one of its names, and denied if it is by
    /// one.
    pub(super) fn synonyms(self) -> &'static [&'static str] {
        bulla_access::synonyms(prefix(self.product), self.name)
    }

    /// Whether ReEncrypt needs it.
    pub(super) fn is_to_re_encrypt(self) -> bool {
        [Self::RE_ENCRYPT_FROM, Self::RE_ENCRYPT_TO].contains(&self)
    }

    /// Whether it is the one to assume a role, which the role has to give as well.
    pub(super) fn is_to_assume(self) -> bool {
        self.product == Product::Sts
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", prefix(self.product), self.name)
    }
}
