//! Several commands at the same moment, and commands beside a server.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Running, World};

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
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(world.names(), ["file", "kms"]);

    // The way out that it names.
    let environment = server.environment();
    world.bulla(["key", "create", "--alias", "work"]).envs(&environment).ok();
    world.bulla(["encrypt", "file", "-k", "alias/work"]).envs(&environment).ok();
    server.stop();
    // Without the server the store is the same KMS.
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
