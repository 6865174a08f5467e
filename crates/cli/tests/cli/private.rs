//! Secrets that other users must not see: keys in output, logs and memory, files of other users.
//!
//! The harness searches every output of every test for the root key and the access key's secret. Here they are searched
//! for in the most likely places, and so are data keys.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{BULLA, World, names_in, skipped, wait_for};
use crate::http::SigningClient;

#[test]
fn secrets_stay_in_their_files() {
    let world = World::new();
    world.write("file", "content");
    let server = world.serve("kms", ["--http"]);
    let environment = server.environment();
    let run = |args: &[&str]| world.bulla(args).envs(&environment).run();
    run(&["key", "create", "--alias", "work"]);
    run(&["encrypt", "file", "-k", "alias/work", "-c", "project=bulla"]);
    run(&["encrypt", "--format", "text", "file", "-k", "alias/work", "-c", "project=bulla"]);

    // From here on, the data keys of the files are searched for, too.
    let context = r#"{"project":"bulla"}"#;
    let data_key_in = |blob: &str| {
        let decrypt = ["kms", "Decrypt", "--CiphertextBlob", blob, "--EncryptionContext", context];
        run(&decrypt).json()["Plaintext"].as_str().unwrap().to_owned()
    };
    let sealed = String::from_utf8(world.read("file.cipher")).unwrap();
    let data_keys = [
        data_key_in(run(&["inspect", "--json", "file.bulla"]).json()["wraps"][0]["blob"].as_str().unwrap()),
        data_key_in(sealed.lines().next().unwrap()),
    ];
    for data_key in &data_keys {
        world.keep_secret(data_key.trim_end_matches('='));
    }
    let [data_key, _] = data_keys;

    for sealed in ["file.bulla", "file.cipher"] {
        run(&["decrypt", sealed, "-o", "out", "-c", "project=bulla", "--force"]);
        run(&["decrypt", sealed, "-o", "out2"]);
        run(&["decrypt", sealed, "-o", "out2", "-c", "project=other", "--force"]);
        run(&["verify", sealed]);
        run(&["inspect", sealed]);
        run(&["rewrap", sealed]);
        run(&["rekey", sealed]);
    }
    // A refusal that repeats its request, with a plaintext in it.
    let encrypt = ["kms", "Encrypt", "--KeyId", "alias/work", "--Plaintext", &data_key];
    let wrong = world.bulla(encrypt).envs(&environment).env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong").run();
    wrong.fails_with(3, &["SignatureDoesNotMatch"]);
    run(&["kms", "Encrypt", "--KeyId", "alias/nobody", "--Plaintext", &data_key]);
    run(&["kms", "Encrypt", "--KeyId", "alias/work", "--Plaintext", &data_key, "--EncryptionContext", "{"]);
    run(&["kms", &data_key]);
    let caller = SigningClient::owner(&server);
    let mut request = caller.request("CreateKey", "");
    request.splice(5..5, format!("?Plaintext={data_key}").bytes()); // POST /?Plaintext=…
    assert_eq!(caller.connect().unwrap().send(&request).unwrap().0, 400);
    let mut request = caller.request("CreateKey", "");
    request.splice(5..5, data_key.replace('/', "").bytes());
    assert!(caller.connect().unwrap().send(&request).unwrap().0 >= 400);

    world.keep_secret("Plaintext=");
    wait_for("the log", || server.log().contains("action=Encrypt"));
    server.stop();
}

#[test]
fn private_files_are_private() {
    let world = World::new();
    let server = world.serve("kms", [] as [&str; 0]);
    let mode = |path: &str| fs::metadata(world.path(path)).unwrap().mode() & 0o7777;
    assert_eq!(mode("kms"), 0o700);
    assert_eq!(
        names_in(&world.path("kms")),
        ["audit", "control.sock", "lock", "root-access-key.json", "root-key", "store.redb", "tls"]
    );
    assert_eq!(mode("kms/audit"), 0o700);
    for name in names_in(&world.path("kms/audit")) {
        assert_eq!(mode(&format!("kms/audit/{name}")), 0o600, "{name}");
    }
    for name in ["lock", "root-access-key.json", "root-key", "store.redb"] {
        assert_eq!(mode(&format!("kms/{name}")), 0o600, "{name}");
    }
    // The key of the CA is sealed in the store: no private key is in the directory.
    for name in names_in(&world.path("kms/tls")) {
        let text = fs::read_to_string(world.path("kms/tls").join(&name)).unwrap();
        assert!(!text.contains("PRIVATE KEY"), "{name}");
    }
    server.stop();
}

