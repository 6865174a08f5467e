//! The messages in the tables of "Troubleshooting" in docs/operations.md exist literally in the source code or in a
//! script of `tests/cmd`.

use std::fs;
use std::path::Path;

use super::root;

#[test]
fn every_message_of_the_tables_is_one_of_the_program() {
    let document = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, section) = document.split_once("\n## Troubleshooting\n").unwrap();
    let sources = sources();
    let parts: Vec<_> = section.lines().flat_map(parts_of_messages).collect();
    assert!(parts.len() > 100, "{}", parts.len());
    let is_known =
        |part: &str| sources.contains(part) || OF_OTHERS.iter().any(|(other, _)| part.contains(other));
    let unknown: Vec<_> = parts.iter().filter(|part| !is_known(part)).collect();
    assert!(unknown.is_empty(), "no source has {unknown:?}");
    for (other, whose) in OF_OTHERS {
        assert!(parts.iter().any(|part| part.contains(other)), "{other} of {whose} is in no table");
    }
}

/// Messages of other programs, or that the program composes.
const OF_OTHERS: [(&str, &str); 8] = [
    ("Permission denied", "the system"),
    ("Read-only file system", "the system"),
    ("Connection refused", "the system"),
    ("Not a redb database", "redb"),
    ("DB corrupted", "redb"),
    ("CaUsedAsEndEntity", "webpki"),
    ("answered 200 with something that is not JSON", "a message for any status"),
    (".*", "several codes"),
];

/// Returns the literal parts of the messages in the first column, between `...` and names in capitals.
fn parts_of_messages(row: &str) -> Vec<String> {
    let Some(cells) = row.strip_prefix("| ") else { return Vec::new() };
    let cell = cells.split(" | ").next().unwrap();
    let mut parts = Vec::new();
    for message in cell.split('`').skip(1).step_by(2) {
        let mut text =
            message.replace("mode 640", "...").replace("mode 777", "...").replace("user 1000", "...");
        for name in ["DATA", "(uid N)", "(user N, ...)", " N "] {
            text = text.replace(name, "...");
        }
        let literal = text.split("...").map(|part| part.trim_matches(|c| " :()\"`,".contains(c)).to_owned());
        parts.extend(literal.filter(|part| part.len() > 3));
    }
    parts
}

/// Returns the scripts, and the source code of all crates; literals that continue on the next line are joined.
fn sources() -> String {
    let mut text = String::new();
    let mut directories = vec![root().join("crates"), root().join("crates/cli/tests/cmd")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "tests") {
                directories.push(path);
            } else if path.extension().is_some_and(|name| name == "rs" || name == "txt") {
                text.push_str(&joined(&path));
            }
        }
    }
    text
}

fn joined(source: &Path) -> String {
    let text = fs::read_to_string(source).unwrap();
    let mut pieces = text.split("\\\n");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |text, piece| text + piece.trim_start())
}

#[test]
fn messages_are_taken_apart() {
    let row = "| `the store in DATA belongs to N servers`, `x.. (mode 640)`, `...: no profile \"...\"` | cause `no message` | |";
    assert_eq!(parts_of_messages(row), ["the store in", "belongs to", "servers", "no profile"]);
    assert!(parts_of_messages("Messages begin with `bulla: `").is_empty());
}
