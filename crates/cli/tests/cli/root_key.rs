//! Root keys that are refused, backups that are accepted, and missing stores.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::{World, copy_tree, names_in};

/// A world with an encrypted file and the embedded store that opens it.
fn used() -> World {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file"]).ok();
    world
}

/// Expects that a command and a server refuse the store, and change nothing in it.
#[track_caller]
fn refused(world: &World, what: &str, mend: &str) {
    let before = contents(world);
    let data = world.store();
    let serve = ["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    world.bulla(serve).run().fails_with(3, &[what, mend]);
    world.bulla(["decrypt", "file.bulla", "-o", "out"]).run().fails_with(3, &[what, mend]);
    world.bulla(["encrypt", "file", "-o", "out"]).run().fails_with(3, &[what, mend]);
    world.bulla(["key", "list"]).run().fails_with(3, &[what, mend]);
    assert!(contents(world) == before, "the data directory was touched");
    assert_eq!(world.names(), ["file", "file.bulla"]);
}

/// Returns the data directory without the lock, in which every holder writes its kind.
fn contents(world: &World) -> Vec<(String, Option<Vec<u8>>)> {
    let data = world.store();
    let names = names_in(&data).into_iter().filter(|name| name != "lock");
    let content = |name: &str| {
        let path = data.join(name);
        path.is_file().then(|| fs::read(path).unwrap())
    };
    names.map(|name| (name.clone(), content(&name))).collect()
}

#[track_caller]
fn accepted(world: &World) {
    assert_eq!(world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().text(), "content");
}

#[test]
fn a_missing_root_key() {
    let world = used();
    let key = world.store().join("root-key");
    let away = world.root().join("away");
    fs::rename(&key, &away).unwrap();
    refused(&world, "root-key is missing", "restore the root key file that was made with this store");
    assert!(!key.exists(), "none is made up");
    fs::rename(&away, &key).unwrap();
    accepted(&world);
}

#[test]
fn a_root_key_that_others_may_read() {
    let world = used();
    let key = world.store().join("root-key");
    for mode in [0o644, 0o640, 0o602] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        refused(&world, &format!("is open to others (mode {mode:03o})"), "run: chmod 600");
    }
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let data = world.store();
    let config = world.root().join("bulla.toml");
    let data = data.to_str().unwrap();
    let config = config.to_str().unwrap();
    let refused = world.try_serve(data, [] as [&str; 0], &[]).err().unwrap();
    refused.fails_with(3, &["mode 640", "start with --group-readable-secrets"]);
    world.serve(data, ["--group-readable-secrets"]).stop();
    fs::write(config, "group-readable-secrets = true\nlisten = \"127.0.0.1:0\"\n").unwrap();
    world.serve(data, ["--config", config]).stop();
    fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
    accepted(&world);
}

#[test]
fn a_root_key_that_is_a_link_or_no_file() {
    let world = used();
    let key = world.store().join("root-key");
    let away = world.root().join("away");
    fs::rename(&key, &away).unwrap();
    symlink(&away, &key).unwrap();
    refused(&world, "root-key is a symbolic link", "name the file itself with --root-key");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    refused(&world, "is not a regular file", "name the root key file with --root-key");
    fs::remove_dir(&key).unwrap();
    assert!(world.command("mkfifo", ["-m", "600", key.to_str().unwrap()]).run().code() == Some(0));
    refused(&world, "is not a regular file", "name the root key file with --root-key");
    fs::remove_file(&key).unwrap();
    fs::rename(&away, &key).unwrap();
    accepted(&world);
}

#[test]
fn the_root_key_of_another_store() {
    let world = used();
    let other = used();
    let key = world.store().join("root-key");
    let own = fs::read(&key).unwrap();
    fs::write(&key, fs::read(other.store().join("root-key")).unwrap()).unwrap();
    let what = "no slot of the store opens with the root key file";
    refused(&world, what, "restore the root key file");
    refused(&world, "belongs to another store", "restore the root key file");
    fs::write(&key, own).unwrap();
    accepted(&world);
    let path = other.store().join("root-key");
    let away = world.root().join("root-key-2");
    fs::copy(path, &away).unwrap();
    let data = world.store();
    let data = data.to_str().unwrap();
    let away = away.to_str().unwrap();
    let outcome = world.bulla(["serve", "--data", data, "--root-key", away]).run();
    outcome.fails_with(3, &[away, "belongs to another store", "or name it with --root-key"]);
    accepted(&world);
}

