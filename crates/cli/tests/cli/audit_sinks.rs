//! Sinks of the audit trail are added and removed with the configuration file.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{World, wait_for};
use crate::http::SigningClient;

const SERVE: &str = "data = 'kms'\nlisten = '127.0.0.1:0'\nhttp = true\n";
const FILE: &str = "[[audit]]\ntype = 'file'\n";

fn lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_sink_is_removed_by_a_reload_with_a_last_line_and_not_by_a_wrong_configuration() {
    let world = World::new();
    let path = world.path("syslog");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let syslog = format!("[[audit]]\ntype = 'syslog'\naddress = 'unix:{}'\n", path.display());
    world.write("c.toml", format!("{SERVE}{FILE}{syslog}"));
    let server = world.serve("kms", ["--config", "c.toml"]);
    let caller = SigningClient::owner(&server);
    let next = |wanted: &str| {
        let mut message = vec![0; 65536];
        loop {
            let length = socket.recv(&mut message).unwrap();
            let text = str::from_utf8(&message[..length]).unwrap();
            if text.contains(wanted) {
                return text.to_owned();
            }
        }
    };
    next("audit-sink-added");
    let reload = |text: String, expected: &str| {
        world.write("c.toml", text);
        let before = server.log().len();
        server.signal(Signal::HUP);
        wait_for(expected, || server.log()[before..].contains(expected));
    };
    reload(format!("{SERVE}[[audit]]\ntype = 'stdout'\n"), "was not reloaded, all settings stay");
    caller.call("ListKeys", "");
    next("ListKeys");
    reload(format!("{SERVE}{FILE}"), "the configuration was reloaded");
    caller.call("ListAliases", "");
    let removed = next("audit-sink-removed");
    assert!(removed.contains(&format!("syslog unix:{}", path.display())), "{removed}");
    server.stop();
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0]).is_err(), "nothing comes after it");
    let trail = fs::read_to_string(world.path("kms/audit/audit-00000000000000000001.jsonl")).unwrap();
    assert!(trail.contains("audit-sink-removed") && trail.contains("ListAliases"), "{trail}");
}

#[test]
fn standard_output_gets_the_lines_too() {
    let world = World::new();
    world.write("c.toml", format!("{SERVE}{FILE}[[audit]]\ntype = 'stdout'\n"));
    let server = world.sh("exec bulla serve --config c.toml > printed 2> log").start();
    let printed = || fs::read_to_string(world.path("printed")).unwrap_or_default();
    wait_for("a seal", || lines(&printed()).iter().any(|line| line["type"] == "seal"));
    server.signal(Signal::TERM);
    server.finish();
    let seals = lines(&printed()).len();
    let trail = fs::read_to_string(world.path("kms/audit/audit-00000000000000000001.jsonl")).unwrap();
    let json: Vec<_> = printed().lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect();
    assert!(seals > 1 && trail.ends_with(&format!("{}\n", json.join("\n"))), "{}\n{trail}", printed());
}

/// A reload does not write this line, because the trail is enabled or disabled at the start only.
#[test]
fn a_start_that_disables_the_trail_records_it_in_the_trail() {
    let world = World::new();
    let on = format!("{SERVE}{FILE}");
    let off = format!("{SERVE}audit = []\n");
    let run = |configuration: &str| {
        world.write("c.toml", configuration);
        let server = world.serve("kms", ["--config", "c.toml"]);
        let log = server.log();
        server.stop();
        log
    };
    let expected = "is switched off, and its last line says so.";
    assert!(!run(&on).contains(expected));
    let log = run(&off);
    assert!(log.contains(expected), "{log}");
    assert!(!run(&off).contains(expected), "once");
    let search = ["audit", "search", "--data", "kms", "--action", "audit-sink-removed"];
    let found = world.bulla(search).ok();
    assert!(found.text().lines().count() == 1 && found.text().contains("audit-sink/file"), "{found:?}");
    world.bulla(["audit", "verify", "kms/audit"]).ok();
}
