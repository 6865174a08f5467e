//! Signals to a server: those that reload its configuration, stop it, or have no effect.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Server, World, wait_for};
use crate::http::{Connection, SigningClient};

#[test]
fn signals_that_do_not_stop_leave_requests_in_flight_alone() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let caller = SigningClient::owner(&server);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
        let (mut client, rest) = half_a_request(&caller);
        for _ in 0..3 {
            server.signal(signal);
            thread::sleep(Duration::from_millis(50));
        }
        client.write(&rest).unwrap();
        assert_eq!(client.answer().unwrap().0, 200, "{signal:?}: {}", server.log());
        caller.call("ListKeys", "");
    }
    server.stop();
}

#[test]
fn sigquit_and_sigint_stop_as_sigterm_does() {
    for signal in [Signal::QUIT, Signal::INT, Signal::TERM] {
        let world = World::new();
        let server = world.serve("kms", ["--http"]);
        let caller = SigningClient::owner(&server);
        let (mut client, rest) = half_a_request(&caller);
        server.signal(signal);
        wait_for("the port to be closed", || TcpStream::connect(server.address()).is_err());
        for other in [Signal::HUP, Signal::USR1, Signal::USR2] {
            server.signal(other);
        }
        client.write(&rest).unwrap();
        assert_eq!(client.answer().unwrap().0, 200, "{signal:?}: {}", server.log());
        server.ends_without_a_signal();
    }
}

/// Signals during the start; those that mean something else to a running server do not end it.
#[test]
fn signals_during_the_start_do_not_end_a_server() {
    let world = World::new();
    world.write("c.toml", "data = 'kms'\nlisten = '127.0.0.1:0'\nhttp = true\n");
    for signal in ["HUP", "USR1", "USR2"] {
        // A pipe in place of the file makes the start wait.
        let script = format!(
            "mkfifo c{signal} && {{ bulla serve --config c{signal} > out{signal} & }} && \
             exec 3> c{signal} && kill -{signal} $! && cat c.toml >&3 && exec 3>&- && \
             until [ -s out{signal} ]; do sleep 0.05; kill -0 $! || exit 1; done; kill -TERM $! && wait $!"
        );
        world.sh(&script).ok();
    }
}

#[test]
fn limits_are_reloaded_and_flags_still_win() {
    let world = World::new();
    let write = |more: &str| {
        world.write("c.toml", format!("listen = '127.0.0.1:0'\nhttp = true\n{more}"));
    };
    write("connections-per-address = 2\n");
    let server = world.serve("kms", ["--config", "c.toml"]);
    expect_open_at_once(&server, 2);
    write("connections-per-address = 3\n");
    reload(&server);
    expect_open_at_once(&server, 3);
    write("connections-per-address = 3\ntrusted-proxies = ['127.0.0.0/8']\n");
    reload(&server);
    expect_open_at_once(&server, 10);
    write("connections = 5\ntrusted-proxies = ['127.0.0.0/8']\n");
    reload(&server);
    expect_open_at_once(&server, 5);
    write("");
    reload(&server);
    expect_open_at_once(&server, 10);
    server.stop();

    let server = world.serve("kms", ["--config", "c.toml", "--connections-per-address", "4"]);
    write("connections-per-address = 3\nconnections = 100\n");
    reload(&server);
    expect_open_at_once(&server, 4);
    server.stop();
}

#[test]
fn limits_on_requests_and_quotas_are_reloaded() {
    let world = World::new();
    let write = |more: &str| {
        world.write("c.toml", format!("listen = '127.0.0.1:0'\nhttp = true\n{more}"));
    };
    write("");
    let server = world.serve("kms", ["--config", "c.toml"]);
    let caller = SigningClient::owner(&server);
    let is_throttled = || {
        let mut connection = caller.connect().unwrap();
        (0..100).any(|_| connection.send(&caller.request("ListKeys", "")).unwrap().0 == 400)
    };
    assert!(!is_throttled());
    write("[limits]\nuser = { requests-per-second = 1, burst = 1 }\n");
    reload(&server);
    assert!(is_throttled());
    write("[limits]\nuser = { per-hour = 1 }\n");
    server.signal(Signal::HUP);
    wait_for("the refusal", || server.log().contains("was not reloaded, all settings stay"));
    assert!(is_throttled(), "the old limits are in force");
    write("[quotas]\nkeys = 1\n");
    reload(&server);
    assert!(!is_throttled());
    let mut connection = caller.connect().unwrap();
    let created = [(); 2].map(|()| connection.send(&caller.request("CreateKey", "")).unwrap());
    assert_eq!((created[0].0, &created[1].1["Code"]), (200, &"Rejected.LimitExceeded".into()));
    server.stop();
}

