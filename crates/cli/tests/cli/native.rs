//! The native format in the program: formats, contexts, byte ranges, pipes, terminals, events.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Outcome, World, noise, random_below, skipped};
use crate::native_header::NativeFile;

#[test]
fn either_format_is_recognised_and_a_bulla_name_is_not_taken_for_text() {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file"]).ok();
    world.bulla(["encrypt", "file", "--format", "text"]).ok();
    for name in ["file.bulla", "file.cipher"] {
        assert_eq!(world.bulla(["decrypt", name, "-o", "-"]).ok().text(), "content", "{name}");
        let piped = world.bulla(["decrypt", "-"]).stdin(world.read(name)).ok();
        assert_eq!(piped.text(), "content", "{name} through a pipe");
    }
    // The content decides, not the name, as long as that weakens nothing.
    fs::copy(world.path("file.bulla"), world.path("other.cipher")).unwrap();
    fs::copy(world.path("file.bulla"), world.path("other")).unwrap();
    for name in ["other", "other.cipher"] {
        assert_eq!(world.bulla(["decrypt", name, "-o", "-"]).ok().text(), "content", "{name}");
    }

    // An attacker has exchanged the file for one that protects less.
    fs::copy(world.path("file.cipher"), world.path("file.bulla")).unwrap();
    let names = world.names();
    for command in [
        &["decrypt", "file.bulla", "-o", "out"][..],
        &["decrypt", "file.bulla", "-o", "-"],
        &["verify", "file.bulla"],
        &["cat", "file.bulla"],
        &["cat", "file.bulla", "--range", "0..1"],
    ] {
        let outcome = world.bulla(command).run();
        outcome.fails_with(4, &["named .bulla but is in the text format", "--format text"]);
        assert!(outcome.stdout.is_empty() && world.names() == names, "{command:?}");
    }
    let arguments = ["decrypt", "file.bulla", "-o", "-", "--format", "text"];
    assert_eq!(world.bulla(arguments).ok().text(), "content");
    let outcome = world.bulla(["decrypt", "file.cipher", "-o", "-", "--format", "bulla"]).run();
    assert_eq!((outcome.code(), outcome.stdout.len()), (Some(4), 0), "{outcome:?}");
}

#[test]
fn a_given_context_must_be_part_of_the_one_in_the_file() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let bulla = |args: &[&str]| world.bulla(args).envs(&environment);
    bulla(&["key", "create", "--alias", "work"]).ok();
    world.write("file", "content");
    bulla(&["encrypt", "file", "-k", "alias/work", "-c", "file=sales.csv", "-c", "year=2026"]).ok();
    for arguments in [&[][..], &["-c", "year=2026"], &["-c", "year=2026", "-c", "file=sales.csv"]] {
        let args = [&["decrypt", "file.bulla", "-o", "-"], arguments].concat();
        assert_eq!(bulla(&args).ok().text(), "content", "{arguments:?}");
    }
    assert_eq!(server.complete_log().matches("action=Decrypt").count(), 3);
    for arguments in [&["-c", "year=2025"][..], &["-c", "other=x"], &["-c", "year=2026", "-c", "other=x"]] {
        for command in [&["decrypt", "file.bulla", "-o", "-"][..], &["verify", "file.bulla"]] {
            let outcome = bulla(&[command, arguments].concat()).run();
            outcome.fails_with(5, &["another encryption context", "`bulla inspect`"]);
        }
    }
    // A wrong context is refused before the KMS is called.
    let log = server.complete_log();
    assert_eq!(log.matches("action=Decrypt").count(), 3, "{log}");
    server.stop();
}

