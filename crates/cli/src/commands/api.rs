//! `bulla kms ACTION --Param VALUE`, and the same for `ram` and `sts`: calls any action and prints its reply as JSON.

mod names;
mod values;

pub(super) use self::names::{command, nearest};

use std::mem;

use bulla_wire::{Parameters, Product};

use self::values::Values;
use crate::account::Account;
use crate::args::{Api, KmsFlags};
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::results::{escaped, print_raw};

pub(crate) fn run(kms: &KmsFlags, product: Product, args: &Api) -> Result<(), Failure> {
    let (action, typed) = args.call.split_first().expect("clap requires an action");
    if action.starts_with('-') {
        let what = format!("{action} is not a flag of `bulla {}`", command(product));
        let hint = format!("parameters come after the action, such as {}", names::example(product));
        return Err(Failure::new(Exit::Usage, what, hint));
    }
    let parameters = parameters(product, action, typed, args.force)?;
    let reply = match product {
        Product::Kms => KmsConnection::connect(kms)?.call_raw(product, action, &parameters),
        Product::Ram | Product::Sts => Account::connect(kms)?.call_raw(product, action, &parameters),
    };
    let reply = reply.map_err(|error| names::of_unknown_action(product, action, error))?;
    print_raw(&*escaped(indent(reply.expose()).into()))
}

fn parameters(product: Product, action: &str, typed: &[String], force: bool) -> Result<Parameters, Failure> {
    let mut values = Values::default();
    let mut pairs = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").filter(|name| !name.is_empty()).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "expected a parameter, found other text", // the text is not repeated: it may be part of a plaintext
                "write it as --Name Value",
            )
        })?;
        let (name, joined) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
        names::check(product, action, name, force)?;
        let value = match (joined, words.as_slice().first()) {
            (Some(value), _) => values.joined(name, value)?,
            (None, Some(value)) => {
                words.next();
                values.separate(name, value)?
            }
            (None, None) => {
                let what = format!("--{name} has no value");
                return Err(Failure::new(Exit::Usage, what, "write it as --Name Value"));
            }
        };
        pairs.push((name.to_owned(), value));
    }
    let pairs = pairs.iter_mut().map(|(name, value)| (mem::take(name), mem::take(&mut **value)));
    Parameters::from_pairs(pairs)
        .map_err(|error| Failure::new(Exit::Usage, error.message(), "give each parameter once"))
}

fn indent(json: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(json);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(action: &str, words: &[&str]) -> Result<String, Failure> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        parameters(Product::Kms, action, &words, false).map(|parameters| parameters.encode())
    }

    #[test]
    fn parameters_in_both_spellings() {
        let words = ["--KeyId", "alias/a", "--Filters=[{\"Key\":1}]", "--Description", "--x"];
        let encoded = typed("AnActionOfTheCloud", &words).unwrap();
        assert_eq!(encoded, "Description=--x&Filters=%5B%7B%22Key%22%3A1%7D%5D&KeyId=alias%2Fa");
        for wrong in [
            &["KeyId"][..],
            &["--KeyId"],
            &["--"],
            &["--A", "1", "--A=2"],
            &["--kms", "embedded"],
            &["--Format=XML"],
        ] {
            assert_eq!(typed("AnActionOfTheCloud", wrong).unwrap_err().exit, Exit::Usage, "{wrong:?}");
        }
    }

    #[test]
    fn dotted_and_numbered_parameters() {
        let words = ["--Tag.1.Key=a", "--Tag.1.Value", "b", "--ResourceId.1=k", "--RegionId=r"];
        let encoded = typed("TagResources", &words).unwrap();
        assert_eq!(encoded, "RegionId=r&ResourceId.1=k&Tag.1.Key=a&Tag.1.Value=b");
        let words = ["--EncryptionContext.Lower.case=a", "--KeyId=k"];
        assert_eq!(typed("Encrypt", &words).unwrap(), "EncryptionContext.Lower.case=a&KeyId=k");
        for wrong in ["--Tags.1.Key=a", "--tag.1.Key=a", "--Tag1Key=a", "--.1=a"] {
            assert_eq!(typed("TagResources", &[wrong]).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
