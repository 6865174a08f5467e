//! The actions that policies decide about, as `bulla policy explain` and the console offer them, and what a request needs
//! besides the permission named after its action.

use bulla_wire::Product;

/// An action, in the form of policies: `kms:Decrypt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyAction {
    /// The product: the first part of the name.
    pub product: PolicyProduct,
    /// The rest of the name.
    pub name: &'static str,
}

/// A product, in the form of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyProduct {
    /// A product whose actions are served.
    Served(Product),
    /// ActionTrail. Its actions are not served, but searching the audit trail needs its permission to look up events.
    ActionTrail,
}

/// Why policies do not decide about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPolicyAction {
    /// The text has no product, such as `kms:`.
    NoProduct,
    /// The product is not one of a KMS.
    UnknownProduct,
    /// The product has no such action.
    Unknown(PolicyProduct),
    /// `kms:ReEncrypt`, which needs `kms:ReEncryptFrom` and `kms:ReEncryptTo`.
    FromAndTo,
    /// `kms:BatchGetSecretValue`, which needs `kms:GetSecretValue` on each secret.
    EachSecret,
    /// `kms:DescribeKeyUses`, which needs `kms:DescribeKey`.
    DescribeKey,
    /// `kms:DescribeKeyBackups`, which needs `kms:DescribeKey` and `kms:DescribeBackups`.
    DescribeKeyAndBackups,
    /// Every caller with a valid signature is allowed to call it.
    EveryCaller,
    /// `sts:AssumeRoleWithOIDC`, which no user or role calls; the trust policy alone decides.
    TrustAlone,
}

/// What a request needs besides the permission for its own resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlsoNeeded {
    /// The permission for the alias and for its key.
    AliasAndKey,
    /// The permission for the alias, for its new key and for its current key.
    AliasAndBothKeys,
    /// `kms:Decrypt` on the key of the secret, if it is a key of the account.
    DecryptBySecretKey,
    /// `kms:GenerateDataKey` on the key of the secret, if it is a key of the account.
    GenerateBySecretKey,
    /// The permission for the user and for the group.
    UserAndGroup,
    /// The permission for the user and for the MFA device.
    UserAndDevice,
    /// The permission for the new name, if the user or group is renamed.
    NextName,
    /// The permission for the policy and for the user, group or role.
    PolicyAndHolder,
}

impl PolicyAction {
    /// Returns the action with this name, if there is a permission with that name.
    ///
    /// # Errors
    /// [`NoPolicyAction`].
    pub fn parse(text: &str) -> Result<Self, NoPolicyAction> {
        let (product, name) = text.split_once(':').ok_or(NoPolicyAction::NoProduct)?;
        let product = PolicyProduct::all().find(|candidate| candidate.prefix() == product);
        let product = product.ok_or(NoPolicyAction::UnknownProduct)?;
        if let Some((_, why)) = NO_PERMISSIONS.iter().find(|(action, _)| *action == text) {
            return Err(*why);
        }
        let found = Self::names(product).find(|candidate| *candidate == name);
        found.map(|name| Self { product, name }).ok_or(NoPolicyAction::Unknown(product))
    }

    /// Returns all actions that policies decide about.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_product =
            |product: PolicyProduct| Self::names(product).map(move |name| Self { product, name });
        let is_permission = |action: &Self| {
            let is_it = |name: &str| name.split_once(':') == Some((action.product.prefix(), action.name));
            !NO_PERMISSIONS.iter().any(|(name, _)| is_it(name))
        };
        PolicyProduct::all().flat_map(of_product).filter(is_permission)
    }

    /// Returns the names of a product's actions, and of permissions that are not actions.
    pub fn names(product: PolicyProduct) -> impl Iterator<Item = &'static str> {
        let actions = product.served().map(Product::actions).unwrap_or_default();
        let permissions = PERMISSIONS.iter().filter(move |(of, _)| *of == product).map(|(_, name)| *name);
        actions.iter().copied().chain(permissions)
    }

    /// The only resource of an action that does not concern a single key, secret, user, group, role or policy: the end of its
    /// ARN, `*` for an action without a resource, or [`PolicyAction::ACCOUNT`].
    #[must_use]
    pub fn only_resource(self) -> Option<&'static str> {
        let Some(product) = self.product.served() else { return Some("*") };
        Some(match (product, self.name) {
            (Product::Kms, "CreateKey" | "ListKeys") => "key",
            (Product::Kms, "CreateSecret" | "ListSecrets") => "secret",
            (Product::Kms, "ListAliases") => "alias",
            (Product::Kms, "GetRandomPassword" | "GetKeyDefaultPolicy") => "*",
            (Product::Kms, "GetKmsInstanceQuotaInfos" | "DescribeBackups") => "*",
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
        Some(match (self.product.served()?, self.name) {
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

    /// Whether it is the action of assuming a role. The role must allow it too, and root cannot perform it.
    #[must_use]
    pub fn is_to_assume(self) -> bool {
        self.product == PolicyProduct::Served(Product::Sts) && self.name == "AssumeRole"
    }

    /// The name of the account itself among resources.
    pub const ACCOUNT: &str = "the account";
}

impl std::fmt::Display for PolicyAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.product.prefix(), self.name)
    }
}