#[test]
fn ranges_end_where_they_should() {
    let world = World::new();
    let content = noise(16_384 * 20 + 100);
    let length = content.len();
    world.write("file", &content);
    world.bulla(["encrypt", "file"]).ok();
    world.bulla(["encrypt", "file", "--format", "text"]).ok();
    let borders = [0, 1, 16_383, 16_384, 16_385, 16_384 * 16, 16_384 * 20, length - 1, length, length + 9];
    for (index, from) in borders.into_iter().enumerate() {
        for to in borders[index..].iter().copied() {
            let range = format!("{from}..{to}");
            let outcome = world.bulla(["cat", "file.bulla", "--range", &range]).ok();
            assert!(outcome.stdout == content[from.min(length)..to.min(length)], "{range}");
        }
    }
    for name in ["file.bulla", "file.cipher"] {
        for (range, expected) in [
            ("..", &content[..]),
            ("16380..16390", &content[16_380..16_390]),
            ("327700..", &content[327_700..]),
            ("..5", &content[..5]),
            ("7..7", &[]),
            ("18446744073709551614..18446744073709551615", &[]),
        ] {
            let outcome = world.bulla(["cat", name, "--range", range]).ok();
            assert!(outcome.stdout == expected, "{name} {range}");
        }
        world
            .bulla(["cat", "-", "--range", "0..1"])
            .stdin(world.read(name))
            .run()
            .fails_with(2, &["--range"]);
    }
    for wrong in ["5..4", "5", "a..b", "-1..4"] {
        assert_eq!(world.bulla(["cat", "file.bulla", &format!("--range={wrong}")]).run().code(), Some(2));
    }
    // A chunk outside the range may be damaged, but not one in it.
    let file = NativeFile::new(world.read("file.bulla"));
    let mut damaged = file.bytes.clone();
    damaged[file.body_offset() + 56 + 16_400 * 3 + 5] ^= 1;
    world.write("damaged.bulla", &damaged);
    let outcome = world.bulla(["cat", "damaged.bulla", "--range", "0..49152"]).ok();
    assert!(outcome.stdout == content[..49_152]);
    for range in ["49152..49153", "0..49153", "60000..70000"] {
        let outcome = world.bulla(["cat", "damaged.bulla", "--range", range]).run();
        assert_eq!(outcome.code(), Some(4), "{range}: {outcome:?}");
    }
}

/// Regardless of whether the header has the size: the last chunk shows whether anything is missing.
#[test]
fn no_part_of_a_truncated_file_is_output() {
    let world = World::new();
    let content = noise(16_384 * 70 + 100);
    world.write("known", &content);
    world.bulla(["encrypt", "known"]).ok();
    let sealed = world.bulla(["encrypt", "-"]).stdin(content).ok().stdout;
    world.write("unknown.bulla", &sealed);
    for name in ["known.bulla", "unknown.bulla"] {
        let file = NativeFile::new(world.read(name));
        let chunk = file.body_offset() + 56 + 16_400 * 40;
        for end in [chunk - 1, chunk, chunk + 1, chunk + 16, chunk + 8_000] {
            world.write("cut.bulla", &file.bytes[..end]);
            for args in [
                &["cat", "cut.bulla", "--range", "0..1"][..],
                &["cat", "cut.bulla"],
                &["decrypt", "cut.bulla", "-o", "-"],
                &["decrypt", "cut.bulla", "-o", "out"],
                &["verify", "cut.bulla"],
            ] {
                let outcome = world.bulla(args).run();
                assert_eq!((outcome.code(), outcome.stdout.len()), (Some(4), 0), "{args:?} {outcome:?}");
            }
            assert!(!world.path("out").exists(), "{name} cut to {end}");
        }
    }
}

/// From a pipe, genuine content is printed at once, and a missing tail is an error at the end; with `--whole` nothing
/// is printed.
#[test]
fn a_pipe_that_was_cut() {
    let world = World::new();
    let content = noise(3_000_000);
    let sealed = world.bulla(["encrypt", "-"]).stdin(content.as_slice()).ok().stdout;
    let body = NativeFile::new(sealed.as_slice()).body_offset();
    let ends = [body + 30, body + 56, body + 60, body + 56 + 16_400 * 32, body + 2_000_000, sealed.len() - 1];
    for end in ends {
        let run = |args: &[&str]| world.bulla(args).stdin(&sealed[..end]).run();
        let flowed = run(&["decrypt", "-"]);
        assert_eq!(flowed.code(), Some(4), "cut to {end}: {flowed:?}");
        assert!(content.starts_with(&flowed.stdout) && flowed.stdout.len() < content.len(), "cut to {end}");
        assert_eq!(flowed.stdout.len() > 1_000_000, end > body + 1_500_000, "cut to {end}");
        for args in [
            &["decrypt", "-", "--whole"][..],
            &["cat", "-", "--whole"],
            &["decrypt", "-", "-o", "out"],
            &["verify", "-"],
        ] {
            let outcome = run(args);
            assert_eq!(
                (outcome.code(), outcome.stdout.len()),
                (Some(4), 0),
                "{args:?} cut to {end}: {outcome:?}"
            );
        }
        assert!(world.names().is_empty(), "{:?}", world.names());
    }
    for args in [&["decrypt", "-"][..], &["decrypt", "-", "--whole"], &["cat", "-"]] {
        assert!(world.bulla(args).stdin(sealed.as_slice()).ok().stdout == content, "{args:?}");
    }
    // A file on standard input is treated as a file: all of it is verified first.
    world.write("cut", &sealed[..body + 56 + 16_400 * 32]);
    let outcome = world.sh("bulla decrypt - < cut").run();
    assert_eq!((outcome.code(), outcome.stdout.len()), (Some(4), 0), "{outcome:?}");
}

