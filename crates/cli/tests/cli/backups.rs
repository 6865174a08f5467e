//! Backups by the program as a whole: killed at any moment, and out of space.

use std::fs;

use crate::disk_full::with_small_disk;
use crate::harness::{World, names_in, wait_for};
use crate::native_crashes::killed_often;

/// A store with a key, in `keys`, and a file that is encrypted with the key.
fn with_store() -> World {
    let world = World::new();
    world.bulla(["--kms", "embedded:keys", "key", "create", "--alias", "alias/a"]).ok();
    world.write("plain", "precious");
    world.bulla(["--kms", "embedded:keys", "encrypt", "-k", "alias/a", "plain", "-o", "sealed"]).ok();
    world
}

fn opens(world: &World, data: &str) {
    let kms = format!("embedded:{data}");
    let opened = world.bulla(["--kms", &kms, "decrypt", "sealed", "-o", "-"]).ok();
    assert_eq!(opened.text(), "precious");
}

#[test]
fn a_killed_backup_is_whole_or_not_there() {
    let world = with_store();
    let create = ["backup", "create", "--data", "keys", "-o", "backup"];
    let reset = || drop(fs::remove_file(world.path("backup")));
    killed_often(&world, &create, reset, |round| {
        let mut names = world.names();
        if names.iter().any(|name| name == "backup") {
            world.bulla(["backup", "verify", "backup", "--data", "keys"]).ok();
        }
        names.retain(|name| name != "backup");
        assert_eq!(names, ["keys", "plain", "sealed"], "round {round}");
    });
    reset();
    world.bulla(create).ok();
    let replace = [&create[..], &["--force"]].concat();
    killed_often(
        &world,
        &replace,
        || (),
        |_| {
            world.bulla(["backup", "verify", "backup", "--data", "keys"]).ok();
            // From a run that was killed after the new file had a name.
            for name in world.names().iter().filter(|name| name.starts_with(".backup.bulla-")) {
                fs::remove_file(world.path(name)).unwrap();
            }
            assert_eq!(world.names(), ["backup", "keys", "plain", "sealed"]);
        },
    );
}

#[test]
fn a_killed_restore_leaves_the_store_that_was_there_or_the_restored_one() {
    let world = with_store();
    world.bulla(["backup", "create", "--data", "keys", "-o", "backup"]).ok();
    world.bulla(["--kms", "embedded:keys", "key", "create", "--alias", "alias/later"]).ok();
    let before = world.read("keys/store.redb");
    let restore = ["backup", "restore", "backup", "--data", "keys", "--accept-older"];
    let reset = || {
        for name in names_in(&world.path("keys")) {
            if name.starts_with("store.redb") {
                fs::remove_file(world.path("keys").join(name)).unwrap();
            }
        }
        world.write("keys/store.redb", &before);
    };
    killed_often(&world, &restore, reset, |round| {
        world.bulla(["store", "check", "--data", "keys"]).ok();
        opens(&world, "keys");
        let keys = world.bulla(["--kms", "embedded:keys", "key", "list"]).ok().text().lines().count();
        assert!((2..=3).contains(&keys), "round {round}: {keys}");
        let kept = names_in(&world.path("keys"));
        let is_kept = kept.iter().any(|name| name.starts_with("store.redb.before-"));
        assert!(keys == 3 || is_kept, "round {round}: the later store is lost: {kept:?}");
    });
    let empty = ["backup", "restore", "backup", "--data", "new", "--root-key", "keys/root-key"];
    let reset = || drop(fs::remove_dir_all(world.path("new")));
    killed_often(&world, &empty, reset, |_| {
        world.bulla([&empty[..], &["--accept-older"]].concat()).ok();
        world.bulla(["store", "check", "--data", "new", "--root-key", "keys/root-key"]).ok();
    });
}

#[test]
fn backups_on_a_full_disk() {
    let world = with_store();
    let script = "
        bulla backup create --data keys -o backup > made || exit 1
        bulla --kms embedded:keys key create --alias alias/later > id
        mkdir -m 700 full/audit
        cp -rp keys full/keys || cp keys/root-key full/
        dd if=/dev/zero of=full/ballast bs=1k 2> /dev/null
        bulla backup create --data keys -o full/backup; echo create: $?
        bulla backup create --data keys -o full/backup --force; echo force: $?
        bulla backup create --data keys --audit full/audit -o beside > report; echo beside: $?
        mount -o remount,ro full
        bulla backup create --data keys --audit full/audit -o read-only > report; echo read-only: $?
        mount -o remount,rw full
        bulla backup restore backup --data full/new --root-key keys/root-key; echo restore: $?
        ls -A full/new; ls -A full
    ";
    let Some(outcome) = with_small_disk(&world, "backups_on_a_full_disk", script) else { return };
    let expected = "create: 1\nforce: 1\nbeside: 0\nread-only: 0\n";
    assert!(outcome.text().starts_with(expected), "{outcome:?}");
    assert_eq!(
        outcome.stderr.matches("the audit trail has no line of this backup: ").count(),
        2,
        "{outcome:?}"
    );
    for made in ["beside", "read-only"] {
        world.bulla(["backup", "verify", made, "--data", "keys"]).ok();
    }
    assert!(!outcome.text().contains("restore: 0") && !outcome.text().contains("\nbackup\n"), "{outcome:?}");
    assert!(!outcome.text().contains("store.redb.restoring"), "{outcome:?}");
    let message =
        "No space left on device (os error 28)\n       free space, or name a file on another disk\n";
    assert_eq!(outcome.stderr.matches(message).count(), 2, "{outcome:?}");
    opens(&world, "keys");
}

