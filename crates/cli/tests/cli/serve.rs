//! Starting servers: settings, the first access key, addresses, and the messages.

use std::fs;

use crate::harness::World;

#[test]
fn a_first_start_logs_the_public_key_of_the_trail() {
    let world = World::new();
    let server = world.serve("kms", [] as [&str; 0]);
    let log = server.log();
    let key = first_key(&log).unwrap();
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    let expected = format!(
        "The root key is {data}/root-key. Keep a copy of it elsewhere:\n\
         without it all keys are lost; with it and a backup of the data, an attacker has all keys.\n\
         --root-key keeps it apart from the data.\n\
         The audit trail begins. Keep its first public key elsewhere: {key}\n\
         With it, `bulla audit verify` proves that no sealed line was changed.\n\
         For a client:\n  export BULLA_KMS={url}\n  export ALIBABA_CLOUD_CA_BUNDLE={data}/tls/ca.pem\n",
        data = world.path("kms").display(),
        url = server.url
    );
    assert!(log.starts_with(&expected), "{log}");

    // The lines work unchanged, in a shell without other settings, and in any directory.
    let exports: Vec<_> = log.lines().filter(|line| line.trim_start().starts_with("export ")).collect();
    assert_eq!(exports.len(), 4, "{log}");
    let commands: Vec<_> = log.lines().filter(|line| line.trim_start().starts_with("bulla ")).collect();
    assert_eq!(commands.len(), 2, "{log}");
    fs::create_dir(world.path("elsewhere")).unwrap();
    world.write("elsewhere/FILE", "content");
    let script = [&["cd elsewhere"], &exports[..], &commands, &["bulla decrypt FILE.bulla -o -"]].concat();
    let script = script.join("\n");
    assert_eq!(world.sh(&format!("set -e\n{script}")).ok().text().lines().last(), Some("content"));
    server.stop();
    world.write("key", format!("{key}\n"));
    world.bulla(["audit", "verify", "kms/audit", "--public-key", "key"]).ok();

    let server = world.serve("kms", [] as [&str; 0]);
    assert!(server.log().starts_with("For a client:\n"), "{}", server.log());
    server.stop();
}

fn first_key(log: &str) -> Option<&str> {
    log.lines()
        .find_map(|line| line.strip_prefix("The audit trail begins. Keep its first public key elsewhere: "))
}

#[test]
fn a_start_without_the_key_of_the_trail_prints_the_first_public_key_of_another_chain() {
    let world = World::new();
    let key_lost =
        "The audit trail has recorded a gap: the private key of the seals was lost; a new one begins here.\n";
    world.serve("kms", [] as [&str; 0]).stop();
    for is_whole_trail in [false, true] {
        if is_whole_trail {
            fs::remove_dir_all(world.path("kms/audit")).unwrap();
        } else {
            fs::remove_file(world.path("kms/audit/seal-key")).unwrap();
        }
        let server = world.serve("kms", [] as [&str; 0]);
        let log = server.log();
        let key = first_key(&log).unwrap_or_else(|| panic!("{log}"));
        assert!(log.contains(key_lost), "{log}");
        assert_eq!(log.contains("recorded a gap: lines 1 to "), is_whole_trail, "{log}");
        world.write("key", format!("{key}\n"));
        server.stop();
        let verified = world.bulla(["audit", "verify", "kms/audit", "--public-key", "key", "--json"]).run();
        assert!(!verified.text().contains("does not lead"), "{}", verified.text());
    }
    let server = world.serve("kms", [] as [&str; 0]);
    assert_eq!(first_key(&server.log()), None);
    server.stop();
}