/// A command without plaintext output does not buffer a pipe, and detects the same damage as in a file.
#[test]
fn a_pipe_is_verified_without_a_copy_of_it() {
    let world = World::new();
    let content = noise(3_000_000);
    world.bulla(["key", "list"]).ok();
    for format in ["bulla", "text"] {
        let sealed = world.bulla(["encrypt", "-", "--format", format]).stdin(content.as_slice()).ok().stdout;
        let run = |command: &[&str], input: &[u8]| {
            world.bulla(command).env("TMPDIR", "/nonexistent").stdin(input).run()
        };
        for command in [&["verify", "-"][..], &["inspect", "-"], &["decrypt", "-", "-o", "out", "--force"]] {
            let outcome = run(command, &sealed);
            assert_eq!(outcome.code(), Some(0), "{command:?} {format}: {outcome:?}");
        }
        assert!(world.read("out") == content);
        for at in [sealed.len() / 2, sealed.len() - 20] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            let outcome = run(&["verify", "-"], &damaged);
            assert_eq!(outcome.code(), Some(4), "{format} damaged at {at}: {outcome:?}");
            let outcome = run(&["verify", "-"], &sealed[..at]);
            assert_eq!(outcome.code(), Some(4), "{format} cut at {at}: {outcome:?}");
        }
        let outcome = run(&["verify", "-"], &[&sealed, &b"more"[..]].concat());
        assert_eq!(outcome.code(), Some(4), "{format} with more behind it: {outcome:?}");
    }
    // A standard input that does not start at its beginning is a stream too; a damaged slot is reported.
    let mut sealed = world.bulla(["encrypt", "-"]).stdin(content.as_slice()).ok().stdout;
    world.write("behind", [b"line\n", &*sealed].concat());
    let outcome = world.sh("{ read line; bulla verify -; } < behind").env("TMPDIR", "/nonexistent").run();
    assert_eq!(outcome.code(), Some(0), "{outcome:?}");
    sealed = NativeFile::new(sealed).with_torn_slot(0).bytes;
    let outcome = world.bulla(["verify", "-"]).env("TMPDIR", "/nonexistent").stdin(sealed).run();
    outcome.fails_with(4, &["one of its two slots"]);
}

/// A repeated disturbance of a file.
type Disturbance<'a> = &'a (dyn Fn(&File) + Sync);

/// Runs `work` while a thread repeatedly disturbs `large`.
fn while_disturbed(world: &World, disturb: Disturbance<'_>, work: impl FnOnce() -> Outcome) -> Outcome {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(world.path("large")).unwrap();
            while !stop.load(Ordering::Relaxed) {
                disturb(&file);
                thread::sleep(Duration::from_micros(500));
            }
        });
        let outcome = work();
        stop.store(true, Ordering::Relaxed);
        outcome
    })
}

/// Encrypts `large` meanwhile.
fn encrypt_while(world: &World, args: &[&str], disturb: Disturbance<'_>) -> Outcome {
    while_disturbed(world, disturb, || world.bulla([&["encrypt", "large"], args].concat()).run())
}

