//! Account and region: a store keeps what a start has set, and uses the defaults until then.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::harness::{BULLA, Server, World, copy_tree, random_below, wait_for};

const REASON: &str = "ARNs in policies and programs name";
/// The default until a start sets another account or region.
const PRESUMED: &str = "acs:kms:cn-hangzhou:111122223333";
const NO_FLAGS: [&str; 0] = [];

/// Returns the beginning of the ARN of a new key.
fn home(world: &World, environment: impl IntoIterator<Item = (String, String)>) -> String {
    let environment: Vec<_> = environment.into_iter().collect();
    let key = world.bulla(["kms", "CreateKey"]).envs(&environment).ok().json();
    let arn = key["KeyMetadata"]["Arn"].as_str().unwrap();
    arn.split_once(":key/").unwrap().0.to_owned()
}

fn home_of_server(world: &World, server: Server<'_>) -> String {
    let found = home(world, server.environment());
    server.stop();
    found
}

fn embedded(data: &str) -> [(String, String); 1] {
    [("BULLA_KMS".into(), format!("embedded:{data}"))]
}

#[test]
fn account_and_region_are_those_that_a_start_has_named() {
    let world = World::new();
    let made = home_of_server(&world, world.serve("kms", ["--region", "cn-beijing", "--account", "42"]));
    assert_eq!(made, "acs:kms:cn-beijing:42");
    for flags in [&[][..], &["--region", "cn-beijing"], &["--account", "42", "--region", "cn-beijing"]] {
        assert_eq!(home_of_server(&world, world.serve("kms", flags)), made, "{flags:?}");
    }
    assert_eq!(home(&world, embedded("kms")), made, "also without a server");

    let store = fs::read(world.path("kms/store.redb")).unwrap();
    world.write("region.toml", "region = 'cn-hangzhou'\n");
    world.write("account.toml", "region = 'cn-beijing'\naccount = '43'\n");
    for (flags, message) in [
        (["--region", "cn-shanghai"], "region cn-shanghai: the store keeps the region cn-beijing"),
        (["--account", "111122223333"], "account 111122223333: the store keeps the account 42"),
        (["--config", "region.toml"], "region cn-hangzhou: the store keeps the region cn-beijing"),
        (["--config", "account.toml"], "account 43: the store keeps the account 42"),
    ] {
        let outcome = world.try_serve("kms", flags, &[]).err().unwrap();
        outcome.fails_with(3, &[message, REASON]);
    }
    assert!(fs::read(world.path("kms/store.redb")).unwrap() == store, "the store was touched");
    assert_eq!(home_of_server(&world, world.serve("kms", NO_FLAGS)), made);
}

#[test]
fn a_store_that_a_command_made_is_settled_by_the_first_server_that_names_something() {
    let world = World::new();
    assert_eq!(home(&world, embedded("kms")), PRESUMED);
    assert_eq!(home(&world, embedded("kms")), PRESUMED);
    is_settled_by_parts(&world, "kms");
}

#[test]
fn a_store_that_a_server_without_flags_made_is_settled_by_the_first_one_that_names_something() {
    let world = World::new();
    assert_eq!(home_of_server(&world, world.serve("kms", NO_FLAGS)), PRESUMED);
    assert_eq!(home_of_server(&world, world.serve("kms", NO_FLAGS)), PRESUMED);
    is_settled_by_parts(&world, "kms");
}

/// Earlier versions read account and region from the flags of each start. The first start after the upgrade, a command
/// or `bulla serve` by hand, may lack the flags of the unit file, so it must not set the defaults permanently.
#[test]
fn a_store_of_an_earlier_version_keeps_what_a_later_server_is_started_with() {
    for by_command in [true, false] {
        let world = World::new();
        copy_older_store(&world, "kms");
        if by_command {
            assert_eq!(home(&world, embedded("kms")), PRESUMED);
        } else {
            assert_eq!(home_of_server(&world, world.serve("kms", NO_FLAGS)), PRESUMED);
        }
        let server = world.serve("kms", ["--region", "cn-beijing", "--account", "42"]);
        assert_eq!(home_of_server(&world, server), "acs:kms:cn-beijing:42");
        assert_eq!(home(&world, embedded("kms")), "acs:kms:cn-beijing:42");
        let outcome = world.try_serve("kms", ["--region", "cn-hangzhou"], &[]).err().unwrap();
        outcome.fails_with(3, &["the store keeps the region cn-beijing", REASON]);
    }
}

#[test]
fn a_start_without_flags_that_fails_decides_nothing() {
    let world = World::new();
    copy_older_store(&world, "kms");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for data in ["kms", "new"] {
        let outcome = world.try_serve(data, ["--listen", &address], &[]).err().unwrap();
        assert_eq!(outcome.code(), Some(1), "{outcome:?}");
        world.try_serve(data, ["--tls-cert", "none.pem", "--tls-key", "none.key"], &[]).err().unwrap();
        is_settled_by_parts(&world, data);
    }
}

/// Killed at any moment: the next start completes the store, and may still set account and region.
#[test]
fn a_first_start_that_is_killed_decides_nothing() {
    for _ in 0..6 {
        let world = World::new();
        let data = world.path("kms");
        let mut first = Command::new(BULLA);
        first.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).env_clear();
        let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("the directory", || data.join("lock").exists());
        thread::sleep(Duration::from_millis(random_below(60)));
        first.kill().unwrap();
        first.wait().unwrap();
        let server = world.serve("kms", ["--region", "cn-beijing", "--account", "42"]);
        assert_eq!(home_of_server(&world, server), "acs:kms:cn-beijing:42");
    }
}

/// Expects that the store has neither set, and that region and account can each be set once.
fn is_settled_by_parts(world: &World, data: &str) {
    let server = world.serve(data, ["--region", "cn-beijing"]);
    assert_eq!(home_of_server(world, server), "acs:kms:cn-beijing:111122223333");
    let outcome = world.try_serve(data, ["--region", "cn-hangzhou", "--account", "42"], &[]).err().unwrap();
    outcome.fails_with(3, &["the store keeps the region cn-beijing", REASON]);
    let config = format!("{data}.toml");
    world.write(&config, "listen = '127.0.0.1:0'\naccount = '42'\n");
    let server = world.serve(data, ["--config", &config]);
    assert_eq!(home_of_server(world, server), "acs:kms:cn-beijing:42");
    let outcome = world.try_serve(data, ["--account", "111122223333"], &[]).err().unwrap();
    outcome.fails_with(3, &["the store keeps the account 42", REASON]);
    assert_eq!(home(world, embedded(data)), "acs:kms:cn-beijing:42");
}

fn copy_older_store(world: &World, data: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/store-v2");
    copy_tree(&golden, &world.path(data));
    for file in ["store.redb", "root-key"] {
        fs::set_permissions(world.path(data).join(file), Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(world.path(data), Permissions::from_mode(0o700)).unwrap();
}
