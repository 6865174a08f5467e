//! The actions that can be asked about: those that a server asks policies about, and what a request needs beside the permission
//! of its name.

use bulla_wire::Product;

use crate::commands::api::{command, nearest};
use crate::failure::{Exit, Failure};

/// An action, as policies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PolicyAction<'a> {
    pub(super) product: Product,
    pub(super) name: &'a str,
}

impl<'a> PolicyAction<'a> {
    /// The action that was typed, if a permission has its name.
    pub(super) fn parse(typed: &'a str) -> Result<Self, Failure> {
        let refused = |what: String, hint: String| Err(Failure::new(Exit::Usage, what, hint));
        let Some((product, name)) = typed.split_once(':') else {
            let what = format!("{typed} does not name a product");
            return refused(what, "write the action as policies do, such as kms:Decrypt".to_owned());
        };
        let Some(product) = Product::ALL.iter().copied().find(|known| command(*known) == product) else {
            let what = format!("{product} is not a product of a KMS");
            return refused(what, "actions begin with kms:, ram: or sts:".to_owned());
        };
        if let Some((_, hint)) = NO_PERMISSIONS.iter().find(|(action, _)| *action == typed) {
            return refused(format!("no policy decides about {typed}"), (*hint).to_owned());
        }
        let mut known = product.actions().to_vec();
        if product == Product::Kms {
            known.extend(RE_ENCRYPT);
        }
        if known.contains(&name) {
            return Ok(Self { product, name });
        }
        let hint = match nearest(&known, name) {
            Some(near) => format!("did you mean {}:{near}?", command(product)),
            None => "docs/compatibility.md lists the actions".to_owned(),
        };
        refused(format!("there is no action {typed}"), hint)
    }

    /// The one resource of an action that is about no single key, secret, user, group, role or policy.
    pub(super) fn only_resource(self) -> Option<&'static str> {
        Some(match (self.product, self.name) {
            (Product::Kms, "CreateKey" | "ListKeys") => "key",
            (Product::Kms, "CreateSecret" | "ListSecrets") => "secret",
            (Product::Kms, "ListAliases") => "alias",
            (Product::Kms, "GetRandomPassword" | "GetKeyDefaultPolicy") => "*",
            (Product::Ram, "CreateUser" | "ListUsers") => "user/*",
            (Product::Ram, "CreateGroup" | "ListGroups") => "group/*",
            (Product::Ram, "CreateRole" | "ListRoles") => "role/*",
            (Product::Ram, "CreatePolicy" | "ListPolicies") => "policy/*",
            (Product::Ram, "SetAccountAlias" | "GetAccountAlias" | "ClearAccountAlias") => ACCOUNT,
            _ => return None,
        })
    }

    /// What a request needs beside this action on the resource.
    pub(super) fn also_needed(self) -> Option<&'static str> {
        Some(match (self.product, self.name) {
            (Product::Kms, "CreateAlias" | "DeleteAlias") => "the same for the alias and for its key",
            (Product::Kms, "UpdateAlias") => {
                "the same for the alias, for the key that it gets and for the key that it has"
            }
            (Product::Kms, "GetSecretValue") => "kms:Decrypt on the key of the secret, if it was given one",
            (Product::Kms, "PutSecretValue" | "CreateSecret") => {
                "kms:GenerateDataKey on the key of the secret, if it is given one"
            }
            (Product::Ram, "AddUserToGroup" | "RemoveUserFromGroup") => {
                "the same for the user and for the group"
            }
            (Product::Ram, "UpdateUser" | "UpdateGroup") => "the same for the next name, if it is renamed",
            (Product::Ram, name) if name.contains("PolicyTo") || name.contains("PolicyFrom") => {
                "the same for the policy and for the user, group or role"
            }
            _ => return None,
        })
    }

    /// Whether it is the one to assume a role, which the role has to allow too, and which root has not.
    pub(super) fn assumes(self) -> bool {
        self.product == Product::Sts && self.name == "AssumeRole"
    }
}

/// All actions that policies may name: also those of the cloud that bulla does not have.
pub(super) fn known_actions() -> Vec<String> {
    let of_product = |product: &Product| {
        let others = product.not_implemented().iter().map(|(name, _)| *name);
        let permissions = RE_ENCRYPT.iter().copied().filter(|_| *product == Product::Kms);
        let names = product.actions().iter().copied().chain(others).chain(permissions);
        let command = command(*product);
        names.map(|name| format!("{command}:{name}")).collect::<Vec<_>>()
    };
    Product::ALL.iter().flat_map(of_product).collect()
}

/// Stands for the account itself among resources.
pub(super) const ACCOUNT: &str = "the account";
/// The permissions that ReEncrypt needs; no action has their names.
const RE_ENCRYPT: [&str; 2] = ["ReEncryptFrom", "ReEncryptTo"];
const FREE: &str = "every caller with a valid signature may do it";
/// Actions that have no permission of their name, and what they need.
const NO_PERMISSIONS: [(&str, &str); 7] = [
    (
        "kms:ReEncrypt",
        "it needs kms:ReEncryptFrom on the key of the source, and kms:ReEncryptTo on the next key",
    ),
    ("kms:BatchGetSecretValue", "it needs kms:GetSecretValue on each secret"),
    ("kms:DescribeRegions", FREE),
    ("kms:DescribeAccountKmsStatus", FREE),
    ("kms:OpenKmsService", FREE),
    ("sts:GetCallerIdentity", FREE),
    ("sts:AssumeRoleWithOIDC", "no user or role sends it: only the trust policy of the role decides"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_their_names() {
        let parsed = |typed| PolicyAction::parse(typed).map(|action| (action.product, action.name));
        assert_eq!(parsed("kms:Decrypt").unwrap(), (Product::Kms, "Decrypt"));
        assert_eq!(parsed("kms:ReEncryptTo").unwrap(), (Product::Kms, "ReEncryptTo"));
        for (typed, hint) in [
            ("Decrypt", "write the action as policies do, such as kms:Decrypt"),
            ("oss:GetObject", "actions begin with kms:, ram: or sts:"),
            ("kms:Decript", "did you mean kms:Decrypt?"),
            ("ram:decrypt", "docs/compatibility.md lists the actions"),
            ("kms:BatchGetSecretValue", "it needs kms:GetSecretValue on each secret"),
        ] {
            let failure = parsed(typed).unwrap_err();
            assert_eq!((failure.exit, failure.texts().1), (Exit::Usage, hint), "{typed}");
        }
    }

    #[test]
    fn the_tables_have_actions_that_there_are() {
        for (typed, _) in NO_PERMISSIONS {
            let (product, name) = typed.split_once(':').unwrap();
            let product = Product::ALL.iter().find(|known| command(**known) == product).unwrap();
            assert!(product.actions().contains(&name), "{typed}");
        }
        let all = Product::ALL.iter().flat_map(|product| {
            product.actions().iter().map(|name| PolicyAction { product: *product, name })
        });
        let all: Vec<_> = all.collect();
        assert_eq!(all.iter().filter(|action| action.only_resource().is_some()).count(), 18);
        assert_eq!(all.iter().filter(|action| action.also_needed().is_some()).count(), 16);
    }
}
