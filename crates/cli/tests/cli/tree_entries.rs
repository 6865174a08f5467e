//! Entries of a tree that are skipped: those without content, and leftovers of killed runs.

use std::fs;
use std::os::unix::net::UnixListener;

use crate::harness::{World, skipped};
use crate::native_trees::{plant, tree};

/// Every command skips entries without content, and does not fail.
#[test]
fn pipes_sockets_and_devices_are_skipped() {
    let world = World::new();
    plant(&world, "tree", 3);
    world.bulla(["encrypt", "tree", "-o", "sealed"]).ok();
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped("pipes_sockets_and_devices_are_skipped", "devices: only root can make one");
    }
    let mut special = Vec::new();
    for tree in ["tree", "sealed"] {
        for suffix in ["", ".bulla"] {
            special.extend(["pipe", "socket", "device"].map(|name| format!("{tree}/0/{name}{suffix}")));
        }
    }
    special.retain(|name| is_root || !name.contains("device"));
    for name in &special {
        if name.contains("socket") {
            drop(UnixListener::bind(world.path(name)).unwrap());
        } else if name.contains("device") {
            drop(world.command("mknod", [name, "c", "1", "3"]).ok());
        } else {
            drop(world.command("mkfifo", [name]).ok());
        }
    }
    let count = special.len() / 2;
    let message = format!("{count} skipped: pipes, sockets or devices");
    for (command, tree) in [
        ("encrypt tree -o again", "tree"),
        ("decrypt sealed -o out", "sealed"),
        ("verify sealed", "sealed"),
        ("rewrap sealed", "sealed"),
        ("rekey sealed", "sealed"),
        ("encrypt tree --remove-source", "tree"),
        ("decrypt sealed --force --remove-source", "sealed"),
    ] {
        let outcome = world.sh(&format!("cp -a {tree} kept; bulla {command}")).ok();
        assert!(outcome.stderr.contains(&message), "{command}: {outcome:?}");
        let outcome =
            world.sh(&format!("rm -rf again out {tree}; mv kept {tree}; bulla {command} --json")).ok();
        let events: Vec<serde_json::Value> =
            outcome.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for name in special.iter().filter(|name| name.starts_with(tree)) {
            let event = events.iter().find(|event| event["path"] == name.as_str());
            let event = event.unwrap_or_else(|| panic!("{command}: {name}: {outcome:?}"));
            assert_eq!((&event["event"], &event["reason"]), (&"skipped".into(), &"special".into()));
            assert!(!fs::symlink_metadata(world.path(name)).unwrap().is_file(), "{command}: {name} stays");
        }
        let finished = events.last().unwrap();
        assert_eq!((&finished["failed"], &finished["skipped"]), (&0.into(), &count.into()), "{command}");
    }
    // A named one is not skipped.
    for command in ["verify", "rewrap", "rekey"] {
        let outcome = world.bulla([command, "sealed/0/socket.bulla"]).run();
        assert_eq!(outcome.code(), Some(1), "{outcome:?}");
    }
}

/// A hidden file that a killed run left is not part of the tree.
#[test]
fn leftovers_of_a_killed_run_are_skipped_with_a_note() {
    let world = World::new();
    plant(&world, "tree", 3);
    world.bulla(["encrypt", "tree", "-o", "sealed"]).ok();
    let leftovers = [".file-0.bulla-x1Y2z3.part", ".file-0.bulla.bulla-x1Y2z3.removed"];
    for name in leftovers {
        world.write(&format!("tree/{name}"), "half");
        world.write(&format!("sealed/{name}"), "half");
    }
    for (command, tree) in [
        ("encrypt tree -o again", "tree"),
        ("encrypt tree --remove-source", "tree"),
        ("decrypt sealed -o out", "sealed"),
        ("verify sealed", "sealed"),
        ("rewrap sealed", "sealed"),
        ("rekey sealed", "sealed"),
        ("decrypt sealed", "sealed"),
    ] {
        let outcome = world.sh(&format!("bulla {command}")).ok();
        for name in leftovers {
            let message = format!("bulla: {tree}/{name}: skipped, it is a temporary file of bulla\n       ");
            assert!(outcome.stderr.contains(&message), "{command}: {outcome:?}");
            assert_eq!(world.read(&format!("{tree}/{name}")), b"half");
        }
        assert!(outcome.stderr.contains("3 files"), "{command}: {outcome:?}");
        assert!(outcome.stderr.contains(", 2 skipped\n"), "{command}: {outcome:?}");
    }
    assert_eq!((tree(&world.path("again")).len(), tree(&world.path("out")).len()), (9, 9));
    // A named one is processed like any other file.
    world.bulla(["encrypt", "tree/.file-0.bulla-x1Y2z3.part"]).ok();
}

/// Also those that have an event of another kind: the directory of the keys, and an output inside the tree.
#[test]
fn a_tree_counts_each_entry_that_it_reports_as_skipped() {
    let world = World::new();
    fs::create_dir_all(world.path("t/out")).unwrap();
    world.write("t/file", "content");
    let data = world.path("t/keys");
    for _ in 0..2 {
        let run = world.bulla(["encrypt", "t", "-o", "t/out", "--force", "--json"]);
        let outcome = run.env("BULLA_DATA", data.to_str().unwrap()).ok();
        let events: Vec<serde_json::Value> =
            outcome.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let count_of = |reason: &str| events.iter().filter(|event| event["reason"] == reason).count();
        let skipped = events.iter().filter(|event| event["event"] == "skipped").count();
        assert_eq!(count_of("output"), 1, "{outcome:?}");
        assert_eq!(events.last().unwrap()["skipped"], skipped, "{outcome:?}");
        if count_of("keys") == 1 {
            return; // the first run creates them while it walks
        }
    }
    panic!("the directory of the keys has no event");
}

/// In a new output tree, outputs are not checked in advance. One that another output blocks is refused, with the same
/// message as in an existing tree.
#[test]
fn a_place_in_a_new_tree_that_is_taken_is_refused_in_the_same_words() {
    let world = World::new();
    for directory in ["t/a.bulla", "t/b.bulla"] {
        fs::create_dir_all(world.path(directory)).unwrap();
    }
    let long = "n".repeat(255);
    for file in ["a", "b", "c", "d", &long] {
        world.write(&format!("t/{file}"), "content");
    }
    for (link, target) in [("c.bulla", "nowhere"), ("d.bulla", "/dev/null")] {
        std::os::unix::fs::symlink(target, world.path(format!("t/{link}"))).unwrap();
    }
    let first = world.bulla(["encrypt", "t", "-o", "new"]).run();
    let again = world.bulla(["encrypt", "t", "-o", "new"]).run();
    for outcome in [first, again] {
        let lines = |message: &str| outcome.stderr.lines().filter(|line| line.contains(message)).count();
        for (message, count) in [
            ("is a directory", 2),
            ("exists already", 1),
            ("is not a file", 1),
            ("the name of the output is too long", 1),
            ("5 of 5 files failed", 1),
        ] {
            assert_eq!(lines(message), count, "{message}: {outcome:?}");
        }
    }
    assert_eq!(fs::read_link(world.path("new/c.bulla")).unwrap(), std::path::Path::new("nowhere"));
    assert!(fs::read_dir(world.path("new/a.bulla")).unwrap().next().is_none());
}
