//! The command that does what a form did.

use bulla_wire::{Parameters, Product};

use super::{Control, Form};

/// A line for a POSIX shell: `bulla kms CreateKey --KeySpec …`. Secrets are asked for by `-`, standard input.
pub(super) fn line(program: &str, form: &Form, parameters: &Parameters) -> String {
    let product = match form.product {
        Product::Kms => "kms",
        Product::Ram => "ram",
        _ => "sts",
    };
    let mut line = format!("{program} {product} {}", form.action);
    for (name, value) in parameters.iter() {
        let control = form.fields.iter().find(|field| field.parameter == name).map(|field| field.control);
        let is_secret = matches!(control, Some(Control::Secret | Control::SecretArea));
        line.push_str(&format!(" --{name} "));
        line.push_str(&if is_secret { "-".to_owned() } else { quoted(value) });
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
