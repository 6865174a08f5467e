//! The actions that policies decide about: what `bulla policy explain` and the console can be asked about, and what a request
//! needs besides the permission with the name of its action.

use bulla_wire::Product;

/// An action, as policies name it: `kms:Decrypt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyAction {
    /// The product, which is the first part of the name.
    pub product: Product,
    /// The rest of the name.
    pub name: &'static str,
}

/// Why no policy decides about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPolicyAction {
    /// The text names no product, as `kms:` does.
    NoProduct,
    /// The product is not one of a KMS.
    UnknownProduct,
    /// The product has no such action.
    Unknown(Product),
    /// `kms:ReEncrypt`, which needs `kms:ReEncryptFrom` and `kms:ReEncryptTo`.
    FromAndTo,
    /// `kms:BatchGetSecretValue`, which needs `kms:GetSecretValue` on each secret.
    EachSecret,
    /// Every caller with a valid signature may call it.
    EveryCaller,
    /// `sts:AssumeRoleWithOIDC`, which no user or role calls.
    TrustAlone,
}

/// What a request needs besides the permission for the resource that it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlsoNeeded {
    /// The permission for the alias and for its key.
    AliasAndKey,
    /// The permission for the alias, for the key that it gets and for the key that it has.
    AliasAndBothKeys,
    /// `kms:Decrypt` on the key of the secret, if it is a key of the account.
    DecryptBySecretKey,
    /// `kms:GenerateDataKey` on the key of the secret, if it is a key of the account.
    GenerateBySecretKey,
    /// The permission for the user and for the group.
    UserAndGroup,
    /// The permission for the user and for the MFA device.
    UserAndDevice,
    /// The permission for the next name, if the user or group is renamed.
    NextName,
    /// The permission for the policy and for the user, group or role.
    PolicyAndHolder,
}

impl PolicyAction {
    /// The action with this name, if a permission has its name.
    ///
    /// # Errors
    /// [`NoPolicyAction`].
    pub fn parse(text: &str) -> Result<Self, NoPolicyAction> {
        let (product, name) = text.split_once(':').ok_or(NoPolicyAction::NoProduct)?;
        let product = Product::ALL.iter().copied().find(|known| prefix(*known) == product);
        let product = product.ok_or(NoPolicyAction::UnknownProduct)?;
        if let Some((_, why)) = NO_PERMISSIONS.iter().find(|(action, _)| *action == text) {
            return Err(*why);
        }
        let known = Self::names(product).find(|known| *known == name);
        known.map(|name| Self { product, name }).ok_or(NoPolicyAction::Unknown(product))
    }

    /// All actions that policies decide about.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_product = |product: &Product| {
            let product = *product;
            Self::names(product).map(move |name| Self { product, name })
        };
        let is_permission = |action: &Self| {
            let is_it = |name: &str| name.split_once(':') == Some((prefix(action.product), action.name));
            !NO_PERMISSIONS.iter().any(|(name, _)| is_it(name))
        };
        Product::ALL.iter().flat_map(of_product).filter(is_permission)
    }

    /// The names of a product's actions, and of permissions that are not actions.
    pub fn names(product: Product) -> impl Iterator<Item = &'static str> {
        let permissions = RE_ENCRYPT.iter().filter(move |_| product == Product::Kms);
        product.actions().iter().chain(permissions).copied()
    }

    /// The one resource of an action that is about no single key, secret, user, group, role or policy: the end of its ARN, `*`
    /// for an action without a resource, or [`PolicyAction::ACCOUNT`].
    #[must_use]
    pub fn only_resource(self) -> Option<&'static str> {
        Some(match (self.product, self.name) {
            (Product::Kms, "CreateKey" | "ListKeys") => "key",
            (Product::Kms, "CreateSecret" | "ListSecrets") => "secret",
            (Product::Kms, "ListAliases") => "alias",
            (Product::Kms, "GetRandomPassword" | "GetKeyDefaultPolicy") => "*",
            (Product::Ram, "CreateUser" | "ListUsers") => "user/*",
            (Product::Ram, "CreateGroup" | "ListGroups") => "group/*",
            (Product::Ram, "CreateRole" | "ListRoles") => "role/*",
            (Product::Ram, "CreateVirtualMFADevice" | "ListVirtualMFADevices") => "mfa/*",
            (Product::Ram, "CreatePolicy" | "ListPolicies") => "policy/*",
            (Product::Ram, "SetAccountAlias" | "GetAccountAlias" | "ClearAccountAlias") => Self::ACCOUNT,
            _ => return None,
        })
    }

    /// What a request needs besides this action on the resource.
    #[must_use]
    pub fn also_needed(self) -> Option<AlsoNeeded> {
        Some(match (self.product, self.name) {
            (Product::Kms, "CreateAlias" | "DeleteAlias") => AlsoNeeded::AliasAndKey,
            (Product::Kms, "UpdateAlias") => AlsoNeeded::AliasAndBothKeys,
            (Product::Kms, "GetSecretValue") => AlsoNeeded::DecryptBySecretKey,
            (Product::Kms, "PutSecretValue" | "CreateSecret") => AlsoNeeded::GenerateBySecretKey,
            (Product::Ram, "AddUserToGroup" | "RemoveUserFromGroup") => AlsoNeeded::UserAndGroup,
            (Product::Ram, "BindMFADevice") => AlsoNeeded::UserAndDevice,
            (Product::Ram, "UpdateUser" | "UpdateGroup") => AlsoNeeded::NextName,
            (Product::Ram, name) if name.contains("PolicyTo") || name.contains("PolicyFrom") => {
                AlsoNeeded::PolicyAndHolder
            }
            _ => return None,
        })
    }

    /// Whether it is the one to assume a role, which the role has to allow too, and which root has not.
    #[must_use]
    pub fn is_to_assume(self) -> bool {
        self.product == Product::Sts && self.name == "AssumeRole"
    }

    /// Stands for the account itself among resources.
    pub const ACCOUNT: &str = "the account";
}

