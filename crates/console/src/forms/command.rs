//! The command line that is equivalent to a form.

use bulla_wire::{Parameters, Product};

use super::{Control, Form, digest};

/// Returns a line for a POSIX shell, such as `bulla kms CreateKey --KeySpec …`. It reads secrets from standard input (`-`), and
/// texts, which may be secret, from a file. The digest for SM2 depends on more than the file, so the line contains it.
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

/// Quotes a word for a POSIX shell, if it needs quotes.
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
