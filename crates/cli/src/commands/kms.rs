//! `bulla kms ACTION --Param VALUE`: any action of the API, the reply as JSON.

use bulla_wire::Parameters;
use zeroize::Zeroizing;

use crate::args::{self, Place};
use crate::failure::{Exit, Failure};
use crate::kms::Kms;
use crate::messages::print_raw;

pub(crate) fn run(place: &Place, args: &args::Kms) -> Result<(), Failure> {
    let parameters = parameters(&args.parameters)?;
    let reply = Kms::connect(place)?.call_raw(&args.action, &parameters)?;
    print_raw(&*Zeroizing::new(indent(reply.expose())))
}

fn parameters(typed: &[String]) -> Result<Parameters, Failure> {
    let mut pairs = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").filter(|name| !name.is_empty()).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "a parameter is expected where something else stands", // which may be half of a plaintext
                "write it as --Name Value",
            )
        })?;
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let what = || {
                    Failure::new(Exit::Usage, format!("--{name} has no value"), "write it as --Name Value")
                };
                (name, words.next().ok_or_else(what)?.clone())
            }
        };
        check_name(name)?;
        pairs.push((name.to_owned(), value));
    }
    Parameters::from_pairs(pairs)
        .map_err(|error| Failure::new(Exit::Usage, error.message(), "give each parameter once"))
}

/// The API's parameters have a capital first. What has none was meant for bulla and would be ignored by a KMS.
fn check_name(name: &str) -> Result<(), Failure> {
    let (what, hint) = match name {
        "Format" => (format!("--{name}: the reply is always JSON"), "leave it out"),
        _ if name.starts_with(|first: char| first.is_ascii_uppercase()) => return Ok(()),
        _ => (format!("--{name} is not a parameter of the API"), "flags of bulla go before `kms`"),
    };
    Err(Failure::new(Exit::Usage, what, hint))
}

fn indent(json: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(json);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Result<String, Failure> {
        parameters(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).map(|p| p.encode())
    }

    #[test]
    fn parameters_in_both_spellings() {
        let encoded =
            typed(&["--KeyId", "alias/a", "--Filters=[{\"Key\":1}]", "--Description", "--x"]).unwrap();
        assert_eq!(encoded, "Description=--x&Filters=%5B%7B%22Key%22%3A1%7D%5D&KeyId=alias%2Fa");
        for wrong in [
            &["KeyId"][..],
            &["--KeyId"],
            &["--"],
            &["--A", "1", "--A=2"],
            &["--kms", "embedded"],
            &["--Format=XML"],
        ] {
            assert_eq!(typed(wrong).unwrap_err().exit, Exit::Usage, "{wrong:?}");
        }
    }
}