#[test]
fn certificates_are_reloaded() {
    let world = World::new();
    for name in ["first", "second"] {
        certificate(&world, name);
    }
    let write = |more: &str| {
        world.write("c.toml", format!("listen = '127.0.0.1:0'\n{more}"));
    };
    write("tls-cert = 'first.pem'\ntls-key = 'first.key'\n");
    let server = world.serve("kms", ["--config", "c.toml"]);
    assert_eq!(names(&world, &server), "DNS:first");
    write("tls-cert = 'second.pem'\ntls-key = 'second.key'\n");
    assert_eq!(names(&world, &server), "DNS:first", "not before it is told");
    reload(&server);
    assert_eq!(names(&world, &server), "DNS:second");
    // Back to an authority of its own, and another name for its certificate.
    write("tls-name = ['kms.example']\n");
    reload(&server);
    assert!(names(&world, &server).contains("DNS:kms.example"), "{}", names(&world, &server));
    assert!(server.ca().exists());
    write("tls-name = ['other.example']\n");
    reload(&server);
    let found = names(&world, &server);
    assert!(found.contains("DNS:other.example") && !found.contains("kms.example"), "{found}");
    write("tls-cert = 'first.pem'\ntls-key = 'first.key'\n");
    reload(&server);
    assert_eq!(names(&world, &server), "DNS:first");
    server.stop();
}

#[test]
fn the_console_is_reached_by_reloaded_names_of_the_server() {
    let world = World::new();
    let write = |more: &str| {
        world.write("c.toml", format!("listen = 'localhost:0'\nhttp = true\n{more}"));
    };
    write("tls-name = ['kms.example']\n");
    let server = world.serve("kms", ["--config", "c.toml"]);
    let status = |host| status_at(&server, host);
    assert_eq!(["kms.example", "other.example"].map(status), [303, 421]);
    write("tls-name = ['Other.example']\n");
    reload(&server);
    assert_eq!(["kms.example", "other.example", "localhost", "127.0.0.1"].map(status), [421, 303, 303, 303]);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(status(machine.trim()), 303, "its certificate would name {machine}");
    assert!(!server.complete_log().contains("need a restart"), "{}", server.log());
    server.stop();
}

#[test]
fn enabling_or_disabling_the_console_needs_a_restart() {
    let world = World::new();
    let write = |more: &str| {
        world.write("c.toml", format!("listen = '127.0.0.1:0'\nhttp = true\n{more}"));
    };
    let events = |server: &Server<'_>| server.complete_log().matches("need a restart: console\"").count();
    write("");
    let server = world.serve("kms", ["--config", "c.toml"]);
    write("console = true\n");
    reload(&server);
    assert_eq!(events(&server), 0, "it is the default");
    write("console = false\ntls-name = ['kms.example']\n");
    reload(&server);
    assert_eq!((events(&server), status_at(&server, "kms.example")), (1, 303));
    server.stop();

    let server = world.serve("kms", ["--config", "c.toml"]);
    assert_eq!(status_at(&server, "localhost"), 404);
    write("");
    reload(&server);
    assert_eq!((events(&server), status_at(&server, "localhost")), (1, 404));
    server.stop();

    let server = world.serve("kms", ["--config", "c.toml", "--no-console"]);
    write("console = false\n");
    reload(&server);
    assert_eq!(events(&server), 0, "the flag wins");
    server.stop();
}

