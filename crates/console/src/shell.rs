//! Words of command lines for a POSIX shell.

use crate::layout::is_hidden;

/// Quotes a word, if it needs quotes. A word with characters that a page cannot show is written as `$'…'` with the bytes of
/// these characters in octal, so that the copied line has them.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=,+".contains(&byte);
    if word.contains(is_hidden) {
        format!("$'{}'", word.chars().map(escaped).collect::<String>())
    } else if !word.is_empty() && !word.starts_with(['-', '=']) && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Writes a character within `$'…'`.
fn escaped(letter: char) -> String {
    match letter {
        '\\' | '\'' => format!("\\{letter}"),
        _ if is_hidden(letter) => {
            letter.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")).collect()
        }
        _ => letter.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_word_needs_quotes_only_for_what_a_shell_reads() {
        assert_eq!(quoted("alias/a-b"), "alias/a-b");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("-f"), "'-f'");
        assert_eq!(quoted("=ls"), "'=ls'");
        assert_eq!(quoted("[::1]:8443"), "'[::1]:8443'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted("a\n'\u{202e}\\b"), r"$'a\012\'\342\200\256\\b'");
    }

    #[test]
    fn a_shell_reads_the_word_as_it_was() {
        let words = [
            "",
            "-",
            "--",
            "@a",
            "a b",
            "it's $HOME `id` $(id) \"\\\" !! #",
            "* ? [a-z] ~ {a,b} ; & | < > ( )",
            "two\nlines\n",
            "\r\t\u{1b}[0m\u{7f}",
            "\u{202e}密钥\u{200b}'\\\u{e0001}",
            "\u{202e}\\012 $(id)",
            "{\"a\":\"b\"}",
        ];
        for word in words {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(str::from_utf8(&output.stdout), Ok(word), "{script}");
        }
    }
}
