//! The book (`book/SUMMARY.md`, which mdBook reads) has all pages.

use std::fs;
use std::path::{Path, PathBuf};

use super::links::{broken_links, links};
use super::{pages_in, root};

#[test]
fn every_page_is_in_the_book_once() {
    let summary = root().join("book/SUMMARY.md");
    let text = fs::read_to_string(&summary).unwrap();
    let mut chapters: Vec<PathBuf> = links(&text)
        .into_iter()
        .map(|(_, link)| root().join("book").join(link).canonicalize().unwrap())
        .collect();
    chapters.sort();
    let mut pages = [pages_in(&root()), pages_in(&root().join("docs"))].concat();
    pages.sort();
    assert_eq!(chapters, pages);
}

/// mdBook reads a page of the top directory in `book/`, so the targets of its links must be there too.
#[test]
fn pages_of_the_top_directory_lead_to_what_the_book_has() {
    let broken: Vec<_> =
        pages_in(&root().join("book")).iter().flat_map(|page: &PathBuf| broken_links(page)).collect();
    assert!(broken.is_empty(), "a symbolic link in book/ is missing for {}", broken.join("\n"));
}

#[test]
fn the_book_holds_nothing_of_its_own_but_the_summary() {
    let is_own = |path: &Path| !path.is_symlink() && !path.ends_with("SUMMARY.md");
    let own: Vec<_> = fs::read_dir(root().join("book"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_own(path))
        .collect();
    assert!(own.is_empty(), "{own:?}");
}