#[test]
fn a_configuration_with_an_error_changes_nothing() {
    let world = World::new();
    certificate(&world, "first");
    certificate(&world, "second");
    let not_a_key = world.write("not.key", "no key");
    std::fs::set_permissions(not_a_key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let first = "listen = '127.0.0.1:0'\ntls-cert = 'first.pem'\ntls-key = 'first.key'\n";
    let second = "listen = '127.0.0.1:0'\nconnections-per-address = 3\ntls-cert = 'second.pem'\n";
    let config = world.write("c.toml", format!("{first}connections-per-address = 2\n"));
    std::fs::set_permissions(config, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.serve("kms", ["--region", "cn-hangzhou", "--account", "111122223333"]).stop();
    let server = world.serve("kms", ["--config", "c.toml"]);
    for (more, reason) in [
        ("tls-key =", "c.toml: "),
        ("tls-key = 'second.key'\nnonsense = 1\n", "unknown field `nonsense`"),
        ("tls-key = 'second.key'\nconnections = 0\n", "a nonzero u32"),
        ("tls-key = 'second.key'\ntrusted-proxies = ['10.0.0.0/33']\n", "not a network"),
        ("tls-key = 'second.key'\nregion = 'cn hangzhou'\n", "not the name of a region"),
        ("tls-key = 'second.key'\naccount = 'me'\n", "not an account id"),
        ("tls-key = 'second.key'\nregion = 'cn-beijing'\n", "the store keeps the region cn-hangzhou"),
        ("tls-key = 'second.key'\naccount = '42'\n", "the store keeps the account 111122223333"),
        ("tls-key = 'second.key'\nhttp = true\n", "no --http"),
        ("", "both --tls-cert and --tls-key"),
        ("tls-key = 'missing.key'\n", "missing.key is missing"),
        ("tls-key = 'c.toml'\n", "c.toml is open to others (mode 644)"),
        ("tls-key = 'not.key'\n", "not.key is not a PEM file of the expected kind"),
        ("tls-key = 'first.key'\n", "the certificate cannot be used with its key"),
    ] {
        let before = server.log().len();
        world.write("c.toml", format!("{second}{more}"));
        server.signal(Signal::HUP);
        let since = || server.log()[before..].to_owned();
        wait_for("the event", || since().contains("was not reloaded, all settings stay: "));
        assert!(since().contains(reason), "{more}: {}", since());
        assert_eq!(names(&world, &server), "DNS:first", "{more}");
        expect_open_at_once(&server, 2);
    }
    std::fs::remove_file(world.path("c.toml")).unwrap();
    let before = server.log().len();
    server.signal(Signal::HUP);
    wait_for("the event", || server.log()[before..].contains("c.toml: No such file or directory"));
    world.write("c.toml", format!("{second}tls-key = 'second.key'\n"));
    reload(&server);
    assert_eq!(names(&world, &server), "DNS:second");
    expect_open_at_once(&server, 3);
    server.stop();
}

#[test]
fn settings_that_need_a_restart_are_named_and_the_others_take_effect() {
    let world = World::new();
    world.write("c.toml", "listen = '127.0.0.1:0'\nregion = 'cn-beijing'\n");
    let server = world.serve("kms", ["--config", "c.toml", "--account", "42"]);
    let changed = "data = 'other'\nlisten = '127.0.0.1:1'\nhttp = true\nroot-key = 'other-key'\n\
                   region = 'cn-beijing'\naccount = '43'\nconnections-per-address = 2\n";
    world.write("c.toml", changed);
    reload(&server);
    // Data and account are set by flags, which take precedence.
    let event = "changes of these settings need a restart: listen, http, root-key";
    wait_for("the event", || server.log().contains(&format!("event=\"{event}\"")));
    expect_open_at_once(&server, 2);
    let key = world.bulla(["kms", "CreateKey"]).envs(&server.environment()).ok().json();
    let arn = key["KeyMetadata"]["Arn"].as_str().unwrap();
    assert!(arn.starts_with("acs:kms:cn-beijing:42:key/"), "{arn}");
    assert_eq!(world.names(), ["c.toml", "kms"]);

    let events = || server.complete_log().matches("need a restart").count();
    world.write("c.toml", "listen = '127.0.0.1:0'\nregion = 'cn-beijing'\nroot-key = 'kms/root-key'\n");
    reload(&server);
    wait_for("the event", || server.log().contains("need a restart: root-key\""));
    world.write("c.toml", "listen = '127.0.0.1:0'\nregion = 'cn-beijing'\n");
    let before = events();
    reload(&server);
    reload(&server);
    assert_eq!(events(), before, "all is as at the start");
    server.stop();
}

/// Otherwise the file could not be prepared for the next start.
#[test]
fn a_region_that_no_start_has_named_is_settled_by_the_next_one() {
    let world = World::new();
    world.write("c.toml", "listen = '127.0.0.1:0'\n");
    let server = world.serve("kms", ["--config", "c.toml"]);
    world.write("c.toml", "listen = '127.0.0.1:0'\nregion = 'cn-beijing'\n");
    reload(&server);
    wait_for("the event", || server.log().contains("need a restart: region\""));
    let regions = || world.bulla(["kms", "DescribeRegions"]).envs(&server.environment()).ok().text();
    assert!(regions().contains("cn-hangzhou"), "{}", regions());
    server.stop();
    let server = world.serve("kms", ["--config", "c.toml"]);
    let regions = world.bulla(["kms", "DescribeRegions"]).envs(&server.environment()).ok().text();
    assert!(regions.contains("cn-beijing"), "{regions}");
    server.stop();
}

/// Without a configuration file, certificates are reloaded, and the flags still apply.
#[test]
fn a_server_with_flags_only_reloads_too() {
    let world = World::new();
    let flags = ["--tls-name", "kms.example", "--connections-per-address", "2"];
    let server = world.serve("kms", flags);
    reload(&server);
    assert!(names(&world, &server).contains("DNS:kms.example"));
    expect_open_at_once(&server, 2);
    let log = server.complete_log();
    assert!(!log.contains("need a restart"), "{log}");
    server.stop();
}

/// Sends the head of a request, waits until the server reads its body, and returns the body.
fn half_a_request(caller: &SigningClient) -> (Connection, Vec<u8>) {
    let request = String::from_utf8(caller.request("ListKeys", "PageSize=10")).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut client = caller.connect().unwrap();
    client.write(format!("{head}\r\nexpect: 100-continue\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(client.answer().unwrap().0, 100);
    (client, body.into())
}

/// Reloads the server, and waits until it has done so.
#[track_caller]
fn reload(server: &Server<'_>) {
    let before = server.log().len();
    server.signal(Signal::HUP);
    wait_for("the reload", || server.log()[before..].contains("the configuration was reloaded"));
}

/// Returns the status of the console for a browser that uses this name of the server; 303 redirects to the sign-in.
fn status_at(server: &Server<'_>, host: &str) -> u16 {
    let mut browser = SigningClient::owner(server).connect().unwrap();
    browser.write(format!("GET /console/ HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
    browser.answer().unwrap().0
}

/// Opens ten connections of one address, and expects that this number of them stays open.
#[track_caller]
fn expect_open_at_once(server: &Server<'_>, expected: usize) {
    let connections: Vec<_> = (0..10)
        .map(|_| {
            let stream = TcpStream::connect(server.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let open = || connections.iter().filter(|stream| stream.peek(&mut [0]).is_err()).count();
    wait_for("the other connections to be closed", || open() <= expected);
    thread::sleep(Duration::from_millis(300)); // more than these may be closed
    assert_eq!(open(), expected);
}

/// Creates NAME.pem and NAME.key for the host NAME.
fn certificate(world: &World, name: &str) {
    let script = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} \
         -addext subjectAltName=DNS:{name} -addext basicConstraints=critical,CA:FALSE \
         -keyout {name}.key -out {name}.pem && chmod 600 {name}.key"
    );
    world.sh(&script).ok();
}

/// Returns the names in the certificate of the server.
fn names(world: &World, server: &Server<'_>) -> String {
    let script = format!(
        "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName",
        server.address()
    );
    world.sh(&script).ok().text().lines().last().unwrap_or_default().trim().to_owned()
}
