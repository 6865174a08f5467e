//! Commands and paths as a shell takes them.

use std::env;
use std::path::Path;

/// What was typed, as a shell takes it.
pub(super) fn command_line() -> String {
    let arguments = env::args_os().skip(1).map(|argument| quoted(Path::new(&argument)));
    std::iter::once("bulla".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%:".contains(&byte);
    if path.bytes().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
