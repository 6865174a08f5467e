//! The documents: every link leads to something, every page is in the book, commands run and print what is shown, messages in the
//! tables of docs/operations.md are the program's, tests that docs/threat-model.md names exist, docs/cli.md has every command, and
//! translations have the sections of their pages.

mod blocks;
mod book;
mod commands;
mod links;
mod messages;
mod shell;
mod threats;
mod translations;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the top of the source tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Returns the Markdown files of a directory, sorted.
fn pages_in(directory: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = paths.filter(|path| path.extension().is_some_and(|name| name == "md")).collect();
    pages.sort();
    pages
}
