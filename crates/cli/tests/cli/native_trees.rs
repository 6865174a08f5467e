//! Whole trees: every entry is processed or reported, the KMS is called once, and no source is removed too early.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::harness::{World, noise};
use crate::native_header::NativeFile;

/// Returns every file below a directory with its content; directories and links by their kind.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
            let name = path.strip_prefix(root).unwrap().to_owned();
            let content = if kind.is_dir() {
                left.push(path);
                b"a directory".to_vec()
            } else if kind.is_symlink() {
                fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
            } else if kind.is_file() {
                fs::read(path).unwrap()
            } else {
                b"something special".to_vec()
            };
            found.insert(name, content);
        }
    }
    found
}

/// Creates `count` files in nested directories, of all sizes up to a few chunks.
pub(crate) fn plant(world: &World, root: &str, count: usize) {
    for number in 0..count {
        let directory = world.path(format!("{root}/{}/{}", number % 7, number % 3));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("file-{number}")), noise(number * 331 % 50_000)).unwrap();
    }
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let world = World::new();
    plant(&world, "tree", 300);
    fs::create_dir_all(world.path("tree/empty/within")).unwrap();
    symlink("../nowhere", world.path("tree/0/link")).unwrap();
    symlink("empty", world.path("tree/link-to-a-directory")).unwrap();
    fs::write(world.path("tree").join(OsStr::from_bytes(b"not \xff text")), "odd").unwrap();
    for name in ["-dash", "new\nline", "a.bulla", "b.cipher", ".hidden"] {
        world.write(&format!("tree/{name}"), name);
    }
    fs::set_permissions(world.path("tree/-dash"), fs::Permissions::from_mode(0o751)).unwrap();
    let expected = tree(&world.path("tree"));

    let outcome = world.bulla(["encrypt", "tree", "-o", "sealed"]).ok();
    assert!(outcome.stderr.contains("encrypted 306 files: tree -> sealed"), "{outcome:?}");
    assert_eq!(tree(&world.path("sealed")).len(), expected.len());
    let outcome = world.bulla(["decrypt", "sealed", "-o", "out"]).ok();
    assert!(outcome.stderr.contains("decrypted 306 files: sealed -> out"), "{outcome:?}");
    assert!(tree(&world.path("out")) == expected);
    let mode = fs::metadata(world.path("out/-dash")).unwrap().mode() & 0o777;
    assert_eq!(mode & 0o700, 0o700, "the mode comes back, less the umask: {mode:o}");
    world.bulla(["verify", "sealed"]).ok();
}

/// Counts the calls of an action at a server.
fn calls_of(log: &str, action: &str) -> usize {
    log.matches(&format!(" action={action} ")).count()
}

#[test]
fn the_kms_is_called_once_for_a_tree() {
    let world = World::new();
    plant(&world, "tree", 40);
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let bulla = |args: &[&str]| world.bulla(args).envs(&environment).ok();
    bulla(&["key", "create", "--alias", "work"]);
    let count = |action: &str, expected: usize, run: &dyn Fn()| {
        let before = calls_of(&server.complete_log(), action);
        run();
        let log = server.complete_log();
        assert_eq!(calls_of(&log, action) - before, expected, "{action}: {log}");
    };
    count("GenerateDataKey", 1, &|| drop(bulla(&["encrypt", "tree", "-o", "run", "-k", "alias/work"])));
    count("Decrypt", 1, &|| drop(bulla(&["decrypt", "run", "-o", "out"])));
    count("Decrypt", 1, &|| drop(bulla(&["verify", "run"])));
    let per_file = ["encrypt", "tree", "-o", "each", "-k", "alias/work", "--data-key-per", "file"];
    count("GenerateDataKey", 40, &|| drop(bulla(&per_file)));
    count("Decrypt", 40, &|| drop(bulla(&["verify", "each"])));
    // Files of one run share a set key, but no key of a file opens another one.
    for (name, shared) in [("run", true), ("each", false)] {
        let blob =
            |file: &str| NativeFile::new(world.read(&format!("{name}/{file}"))).wraps(0)[0].blob.clone();
        assert_eq!(blob("0/0/file-0.bulla") == blob("1/1/file-1.bulla"), shared, "{name}");
    }
    // In both directions: files of one run get a shared key, and files of another one individual keys.
    count("GenerateDataKey", 1, &|| drop(bulla(&["rekey", "each"])));
    count("Decrypt", 1, &|| drop(bulla(&["verify", "each"])));
    count("GenerateDataKey", 40, &|| drop(bulla(&["rekey", "--data-key-per", "file", "run"])));
    count("Decrypt", 40, &|| drop(bulla(&["verify", "run"])));
    server.stop();
    let expected = tree(&world.path("tree"));
    assert!(tree(&world.path("out")) == expected);
}