/// With a configuration that has an empty table.
#[test]
fn a_server_makes_backups_on_schedule_and_stops_when_that_is_configured() {
    let world = World::new();
    world.write("bulla.toml", "listen = \"127.0.0.1:0\"\n[backup]\n");
    let server = world.serve("kms", ["--config", "bulla.toml", "--metrics", "0"]);
    let caller = server.environment();
    let create = ["key", "create", "--alias", "alias/a"];
    world.bulla(create).envs(&caller).ok();
    let files = || {
        let names = match fs::read_dir(world.path("kms/backups")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
            Err(_) => vec![],
        };
        names.into_iter().filter(|name| name.ends_with(".backup")).collect::<Vec<String>>()
    };
    wait_for("a backup", || files().len() == 1);
    wait_for("its line in the log", || server.log().contains("a backup was made and verified"));
    let listed = world.bulla(["backup", "list", "--data", "kms"]).ok(); // while the server runs
    assert!(listed.text().contains(&files()[0]), "{listed:?}");
    let file = format!("kms/backups/{}", files()[0]);
    world.bulla(["backup", "verify", &file, "--data", "kms"]).ok();

    let requested = world.bulla(["backup", "create", "--data", "kms", "-o", "asked"]).ok();
    assert!(requested.text().contains("verified"), "{requested:?}");
    let verified = world.bulla(["backup", "verify", "asked", "--data", "kms"]).ok();
    assert_eq!(requested.text(), verified.text());
    let status = world.bulla(["status", "--data", "kms"]).ok();
    assert!(status.text().contains("1 file, newest"), "{status:?}");
    assert!(status.text().contains("1 of 1, oldest verification"), "{status:?}");

    world.write("bulla.toml", "listen = \"127.0.0.1:0\"\n");
    server.signal(rustix::process::Signal::HUP);
    wait_for("the reload", || server.log().contains("the configuration was reloaded"));
    assert!(!server.log().contains("need a restart"), "{}", server.log());
    server.stop();
    let searched = world.bulla(["audit", "search", "--data", "kms", "--action", "backup-created"]).ok();
    assert_eq!(searched.text().lines().count(), 2, "{searched:?}");
}

/// A start verifies at once; otherwise it would happen within a minute.
#[test]
fn a_server_detects_a_damaged_kept_backup_and_reports_it_everywhere() {
    let world = World::new();
    world.write("bulla.toml", "listen = \"127.0.0.1:0\"\n[backup]\nkeep-days = 30\n");
    let serve = || world.serve("kms", ["--config", "bulla.toml"]);
    let server = serve();
    wait_for("a backup", || server.log().contains("a backup was made and verified"));
    server.stop();
    let is_backup = |name: &String| name.ends_with(".backup");
    let name = names_in(&world.path("kms/backups")).into_iter().find(is_backup).unwrap();
    let file = format!("kms/backups/{name}");
    let mut content = fs::read(world.path(&file)).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(world.path(&file), content).unwrap();

    let server = serve();
    wait_for("the log", || server.log().contains("a backup that is kept failed to verify: "));
    let log = server.log();
    assert!(log.contains(&name) && log.contains("use another backup, or another copy of this one"), "{log}");
    let status = world.bulla(["status", "--data", "kms"]).ok(); // the server is ready
    let is_reported = |line: &str| line.starts_with("backup damaged ") && line.contains(&name);
    assert!(status.text().lines().any(is_reported), "{status:?}");
    wait_for("another backup", || server.log().contains("a backup was made and verified"));
    server.stop();
    let searched = ["audit", "search", "--data", "kms", "--action", "backup-verification-failed"];
    let searched = world.bulla(searched).ok();
    assert!(searched.text().lines().count() == 1 && searched.text().contains(&name), "{searched:?}");
    let listed = world.bulla(["backup", "list", "--data", "kms", "--json"]).run();
    assert!(
        listed.text().contains("\"verified_at\"") && listed.text().contains("\"kept_until\""),
        "{listed:?}"
    );
}
