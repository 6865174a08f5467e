//! What is said while all goes well: results on standard output, notes on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use crate::failure::Failure;

/// Prints a line of the result.
pub(crate) fn print(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::io(Path::new("standard output"), &error))
}

/// Tells what was done. Nobody depends on it, so nothing fails when it cannot be told.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