impl std::fmt::Display for PolicyAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", prefix(self.product), self.name)
    }
}

/// The product, as policies write it.
pub(crate) const fn prefix(product: Product) -> &'static str {
    match product {
        Product::Kms => "kms",
        Product::Ram => "ram",
        Product::Sts => "sts",
    }
}

/// The permissions that ReEncrypt needs; no action has their names.
const RE_ENCRYPT: [&str; 2] = ["ReEncryptFrom", "ReEncryptTo"];

/// Actions that have no permission of their name, and why.
const NO_PERMISSIONS: [(&str, NoPolicyAction); 7] = [
    ("kms:ReEncrypt", NoPolicyAction::FromAndTo),
    ("kms:BatchGetSecretValue", NoPolicyAction::EachSecret),
    ("kms:DescribeRegions", NoPolicyAction::EveryCaller),
    ("kms:DescribeAccountKmsStatus", NoPolicyAction::EveryCaller),
    ("kms:OpenKmsService", NoPolicyAction::EveryCaller),
    ("sts:GetCallerIdentity", NoPolicyAction::EveryCaller),
    ("sts:AssumeRoleWithOIDC", NoPolicyAction::TrustAlone),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_their_names() {
        let parsed = |text| PolicyAction::parse(text).map(|action| (action.product, action.name));
        assert_eq!(parsed("kms:Decrypt"), Ok((Product::Kms, "Decrypt")));
        assert_eq!(parsed("kms:ReEncryptTo"), Ok((Product::Kms, "ReEncryptTo")));
        for (text, why) in [
            ("Decrypt", NoPolicyAction::NoProduct),
            ("oss:GetObject", NoPolicyAction::UnknownProduct),
            ("kms:Decript", NoPolicyAction::Unknown(Product::Kms)),
            ("ram:decrypt", NoPolicyAction::Unknown(Product::Ram)),
        ]
        .into_iter()
        .chain(NO_PERMISSIONS)
        {
            assert_eq!(parsed(text), Err(why), "{text}");
        }
    }

    #[test]
    fn the_tables_have_actions_that_there_are() {
        for (text, _) in NO_PERMISSIONS {
            let (product, name) = text.split_once(':').unwrap();
            let product = Product::ALL.iter().find(|known| prefix(**known) == product).unwrap();
            assert!(product.actions().contains(&name), "{text}");
        }
        let all: Vec<_> = PolicyAction::all().collect();
        assert_eq!(all.iter().filter(|action| action.only_resource().is_some()).count(), 20);
        assert_eq!(all.iter().filter(|action| action.also_needed().is_some()).count(), 17);
        let count: usize = Product::ALL.iter().map(|product| product.actions().len()).sum();
        assert_eq!(all.len(), count + RE_ENCRYPT.len() - NO_PERMISSIONS.len());
        assert!(all.iter().all(|action| PolicyAction::parse(&action.to_string()) == Ok(*action)));
    }
}
