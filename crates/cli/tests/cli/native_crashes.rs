//! Killed at any moment, and out of space anywhere: inputs are unchanged, outputs are complete or absent, and rewrapped
//! files open.
//!
//! `BULLA_CRASH_ROUNDS` is how often each command is killed; a thousand rounds take minutes.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{World, noise, random_below, skipped};
use crate::native_header::NativeFile;

fn rounds() -> u64 {
    std::env::var("BULLA_CRASH_ROUNDS").map_or(40, |rounds| rounds.parse().unwrap())
}

/// Runs a command to its end to measure its duration, and then kills it at random moments; `reset` runs before each
/// round, `check` after it. Returns how often it was killed in time.
pub(crate) fn killed_often(world: &World, args: &[&str], reset: impl Fn(), check: impl Fn(u64)) -> u64 {
    reset();
    let begun = Instant::now();
    world.bulla(args).ok();
    let whole = u64::try_from(begun.elapsed().as_micros()).unwrap();
    let mut killed = 0;
    for round in 0..rounds() {
        reset();
        let running = world.bulla(args).start();
        thread::sleep(Duration::from_micros(random_below(whole + whole / 10)));
        running.signal(Signal::KILL);
        killed += u64::from(running.finish().signal() == Some(9));
        check(round);
    }
    assert!(killed > 0, "it was never killed in time");
    killed
}

/// Returns all names. Up to one may be hidden, of a file whose process was killed before it had its final name; it is
/// removed, so that the next one is detected too.
fn visible(world: &World) -> Vec<String> {
    let (hidden, visible) = world.names().into_iter().partition::<Vec<_>, _>(|name| name.starts_with('.'));
    assert!(hidden.len() <= 1, "{hidden:?}");
    for name in hidden {
        let known = [".part", ".removed"].iter().any(|end| name.ends_with(end));
        assert!(name.contains(".bulla-") && known, "{name}");
        remove(world, &name);
    }
    visible
}

fn remove(world: &World, name: &str) {
    let path = world.path(name);
    let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)); // it may be missing
}

#[test]
fn a_killed_encryption_leaves_a_whole_file_or_none() {
    let world = World::new();
    let content = noise(3_000_001);
    world.write("file", &content);
    let decrypted = || world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().stdout;
    let check = |round| {
        assert!(world.read("file") == content, "round {round}");
        let names = visible(&world);
        assert!(names == ["file"] || names == ["file", "file.bulla"] && decrypted() == content, "{names:?}");
    };
    killed_often(&world, &["encrypt", "file"], || remove(&world, "file.bulla"), check);
    // A replaced file is the old one or the new one.
    let check = |round| assert!(decrypted() == content && world.read("file") == content, "round {round}");
    killed_often(&world, &["encrypt", "file", "--force"], || {}, check);
}

#[test]
fn a_killed_decryption_leaves_a_whole_file_or_none() {
    let world = World::new();
    let content = noise(3_000_001);
    world.write("file", &content);
    world.bulla(["encrypt", "file"]).ok();
    let sealed = world.read("file.bulla");
    let check = |round| {
        assert!(world.read("file.bulla") == sealed, "round {round}");
        let names = visible(&world);
        assert!(names == ["file", "file.bulla"] || world.read("out") == content, "round {round}: {names:?}");
    };
    let reset = || remove(&world, "out");
    killed_often(&world, &["decrypt", "file.bulla", "-o", "out"], reset, check);
    let check = |round| assert!([&b"old"[..], &content].contains(&&*world.read("out")), "round {round}");
    let reset = || drop(world.write("out", "old"));
    killed_often(&world, &["decrypt", "file.bulla", "-o", "out", "--force"], reset, check);
}

/// With a source that is removed after its output was read back: one of them exists and is complete at any moment.
#[test]
fn a_killed_run_that_removes_its_source_has_lost_nothing() {
    let world = World::new();
    let content = noise(1_500_000);
    let reset = || {
        remove(&world, "file.bulla");
        world.write("file", &content);
    };
    let check = |round| {
        if visible(&world).contains(&"file".to_owned()) {
            assert!(world.read("file") == content, "round {round}");
        } else {
            let decrypted = world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().stdout;
            assert!(decrypted == content, "round {round}");
        }
    };
    killed_often(&world, &["encrypt", "file", "--remove-source"], reset, check);
}

#[test]
fn a_killed_rewrap_leaves_a_file_that_opens() {
    let world = World::new();
    for alias in ["a", "b"] {
        world.bulla(["key", "create", "--alias", alias]).ok();
    }
    for (size, slots) in [(100_000, 1), ((1 << 20) + 100, 2)] {
        let content = noise(size);
        world.write("file", &content);
        world.bulla(["encrypt", "file", "-k", "alias/a", "--force"]).ok();
        let original = NativeFile::new(world.read("file.bulla"));
        assert_eq!(original.slot_count(), slots);
        let body = original.body_offset();
        let check = |round| {
            let decrypted = world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().stdout;
            assert!(decrypted == content, "round {round}, {slots} slots");
            let file = NativeFile::new(world.read("file.bulla"));
            assert!(file.bytes[body..] == original.bytes[body..], "round {round}, {slots} slots");
            if round % 4 == 0 {
                world.bulla(["rewrap", "file.bulla", "-k", "alias/b"]).ok();
                world.bulla(["verify", "file.bulla", "--allow-key", "alias/b"]).ok();
            }
        };
        let reset = || drop(world.write("file.bulla", &original.bytes));
        killed_often(&world, &["rewrap", "file.bulla", "-k", "alias/b"], reset, check);
        killed_often(&world, &["rekey", "file.bulla", "-k", "alias/b"], reset, |round| {
            let decrypted = world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().stdout;
            assert!(decrypted == content, "round {round}, {slots} slots");
        });
    }
}

