//! Contents, times and modes of outputs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::harness::{World, copy_tree, noise};

const FORMATS: [&str; 2] = ["bulla", "text"];

fn suffix(format: &str) -> &'static str {
    if format == "text" { ".cipher" } else { ".bulla" }
}

#[test]
fn every_size_comes_back() {
    let world = World::new();
    for size in [0, 1, 15, 16, 17, 4095, 65_536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_001] {
        let content = noise(size);
        world.write("file", &content);
        for format in FORMATS {
            let sealed = format!("file{}", suffix(format));
            let flag = ["--format", format];
            world.bulla(["encrypt", "file", "--force"].into_iter().chain(flag)).ok();
            world.bulla(["decrypt", &sealed, "-o", "out", "--force"]).ok();
            assert!(world.read("out") == content, "{size} bytes through files, {format}");
            let sealed = world.bulla(["encrypt", "-"].into_iter().chain(flag));
            let sealed = sealed.stdin(content.as_slice()).ok().stdout;
            let opened = world.bulla(["decrypt", "-"]).stdin(sealed).ok().stdout;
            assert!(opened == content, "{size} bytes through pipes, {format}");
        }
        assert_eq!(world.names(), ["file", "file.bulla", "file.cipher", "out"]);
    }
}

/// Written by the first version, with its store. Every later version must open it.
#[test]
fn the_golden_file_opens() {
    let world = World::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    copy_tree(&golden.join("store-v1"), &world.path("golden"));
    for file in ["root-key", "store.redb"] {
        fs::set_permissions(world.path("golden").join(file), Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(world.path("golden"), Permissions::from_mode(0o700)).unwrap();
    let file = golden.join("sales-v1.csv.cipher");
    let command =
        ["--kms", "embedded:golden", "decrypt", "-c", "file=sales.csv", file.to_str().unwrap(), "-o", "-"];
    assert_eq!(world.bulla(command).ok().stdout, fs::read(golden.join("sales.csv")).unwrap());
}

#[test]
fn names_of_every_kind() {
    let world = World::new();
    for format in FORMATS {
        for name in
            ["with blank", "中文名", "-dash", "a.cipher.cipher", "a.bulla.bulla", ".hidden", "new\nline"]
        {
            let path = format!("./{name}");
            let sealed = format!("./{name}{}", suffix(format));
            world.write(name, name);
            world.bulla(["encrypt", "--format", format, &path]).ok();
            fs::remove_file(world.path(name)).unwrap();
            world.bulla(["decrypt", "--", &sealed]).ok();
            assert_eq!(world.read(name), name.as_bytes());
        }
    }
}

#[test]
fn times_are_carried_over() {
    let world = World::new();
    let path = world.write("file", "content");
    let time = UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let modified = |name| fs::metadata(world.path(name)).unwrap().modified().unwrap();
    world.bulla(["encrypt", "file"]).ok();
    world.bulla(["encrypt", "--format", "text", "file"]).ok();
    world.bulla(["decrypt", "file.bulla", "-o", "out"]).ok();
    world.bulla(["decrypt", "file.cipher", "-o", "out.text"]).ok();
    for name in ["file.bulla", "out", "file.cipher", "out.text"] {
        assert_eq!(modified(name), time, "{name}");
    }
    // A .bulla file stores the time, even if its own was changed.
    world
        .sh("touch file.bulla; bulla decrypt file.bulla -o late; cat file.bulla | bulla decrypt - -o later")
        .ok();
    for name in ["late", "later"] {
        assert_eq!(modified(name), time, "{name}");
    }
    // A pipe has no time to preserve.
    world
        .sh("bulla encrypt - -o piped < /dev/null; cat piped | bulla decrypt - -o piped.out
             bulla encrypt --format text - -o text < /dev/null; cat file.cipher | bulla decrypt - -o text.out")
        .ok();
    for name in ["piped", "piped.out", "text", "text.out"] {
        let age = fs::metadata(world.path(name)).unwrap().modified().unwrap().elapsed().unwrap();
        assert!(age < Duration::from_secs(60), "{name}");
    }
}

#[test]
fn ciphertext_gets_the_usual_mode_and_plaintext_that_of_its_source() {
    let world = World::new();
    let path = world.write("file", "content");
    let mode = |name| fs::metadata(world.path(name)).unwrap().mode() & 0o7777;
    for (umask, cleared) in [("000", 0), ("022", 0o022), ("027", 0o027), ("077", 0o077)] {
        for source in [0o600, 0o644, 0o755, 0o4775] {
            fs::set_permissions(&path, Permissions::from_mode(source)).unwrap();
            let script = format!(
                "umask {umask}; bulla encrypt file --force && bulla decrypt file.bulla -o out --force"
            );
            world.sh(&script).ok();
            let expected = (0o666 & !cleared, source & 0o777 & !cleared);
            assert_eq!((mode("file.bulla"), mode("out")), expected, "umask {umask}, source {source:o}");
        }
    }
    // The mode of a pipe's content is unknown.
    world.sh("umask 000; cat file | bulla encrypt - -o piped; bulla decrypt piped -o piped.out").ok();
    assert_eq!((mode("piped"), mode("piped.out")), (0o666, 0o600));
}

/// The text format does not store the mode of its source.
#[test]
fn plaintext_from_the_text_format_is_its_owners() {
    let world = World::new();
    world.write("file", "content");
    for (umask, encrypted) in [("000", 0o666), ("022", 0o644), ("027", 0o640), ("077", 0o600)] {
        let script = format!(
            "umask {umask}; bulla encrypt --format text file --force
             bulla decrypt file.cipher -o out --force"
        );
        world.sh(&script).ok();
        let mode = |name| fs::metadata(world.path(name)).unwrap().mode() & 0o7777;
        assert_eq!((mode("file.cipher"), mode("out")), (encrypted, 0o600), "umask {umask}");
    }
}

#[test]
fn the_first_use_makes_the_store_private_under_any_umask() {
    let world = World::new();
    world.sh("umask 000; echo | bulla encrypt - > /dev/null").ok();
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(world.store()), 0o700);
    for name in ["lock", "root-key", "store.redb"] {
        assert_eq!(mode(world.store().join(name)), 0o600, "{name}");
    }
}
