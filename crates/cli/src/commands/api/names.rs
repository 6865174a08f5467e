//! Checks the names of parameters. A KMS ignores unknown ones, so a misspelt parameter would be dropped silently.

use bulla_client::CallError;
use bulla_wire::Product;

use crate::failure::{Exit, Failure};

/// Refuses a parameter that the KMS would ignore or that bulla sends itself; with `force`, only one that would change
/// the format of the reply.
pub(super) fn check(product: Product, action: &str, name: &str, force: bool) -> Result<(), Failure> {
    let command = command(product);
    let (what, hint) = match (name, product.parameters(action)) {
        ("Format", _) => (format!("--{name}: the reply is always JSON"), "leave it out".to_owned()),
        _ if force => return Ok(()),
        ("force", _) => (
            "--force is not a parameter of the API".to_owned(),
            format!("put it before the action: bulla {command} --force {action}"),
        ),
        (_, Some(parameters)) if is_known(parameters, name) => return Ok(()),
        (name, _) if OWN.contains(&name) => {
            (format!("--{name}: bulla sends its own"), "leave it out".to_owned())
        }
        ("kms" | "ca", _) => (
            format!("--{name} is not a parameter of the API"),
            format!("put flags of bulla before `{command}`"),
        ),
        (_, Some(parameters)) => {
            (format!("--{name} is not a parameter of {action}"), hint(product, action, parameters, name))
        }
        // All parameters of the API begin with a capital; one that does not was meant for bulla.
        (_, None) if name.starts_with(|first: char| first.is_ascii_uppercase()) => return Ok(()),
        (_, None) => (
            format!("--{name} is not a parameter of the API"),
            format!("put flags of bulla before `{command}`"),
        ),
    };
    Err(Failure::new(Exit::Usage, what, hint))
}

/// Explains why the KMS refused an action. If the KMS does not know the action, the table shows whether bulla lacks it
/// or its name was misspelt.
pub(super) fn of_unknown_action(product: Product, action: &str, error: CallError) -> Failure {
    let unknown = matches!(&error, CallError::Refused(refusal) if refusal.code.starts_with("InvalidAction"));
    let hint = match product.not_implemented().iter().find(|(name, _)| *name == action) {
        Some((_, what)) => {
            let service = command(product).to_ascii_uppercase();
            format!("bulla has no {what}; the {service} of the cloud may, with --kms aliyun:REGION")
        }
        None => match nearest(product.actions(), action).filter(|near| near != action) {
            Some(near) => format!("did you mean {near}?"),
            None => return error.into(),
        },
    };
    if unknown { Failure::new(Exit::Kms, error.to_string(), hint) } else { error.into() }
}

/// Returns whether the action has the parameter; of a dotted or numbered one, the part before the first dot counts.
/// `RegionId` is known to every action, because `aliyun kms` accepts it and scripts pass it.
fn is_known(parameters: &[&str], name: &str) -> bool {
    let field = name.split('.').next().unwrap_or(name);
    parameters.contains(&field) || name == "RegionId"
}

fn hint(product: Product, action: &str, parameters: &[&str], name: &str) -> String {
    let near = match (nearest(parameters, name), parameters) {
        (Some(near), _) => format!("did you mean --{near}?"),
        (None, []) => "it takes none;".to_owned(),
        (None, _) => format!("it takes --{};", parameters.join(", --")),
    };
    format!("{near} `bulla {} --force {action} ...` sends it as typed", command(product))
}

/// Returns the parameter that was probably meant, with the typed text from the first dot on.
pub(in crate::commands) fn nearest(candidates: &[&str], name: &str) -> Option<String> {
    let (field, rest) = name.find('.').map_or((name, ""), |dot| name.split_at(dot));
    let typed = field.to_ascii_lowercase();
    let nearness = |candidate: &&str| strsim::jaro_winkler(&candidate.to_ascii_lowercase(), &typed);
    let best = candidates.iter().copied().max_by(|a, b| nearness(a).total_cmp(&nearness(b)))?;
    (nearness(&best) >= NEAR).then(|| format!("{best}{rest}"))
}

/// Returns the command that calls actions of a product.
pub(in crate::commands) fn command(product: Product) -> &'static str {
    match product {
        Product::Kms => "kms",
        Product::Ram => "ram",
        Product::Sts => "sts",
    }
}

/// The parameters that bulla adds to every request: the protocol's common parameters.
const OWN: [&str; 10] = [
    "AccessKeyId",
    "Action",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// Returns an example of a call for each product.
pub(super) fn example(product: Product) -> &'static str {
    match product {
        Product::Kms => "DescribeKey",
        Product::Ram => "GetUser",
        Product::Sts => "GetCallerIdentity",
    }
}

/// The similarity (Jaro-Winkler, 1 for equal names) from which a name counts as a misspelling of another.
const NEAR: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: &str, name: &str) -> String {
        check(Product::Kms, action, name, false).unwrap_err().texts().1.to_owned()
    }

    #[test]
    fn the_nearest_name_is_offered() {
        for (action, name, near) in [
            ("Encrypt", "EncryptionContex", "EncryptionContext"),
            ("Encrypt", "EncrytionContext.a.b", "EncryptionContext.a.b"),
            ("Encrypt", "encryptioncontext", "EncryptionContext"),
            ("Encrypt", "Dryrun", "DryRun"),
            ("Encrypt", "plaintext", "Plaintext"),
            ("Encrypt", "KeyID", "KeyId"),
            ("ScheduleKeyDeletion", "PendingWindowsInDay", "PendingWindowInDays"),
            ("CreateKey", "Desciption", "Description"),
            ("CreateKey", "DkmsInstanceId", "DKMSInstanceId"),
        ] {
            let hint = refused(action, name);
            assert!(hint.starts_with(&format!("did you mean --{near}? ")), "{name}: {hint}");
        }
    }

    #[test]
    fn without_a_near_name_all_are_listed() {
        assert!(refused("DisableKey", "Dryrun").starts_with("it takes --KeyId; "));
        assert!(refused("DescribeRegions", "KeyId").starts_with("it takes none; "));
    }

    #[test]
    fn every_parameter_of_the_table_is_taken() {
        let actions = |product: &Product| {
            product.actions().iter().map(|action| (*product, *action)).collect::<Vec<_>>()
        };
        for (product, action) in Product::ALL.iter().flat_map(actions) {
            for name in product.parameters(action).unwrap() {
                assert!(check(product, action, name, false).is_ok(), "{action} {name}");
            }
            assert!(check(product, action, "RegionId", false).is_ok());
            assert!(check(product, action, "Version", false).is_err());
            assert!(check(product, action, "Nonsense", true).is_ok());
            assert!(check(product, action, "Format", true).is_err());
        }
    }
}
