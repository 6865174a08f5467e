//! Actions of permissions on the command line.

use bulla_kms::{AlsoNeeded, NoPolicyAction, PolicyAction, PolicyProduct};
use bulla_wire::Product;

use crate::commands::api::nearest;
use crate::failure::{Exit, Failure};

/// Parses an action that policies can allow or deny.
pub(super) fn parse(typed: &str) -> Result<PolicyAction, Failure> {
    PolicyAction::parse(typed).map_err(|why| {
        let (what, hint) = refusal(typed, why);
        Failure::new(Exit::Usage, what, hint)
    })
}

/// Returns why this is not such an action, and what to do.
fn refusal(typed: &str, why: NoPolicyAction) -> (String, String) {
    let (product, name) = typed.split_once(':').unwrap_or(("", typed));
    let undecided = |hint: &str| (format!("no policy decides about {typed}"), hint.to_owned());
    match why {
        NoPolicyAction::NoProduct => {
            let what = format!("{typed} does not name a product");
            (what, "write the action as policies do, such as kms:Decrypt".to_owned())
        }
        NoPolicyAction::UnknownProduct => (
            format!("{product} is not a product of a KMS"),
            "actions begin with kms:, ram:, sts: or actiontrail:".to_owned(),
        ),
        NoPolicyAction::Unknown(product) => {
            let names: Vec<_> = PolicyAction::names(product).collect();
            let hint = match nearest(&names, name) {
                Some(near) => format!("did you mean {}:{near}?", product.prefix()),
                None => "docs/compatibility.md lists the actions".to_owned(),
            };
            (format!("there is no action {typed}"), hint)
        }
        NoPolicyAction::FromAndTo => undecided(
            "it needs kms:ReEncryptFrom on the source key, and kms:ReEncryptTo on the destination key",
        ),
        NoPolicyAction::EachSecret => undecided("it needs kms:GetSecretValue on each secret"),
        NoPolicyAction::DescribeKey => undecided("it needs kms:DescribeKey on the key"),
        NoPolicyAction::DescribeKeyAndBackups => {
            undecided("it needs kms:DescribeKey on the key, and kms:DescribeBackups")
        }
        NoPolicyAction::EveryCaller => undecided("every caller with a valid signature may do it"),
        NoPolicyAction::TrustAlone => {
            undecided("no user or role sends it: only the trust policy of the role decides")
        }
    }
}

/// Describes what a request needs besides the action on the resource.
pub(super) fn also_needed(action: PolicyAction) -> Option<&'static str> {
    Some(match action.also_needed()? {
        AlsoNeeded::AliasAndKey => "the same for the alias and for its key",
        AlsoNeeded::AliasAndBothKeys => "the same for the alias, for its new key and for its present key",
        AlsoNeeded::DecryptBySecretKey => "kms:Decrypt on the key of the secret, if the secret names one",
        AlsoNeeded::GenerateBySecretKey => {
            "kms:GenerateDataKey on the key of the secret, if the request names one"
        }
        AlsoNeeded::UserAndGroup => "the same for the user and for the group",
        AlsoNeeded::UserAndDevice => "the same for the user and for the device",
        AlsoNeeded::NextName => "the same for the new name, if it is renamed",
        AlsoNeeded::PolicyAndHolder => "the same for the policy and for the user, group or role",
    })
}

/// Returns all actions that policies may name, including those of the cloud that bulla does not have.
pub(super) fn known_actions() -> Vec<String> {
    let of_product = |product: PolicyProduct| {
        let others = product.served().map(Product::not_implemented).unwrap_or_default();
        let others = others.iter().map(|(name, _)| *name);
        let is_other = move |name: &&str| PolicyAction::names(product).all(|existing| existing != *name);
        let names = PolicyAction::names(product).chain(others.filter(is_other));
        names.map(move |name| format!("{}:{name}", product.prefix()))
    };
    PolicyProduct::all().flat_map(of_product).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_about_an_action_have_a_hint() {
        assert_eq!(parse("kms:Decrypt").unwrap().name, "Decrypt");
        for (typed, hint) in [
            ("Decrypt", "write the action as policies do, such as kms:Decrypt"),
            ("oss:GetObject", "actions begin with kms:, ram:, sts: or actiontrail:"),
            ("kms:Decript", "did you mean kms:Decrypt?"),
            ("ram:decrypt", "docs/compatibility.md lists the actions"),
            ("kms:BatchGetSecretValue", "it needs kms:GetSecretValue on each secret"),
            ("kms:DescribeKeyUses", "it needs kms:DescribeKey on the key"),
            ("kms:DescribeKeyBackups", "it needs kms:DescribeKey on the key, and kms:DescribeBackups"),
        ] {
            let failure = parse(typed).unwrap_err();
            assert_eq!((failure.exit, failure.texts().1), (Exit::Usage, hint), "{typed}");
        }
    }
}