#[test]
fn a_source_that_changes_meanwhile_is_refused() {
    let world = World::new();
    let content = noise(48 << 20);
    world.write("large", &content);
    world.bulla(["key", "list"]).ok();
    let append = |file: &File| file.write_all_at(b"more", file.metadata().unwrap().len()).unwrap();
    let rewrite = |file: &File| file.write_all_at(b"other", 1 << 20).unwrap();
    let shorten = |file: &File| file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    let disturbances: [(&str, Disturbance<'_>); 3] =
        [("append", &append), ("rewrite", &rewrite), ("shorten", &shorten)];
    for (what, disturb) in disturbances {
        let outcome = encrypt_while(&world, &[], disturb);
        outcome.fails_with(1, &["large: the file changed while it was being read", "nothing was written"]);
        assert_eq!(world.names(), ["large"], "{what}");
    }
    // Also as a stream and as text.
    let changed = "large: the file changed while it was being read";
    let outcome = encrypt_while(&world, &["-o", "-"], &rewrite);
    outcome.fails_with(1, &[changed, "discard what was printed"]);
    let outcome = encrypt_while(&world, &["--format", "text"], &rewrite);
    outcome.fails_with(1, &[changed, "nothing was written"]);
    assert_eq!(world.names(), ["large"]);
    world.bulla(["encrypt", "large"]).ok();
}

/// Mode, links and name are not part of the content; a time that is set back does not hide a change of it.
#[test]
fn a_source_whose_status_changes_meanwhile_is_the_same() {
    let world = World::new();
    let content = noise(16 << 20);
    world.write("large", &content);
    fs::hard_link(world.path("large"), world.path("held")).unwrap();
    world.bulla(["key", "list"]).ok();
    let path = |name| world.path(name);
    let set_mode = |file: &File| file.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
    let link = |_: &File| {
        fs::hard_link(path("large"), path("link")).unwrap();
        fs::remove_file(path("link")).unwrap();
    };
    let rename = |_: &File| {
        fs::rename(path("large"), path("renamed")).unwrap();
        fs::rename(path("renamed"), path("large")).unwrap();
    };
    let disturbances: [(&str, Disturbance<'_>); 3] =
        [("mode", &set_mode), ("link", &link), ("rename", &rename)];
    let outputs =
        [&["-o", "out"][..], &["-o", "out", "--jobs", "1"], &["-o", "-"], &["-o", "out", "--format", "text"]];
    for (what, disturb) in disturbances {
        for output in outputs {
            // By a permanent name, while another one is created and removed.
            let opened = ["-c", "exec 3< held; exec bulla encrypt /dev/fd/3 \"$@\"", "sh"];
            let outcome = while_disturbed(&world, disturb, || {
                let args = opened.into_iter().chain(output.iter().copied());
                world.command("sh", args).run()
            });
            assert_eq!(outcome.code(), Some(0), "{what} {output:?}: {outcome:?}");
            if output.contains(&"-") {
                world.write("out", &outcome.stdout);
            }
            world.bulla(["decrypt", "out", "-o", "opened", "--force"]).ok();
            assert!(world.read("opened") == content, "{what} {output:?}");
            fs::remove_file(path("out")).unwrap();
        }
    }
    let modified = fs::metadata(path("large")).unwrap().modified().unwrap();
    let forge = |file: &File| {
        file.write_all_at(&noise(4096)[random_below(4000) as usize..], random_below(15 << 20)).unwrap();
        file.set_modified(modified).unwrap();
    };
    for output in outputs {
        let outcome = encrypt_while(&world, output, &forge);
        outcome.fails_with(1, &["large: the file changed while it was being read"]);
        assert!(!path("out").exists(), "{output:?}");
    }
}

/// The files of /sys have the size of a page, and contain a few bytes.
#[test]
fn files_that_hold_less_than_their_size_are_streams() {
    let world = World::new();
    let source = "/sys/class/net/lo/mtu";
    let Ok(content) = fs::read(source) else {
        return skipped(
            "files_that_hold_less_than_their_size_are_streams",
            "there is no /sys/class/net/lo/mtu",
        );
    };
    assert_ne!(fs::metadata(source).unwrap().len(), content.len() as u64);
    for format in ["bulla", "text"] {
        for source in [source, "/proc/self/limits", "/proc/version"] {
            world.bulla(["encrypt", source, "-o", "out", "--format", format, "--force"]).ok();
            let printed = world.bulla(["encrypt", source, "-o", "-", "--format", format]).ok().stdout;
            world.write("printed", printed);
            for name in ["out", "printed"] {
                world.bulla(["verify", name]).ok();
                let opened = world.bulla(["decrypt", name, "-o", "-"]).ok().stdout;
                assert!(!opened.is_empty() && (source != "/sys/class/net/lo/mtu" || opened == content));
            }
        }
    }
    // Also in a tree, which contains files that cannot be read.
    world.bulla(["encrypt", "/sys/class/net/lo/", "-o", "tree"]).run();
    let sealed = world.path("tree/mtu.bulla");
    assert_eq!(world.bulla(["decrypt", sealed.to_str().unwrap(), "-o", "-"]).ok().stdout, content);
}

#[test]
fn binary_output_is_not_written_to_a_terminal() {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["key", "list"]).ok();
    let on_terminal = |command: &str| world.command("script", ["-qec", command, "/dev/null"]).run();
    if !on_terminal("test -t 1").status.success() {
        return skipped(
            "binary_output_is_not_written_to_a_terminal",
            "there is no `script` to make a terminal",
        );
    }
    for command in ["bulla encrypt file -o -", "bulla encrypt - < file"] {
        let outcome = on_terminal(command);
        assert_eq!(outcome.code(), Some(2), "{command}: {outcome:?}");
        assert!(outcome.text().contains("standard output is a terminal"), "{command}: {outcome:?}");
        assert!(!outcome.text().contains("bulla\r\r\n"), "{command}: {outcome:?}");
    }
    assert_eq!(on_terminal("bulla encrypt file -o - --format text").code(), Some(0));
}

#[test]
fn completions_and_manual_pages() {
    let world = World::new();
    let commands = ["encrypt", "decrypt", "verify", "cat", "inspect", "rewrap", "rekey", "serve"];
    for shell in ["bash", "zsh", "fish"] {
        let script = world.bulla(["completions", shell]).ok().text();
        for word in commands.iter().chain(&["remove-source", "allow-key"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let completions = world.sh("bulla completions bash > completions && bash -n completions").run();
    assert_eq!(completions.code(), Some(0), "{completions:?}");
    assert_eq!(world.bulla(["completions", "cmd.exe"]).run().code(), Some(2));
    let page = world.bulla(["man"]).ok().text();
    assert!(page.contains(".TH bulla 1"), "{page}");
    for command in commands {
        let page = world.bulla(["man", command]).ok().text();
        assert!(page.contains(&format!(".TH bulla-{command} 1")) && page.contains("SYNOPSIS"), "{page}");
    }
    world.bulla(["man", "nothing"]).run().fails_with(2, &["there is no command nothing"]);
}

fn events(outcome: &Outcome) -> Vec<Value> {
    let text = outcome.text();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn events_are_json_a_line_each() {
    let world = World::new();
    fs::create_dir(world.path("tree")).unwrap();
    for name in ["one", "with \"quotes\"", "new\nline", "中文"] {
        world.write(&format!("tree/{name}"), "content");
    }
    let outcome = world.bulla(["encrypt", "tree", "-o", "sealed", "--json"]).ok();
    let mut done = events(&outcome);
    // Only now everything is on the disk.
    let finished = json!({ "event": "finished", "path": "tree", "output": "sealed", "done": 4, "failed": 0, "skipped": 0 });
    assert_eq!((done.len(), done.pop()), (5, Some(finished)));
    for event in &done {
        assert_eq!(event["event"], "done", "{event}");
        assert_eq!((&event["bytes"], &event["already"]), (&7.into(), &false.into()), "{event}");
        let path = event["path"].as_str().unwrap();
        let output = event["output"].as_str().unwrap();
        assert!(world.path(path).is_file() && world.path(output).is_file(), "{event}");
        assert_eq!(event["key_id"].as_str().unwrap().len(), 36, "{event}");
    }
    world.write("sealed/one.bulla", "damaged");
    world.write("sealed/not-encrypted", "x");
    let outcome = world.bulla(["decrypt", "sealed", "-o", "out", "--json"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    let events = events(&outcome);
    let failed: Vec<_> = events.iter().filter(|event| event["event"] == "failed").collect();
    assert_eq!((events.len(), failed.len()), (6, 2), "{events:?}");
    let last = &events[5];
    assert_eq!((&last["event"], &last["done"], &last["failed"]), (&json!("finished"), &json!(3), &json!(2)));
    for event in failed {
        assert_eq!(event["exit"], 4, "{event}");
        assert!(!event["error"].as_str().unwrap().is_empty() && event["hint"].is_string(), "{event}");
    }
    let outcome = world.bulla(["encrypt", "tree/one", "-o", "-", "--json"]).run();
    assert_eq!((outcome.code(), outcome.stdout.len()), (Some(2), 0), "one stream cannot hold both");
}

#[test]
fn a_closed_output_is_reported_by_the_exit_code_only() {
    let world = World::new();
    world.write("big", noise(5_000_000));
    world.bulla(["encrypt", "big"]).ok();
    for command in ["cat big.bulla", "decrypt big.bulla -o -", "encrypt big -o -", "decrypt - < big.bulla"] {
        let script = format!("{{ bulla {command}; echo $? > code; }} | head -c 1 | wc -c");
        let outcome = world.sh(&script).ok();
        assert_eq!((outcome.text().trim(), outcome.stderr.as_str()), ("1", ""), "{command}");
        assert_eq!(world.read("code"), b"1\n", "{command}");
    }
}

/// The author of a file chooses its context, but cannot forge a line of the output.
#[test]
fn inspect_shows_each_thing_on_a_line_of_its_own() {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file", "-c", "a=b\n  wrapped   key of this file, by key mine"]).ok();
    let shown = world.bulla(["inspect", "file.bulla"]).ok().text();
    assert_eq!(shown.lines().filter(|line| line.trim_start().starts_with("wrapped")).count(), 1, "{shown}");
}
