//! The table of docs/cli.md and of its translation has every command of `bulla --help`, and where it lists the commands of a
//! command, all of them.

use std::collections::BTreeSet;
use std::fs;

use super::root;
use crate::harness::World;

#[test]
fn every_command_is_in_the_table() {
    let world = World::new();
    for page in ["docs/cli.md", "docs/cli.zh-CN.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let listed = listed(&text);
        let names: BTreeSet<_> = listed.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, commands(&world, &["--help"]), "{page}");
        for (name, commands_of) in listed.iter().filter(|(_, commands_of)| commands_of.len() > 1) {
            assert_eq!(*commands_of, commands(&world, &[name, "--help"]), "bulla {name} in {page}");
        }
    }
}

/// The commands that a help lists, without `help`.
fn commands(world: &World, arguments: &[&str]) -> BTreeSet<String> {
    let help = world.bulla(arguments).ok().text();
    let (_, list) = help.split_once("\nCommands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The commands of the first column, each with its commands: `bulla key create\|list` has two.
fn listed(page: &str) -> Vec<(String, BTreeSet<String>)> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `bulla ")?.split_once(" | "));
    let spans =
        cells.flat_map(|(cell, _)| cell.split('`').step_by(2).map(|span| span.trim_start_matches("bulla ")));
    let mut listed = Vec::new();
    for span in spans {
        let mut words = span.split(' ').map(|word| word.split("\\|").map(str::to_owned));
        let names = words.next().unwrap();
        let commands_of: BTreeSet<_> = words.next().into_iter().flatten().collect();
        listed.extend(names.map(|name| (name, commands_of.clone())));
    }
    listed
}

#[test]
fn a_row_is_taken_apart() {
    let row = "| `bulla key create\\|list`, `bulla whoami` | manages `bulla x` |\n| `bulla user\\|group ...` | |\n| `--kms` | |";
    let listed: Vec<_> =
        listed(row).into_iter().map(|(name, of)| (name, of.into_iter().collect::<Vec<_>>())).collect();
    let expected: [(&str, &[&str]); 4] =
        [("key", &["create", "list"]), ("whoami", &[]), ("user", &["..."]), ("group", &["..."])];
    assert_eq!(
        listed,
        expected.map(|(name, of)| (name.to_owned(), of.iter().map(|name| (*name).to_owned()).collect()))
    );
}