/// Damages a file without changing its size and time, and the last chunk of a native file.
fn damage_inside(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    file.set_modified(modified).unwrap();
}

#[test]
fn a_stopped_run_resumes() {
    let world = World::new();
    plant(&world, "tree", 30);
    let expected = tree(&world.path("tree"));
    world.bulla(["encrypt", "tree", "-o", "sealed"]).ok();
    let time = |name: &str| fs::metadata(world.path(name)).unwrap().ctime_nsec();
    let untouched = time("sealed/5/2/file-5.bulla");
    // Some outputs are missing, one is truncated.
    for name in ["sealed/0/0/file-0.bulla", "sealed/1/1/file-1.bulla"] {
        fs::remove_file(world.path(name)).unwrap();
    }
    let cut = File::options().write(true).open(world.path("sealed/2/2/file-2.bulla")).unwrap();
    cut.set_len(cut.metadata().unwrap().len() - 1).unwrap();
    // An existing file that is not an output of this run is never replaced without --force.
    let outcome = world.bulla(["encrypt", "tree", "-o", "sealed", "--resume"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("sealed/2/2/file-2.bulla") || outcome.stderr.contains("tree/2/2/file-2"));
    assert!(outcome.stderr.contains("1 of 30 files failed"), "{outcome:?}");
    let outcome = world.bulla(["encrypt", "tree", "-o", "sealed", "--resume", "--force"]).ok();
    assert!(outcome.stderr.contains("encrypted 1 file, 29 done already: "), "{outcome:?}");
    assert_eq!(time("sealed/5/2/file-5.bulla"), untouched, "what was done is not done again");
    // A source that has changed, even if only in its time, is encrypted again.
    world.write("tree/5/2/file-5", vec![b'x'; expected[Path::new("5/2/file-5")].len()]);
    world.bulla(["encrypt", "tree", "-o", "sealed", "--resume", "--force"]).ok();
    assert_ne!(time("sealed/5/2/file-5.bulla"), untouched);
    world.write("tree/5/2/file-5", &expected[Path::new("5/2/file-5")]);
    world.bulla(["encrypt", "tree/5/2/file-5", "-o", "sealed/5/2/file-5.bulla", "--force"]).ok();

    world.bulla(["decrypt", "sealed", "-o", "out"]).ok();
    fs::remove_file(world.path("out/3/0/file-3")).unwrap();
    world.write("out/4/1/file-4", "cut");
    let outcome = world.bulla(["decrypt", "sealed", "-o", "out", "--resume"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert_eq!(world.read("out/4/1/file-4"), b"cut", "not replaced unless asked for");
    world.bulla(["decrypt", "sealed", "-o", "out", "--resume", "--force"]).ok();
    assert!(tree(&world.path("out")) == expected);
}

#[test]
fn sources_are_removed_only_after_their_outputs_read_back() {
    let world = World::new();
    plant(&world, "tree", 20);
    world.write("tree/large", noise(300_000));
    let mut expected = tree(&world.path("tree"));
    expected.get_mut(Path::new("2/2/file-2")).unwrap()[100] ^= 1; // the change is in time
    // An output of an earlier run was damaged since, and a source was changed, both invisible to a quick check.
    world.bulla(["encrypt", "tree", "-o", "sealed"]).ok();
    damage_inside(&world.path("sealed/large.bulla"), 40_000);
    damage_inside(&world.path("tree/2/2/file-2"), 100);
    let outcome = world.bulla(["encrypt", "tree", "-o", "sealed", "--resume", "--remove-source"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("2 of 21 files failed"), "{outcome:?}");
    assert!(outcome.stderr.contains("does not read back"), "{outcome:?}");
    let left = tree(&world.path("tree")).into_iter().filter(|(_, content)| content != b"a directory");
    let left: Vec<_> = left.map(|(path, _)| path).collect();
    assert_eq!(left, [Path::new("2/2/file-2"), Path::new("large")]);
    world.bulla(["encrypt", "tree", "-o", "sealed", "--force", "--remove-source"]).ok();
    assert!(!world.path("tree/large").exists() && !world.path("tree/2/2/file-2").exists());

    // The same for decryption: a changed plaintext does not cause its ciphertext to be removed.
    world.bulla(["decrypt", "sealed", "-o", "out"]).ok();
    damage_inside(&world.path("out/large"), 200_000);
    let outcome = world.bulla(["decrypt", "sealed", "-o", "out", "--resume", "--remove-source"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("does not read back"), "{outcome:?}");
    let left = tree(&world.path("sealed")).into_values().filter(|content| content != b"a directory").count();
    assert_eq!(left, 1);
    world.bulla(["decrypt", "sealed", "-o", "out", "--force", "--remove-source"]).ok();
    assert!(tree(&world.path("out")) == expected);
}

#[test]
fn a_single_source_is_removed_only_after_its_output_reads_back() {
    let world = World::new();
    for format in ["bulla", "text"] {
        let sealed = if format == "bulla" { "file.bulla" } else { "file.cipher" };
        world.write("file", noise(100_000));
        world.bulla(["encrypt", "file", "--format", format, "--remove-source"]).ok();
        assert_eq!(world.names(), [sealed]);
        // A failed run removes nothing.
        world.write("file", "in the way");
        world.bulla(["decrypt", sealed, "--remove-source"]).run().fails_with(6, &["exists already"]);
        assert_eq!(world.names(), ["file", sealed]);
        world.bulla(["decrypt", sealed, "--remove-source", "--force"]).ok();
        assert_eq!(world.names(), ["file"]);
        assert!(world.read("file") == noise(100_000));
    }
    // A source under another name of the output's directory, or a link: the link's target stays.
    world.write("target", "content");
    symlink("target", world.path("link")).unwrap();
    world.bulla(["encrypt", "link", "--remove-source"]).run().fails_with(1, &["it is not a regular file"]);
    assert_eq!(world.names(), ["file", "link", "target"]);
    // An output that is not durable, or a stream, causes no removal.
    let outcome = world.bulla(["encrypt", "target", "--remove-source", "--no-sync"]).run();
    assert_eq!(outcome.code(), Some(2), "{outcome:?}");
    for flag in ["--remove-source", "--resume"] {
        world.bulla(["encrypt", "target", "-o", "-", flag]).run().fails_with(2, &["this is a stream"]);
        world.bulla(["encrypt", "-", "-o", "out", flag]).run().fails_with(2, &["this is a stream"]);
        world.bulla(["decrypt", "target.bulla", "-o", "-", flag]).run().fails_with(2, &["this is a stream"]);
    }
    assert_eq!(world.read("target"), b"content");
}

#[test]
fn an_output_in_the_input_is_no_part_of_it() {
    let world = World::new();
    plant(&world, "tree", 10);
    let expected = tree(&world.path("tree"));
    for round in 0..2 {
        let outcome = world.bulla(["encrypt", "tree", "-o", "tree/sealed", "--force"]).ok();
        let is_reported =
            outcome.stderr.contains("tree/sealed: skipped, it is the output and not part of the tree");
        assert_eq!(
            is_reported,
            round > 0,
            "what was there before may have been meant to be encrypted: {outcome:?}"
        );
        let files = tree(&world.path("tree/sealed")).into_values().filter(|c| c != b"a directory").count();
        assert_eq!(files, 10, "round {round}");
        assert!(!world.path("tree/sealed/sealed").exists(), "round {round}");
    }
    world.bulla(["decrypt", "tree/sealed", "-o", "out"]).ok();
    assert!(tree(&world.path("out")) == expected);
}

#[test]
fn outputs_that_exist_are_listed_and_kept() {
    let world = World::new();
    plant(&world, "tree", 10);
    fs::create_dir_all(world.path("sealed/0/0")).unwrap();
    fs::create_dir_all(world.path("sealed/1/1")).unwrap();
    for name in ["sealed/0/0/file-0.bulla", "sealed/1/1/file-1.bulla"] {
        world.write(name, "kept");
    }
    fs::create_dir_all(world.path("sealed/2/2/file-2.bulla")).unwrap();
    let outcome = world.bulla(["encrypt", "tree", "-o", "sealed"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    for name in ["0/0/file-0", "1/1/file-1", "2/2/file-2"] {
        assert!(outcome.stderr.contains(name), "{name}: {outcome:?}");
    }
    assert!(
        outcome.stderr.ends_with("bulla: 3 of 10 files failed\n       the others are done\n"),
        "{outcome:?}"
    );
    assert_eq!(world.read("sealed/0/0/file-0.bulla"), b"kept");
    world.bulla(["verify", "sealed/3/0/file-3.bulla"]).ok();
}

#[test]
fn files_are_encrypted_beside_their_sources() {
    let world = World::new();
    plant(&world, "tree", 20);
    let before = tree(&world.path("tree"));
    world.bulla(["encrypt", "tree"]).ok();
    let both = tree(&world.path("tree"));
    assert_eq!(both.len(), before.len() + 20);
    assert!(before.iter().all(|(path, content)| both[path] == *content));
    // A second run has nothing to do: encrypted files are skipped, for the others outputs exist.
    let outcome = world.bulla(["encrypt", "tree"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("20 of 20 files failed"), "{outcome:?}");
    assert!(tree(&world.path("tree")) == both);
    let outcome = world.bulla(["encrypt", "tree", "--resume"]).ok();
    assert!(outcome.stderr.contains("20 skipped"), "{outcome:?}");
    assert!(tree(&world.path("tree")) == both, "and nothing is encrypted twice");

    world.bulla(["encrypt", "tree", "--resume", "--remove-source"]).ok();
    assert_eq!(tree(&world.path("tree")).len(), before.len());
    world.bulla(["decrypt", "tree", "--remove-source"]).ok();
    assert!(tree(&world.path("tree")) == before);
}

/// Outputs that appear in a directory while it is walked are not sources.
#[test]
fn outputs_are_not_encrypted_again_while_they_appear() {
    let world = World::new();
    fs::create_dir(world.path("tree")).unwrap();
    symlink("tree", world.path("link")).unwrap();
    for number in 0..1000 {
        world.write(&format!("tree/{number}"), "content");
    }
    for output in [&["-o", "tree"][..], &["-o", "tree/."], &["-o", "link"], &[]] {
        let outcome = world.bulla([&["encrypt", "tree", "--no-sync"], output].concat()).ok();
        assert!(outcome.stderr.contains("encrypted 1000 files: "), "{output:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("skipped"), "{output:?}: {outcome:?}");
        let names = crate::harness::names_in(&world.path("tree"));
        let twice: Vec<_> = names.iter().filter(|name| name.ends_with(".bulla.bulla")).collect();
        assert!(names.len() == 2000 && twice.is_empty(), "{output:?}: {} {twice:?}", names.len());
        // In the other direction they are skipped, regardless of the output's name.
        let outcome = world.bulla([&["decrypt", "tree", "--no-sync", "--force"], output].concat()).ok();
        assert!(outcome.stderr.contains("decrypted 1000 files: "), "{output:?}: {outcome:?}");
        world.sh("rm tree/*.bulla").ok();
    }
}

/// A link that looks like a directory of the output and leads outside gets no files.
#[test]
fn a_link_in_the_output_is_not_followed() {
    let world = World::new();
    plant(&world, "tree", 2);
    fs::create_dir(world.path("tree/x")).unwrap();
    world.write("tree/x/secret", "secret");
    world.bulla(["encrypt", "tree", "-o", "sealed"]).ok();
    for (command, from, to) in [("encrypt", "tree", "other"), ("decrypt", "sealed", "out")] {
        fs::create_dir(world.path("outside")).unwrap();
        fs::create_dir(world.path(to)).unwrap();
        symlink("../outside", world.path(to).join("x")).unwrap();
        let outcome = world.bulla([command, from, "-o", to, "--force"]).run();
        assert_eq!(outcome.code(), Some(7), "{outcome:?}");
        assert!(outcome.stderr.contains(&format!("{to}/x is not a directory")), "{outcome:?}");
        assert!(outcome.stderr.contains("1 of 3 files failed"), "{outcome:?}");
        fs::remove_dir(world.path("outside")).unwrap(); // it is empty
    }
    // The output and the input themselves may be links.
    fs::create_dir(world.path("there")).unwrap();
    symlink("there", world.path("link")).unwrap();
    symlink("tree", world.path("link-to-tree")).unwrap();
    let outcome = world.bulla(["encrypt", "link-to-tree", "-o", "link"]).ok();
    assert!(outcome.stderr.contains("encrypted 3 files"), "{outcome:?}");
    assert!(world.path("there/x/secret.bulla").exists());
}

/// An output for other keys, or for some of the keys only, is not the requested one.
#[test]
fn a_run_resumes_only_under_the_same_keys() {
    let world = World::new();
    plant(&world, "tree", 3);
    for alias in ["a", "b"] {
        world.bulla(["key", "create", "--alias", alias]).ok();
    }
    world.bulla(["encrypt", "tree", "-o", "sealed", "-k", "alias/a"]).ok();
    let resume = |keys: &[&str]| {
        let keys = keys.iter().flat_map(|key| ["-k", key]);
        world.bulla(["encrypt", "tree", "-o", "sealed", "--resume"].into_iter().chain(keys)).run()
    };
    assert_eq!(resume(&["alias/a"]).code(), Some(0));
    for keys in [&["alias/b"][..], &["alias/a", "alias/b"], &["alias/b", "alias/a"]] {
        let outcome = resume(keys);
        assert_eq!(outcome.code(), Some(7), "{outcome:?}");
        assert!(outcome.stderr.contains("3 of 3 files failed"), "{outcome:?}");
    }
    world.bulla(["encrypt", "tree", "-o", "both", "-k", "alias/b", "-k", "alias/a"]).ok();
    let both = ["encrypt", "tree", "-o", "both", "--resume", "-k", "alias/a", "-k", "alias/b"];
    world.bulla(both).ok();
}

/// A KMS that refuses or is unavailable is called once, not for each file.
#[test]
fn a_kms_that_refuses_or_is_unavailable_is_not_called_again() {
    let world = World::new();
    plant(&world, "tree", 40);
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let bulla = |args: &[&str]| world.bulla(args).envs(&environment).run();
    for alias in ["a", "b"] {
        assert_eq!(bulla(&["key", "create", "--alias", alias]).code(), Some(0));
    }
    assert_eq!(bulla(&["encrypt", "tree", "-o", "run", "-k", "alias/a", "-k", "alias/b"]).code(), Some(0));
    bulla(&["key", "disable", "alias/a"]);
    assert_eq!(bulla(&["verify", "run"]).code(), Some(0));
    bulla(&["key", "disable", "alias/b"]);
    assert_eq!(bulla(&["verify", "run"]).code(), Some(7));
    assert_eq!(bulla(&["encrypt", "tree", "-o", "none", "-k", "alias/a"]).code(), Some(7));
    let log = server.complete_log();
    let decrypts = calls_of(&log, "Decrypt");
    let draws = calls_of(&log, "GenerateDataKey");
    assert_eq!((decrypts, draws), (4, 2), "{log}");
    // Each file is reported, but a shared cause only once.
    let refused = bulla(&["encrypt", "tree", "-o", "none", "-k", "alias/a"]);
    assert!(refused.stderr.contains("(40 files)") && refused.stderr.lines().count() < 6, "{refused:?}");
    server.stop();
}

/// Ten seconds for each file of a tree would take forever.
#[test]
fn a_silent_kms_is_waited_for_once() {
    let world = World::new();
    plant(&world, "tree", 12);
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let bulla = |args: &[&str]| world.bulla(args).envs(&environment).run();
    assert_eq!(bulla(&["key", "create", "--alias", "a"]).code(), Some(0));
    let encrypt = ["encrypt", "tree", "-o", "run", "--data-key-per", "file", "-k", "alias/a"];
    assert_eq!(bulla(&encrypt).code(), Some(0));
    server.stop();
    // It accepts connections and does not answer.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}", silent.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let outcome = world.bulla(["verify", "run", "--jobs", "1", "--kms", &place]).envs(&environment).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("12 of 12 files failed"), "{outcome:?}");
    assert!(begun.elapsed().as_secs() < 60, "a wait for each file would take two minutes");
}

/// `--force` replaces earlier files, not one that the same run wrote.
#[test]
fn two_formats_of_one_file_do_not_overwrite_each_other() {
    let world = World::new();
    fs::create_dir(world.path("tree")).unwrap();
    world.write("one", "native");
    world.write("two", "text");
    world.bulla(["encrypt", "one", "-o", "tree/a.bulla"]).ok();
    world.bulla(["encrypt", "two", "-o", "tree/a.cipher", "--format", "text"]).ok();
    for output in [&["-o", "out"][..], &[]] {
        let outcome = world.bulla([&["decrypt", "tree", "--force"], output].concat()).run();
        assert_eq!(outcome.code(), Some(7), "{outcome:?}");
        assert!(outcome.stderr.contains("is the output of two files"), "{outcome:?}");
        let plaintext = if output.is_empty() { "tree/a" } else { "out/a" };
        assert_eq!(world.read(plaintext), b"native");
    }
}

/// A file that has the suffix of an encrypted one and was not verified is reported.
#[test]
fn a_tree_is_verified_as_a_whole() {
    let world = World::new();
    plant(&world, "tree", 3);
    world.bulla(["encrypt", "tree", "-o", "run"]).ok();
    symlink("0/0/file-0.bulla", world.path("run/link.bulla")).unwrap();
    let outcome = world.bulla(["verify", "run"]).ok();
    assert!(outcome.stderr.contains("verified 3 files: below run, 1 skipped"), "{outcome:?}");
    damage_inside(&world.path("run/1/1/file-1.bulla"), 900);
    let outcome = world.bulla(["verify", "run"]).run();
    assert_eq!(outcome.code(), Some(7), "{outcome:?}");
    assert!(outcome.stderr.contains("1 of 3 files failed"), "{outcome:?}");
}

#[test]
fn events_name_files_that_are_not_text_in_base64_too() {
    let world = World::new();
    fs::create_dir(world.path("tree")).unwrap();
    fs::write(world.path("tree").join(OsStr::from_bytes(b"\xff")), "odd").unwrap();
    let outcome = world.bulla(["encrypt", "tree", "-o", "run", "--json"]).ok();
    let text = outcome.text();
    let event: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(event["path"], "tree/\u{fffd}");
    assert_eq!(event["path_base64"], "dHJlZS//");
    assert_eq!(event["output_base64"], "cnVuL/8uYnVsbGE=");
}

/// An output that must be in a directory does not become a file named like the directory.
#[test]
fn a_file_does_not_take_the_name_of_a_directory() {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file", "-o", "missing/"]).run().fails_with(2, &["missing/ is a directory"]);
    assert_eq!(world.names(), ["file"]);
}

/// A tree is rewrapped with as few calls, and a second run has nothing to do.
#[test]
fn a_tree_is_rewrapped_with_few_calls() {
    let world = World::new();
    plant(&world, "tree", 40);
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let bulla = |args: &[&str]| world.bulla(args).envs(&environment).ok();
    for alias in ["a", "b"] {
        bulla(&["key", "create", "--alias", alias]);
    }
    bulla(&["encrypt", "tree", "-o", "run", "-k", "alias/a"]);
    bulla(&["rewrap", "run", "-k", "alias/b", "--whole-set"]);
    // One wrap shows the version of the key, one is of the data key.
    let log = server.complete_log();
    assert_eq!((calls_of(&log, "Decrypt"), calls_of(&log, "Encrypt")), (1, 2), "{log}");
    let outcome = bulla(&["verify", "run", "--allow-key", "alias/b"]);
    assert!(outcome.stderr.contains("verified 40 files"), "{outcome:?}");
    server.stop();
}

/// Encrypting a whole home directory must not encrypt the keys in it.
#[test]
fn the_keys_of_this_kms_are_part_of_no_tree() {
    let world = World::new();
    world.write("first", "makes the store");
    world.bulla(["encrypt", "first"]).ok();
    let store = world.store();
    let kept = || (tree(&store).into_keys().collect::<Vec<_>>(), fs::read(store.join("root-key")).unwrap());
    let before = kept();
    let home = store.parent().unwrap();
    fs::write(home.join("file"), "precious").unwrap();
    let home = home.to_str().unwrap();
    for to in [&["-o", "out"][..], &[]] {
        fs::write(format!("{home}/file"), "precious").unwrap();
        let outcome = world.bulla([&["encrypt", home, "--remove-source"], to].concat()).ok();
        assert!(outcome.stderr.contains("holds the keys of this KMS"), "{outcome:?}");
        assert!(kept() == before, "{to:?}");
        assert!(!Path::new(&format!("{home}/file")).exists());
    }
    let sealed = format!("{home}/file.bulla");
    assert_eq!(world.bulla(["decrypt", &sealed, "-o", "-"]).ok().stdout, b"precious");
    let root_key = store.join("root-key");
    world
        .bulla(["encrypt", root_key.to_str().unwrap(), "-o", "copy", "--remove-source"])
        .run()
        .fails_with(2, &["belongs"]);
    assert!(kept() == before && !world.path("copy").exists());
}

/// Each of two processes could verify the other's file and then remove its own.
#[test]
fn a_source_whose_output_is_in_other_hands_stays() {
    let world = World::new();
    world.write("file", noise(100_000));
    world.bulla(["encrypt", "file"]).ok();
    for (locked, args) in [
        ("file.bulla", ["encrypt", "file", "--resume", "--remove-source"]),
        ("file", ["decrypt", "file.bulla", "--resume", "--remove-source"]),
    ] {
        let other = File::open(world.path(locked)).unwrap();
        other.lock().unwrap();
        world.bulla(args).run().fails_with(1, &["another process", "the file is unchanged"]);
        assert!(world.path("file").exists() && world.path("file.bulla").exists());
    }
    for _ in 0..20 {
        let both = [("encrypt", "file"), ("decrypt", "file.bulla")]
            .map(|(way, from)| world.bulla([way, from, "--resume", "--remove-source"]).start());
        for running in both {
            running.finish();
        }
        assert!(world.path("file").exists() || world.path("file.bulla").exists());
        if !world.path("file").exists() {
            world.bulla(["decrypt", "file.bulla"]).ok();
        }
        if !world.path("file.bulla").exists() {
            world.bulla(["encrypt", "file"]).ok();
        }
    }
    // A link to a complete output is not the output.
    fs::rename(world.path("file.bulla"), world.path("elsewhere")).unwrap();
    symlink("elsewhere", world.path("file.bulla")).unwrap();
    world.bulla(["encrypt", "file", "--resume", "--remove-source"]).run().fails_with(6, &["exists"]);
    assert!(world.path("file").exists());
}
