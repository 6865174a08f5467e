//! Links between the documents resolve: the file exists, and so does the heading that the anchor names. Addresses on
//! the network are not checked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{pages_in, root};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = [pages_in(&root()), pages_in(&root().join("docs"))].concat();
    assert!(pages.len() > 10, "{pages:?}");
    let broken: Vec<_> = pages.iter().flat_map(|page| broken_links(page)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Describes the broken links of a page.
pub(super) fn broken_links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let directory = page.parent().unwrap();
    let mut broken = Vec::new();
    for (line, link) in links(&text) {
        if let Some(fault) = fault(page, directory, link) {
            broken.push(format!("{}:{line}: {link}: {fault}", page.display()));
        }
    }
    broken
}

fn fault(page: &Path, directory: &Path, link: &str) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { page.to_owned() } else { directory.join(path) };
    if !target.exists() {
        return Some("there is no such file");
    }
    let is_heading = |anchor| {
        let text = fs::read_to_string(&target).unwrap_or_default();
        anchors(&text).iter().any(|heading| heading == anchor)
    };
    match anchor {
        Some(anchor) if !is_heading(anchor) => Some("the page has no such heading"),
        _ => None,
    }
}

/// Returns the targets of links and pictures, with their lines.
pub(super) fn links(markdown: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in prose(markdown) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let (link, after) = after.split_once(')').unwrap_or((after, ""));
            // A title may follow.
            links.extend(link.split_whitespace().next().map(|link| (number, link)));
            rest = after;
        }
    }
    links
}

/// Returns the anchors that GitHub assigns to the headings.
fn anchors(markdown: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut seen = HashMap::<String, usize>::new();
    for (_, line) in prose(markdown) {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let Some(title) = line[level..].strip_prefix(' ').filter(|_| (1..=6).contains(&level)) else {
            continue;
        };
        let anchor = anchor(title.trim());
        let count = seen.entry(anchor.clone()).or_default();
        anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

/// Letters and digits of any script become lower case, blanks become hyphens, and punctuation is dropped.
fn anchor(title: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    title.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns the lines outside code blocks, with their numbers.
fn prose(markdown: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    markdown.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number + 1, line))
    })
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let page = |name: &str, text: &str| -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    page("other.md", "# Its `title`: 标题, twice\n\n# Its title 标题 twice\n\n```sh\n# no heading\n```\n");
    let text = "[a](other.md) [b](#here), [c](other.md#its-title-标题-twice-1 \"title\")\n\n## Here!\n\n\
                ```\n[d](code.md)\n```\n![e](gone.png) [f](https://example.com/x#y)\n\
                [g](gone.md#here) [h](other.md#no-heading)\n[i](#there)\n";
    let broken: Vec<_> = broken_links(&page("page.md", text));
    let broken: Vec<_> = broken.iter().map(|line| line.split_once("page.md:").unwrap().1).collect();
    assert_eq!(
        broken,
        [
            "8: gone.png: there is no such file",
            "9: gone.md#here: there is no such file",
            "9: other.md#no-heading: the page has no such heading",
            "10: #there: the page has no such heading",
        ]
    );
}
