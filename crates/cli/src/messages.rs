//! Notes on standard error, and text that is safe to print on a terminal.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a note on standard error. A note is not a result, so failing to print it is ignored.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", on_one_line(&line.to_string()));
}

/// Replaces characters that control a terminal or change the order in which text is displayed. Otherwise a file name
/// could clear the screen, forge a line or display its suffix as another one.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|character| if steers(character) { '\u{fffd}' } else { character }).collect()
}

/// Returns whether the text contains such characters.
pub(crate) fn steers_a_terminal(text: &str) -> bool {
    text.contains(steers)
}

/// Returns whether this is a control character, a line end, or a bidirectional control of Unicode (UAX #9).
pub(crate) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Replaces such characters in each line of a text.
pub(crate) fn on_its_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => on_one_line(line) + "\n",
            None => on_one_line(line),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_change_the_order_in_which_they_are_shown() {
        let controls = ['\u{61c}', '\u{200e}', '\u{200f}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for control in controls.chain(['\u{2028}', '\u{2029}', '\u{7f}', '\u{85}', '\u{9b}', '\0']) {
            assert_eq!(on_one_line(&format!("a{control}b")), "a\u{fffd}b", "{control:?}");
        }
        for text in ["שלום", "سلام", "密é", "e\u{301}", "👩\u{200d}💻", "a\u{200b}\u{2060}\u{ad}"]
        {
            assert_eq!(on_one_line(text), text);
        }
        assert_eq!(on_its_lines("a\tb\n\u{202e}c\n"), "a\u{fffd}b\n\u{fffd}c\n");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(on_one_line("a\x1b[31m\nbulla: 密\u{9b}"), "a\u{fffd}[31m\u{fffd}bulla: 密\u{fffd}");
    }
}