#[test]
fn a_killed_tree_is_finished_by_the_next_run() {
    let world = World::new();
    fs::create_dir_all(world.path("tree/below")).unwrap();
    let names: Vec<_> =
        (0..40).map(|n| format!("{}file-{n}", if n % 2 == 0 { "" } else { "below/" })).collect();
    let content = |number: usize| noise(number * number * 100);
    for (number, name) in names.iter().enumerate() {
        world.write(&format!("tree/{name}"), content(number));
    }
    let unchanged = |root: &str, round| {
        for (number, name) in names.iter().enumerate() {
            assert!(world.read(&format!("{root}/{name}")) == content(number), "{root}/{name}, round {round}");
        }
    };
    let check = |round| {
        if world.path("sealed").exists() {
            let outcome = world.bulla(["verify", "sealed"]).run();
            let none = outcome.stderr.contains("nothing in it is encrypted"); // it was killed before the first file
            assert!(outcome.code() == Some(0) || none, "{outcome:?}");
        }
        if round % 4 == 0 {
            world.bulla(["encrypt", "tree", "-o", "sealed", "--resume"]).ok();
            world.bulla(["decrypt", "sealed", "-o", "out"]).ok();
            unchanged("out", round);
            remove(&world, "out");
        }
        unchanged("tree", round);
    };
    killed_often(&world, &["encrypt", "tree", "-o", "sealed"], || remove(&world, "sealed"), check);

    world.bulla(["encrypt", "tree", "-o", "sealed", "--resume"]).ok();
    let check = |round| {
        for (number, name) in names.iter().enumerate() {
            let there = fs::read(world.path(format!("out/{name}"))).ok();
            assert!(there.is_none_or(|found| found == content(number)), "{name}, round {round}");
        }
        if round % 4 == 0 {
            world.bulla(["decrypt", "sealed", "-o", "out", "--resume"]).ok();
            unchanged("out", round);
        }
    };
    killed_often(&world, &["decrypt", "sealed", "-o", "out"], || remove(&world, "out"), check);
}

/// On a file system that may be too small for anything: existing files are complete, and failures exit with 1.
const ON_A_SMALL_DISK: &str = "
    check() { # exit code, the output if it is there, a command that says whether it is whole
        case $1 in
            0) eval \"$3\" || echo \"BAD: $2 is not whole\";;
            1|7) test ! -e $2 || eval \"$3\" || echo \"BAD: $2 is left behind after $1\";;
            *) echo \"BAD: exit $1 for $2\";;
        esac
    }
    bulla encrypt big -o full/new; check $? full/new 'bulla decrypt full/new -o - | cmp -s - big'
    rm -f full/new
    bulla decrypt big.bulla -o full/new; check $? full/new 'cmp -s full/new big'
    rm -f full/new
    bulla encrypt big -o - > full/new; test $? -le 1 || echo BAD: stream
    rm -f full/new
    echo kept > full/new
    bulla encrypt big -o full/new --force
    code=$?; test $code = 0 || grep -q kept full/new || echo BAD: replaced
    rm -f full/new
    if cp small.bulla full/new 2> /dev/null; then
        bulla rewrap full/new -k alias/b; code=$?; test $code -le 1 || echo BAD: rewrap $code
        bulla decrypt full/new -o - | cmp -s - small || echo BAD: rewrapped
        test $code = 0 || cmp -s full/new small.bulla || echo BAD: rewrapped in part
        bulla rekey full/new -k alias/b; code=$?; test $code -le 1 || echo BAD: rekey $code
        bulla decrypt full/new -o - | cmp -s - small || echo BAD: rekeyed
    fi
    rm -f full/new
    bulla encrypt tree -o full/tree; code=$?
    for file in $(cd tree && ls); do
        test ! -e full/tree/$file.bulla || bulla decrypt full/tree/$file.bulla -o - | cmp -s - tree/$file \\
            || echo BAD: $file
    done
    case $code in 0|1|7) ;; *) echo BAD: tree $code;; esac
    ls -A full full/tree | grep part; true
";

#[test]
fn a_disk_of_any_size_may_be_full_at_any_moment() {
    let world = World::new();
    world.write("big", noise(600_000));
    world.write("small", noise(60_000));
    fs::create_dir(world.path("tree")).unwrap();
    for number in 0..12 {
        world.write(&format!("tree/file-{number}"), noise(number * 8_000));
    }
    for alias in ["a", "b"] {
        world.bulla(["key", "create", "--alias", alias]).ok();
    }
    world.bulla(["encrypt", "big", "small", "-k", "alias/a"]).ok();
    fs::create_dir(world.path("full")).unwrap();
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let mount = |kib: u64| format!("mount -t tmpfs -o size={kib}k none full");
    if world.command("unshare", [flags, "sh", "-c", &mount(64)]).run().code() != Some(0) {
        return skipped("a_disk_of_any_size_may_be_full_at_any_moment", "no file system can be mounted here");
    }
    for round in 0..rounds().div_ceil(4) {
        let kib = if round % 2 == 0 { 4 + random_below(200) } else { 500 + random_below(700) };
        let script = format!("{} && {{ {ON_A_SMALL_DISK} }}", mount(kib));
        let outcome = world.command("unshare", [flags, "sh", "-c", &script]).run();
        assert_eq!((outcome.code(), outcome.text().as_str()), (Some(0), ""), "{kib} KiB: {outcome:?}");
    }
}
