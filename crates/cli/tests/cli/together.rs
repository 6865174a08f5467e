//! Concurrent commands, and commands while a server runs.

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Running, World, skipped, wait_for};

fn at_once(world: &World, count: usize) {
    for number in 0..count {
        world.write(&number.to_string(), number.to_string());
    }
    let running: Vec<_> =
        (0..count).map(|number| world.bulla(["encrypt", &number.to_string()]).start()).collect();
    let outcomes: Vec<_> = running.into_iter().map(Running::finish).collect();
    for outcome in &outcomes {
        assert_eq!(outcome.code(), Some(0), "{outcome:?}");
    }
    let welcomes = outcomes.iter().filter(|outcome| outcome.stderr.contains("new keys in")).count();
    assert!(welcomes <= 1, "{outcomes:?}");
    thread::scope(|scope| {
        for number in 0..count {
            scope.spawn(move || {
                let opened = world.bulla(["decrypt", &format!("{number}.bulla"), "-o", "-"]).ok();
                assert_eq!(opened.text(), number.to_string());
            });
        }
    });
}

#[test]
fn two_commands_on_the_very_first_use() {
    for _ in 0..5 {
        at_once(&World::new(), 2);
    }
}

#[test]
fn eight_commands_take_turns() {
    let world = World::new();
    at_once(&world, 8);
    let keys = world.bulla(["kms", "ListKeys"]).ok().json();
    assert_eq!(keys["TotalCount"], 1, "one default key: {keys}");
}

#[test]
fn a_running_server_is_never_waited_for() {
    let world = World::new();
    world.write("file", "content");
    let server = world.serve("kms", ["--http"]);
    let started = Instant::now();
    for args in [["encrypt", "file"], ["key", "list"], ["alias", "list"], ["kms", "ListKeys"]] {
        let outcome = world.bulla(args).env("BULLA_DATA", "kms").run();
        outcome.fails_with(3, &["the store in kms belongs to a running server", "--kms https://HOST:PORT"]);
    }
    let second = world.bulla(["serve", "--data", "kms"]).run();
    second.fails_with(3, &["work/kms belongs to a running server", "stop the other server first"]);
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    assert_eq!(world.names(), ["file", "kms"]);

    // The solution that the message names.
    let environment = server.environment();
    world.bulla(["key", "create", "--alias", "work"]).envs(&environment).ok();
    world.bulla(["encrypt", "file", "-k", "alias/work"]).envs(&environment).ok();
    server.stop();
    // Without the server, the store is the same KMS.
    let opened = world.bulla(["--kms", "embedded:kms", "decrypt", "file.bulla", "-o", "-"]).ok();
    assert_eq!(opened.text(), "content");
}

#[test]
fn a_killed_server_does_not_keep_the_store() {
    let world = World::new();
    world.serve("kms", ["--http"]).kill();
    world.bulla(["--kms", "embedded:kms", "key", "list"]).ok();
    world.serve("kms", ["--http"]).stop();
}

/// A directory of `count` small files, which are hard links of one file.
fn tree(world: &World, name: &str, count: usize) {
    fs::create_dir(world.path(name)).unwrap();
    let first = world.write(&format!("{name}/0"), "content");
    for number in 1..count {
        fs::hard_link(&first, world.path(format!("{name}/{number}"))).unwrap();
    }
}

/// Each run uses the store continuously, and would keep it if it could.
#[test]
fn long_runs_let_other_commands_in() {
    let world = World::new();
    tree(&world, "t", 40_000);
    world.bulla(["encrypt", "t/0", "-o", "first"]).ok();
    let run = |to: &str| {
        world.bulla(["encrypt", "t", "-o", to, "--data-key-per", "file", "--jobs", "4", "--no-sync"]).start()
    };
    let runs = [run("e1"), run("e2")];
    for to in ["e1", "e2"] {
        let begun = || fs::read_dir(world.path(to)).is_ok_and(|mut names| names.next().is_some());
        wait_for("the first outputs", begun);
    }
    let began = Instant::now();
    world.bulla(["key", "list"]).ok();
    assert!(began.elapsed() < STARVED, "it is let in: {:?}", began.elapsed());
    assert!(runs.iter().all(Running::is_running), "the list came before their end");
    for run in runs {
        assert_eq!(run.finish().code(), Some(0));
    }
}

/// Far longer than two runs keep the store.
const STARVED: Duration = Duration::from_secs(10);

/// A user at a terminal learns why the command waits; a program that reads the messages does not.
#[test]
fn a_waiting_command_notifies_the_terminal() {
    let world = World::new();
    world.bulla(["key", "create", "--alias", "work"]).ok();
    if !world.sh("script -qec 'test -t 2' /dev/null").run().status.success() {
        return skipped("a_waiting_command_notifies_the_terminal", "there is no `script` to make a terminal");
    }
    let held = File::open(world.store().join("lock")).unwrap();
    let seen = || String::from_utf8(world.read("seen")).unwrap();
    // In the first round it waits for its place in the queue, in the second for the store.
    for others in [1, 0] {
        held.lock().unwrap();
        let others: Vec<_> = (0..others).map(|_| world.bulla(["key", "list"]).start()).collect();
        let is_queue_held = || File::open(world.store()).unwrap().try_lock().is_err();
        wait_for("the others in the queue", || others.is_empty() || is_queue_held());
        let on_terminal = world.sh("script -qec 'bulla key list' /dev/null > seen").start();
        wait_for("the word", || world.path("seen").exists() && seen().contains(WAITING));
        assert!(!seen().contains("alias/work"), "{}", seen());
        held.unlock().unwrap();
        let done = on_terminal.finish();
        assert_eq!((done.code(), done.stderr.as_str()), (Some(0), ""));
        assert_eq!(seen().matches(WAITING).count(), 1, "{}", seen());
        assert!(seen().contains("alias/work"), "{}", seen());
        for other in others {
            let done = other.finish();
            assert_eq!((done.code(), done.stderr.as_str()), (Some(0), ""));
        }
        fs::remove_file(world.path("seen")).unwrap();
    }
}

const WAITING: &str = "bulla: waiting for another command that uses the same keys";

#[test]
fn a_run_never_waits_for_itself_on_a_busy_machine() {
    let world = World::new();
    tree(&world, "t", 200);
    let script = "
        bulla encrypt t -o e && bulla rekey --data-key-per file e || exit
        for i in 1 2 3 4; do while :; do :; done & loops=\"$loops $!\"; done
        trap 'kill $loops' EXIT
        nice -n 19 bulla decrypt e -o d --jobs 16; echo $?
        nice -n 19 bulla encrypt t -o f --data-key-per file --jobs 16; echo $?
    ";
    let outcome = world.sh(script).ok();
    assert_eq!(outcome.text(), "0\n0\n", "{outcome:?}");
    for (tree, suffix) in [("d", ""), ("f", ".bulla")] {
        let files = fs::read_dir(world.path(tree)).unwrap().map(|entry| entry.unwrap().file_name());
        let files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
        assert!(files.len() == 200 && files.iter().all(|name| name.ends_with(suffix)), "{tree}");
    }
    let blobs = |tree: &str| {
        let inspected = world.sh(&format!("bulla inspect {tree}/* --json")).ok().text();
        let blobs = inspected.lines().map(|line| {
            let header: serde_json::Value = serde_json::from_str(line).unwrap();
            header["wraps"][0]["blob"].to_string()
        });
        blobs.collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!((blobs("e"), blobs("f")), (200, 200), "a data key for each file");
}