impl PolicyProduct {
    /// Returns all products.
    pub fn all() -> impl Iterator<Item = Self> {
        Product::ALL.iter().copied().map(Self::Served).chain([Self::ActionTrail])
    }

    /// The product, if its actions are served; none for one with permissions only.
    #[must_use]
    pub const fn served(self) -> Option<Product> {
        match self {
            Self::Served(product) => Some(product),
            Self::ActionTrail => None,
        }
    }

    /// The prefix of the product in policies.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Served(Product::Kms) => "kms",
            Self::Served(Product::Ram) => "ram",
            Self::Served(Product::Sts) => "sts",
            Self::ActionTrail => "actiontrail",
        }
    }
}

const KMS: PolicyProduct = PolicyProduct::Served(Product::Kms);

/// Permissions that belong to no action: ReEncrypt needs the first two, pages of the console the others, and DescribeKeyBackups
/// `kms:DescribeBackups`.
const PERMISSIONS: [(PolicyProduct, &str); 5] = [
    (KMS, "ReEncryptFrom"),
    (KMS, "ReEncryptTo"),
    (KMS, "GetKmsInstanceQuotaInfos"),
    (KMS, "DescribeBackups"),
    (PolicyProduct::ActionTrail, "LookupEvents"),
];

/// Actions without a permission of their name, and why.
const NO_PERMISSIONS: [(&str, NoPolicyAction); 9] = [
    ("kms:ReEncrypt", NoPolicyAction::FromAndTo),
    ("kms:BatchGetSecretValue", NoPolicyAction::EachSecret),
    ("kms:DescribeKeyUses", NoPolicyAction::DescribeKey),
    ("kms:DescribeKeyBackups", NoPolicyAction::DescribeKeyAndBackups),
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
        assert_eq!(parsed("kms:Decrypt"), Ok((KMS, "Decrypt")));
        assert_eq!(parsed("kms:ReEncryptTo"), Ok((KMS, "ReEncryptTo")));
        assert_eq!(parsed("actiontrail:LookupEvents"), Ok((PolicyProduct::ActionTrail, "LookupEvents")));
        for (text, why) in [
            ("Decrypt", NoPolicyAction::NoProduct),
            ("oss:GetObject", NoPolicyAction::UnknownProduct),
            ("kms:Decript", NoPolicyAction::Unknown(KMS)),
            ("actiontrail:CreateTrail", NoPolicyAction::Unknown(PolicyProduct::ActionTrail)),
            ("ram:decrypt", NoPolicyAction::Unknown(PolicyProduct::Served(Product::Ram))),
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
            let product = PolicyProduct::all().find(|candidate| candidate.prefix() == product).unwrap();
            assert!(product.served().unwrap().actions().contains(&name), "{text}");
        }
        let all: Vec<_> = PolicyAction::all().collect();
        assert_eq!(all.iter().filter(|action| action.only_resource().is_some()).count(), 23);
        assert_eq!(all.iter().filter(|action| action.also_needed().is_some()).count(), 17);
        let count: usize = Product::ALL.iter().map(|product| product.actions().len()).sum();
        assert_eq!(all.len(), count + PERMISSIONS.len() - NO_PERMISSIONS.len());
        assert!(all.iter().all(|action| PolicyAction::parse(&action.to_string()) == Ok(*action)));
    }
}
