//! The control socket of a server, used by commands and other users of the machine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Outcome, World, wait_for};
use crate::private::{another_user, as_user};

fn status(world: &World, data: &str) -> Outcome {
    world.bulla(["status", "--data", data, "--json"]).run()
}

#[test]
fn the_socket_that_a_killed_server_left_is_replaced() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let socket = world.path("kms/control.sock");
    server.kill();
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    let stopped = status(&world, "kms");
    assert_eq!(stopped.code(), Some(1), "{stopped:?}");
    assert_eq!(stopped.json()["running"], false);
    world.bulla(["store", "check", "--data", "kms"]).ok();
    for _ in 0..3 {
        let server = world.serve("kms", ["--http"]);
        let running = status(&world, "kms");
        assert_eq!(
            (running.code(), &running.json()["process"]),
            (Some(0), &server.id().into()),
            "{running:?}"
        );
        assert_eq!(fs::symlink_metadata(&socket).unwrap().mode() & 0o777, 0o600);
        server.kill();
    }
    world.serve("kms", ["--http"]).stop();
    assert!(!socket.exists());
}

#[test]
fn a_second_server_leaves_the_socket_of_the_first_alone() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let inode = || fs::symlink_metadata(world.path("kms/control.sock")).unwrap().ino();
    let before = inode();
    world.try_serve("kms", ["--http"], &[]).err().unwrap().fails_with(3, &["belongs to a running server"]);
    assert_eq!(inode(), before);
    assert_eq!(status(&world, "kms").json()["process"], server.id());
    server.stop();
}

#[test]
fn a_server_that_is_not_ready_reports_the_reason() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let (store, aside) = (world.path("kms/store.redb"), world.path("aside"));
    fs::rename(&store, &aside).unwrap();
    wait_for("the store to be missed", || status(&world, "kms").code() == Some(1));
    let outcome = world.bulla(["status", "--data", "kms"]).run();
    assert_eq!(outcome.code(), Some(1));
    assert!(
        outcome.text().contains(" is not ready\n  the store is lost, and writes are refused: "),
        "{outcome:?}"
    );
    assert!(outcome.stderr.starts_with("bulla: the server is not ready: the store is lost, "), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
    fs::rename(&aside, &store).unwrap();
    wait_for("the store to be back", || status(&world, "kms").code() == Some(0));
    server.stop();
}

#[test]
fn status_lists_the_sinks_of_the_trail_with_their_errors() {
    let world = World::new();
    world.write(
        "c.toml",
        "[[audit]]\ntype = 'file'\n[[audit]]\ntype = 'syslog'\naddress = 'unix:/nowhere/log'\n",
    );
    let server = world.serve("kms", ["--http", "--listen", "127.0.0.1:0", "--config", "c.toml"]);
    let sinks = || status(&world, "kms").json()["audit"]["sinks"].clone();
    wait_for("the fault", || sinks()[1]["fault"].is_string());
    let outcome = sinks();
    assert_eq!((&outcome[0]["name"], &outcome[0]["required"]), (&"file".into(), &true.into()), "{outcome}");
    assert_eq!(outcome[1]["name"], "syslog unix:/nowhere/log", "{outcome}");
    let text = world.bulla(["status", "--data", "kms"]).ok().text();
    assert!(text.contains("\naudit sink       syslog unix:/nowhere/log, takes none: "), "{text}");
    server.stop();
}

/// The path of a socket has at most 107 bytes; that of a data directory may be longer.
#[test]
fn a_data_directory_with_a_long_path_has_a_socket() {
    let world = World::new();
    let data = format!("{}/{}", "x".repeat(100), "y".repeat(100));
    let server = world.serve(&data, ["--http"]);
    assert_eq!(status(&world, &data).code(), Some(0));
    server.stop();
}

#[test]
fn a_command_that_is_killed_while_it_waits_does_no_harm() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    server.signal(Signal::STOP);
    let waiting = world.bulla(["status", "--data", "kms"]).start();
    wait_for("the command", || waiting.is_running());
    waiting.signal(Signal::KILL);
    waiting.finish();
    server.signal(Signal::CONT);
    assert_eq!(status(&world, "kms").code(), Some(0));
    server.stop();
}

#[test]
fn a_backup_whose_server_is_killed_leaves_no_file() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    world.bulla(["backup", "create", "-o", "old", "--data", "kms"]).ok();
    let old = world.read("old");
    server.signal(Signal::STOP);
    let running = world.bulla(["backup", "create", "-o", "old", "--force", "--data", "kms"]).start();
    let has_socket = || {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", running.id())).into_iter().flatten().flatten();
        let mut links = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link.to_string_lossy().starts_with("socket:"))
    };
    wait_for("the socket", has_socket);
    thread::sleep(Duration::from_millis(500)); // it connects a moment later
    server.kill();
    running.finish().fails_with(3, &["the server closed its control socket without an answer"]);
    assert_eq!(world.read("old"), old);
    assert_eq!(world.names(), ["kms", "old"]);
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// Starts a server as another user, and waits until it listens.
fn serve_as(world: &World, user: u32) -> Killed {
    let mut command = as_user(world, user, &["serve", "--data", "kms", "--listen", "127.0.0.1:0", "--http"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("bulla: listening on "), "{line}");
    Killed(child)
}

/// The server has neither the rights of root nor a /proc of its own, because it must not be dumped.
#[test]
fn only_the_servers_own_user_and_root_are_answered() {
    let world = World::new();
    let Some(user) = another_user(&world, "only_the_servers_own_user_and_root_are_answered") else { return };
    let _server = serve_as(&world, user);
    let run = |mut command: Command| {
        let output = command.output().unwrap();
        let code = output.status.code();
        (code, String::from_utf8(output.stderr).unwrap())
    };
    let args = ["status", "--data", "kms"];
    assert_eq!(run(as_user(&world, user, &args)), (Some(0), String::new()));
    assert_eq!(world.bulla(args).run().code(), Some(0), "root, or the same user");
    world.bulla(["store", "check", "--data", "kms"]).ok();
    world.bulla(["audit", "verify", "kms/audit"]).ok();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let other = user - 1;
    let open = |name: &str| fs::set_permissions(world.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    let denied = |what: &str| {
        let (code, text) = run(as_user(&world, other, &args));
        assert_eq!(code, Some(3), "{text}");
        assert!(
            text.contains(what) && text.contains("\n       run as the user of the server, or as root"),
            "{text}"
        );
    };
    denied("Permission denied");
    open("kms");
    denied("Permission denied");
    fs::set_permissions(world.path("kms/control.sock"), fs::Permissions::from_mode(0o666)).unwrap();
    denied("the server closed its control socket without an answer");
}