#[test]
fn a_given_access_key_counts_at_the_first_start_only() {
    let world = World::new();
    let given = |id, secret| [("BULLA_ROOT_ACCESS_KEY_ID", id), ("BULLA_ROOT_ACCESS_KEY_SECRET", secret)];
    world.keep_secret("a-secret-of-my-own");
    world.keep_secret("another-secret");
    let key = |url: &str, id, secret| {
        let run = world.bulla(["key", "list"]).env("BULLA_KMS", url);
        run.env("ALIBABA_CLOUD_ACCESS_KEY_ID", id).env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret).run()
    };
    let first = given("my-id", "a-secret-of-my-own");
    let server = world.try_serve("kms", ["--http"], &first).unwrap();
    assert!(
        server.log().contains("The access key of BULLA_ROOT_ACCESS_KEY_ID was added to the store.\n"),
        "{}",
        server.log()
    );
    assert!(!world.path("kms/root-access-key.json").exists());
    assert_eq!(key(&server.url, "my-id", "a-secret-of-my-own").code(), Some(0));
    server.stop();

    let server = world.try_serve("kms", ["--http"], &given("other-id", "another-secret")).unwrap();
    assert!(!server.log().contains("was added to the store"), "{}", server.log());
    key(&server.url, "other-id", "another-secret").fails_with(3, &["InvalidAccessKeyId.NotFound"]);
    assert_eq!(key(&server.url, "my-id", "a-secret-of-my-own").code(), Some(0));
    server.stop();
}

#[test]
fn flags_win_over_the_configuration_file() {
    let world = World::new();
    world.write(
        "bulla.toml",
        "data = 'from-file'\nlisten = '127.0.0.1:0'\nhttp = true\nregion = 'cn-shanghai'\naccount = '42'\n\
         root-key = 'root-key-file'\ntls-name = ['kms.example']\n",
    );
    let server = world.serve("from-flag", ["--config", "bulla.toml", "--region", "cn-beijing"]);
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    let key = world.bulla(["kms", "CreateKey"]).envs(&server.environment()).ok().json();
    let arn = key["KeyMetadata"]["Arn"].as_str().unwrap();
    assert!(arn.starts_with("acs:kms:cn-beijing:42:key/"), "{arn}");
    server.stop();
    assert_eq!(world.names(), ["bulla.toml", "from-flag", "root-key-file"]);
}

#[test]
fn a_host_name_to_listen_on_is_resolved() {
    let world = World::new();
    for (data, flags) in
        [("plain", &["--http", "--listen", "localhost:0"][..]), ("tls", &["--listen", "localhost:0"])]
    {
        let server = world.serve(data, flags);
        assert!(server.address().ip().is_loopback());
        let list = world.bulla(["key", "list"]).envs(&server.environment());
        let scheme = server.url.split_once("://").unwrap().0;
        list.env("BULLA_KMS", format!("{scheme}://localhost:{}", server.address().port())).ok();
        server.stop();
    }
}

#[test]
fn names_for_the_certificate() {
    let world = World::new();
    let server = world.serve("kms", ["--tls-name", "kms.example", "--listen", "0.0.0.0:0"]);
    let port = server.address().port();
    for name in ["localhost", "127.0.0.1"] {
        let list = world.bulla(["key", "list"]).envs(&server.environment());
        list.env("BULLA_KMS", format!("https://{name}:{port}")).ok();
    }
    // A name that the certificate does not have.
    let list = world.bulla(["key", "list"]).envs(&server.environment());
    let outcome = list.env("BULLA_KMS", format!("https://127.0.0.2:{port}")).run();
    outcome.fails_with(3, &["https://127.0.0.2"]);
    server.stop();
}

/// The CA stays the same over restarts, so clients install it once.
#[test]
fn the_authority_lasts() {
    let world = World::new();
    let server = world.serve("kms", [] as [&str; 0]);
    let ca = fs::read(server.ca()).unwrap();
    let mut environment = server.environment();
    server.stop();
    let server = world.serve("kms", [] as [&str; 0]);
    assert_eq!(fs::read(server.ca()).unwrap(), ca);
    environment[0].1.clone_from(&server.url);
    world.bulla(["key", "list"]).envs(&environment).ok();
    server.stop();
}

