//! The account and the region, which a store keeps from its first start on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{Server, World, copy_tree};

const REASON: &str = "ARNs in policies and programs name";

/// The beginning of the ARN of a new key.
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
fn account_and_region_are_those_of_the_first_start() {
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
    for (flags, told) in [
        (
            ["--region", "cn-shanghai"],
            "region cn-shanghai: since its first start, the store has the region cn-beijing",
        ),
        (
            ["--account", "111122223333"],
            "account 111122223333: since its first start, the store has the account 42",
        ),
        (
            ["--config", "region.toml"],
            "region cn-hangzhou: since its first start, the store has the region cn-beijing",
        ),
        (["--config", "account.toml"], "account 43: since its first start, the store has the account 42"),
    ] {
        let outcome = world.try_serve("kms", flags, &[]).err().unwrap();
        outcome.fails_with(3, &[told, REASON]);
    }
    assert!(fs::read(world.path("kms/store.redb")).unwrap() == store, "the store was touched");
    assert_eq!(home_of_server(&world, world.serve("kms", [] as [&str; 0])), made);
}

#[test]
fn a_store_of_a_command_has_the_defaults_for_good() {
    let world = World::new();
    assert_eq!(home(&world, embedded("kms")), "acs:kms:cn-hangzhou:111122223333");
    let outcome = world.try_serve("kms", ["--region", "cn-beijing"], &[]).err().unwrap();
    outcome.fails_with(3, &["the store has the region cn-hangzhou", REASON]);
    let server = world.serve("kms", ["--region", "cn-hangzhou"]);
    assert_eq!(home_of_server(&world, server), "acs:kms:cn-hangzhou:111122223333");
}

/// Earlier versions took account and region from the flags of each start. A command that comes first after the upgrade does
/// not know them, and decides nothing.
#[test]
fn a_store_of_an_earlier_version_keeps_what_its_next_server_is_started_with() {
    let world = World::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/store-v2");
    copy_tree(&golden, &world.path("kms"));
    for file in ["store.redb", "root-key"] {
        fs::set_permissions(world.path("kms").join(file), Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(world.path("kms"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(home(&world, embedded("kms")), "acs:kms:cn-hangzhou:111122223333");
    let server = world.serve("kms", ["--region", "cn-beijing", "--account", "42"]);
    assert_eq!(home_of_server(&world, server), "acs:kms:cn-beijing:42");
    assert_eq!(home(&world, embedded("kms")), "acs:kms:cn-beijing:42");
    let outcome = world.try_serve("kms", ["--region", "cn-hangzhou"], &[]).err().unwrap();
    outcome.fails_with(3, &["the store has the region cn-beijing", REASON]);
}
