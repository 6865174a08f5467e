//! Makes untrusted text safe for a terminal and a log.

/// Appends `text` to `line` on one line. Replaces characters that move the cursor, end the line or change the writing direction
/// with U+FFFD, and truncates the text after `max` characters with an ellipsis.
pub(crate) fn push_visibly(line: &mut String, text: &str, max: usize) {
    let mut letters = text.chars();
    for letter in letters.by_ref().take(max) {
        line.push(if is_hidden(letter) { char::REPLACEMENT_CHARACTER } else { letter });
    }
    if letters.next().is_some() {
        line.push('…');
    }
}

/// Whether `letter` is a control character, a line end, or a bidirectional control of Unicode (UAX #9).
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(text: &str, max: usize) -> String {
        let mut line = String::new();
        push_visibly(&mut line, text, max);
        line
    }

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(
            visible("a\x1b[2Jb\r\n\0\u{9b}\u{202e}c\u{2069}", 99),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}c\u{fffd}"
        );
        assert_eq!(visible("100 % é中😀", 99), "100 % é中😀");
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(visible("é中😀", 3), "é中😀");
        assert_eq!(visible("é中😀x", 3), "é中😀…");
    }
}
