//! Results on standard output.

use std::fmt::Display;

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::messages::on_one_line;
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