#[test]
fn a_root_key_that_was_cut_or_edited() {
    let world = used();
    let key = world.store().join("root-key");
    let own = fs::read(&key).unwrap();
    for content in [&own[..0], &own[..17], &own[..40], &own[1..], &[0xff; 63][..]] {
        fs::write(&key, content).unwrap();
        refused(&world, "root-key does not hold a root key", "restore it from its copy");
    }
    let mut other = own.clone();
    other[25] = if other[25] == b'A' { b'B' } else { b'A' };
    fs::write(&key, &other).unwrap();
    let what = "no slot of the store opens with the root key file";
    refused(&world, what, "restore the root key file");
    refused(&world, "belongs to another store", "restore the root key file");
    fs::write(&key, &own[..own.len() - 1]).unwrap(); // an editor that removes the last line end
    accepted(&world);
}

#[test]
fn a_missing_store_is_not_recreated_beside_its_root_key() {
    let world = used();
    let store = world.store().join("store.redb");
    let away = world.root().join("away");
    fs::rename(&store, &away).unwrap();
    refused(&world, "there is a root key", "mount or restore the data directory");
    assert!(!store.exists());
    fs::rename(&away, &store).unwrap();
    accepted(&world);
}

#[test]
fn a_root_key_kept_elsewhere() {
    let world = World::new();
    let path = world.root().join("keys/root-key-1");
    let path = path.to_str().unwrap();
    let server = world.serve("kms", ["--root-key", path]);
    let environment = server.environment();
    world.bulla(["key", "create", "--alias", "work"]).envs(&environment).ok();
    world.write("file", "content");
    world.bulla(["encrypt", "file", "-k", "alias/work"]).envs(&environment).ok();
    server.stop();
    assert_eq!(names_in(&world.path("kms")), ["audit", "lock", "root-access-key.json", "store.redb", "tls"]);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);

    let outcome = world.try_serve("kms", [] as [&str; 0], &[]).err().unwrap();
    outcome.fails_with(3, &["kms/root-key is missing", "name it with --root-key"]);
    let outcome = world.bulla(["--kms", "embedded:kms", "key", "list"]).run();
    outcome.fails_with(3, &["kms/root-key is missing"]);
    let server = world.serve("kms", ["--root-key", path]);
    let opened = world.bulla(["decrypt", "file.bulla", "-o", "-"]).envs(&server.environment()).ok();
    assert_eq!(opened.text(), "content");
    server.stop();
}

#[test]
fn a_copy_of_the_data_is_a_backup() {
    let world = World::new();
    world.write("file", "content");
    let server = world.serve("kms", [] as [&str; 0]);
    let environment = server.environment();
    world.bulla(["key", "create", "--alias", "work"]).envs(&environment).ok();
    world.bulla(["encrypt", "file", "-k", "alias/work"]).envs(&environment).ok();
    server.stop();
    copy_tree(&world.path("kms"), &world.root().join("backup"));
    fs::remove_dir_all(world.path("kms")).unwrap();

    fs::create_dir(world.path("new-machine")).unwrap();
    copy_tree(&world.root().join("backup"), &world.path("new-machine/kms"));
    let server = world.serve("new-machine/kms", [] as [&str; 0]);
    let environment = server.environment();
    let opened = world.bulla(["decrypt", "file.bulla", "-o", "-"]).envs(&environment).ok();
    assert_eq!(opened.text(), "content");
    world.bulla(["encrypt", "file", "-k", "alias/work", "--force"]).envs(&environment).ok();
    server.stop();
    // Also without a server.
    let backup = format!("embedded:{}", world.root().join("backup").display());
    let opened = world.bulla(["--kms", &backup, "decrypt", "file.bulla", "-o", "-"]).ok();
    assert_eq!(opened.text(), "content");
}
