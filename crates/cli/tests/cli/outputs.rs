//! Which outputs may be replaced: devices, pipes, sockets and descriptors stay.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use crate::harness::World;

/// Links like those in `/dev`, which lead into `/proc` and, if standard output is a file, to that file.
const DESCRIPTORS: [(&str, &str); 9] = [
    ("stdout", "/proc/self/fd/1"),
    ("thread", "/proc/thread-self/fd/1"),
    ("fd", "/proc/self/fd"),
    ("stdout-by-fd", "fd/1"),
    ("own-link", "stdout"),
    ("own-link-to-that", "./own-link"),
    ("closed", "/proc/self/fd/77"),
    ("unplugged", "/dev/no-such-device"),
    ("null", "/dev/null"),
];

#[test]
fn a_path_that_leads_to_a_descriptor_or_device_is_never_replaced() {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file"]).ok();
    for (name, target) in DESCRIPTORS {
        symlink(target, world.path(name)).unwrap();
    }
    world.command("mkfifo", ["pipe"]).ok();
    let _socket = UnixListener::bind(world.path("socket")).unwrap();
    symlink("pipe", world.path("to-pipe")).unwrap();
    symlink("socket", world.path("to-socket")).unwrap();
    let names = world.names();
    let others = ["pipe", "socket", "to-pipe", "to-socket", "fd/1", "/dev/fd/1", "/proc/self/fd/1"];
    let outputs = DESCRIPTORS.iter().map(|(name, _)| *name).filter(|name| *name != "fd").chain(others);
    for output in outputs {
        for command in ["encrypt file", "decrypt file.bulla"] {
            for force in ["", "--force", "--resume --force"] {
                let outcome = world.sh(&format!("bulla {command} -o {output} {force} > printed")).run();
                outcome.fails_with(2, &[&format!("{output} is not a file"), "-o -"]);
                assert_eq!(world.read("printed"), b"", "{command} {output} {force}");
            }
        }
    }
    fs::remove_file(world.path("printed")).unwrap();
    for (name, target) in DESCRIPTORS {
        assert_eq!(fs::read_link(world.path(name)).unwrap().to_str(), Some(target));
    }
    assert_eq!(world.names(), names);
    assert!(fs::metadata(world.path("pipe")).unwrap().file_type().is_fifo());
    assert!(fs::metadata(world.path("socket")).unwrap().file_type().is_socket());
    // Standard output itself is written by its own name.
    assert_eq!(world.sh("bulla decrypt file.bulla -o - > printed; cat printed").ok().text(), "content");
}

#[test]
fn what_leads_to_a_descriptor_is_given_no_other_keys() {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file"]).ok();
    let before = world.read("file.bulla");
    symlink("/proc/self/fd/0", world.path("stdin")).unwrap();
    symlink("stdin", world.path("to-stdin")).unwrap();
    for command in ["rewrap", "rekey"] {
        for path in ["stdin", "to-stdin", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
            let outcome = world.sh(&format!("bulla {command} {path} < file.bulla")).run();
            outcome.fails_with(1, &[&format!("{path}: it is not a regular file")]);
            assert_eq!(world.read("file.bulla"), before, "{command} {path}");
        }
    }
    // A link to a file is followed, and stays.
    symlink("file.bulla", world.path("link")).unwrap();
    world.bulla(["rekey", "link"]).ok();
    assert!(world.path("link").is_symlink() && world.read("file.bulla") != before);
}

#[test]
fn what_is_special_in_the_output_of_a_tree_stays() {
    let world = World::new();
    fs::create_dir_all(world.path("tree")).unwrap();
    fs::create_dir_all(world.path("sealed")).unwrap();
    for name in ["a", "b", "c"] {
        world.write(&format!("tree/{name}"), name);
    }
    symlink("/proc/self/fd/1", world.path("sealed/a.bulla")).unwrap();
    world.command("mkfifo", ["sealed/b.bulla"]).ok();
    let outcome = world.sh("bulla encrypt tree -o sealed --force > printed").run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("sealed/a.bulla is not a file"), "{outcome:?}");
    assert!(outcome.stderr.contains("2 of 3 files failed"), "{outcome:?}");
    assert!(world.path("sealed/a.bulla").is_symlink() && world.read("printed").is_empty());
    assert!(fs::metadata(world.path("sealed/b.bulla")).unwrap().file_type().is_fifo());
    world.bulla(["verify", "sealed/c.bulla"]).ok();
}

