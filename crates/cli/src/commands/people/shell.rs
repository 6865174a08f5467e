//! Shell exports of credentials.

use zeroize::Zeroizing;

/// Returns `export NAME='VALUE'` for each variable, with spare capacity for a comment.
pub(super) fn exports(variables: &[(&str, &str)]) -> Zeroizing<String> {
    // A string that grows leaves parts of secrets in memory. A quote takes four characters.
    let room: usize = variables.iter().map(|(name, value)| name.len() + 4 * value.len() + EXPORT).sum();
    let mut text = Zeroizing::new(String::with_capacity(room + COMMENT));
    for (name, value) in variables {
        text.push_str("export ");
        text.push_str(name);
        text.push('=');
        push_quoted(&mut text, value);
        text.push('\n');
    }
    text
}

/// Appends a quoted value. It comes from a server, so the shell must not evaluate any part of it.
fn push_quoted(text: &mut String, value: &str) {
    text.push('\'');
    for character in value.chars() {
        match character {
            '\'' => text.push_str(r"'\''"),
            character => text.push(character),
        }
    }
    text.push('\'');
}

/// The length of `export =''` and a line end, rounded up.
const EXPORT: usize = 16;
/// The maximum length of a comment.
const COMMENT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_evaluates_nothing_of_a_value() {
        let text = exports(&[("A", "a'b$(rm)`c`\n\""), ("B", "''''")]);
        let quotes = r"'\'''\'''\'''\''";
        assert_eq!(*text, format!("export A='a'\\''b$(rm)`c`\n\"'\nexport B='{quotes}'\n"));
        assert!(text.capacity() >= text.len() + COMMENT);
    }
}
