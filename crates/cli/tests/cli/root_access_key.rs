//! A new access key of root for an operator who has the data directory and the root key.

use crate::harness::World;

const NO_FLAGS: [&str; 0] = [];

#[test]
fn a_lost_access_key_of_root_is_replaced_while_the_server_is_stopped() {
    let world = World::new();
    let server = world.serve("kms", NO_FLAGS);
    let (lost, secret) = server.access_key();
    let reset = || world.bulla(["access-key", "reset", "--data", "kms"]);
    reset().run().fails_with(3, &["kms", "server"]);
    assert_eq!(server.access_key().0, lost, "nothing has changed");
    server.stop();

    let path = reset().ok().text();
    assert_eq!(path.trim_end(), world.path("kms/root-access-key.json").to_str().unwrap());
    let server = world.serve("kms", NO_FLAGS);
    let (new, _) = server.access_key();
    assert_ne!(new, lost);
    world.bulla(["kms", "ListKeys"]).envs(&server.environment()).ok();
    let with_lost = world.bulla(["kms", "ListKeys"]).envs(&server.environment());
    let with_lost =
        with_lost.env("ALIBABA_CLOUD_ACCESS_KEY_ID", &lost).env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &secret);
    with_lost.run().fails_with(3, &["Forbidden.AccessKey"]);
    server.stop();
}

#[test]
fn a_directory_without_a_store_gets_none() {
    let world = World::new();
    let refused = world.bulla(["access-key", "reset", "--data", "none"]).run();
    refused.fails_with(2, &["none holds no store", "--data"]);
    assert!(!world.path("none").exists());
}