/// `bulla encrypt <(command)` names a pipe in a directory that cannot hold files.
#[test]
fn what_has_no_place_beside_it_needs_an_output() {
    let world = World::new();
    world.bulla(["key", "list"]).ok();
    for path in ["<(echo content)", "/dev/fd/0 < file", "/proc/self/fd/0 < file", "<(echo content) --force"] {
        world.write("file", "content");
        for format in ["bulla", "text"] {
            let script = format!("bulla encrypt --format {format} {path}");
            let outcome = world.command("bash", ["-c", &script]).run();
            outcome
                .fails_with(2, &["bulla: no file can be created in /", "/fd\n", "name the output with -o"]);
        }
    }
    let outcome =
        world.command("bash", ["-c", "bulla encrypt <(echo content) -o out; bulla decrypt out -o -"]);
    assert_eq!(outcome.ok().text(), "content\n");
}

#[test]
fn names_that_are_too_long_with_a_suffix_are_reported() {
    let world = World::new();
    fs::create_dir(world.path("tree")).unwrap();
    for (format, suffix) in [("bulla", ".bulla"), ("text", ".cipher")] {
        let longest = 255 - suffix.len();
        let name = "x".repeat(longest);
        world.write(&name, "content");
        world.bulla(["encrypt", "--format", format, &name]).ok();
        fs::remove_file(world.path(&name)).unwrap();
        world.bulla(["decrypt", &format!("{name}{suffix}")]).ok();
        assert_eq!(world.read(&name), b"content");
        for length in [longest + 1, 255] {
            let name = "y".repeat(length);
            let message = format!(
                "{name}{suffix}: the name of the output is too long: {} bytes with the suffix {suffix}\n       \
                 name a shorter output with -o",
                length + suffix.len()
            );
            world.write(&name, "content");
            let outcome = world.bulla(["encrypt", "--format", format, &name]).run();
            outcome.fails_with(1, &[&message]);
            world.bulla(["encrypt", "--format", format, &name, "-o", "out", "--force"]).ok();
            world.bulla(["decrypt", "out", "-o", "out.2", "--force"]).ok();
            assert_eq!(world.read("out.2"), b"content");
            // In a tree, the other files are processed.
            fs::rename(world.path(&name), world.path("tree").join(&name)).unwrap();
            world.write("tree/other", "content");
            for to in [&["-o", "sealed"][..], &[]] {
                let args = [&["encrypt", "--force", "--format", format, "tree"], to].concat();
                let outcome = world.bulla(args).run();
                assert_eq!(outcome.code(), Some(7), "{outcome:?}");
                assert!(outcome.stderr.contains(&message), "{outcome:?}");
                assert!(outcome.stderr.contains("1 of 2 files failed"), "{outcome:?}");
                fs::remove_file(world.path(format!("tree/other{suffix}"))).unwrap_or_default();
            }
            fs::remove_file(world.path("tree").join(&name)).unwrap();
        }
    }
    let long = "z".repeat(256);
    let outcome = world.bulla(["encrypt", "out", "-o", &long]).run();
    outcome.fails_with(1, &["the name of the output is too long: 256 bytes\n"]);
}

/// The bits that make a program run as its owner are not copied to a new file.
#[test]
fn a_file_with_other_keys_has_no_special_mode_bits() {
    let world = World::new();
    world.write("file", "content");
    for command in [&["rewrap", "file.bulla", "-k", "alias/other"][..], &["rekey", "file.bulla"]] {
        world.bulla(["encrypt", "file", "--force"]).ok();
        if command[0] == "rewrap" {
            world.bulla(["key", "create", "--alias", "other"]).ok();
        }
        let before = fs::metadata(world.path("file.bulla")).unwrap().ino();
        fs::set_permissions(world.path("file.bulla"), fs::Permissions::from_mode(0o7751)).unwrap();
        world.bulla(command).ok();
        let after = fs::metadata(world.path("file.bulla")).unwrap();
        assert_ne!(after.ino(), before, "{command:?} makes a new file");
        assert_eq!(after.mode() & 0o7777, 0o751, "{command:?}");
    }
}
