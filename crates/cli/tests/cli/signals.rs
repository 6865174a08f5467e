//! Stopped or killed in the middle of a file: nothing is left that looks like a result.

use std::fs;
use std::io::Write;

use rustix::process::Signal;

use crate::harness::{Running, World, noise, skipped, wait_for};

const STOPS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// Writes the first bytes of the command's input, and returns its standard input, which stays open.
fn in_the_middle<'a>(running: &mut Running<'a>, first: &[u8]) -> impl Write + use<'a> {
    let mut stdin = running.stdin();
    stdin.write_all(first).unwrap();
    stdin
}

/// Waits until the command writes to a file without a name in its directory, or with a hidden one.
fn wait_for_output(world: &World, running: &Running<'_>) {
    let directory = world.path("").canonicalize().unwrap();
    let begun = ["#", ".out.bulla-"].map(|name| directory.join(name).into_os_string().into_string().unwrap());
    wait_for("the output to be begun", || {
        // Only root may read these. For other users it is enough that the command has read more than a pipe holds.
        let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", running.id())) else { return true };
        let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.any(|target| begun.iter().any(|name| target.to_str().unwrap().starts_with(name)))
    });
}

#[test]
fn nothing_remains_of_an_interrupted_run() {
    let world = World::new();
    world.write("file", noise(2_000_000));
    world.bulla(["encrypt", "file"]).ok();
    world.bulla(["encrypt", "--format", "text", "file"]).ok();
    let native = world.read("file.bulla");
    let text = world.read("file.cipher");
    let names = world.names();
    for signal in STOPS {
        for (args, input) in [
            (["encrypt", "-", "-o", "out", "--format=bulla"], vec![b'x'; 500_000]),
            (["encrypt", "-", "-o", "out", "--format=text"], vec![b'x'; 500_000]),
            (["decrypt", "-", "-o", "out", "--format=bulla"], native[..1_000_000].to_vec()),
            (["decrypt", "-", "-o", "out", "--format=text"], text[..1_000_000].to_vec()),
        ] {
            let mut running = world.bulla(args).start();
            let stdin = in_the_middle(&mut running, &input);
            wait_for_output(&world, &running);
            running.signal(signal);
            let outcome = running.finish();
            drop(stdin);
            assert_eq!(outcome.code(), Some(130), "{signal:?} {args:?}: {outcome:?}");
            assert_eq!(world.names(), names);
        }
    }
    // Spooling a pipe, before the key is known.
    for (args, sealed) in [(&["decrypt", "-"][..], &text), (&["decrypt", "--whole", "-"], &native)] {
        let mut running = world.bulla(args.iter().copied()).start();
        let stdin = in_the_middle(&mut running, &sealed[..1_000_000]);
        running.signal(Signal::TERM);
        let outcome = running.finish();
        drop(stdin);
        assert!(outcome.code() == Some(130) || outcome.signal() == Some(15), "{outcome:?}");
        assert!(crate::harness::names_in(&world.root().join("tmp")).is_empty());
    }
}

#[test]
fn a_killed_run_leaves_no_output() {
    let world = World::new();
    world.write("out", "kept");
    world.bulla(["key", "list"]).ok();
    let mut running = world.bulla(["encrypt", "-", "-o", "out", "--force"]).start();
    let stdin = in_the_middle(&mut running, &[b'x'; 500_000]);
    wait_for_output(&world, &running);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal(), Some(9));
    drop(stdin);
    let visible: Vec<_> = world.names().into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(visible, ["out"]);
    assert_eq!(world.read("out"), b"kept");
}

/// As `nohup` starts programs, and as shells start those in the background of a script.
#[test]
fn signals_that_are_ignored_stay_ignored() {
    let world = World::new();
    world.bulla(["key", "list"]).ok();
    let mut running = world.sh("trap '' HUP INT; exec bulla encrypt - -o out").start();
    let mut stdin = in_the_middle(&mut running, &[b'x'; 500_000]);
    wait_for_output(&world, &running);
    running.signal(Signal::HUP);
    running.signal(Signal::INT);
    stdin.write_all(b"the end").unwrap();
    drop(stdin);
    let outcome = running.finish();
    assert_eq!(outcome.code(), Some(0), "{outcome:?}");
    assert_eq!(world.bulla(["decrypt", "out", "-o", "-"]).ok().stdout.len(), 500_007);
}

/// Without /proc, a file without a name cannot get one later, as on file systems without such files.
#[test]
fn file_systems_without_unnamed_files() {
    let world = World::new();
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let hide = |then: &str| {
        let script = format!("mount -t tmpfs none /proc && exec {then}");
        world.command("unshare", [flags.to_owned(), "sh".into(), "-c".into(), script])
    };
    if hide("true").run().code() != Some(0) {
        return skipped("file_systems_without_unnamed_files", "no file system can be mounted here");
    }
    world.write("file", noise(300_000));
    hide("bulla encrypt file").ok();
    hide("bulla encrypt file").run().fails_with(6, &["exists already"]);
    hide("bulla encrypt file --force").ok();
    hide("bulla encrypt --format text file").ok();
    for sealed in ["file.cipher", "file.bulla"] {
        hide(&format!("bulla decrypt {sealed} -o out --force")).ok();
        assert!(world.read("out") == world.read("file"));
    }
    let names = ["file", "file.bulla", "file.cipher", "out"];
    assert_eq!(world.names(), names);
    let formats = ["bulla", "text"];
    for (signal, format) in STOPS.into_iter().flat_map(|signal| formats.map(|format| (signal, format))) {
        let mut running = hide(&format!("bulla encrypt - -o out --force --format {format}")).start();
        let stdin = in_the_middle(&mut running, &[b'x'; 500_000]);
        let part = |name: &String| name.starts_with(".out.bulla-") && name.ends_with(".part");
        wait_for("the hidden file", || world.names().iter().any(part));
        running.signal(signal);
        let outcome = running.finish();
        drop(stdin);
        assert_eq!(outcome.code(), Some(130), "{signal:?}: {outcome:?}");
        assert_eq!(world.names(), names);
    }
    assert!(world.read("out") == world.read("file"));
}
