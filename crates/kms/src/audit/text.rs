//! Texts in the trail: texts that callers chose are truncated, and characters that control a terminal are escaped.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::ser::{Formatter, Serializer};

/// Text that a caller chose. It has at most [`Text::MAX_LEN`] bytes; longer text is truncated and ends in `… (N bytes)`,
/// where N is its full length.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    /// Maximum bytes of text that is not truncated.
    pub const MAX_LEN: usize = 256;

    /// Returns the text, truncated if it is too long.
    #[must_use]
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if text.len() <= Self::MAX_LEN {
            return Self(text);
        }
        let kept = &text[..text.floor_char_boundary(Self::MAX_LEN)];
        Self(format!("{kept}… ({} bytes)", text.len()).into())
    }

    /// The text in the line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends a value as JSON. Escapes characters that control a terminal or change the order of text.
pub(super) fn write_json(value: &impl Serialize, out: &mut Vec<u8>) {
    let mut serializer = Serializer::with_formatter(out, Escaping);
    value.serialize(&mut serializer).expect("names are texts, and no value fails to serialize");
}

/// Returns a value as JSON on one line. Escapes characters that control a terminal.
#[must_use]
pub fn to_json(value: &impl Serialize) -> String {
    let mut json = Vec::new();
    write_json(value, &mut json);
    String::from_utf8(json).expect("JSON is text")
}

/// JSON without whitespace, as serde_json writes it, with more escapes.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        if is_printable_ascii(rest.as_bytes()) {
            return writer.write_all(rest.as_bytes()); // nearly always
        }
        while let Some(at) = rest.find(steers) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut characters = rest[at..].chars();
            let character = characters.next().map_or(0, u32::from);
            // All of them are below U+10000, so one escape is one character.
            write!(writer, "\\u{character:04x}")?;
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Checks all bytes without a branch, so that it compiles to vector instructions.
fn is_printable_ascii(text: &[u8]) -> bool {
    text.iter().fold(true, |is_printable, byte| is_printable & matches!(byte, b' '..=b'~'))
}

/// Control characters, line ends, and the bidirectional controls of Unicode (UAX #9).
fn steers(character: char) -> bool {
    match character {
        ' '..='~' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        to_json(&Text::new(text))
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            json("a\x1b[2J\n\u{202e}b\u{7f}\u{85}\u{2028}"),
            r#""a\u001b[2J\n\u202eb\u007f\u0085\u2028""#
        );
        for text in ["שלום", "密é👩\u{200d}💻", "\"\\/", "\u{202e}\0\u{9b}x"] {
            let written = json(text);
            assert!(!written.contains(steers), "{written}");
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }

    #[test]
    fn long_text_is_truncated_at_a_character_and_marked() {
        let whole = "x".repeat(Text::MAX_LEN);
        assert_eq!(Text::new(&*whole).as_str(), whole);
        assert_eq!(Text::new(format!("{whole}y")).as_str(), format!("{whole}… (257 bytes)"));
        let wide = "密".repeat(100);
        assert_eq!(Text::new(&*wide).as_str(), format!("{}… (300 bytes)", "密".repeat(85)));
    }
}