#[test]
fn a_process_keeps_no_core() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let core: Vec<_> = core["Max core file size".len()..].split_whitespace().collect();
    assert_eq!(core, ["0", "0", "bytes"]);
    server.stop();
}

/// Returns another user: the tests often run as root, to whom no permissions apply.
pub(crate) fn another_user(world: &World, test: &str) -> Option<u32> {
    const UNPRIVILEGED_UID: u32 = 65_534;
    let own = rustix::process::geteuid();
    if !own.is_root() {
        return Some(own.as_raw());
    }
    for directory in ["", "work", "home", "xdg", "tmp"] {
        let path = world.root().join(directory);
        chown(&path, Some(UNPRIVILEGED_UID), Some(UNPRIVILEGED_UID)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let tried = Command::new(BULLA).arg("--version").uid(UNPRIVILEGED_UID).gid(UNPRIVILEGED_UID).output();
    let reached =
        Command::new("ls").arg(world.path("")).uid(UNPRIVILEGED_UID).gid(UNPRIVILEGED_UID).output().unwrap();
    if tried.is_err() || !reached.status.success() {
        skipped(test, "no other user can run the binary in this directory");
        return None;
    }
    Some(UNPRIVILEGED_UID)
}

pub(crate) fn as_user(world: &World, user: u32, args: &[&str]) -> Command {
    let mut command = Command::new(BULLA);
    command.args(args).current_dir(world.path("")).env_clear();
    command.env("HOME", world.root().join("home")).env("XDG_DATA_HOME", world.root().join("xdg"));
    if rustix::process::geteuid().is_root() {
        command.uid(user).gid(user);
    }
    command
}

/// The kernel gives the files in /proc of a process that must not be dumped to root.
#[test]
fn a_debugger_of_the_same_user_is_kept_out() {
    let world = World::new();
    let Some(user) = another_user(&world, "a_debugger_of_the_same_user_is_kept_out") else { return };
    let mut child = as_user(&world, user, &["encrypt", "-", "-o", "out"]);
    let mut child = child.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let environment = format!("/proc/{}/environ", child.id());
    let started = Path::new(&environment);
    wait_for("the process to protect itself", || fs::metadata(started).unwrap().uid() == 0);
    if !rustix::process::geteuid().is_root() {
        assert!(fs::File::open(format!("/proc/{}/mem", child.id())).is_err());
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn files_that_permissions_forbid() {
    let world = World::new();
    let Some(user) = another_user(&world, "files_that_permissions_forbid") else { return };
    let run = |args: &[&str]| {
        let output = as_user(&world, user, args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let give = |name: &str, mode| {
        let path = world.path(name);
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(user), Some(user)).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    world.write("secret", "content");
    give("secret", 0o000);
    let message = "check the permissions of the file and its directory\n";
    let denied = |path: &str| format!("bulla: {path}: Permission denied (os error 13)\n       {message}");
    assert_eq!(run(&["encrypt", "secret"]), (Some(1), denied("secret")));
    give("secret", 0o400);
    assert_eq!(run(&["encrypt", "secret"]).0, Some(0));
    fs::create_dir(world.path("closed")).unwrap();
    give("closed", 0o500);
    assert_eq!(run(&["encrypt", "secret", "-o", "closed/out"]), (Some(1), denied("closed")));
    assert_eq!(run(&["decrypt", "secret.bulla", "-o", "closed/out"]), (Some(1), denied("closed")));
    assert_eq!(world.names(), ["closed", "secret", "secret.bulla"]);
    assert!(names_in(&world.path("closed")).is_empty());

    // A store of another user.
    let (code, text) = run(&["--kms", "embedded:closed/store", "key", "list"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("closed/store: Permission denied") && text.contains("check the permissions"),
        "{text}"
    );
    if rustix::process::geteuid().is_root() {
        let key = world.store().join("root-key");
        chown(&key, Some(user + 1), Some(user + 1)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
        let (code, text) = run(&["key", "list"]);
        assert_eq!(code, Some(3));
        assert!(text.contains(&format!("belongs to user {}\n       run as its owner", user + 1)), "{text}");
    }
}
