//! Limits of processes, too low for the threads of a command.

use std::fs;
use std::process::Command;

use crate::harness::{BULLA, Outcome, World, noise, skipped};

/// A user without other processes, because limits do not apply to root.
const USER: u32 = 54_321;

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|outcome| outcome.status.success())
}

/// Runs the binary with this many processes for its user, including itself; a server for two seconds.
fn run(world: &World, processes: u32, args: &[&str]) -> Outcome {
    let user = USER.to_string();
    let limit = format!("--nproc={processes}");
    let mut words = vec![if args[0] == "serve" { "2" } else { "60" }];
    if rustix::process::geteuid().is_root() {
        words.extend(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"]);
    }
    words.extend(["prlimit", &limit, "./bulla"]);
    words.extend(args);
    world.command("timeout", words).run()
}

fn give_to_user(world: &World) {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("chown");
        command.args(["-R", &format!("{USER}:{USER}")]).arg(world.root());
        assert!(command.status().unwrap().success());
    }
}

#[test]
fn a_limit_of_processes_is_no_bug() {
    const TEST: &str = "a_limit_of_processes_is_no_bug";
    for program in ["prlimit", "timeout", "setpriv"] {
        if !has(program) {
            return skipped(TEST, &format!("{program} is not installed"));
        }
    }
    let world = World::new();
    fs::copy(BULLA, world.path("bulla")).unwrap();
    world.write("big", noise(3_000_000));
    fs::create_dir(world.path("tree")).unwrap();
    world.write("tree/file", "content");
    world.bulla(["key", "create", "--alias", "work"]).ok();
    world.bulla(["encrypt", "big"]).ok();
    world.bulla(["encrypt", "--format", "text", "big"]).ok();
    give_to_user(&world);
    let mut refusals = 0;
    for processes in [1, 2, 3, 5, 8] {
        for args in [
            &["key", "list"][..],
            &["key", "create", "--spec", "RSA_2048"],
            &["encrypt", "big", "-o", "out", "--force"],
            &["encrypt", "--format", "text", "big", "-o", "out", "--force"],
            &["decrypt", "big.bulla", "-o", "out", "--force"],
            &["decrypt", "big.cipher", "-o", "out", "--force"],
            &["verify", "big.bulla"],
            &["rewrap", "big.bulla"],
            &["encrypt", "tree", "--resume"],
            &["serve", "--data", "kms", "--listen", "127.0.0.1:0"],
            &["serve", "--data", "kms", "--listen", "127.0.0.1:0", "--http"],
        ] {
            let outcome = run(&world, processes, args);
            match (outcome.code(), args[0]) {
                (Some(0), _) | (Some(124), "serve") => {} // enough, and one that ran until it was stopped
                (Some(1 | 3 | 7), _) => {
                    refusals += 1;
                    assert!(!outcome.stderr.contains("report it"), "{args:?} {outcome:?}");
                    let message = outcome.stderr.contains("process limit")
                        || outcome.stderr.contains("ServiceUnavailableTemporary");
                    assert!(message, "{processes} {args:?} {outcome:?}");
                }
                _ => panic!("{processes} {args:?} {outcome:?}"),
            }
        }
    }
    assert!(refusals > 5, "the limit does not hold here");
    assert!(run(&world, 50, &["verify", "big.bulla"]).code() == Some(0));
}