/// The clock was ahead when the store was last used, which a server in this process can simulate.
#[test]
fn a_clock_that_was_ahead_is_accepted_by_the_command_in_the_error() {
    let world = World::new();
    let data = world.path("a kms");
    let ahead = || std::time::SystemTime::now() + std::time::Duration::from_secs(7200);
    let options = bulla_kms::Options::new(&data, bulla_kms::Role::Server);
    drop(bulla_kms::Kms::open(&options, ahead).unwrap());

    let refused = world.bulla(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]).run();
    assert_eq!(refused.code(), Some(3));
    let message = refused.stderr;
    assert!(message.contains("seconds behind the last use of the store\n"), "{message}");
    let (_, command) = message.trim_end().rsplit_once("start once with: ").unwrap();
    assert_eq!(
        command,
        format!("bulla serve --listen 127.0.0.1:0 --data '{}' --accept-clock", data.display())
    );

    world.serve("a kms", ["--accept-clock"]).stop();
    world.serve("a kms", [] as [&str; 0]).stop();
}

#[test]
fn the_secret_of_a_given_access_key_may_be_in_a_file() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let world = World::new();
    let secret = "a-secret-of-my-own";
    world.keep_secret(secret);
    let file = world.write("secret", format!("{secret}\n"));
    let name = file.to_str().unwrap();
    let id = ("BULLA_ROOT_ACCESS_KEY_ID", "my-id");
    let given = |path| [id, ("BULLA_ROOT_ACCESS_KEY_SECRET_FILE", path)];
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let refused = |environment: &[(&str, &str)], parts: &[&str]| {
        let refused = world.try_serve("kms", ["--http"], environment).err().expect("it is refused");
        refused.fails_with(2, parts);
        assert!(!world.path("kms").exists(), "nothing was made");
    };

    for open in [0o644, 0o640, 0o620] {
        mode(open);
        refused(&given(name), &["is open to others", "chmod 600"]);
    }
    mode(0o600);
    fs::create_dir(world.path("links")).unwrap();
    let link = world.path("links/link");
    let missing = world.path("missing");
    symlink(&file, &link).unwrap();
    refused(&given(link.to_str().unwrap()), &["is a symbolic link that leads out of its directory"]);
    refused(&given(missing.to_str().unwrap()), &["is missing", "check the path"]);
    refused(&given(world.root().to_str().unwrap()), &["is not a regular file"]);
    for (content, part) in [
        ("\n", "does not hold a secret"),
        (&"x".repeat(257), "does not hold a secret"),
        ("two words\n", "has a character that signatures cannot carry"),
        ("two\nlines\n", "has a character that signatures cannot carry"),
    ] {
        fs::write(&file, content).unwrap();
        refused(&given(name), &[part]);
    }
    fs::write(&file, format!("{secret}\n")).unwrap();
    let both = [id, ("BULLA_ROOT_ACCESS_KEY_SECRET", "x"), ("BULLA_ROOT_ACCESS_KEY_SECRET_FILE", name)];
    refused(&both, &["both BULLA_ROOT_ACCESS_KEY_SECRET and BULLA_ROOT_ACCESS_KEY_SECRET_FILE are set"]);
    refused(&[both[2]], &["only one of BULLA_ROOT_ACCESS_KEY_ID and BULLA_ROOT_ACCESS_KEY_SECRET or"]);

    let server = world.try_serve("kms", ["--http"], &given(name)).unwrap();
    let run = world.bulla(["key", "list"]).env("BULLA_KMS", &server.url);
    let run =
        run.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "my-id").env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret).run();
    assert_eq!(run.code(), Some(0));
    let environment = fs::read(format!("/proc/{}/environ", server.id())).unwrap_or_default();
    assert!(!crate::harness::contains(&environment, secret.as_bytes()));
    server.stop();
}
