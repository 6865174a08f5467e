//! What is said while all goes well: results on standard output, notes on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::streams::write_out;

/// Prints a line of the result, for people.
pub(crate) fn print(line: impl Display) -> Result<(), Failure> {
    print_raw(on_one_line(&line.to_string()))
}

/// Prints a result as it is, for programs.
pub(crate) fn print_raw(text: impl Display) -> Result<(), Failure> {
    let line = Zeroizing::new(format!("{text}\n")); // may be the reply to Decrypt
    write_out(line.as_bytes()).map_err(|error| Failure::output(&error))
}

/// Tells what was done. Nobody depends on it, so nothing fails when it cannot be told.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", on_one_line(&line.to_string()));
}

/// The text without control characters: a file may be named so that it clears the screen or forges a line.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(on_one_line("a\x1b[31m\nbulla: 密\u{9b}"), "a\u{fffd}[31m\u{fffd}bulla: 密\u{fffd}");
    }
}
