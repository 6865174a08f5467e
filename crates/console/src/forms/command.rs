//! The command that does what a form did.

use bulla_wire::{Parameters, Product};

use super::{Control, Form, digest};

/// A line for a POSIX shell: `bulla kms CreateKey --KeySpec …`. Secrets are asked for by `-`, standard input; a
/// text, which may be one, is that of a file. What SM2 signs is no digest of a file alone, so it is given as it is.
pub(super) fn line(program: &str, form: &Form, parameters: &Parameters) -> String {
    let product = match form.product {
        Product::Kms => "kms",
        Product::Ram => "ram",
        _ => "sts",
    };
    let mut line = format!("{program} {product} {}", form.action);
    for (name, value) in parameters.iter() {
        let control = form.fields.iter().find(|field| field.parameter == name).map(|field| field.control);
        line.push_str(&format!(" --{name} "));
        line.push_str(&match control {
            Some(Control::Secret | Control::SecretArea) => "-".to_owned(),
            Some(Control::Base64) => r#""$(openssl base64 -A < FILE)""#.to_owned(),
            Some(Control::Digest) if !digest::is_of_sm2(parameters) => {
                r#""$(openssl dgst -sha256 -binary FILE | openssl base64 -A)""#.to_owned()
            }
            _ => quoted(value),
        });
    }
    line
}

/// A word of a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=,+".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_of_the_shell() {
        assert_eq!(quoted("alias/a-b"), "alias/a-b");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("-f"), "'-f'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
