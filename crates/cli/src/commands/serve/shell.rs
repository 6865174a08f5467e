//! Quotes commands and paths for a shell.

use std::env;
use std::path::Path;

/// Returns the command line of this process, quoted.
pub(super) fn command_line() -> String {
    let arguments = env::args_os().skip(1).map(|argument| quoted(Path::new(&argument)));
    std::iter::once("bulla".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Returns a path, quoted.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%:".contains(&byte);
    if path.bytes().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
