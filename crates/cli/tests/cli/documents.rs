//! Checks the documents: links resolve, every page is in the book, the messages in the tables of docs/operations.md are
//! the program's, and the tests that docs/threat-model.md names exist.

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
