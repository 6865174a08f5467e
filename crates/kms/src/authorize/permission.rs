//! A permission: the name of what policies allow and deny.

use std::fmt;

use bulla_wire::{Action, Product};

use crate::policy_action::{PolicyAction, PolicyProduct};

/// A permission in the form of policies: `kms:Decrypt`. Usually it has the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(super) product: PolicyProduct,
    pub(super) name: &'static str,
}

impl Permission {
    /// Reading a blob of this key with ReEncrypt.
    pub(crate) const RE_ENCRYPT_FROM: Self = Self::of_kms("ReEncryptFrom");
    /// Creating a blob of this key with ReEncrypt.
    pub(crate) const RE_ENCRYPT_TO: Self = Self::of_kms("ReEncryptTo");
    /// Searching the audit trail.
    pub(crate) const LOOK_UP_EVENTS: Self =
        Self { product: PolicyProduct::ActionTrail, name: "LookupEvents" };
    /// Reading quotas and limits, and their usage.
    pub(crate) const READ_QUOTAS: Self = Self::of_kms("GetKmsInstanceQuotaInfos");
    /// Reading the state of scheduled backups.
    pub(crate) const READ_BACKUPS: Self = Self::of_kms("DescribeBackups");

    const fn of_kms(name: &'static str) -> Self {
        Self { product: PolicyProduct::Served(Product::Kms), name }
    }

    /// The permission to call an action.
    pub(crate) const fn of<A: Action>() -> Self {
        Self { product: PolicyProduct::Served(A::PRODUCT), name: A::NAME }
    }

    /// The permission that policies name like this action.
    pub(crate) fn of_policy(action: PolicyAction) -> Self {
        Self { product: action.product, name: action.name }
    }

    /// The permission with this name: that of an action, or one that belongs to no action. None if the product has no such one.
    pub(crate) fn named(product: Product, name: &str) -> Option<Self> {
        let product = PolicyProduct::Served(product);
        let name = PolicyAction::names(product).find(|existing| *existing == name)?;
        Some(Self { product, name })
    }

    /// The product whose error a denial has: KMS for a product that is not served.
    pub(super) fn refusing_product(self) -> Product {
        self.product.served().unwrap_or(Product::Kms)
    }

    /// The parameters of the action with the permission's name.
    pub(super) fn parameters(self) -> &'static [&'static str] {
        let of_product = |product: Product| product.parameters(self.name);
        self.product.served().and_then(of_product).unwrap_or_default()
    }

    /// Other names of the permission in policies. An Allow for any of the names is enough, and so is a Deny.
    pub(super) fn synonyms(self) -> &'static [&'static str] {
        bulla_access::synonyms(self.product.prefix(), self.name)
    }

    /// Whether it belongs to ReEncrypt.
    pub(super) fn is_to_re_encrypt(self) -> bool {
        [Self::RE_ENCRYPT_FROM, Self::RE_ENCRYPT_TO].contains(&self)
    }

    /// Whether it is the permission to assume a role, which the role must grant as well.
    pub(super) fn is_to_assume(self) -> bool {
        self.product == PolicyProduct::Served(Product::Sts)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.product.prefix(), self.name)
    }
}
