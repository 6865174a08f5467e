//! The readiness of a server whose store is lost.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::{Signed, TestServer};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const READINESS: &str = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";

type Lose = fn(&Path);

#[test]
fn a_server_without_its_store_is_alive_and_not_ready() {
    let losses: [(&str, Lose); 3] = [
        ("store.redb was removed or renamed", |store| fs::remove_file(store).unwrap()),
        ("store.redb was overwritten or truncated", |store| fs::write(store, "").unwrap()),
        ("lock was removed or renamed", |store| fs::remove_file(store.with_file_name("lock")).unwrap()),
    ];
    for (event, lose) in losses {
        let server = TestServer::plain();
        server.create_key();
        let ready = server.send(READINESS);
        assert_eq!((ready.status, ready.body.as_str()), (200, r#"{"Status":"ok"}"#));

        lose(&server.data.path().join("store.redb"));
        wait_for_readiness(&server, 503);
        assert_eq!(server.send(READINESS).body, r#"{"Status":"unavailable"}"#);
        assert_eq!(server.send(HEALTH).status, 200, "a restart would lose what is in memory");
        let refused = server.send(Signed::new("POST", "Action=CreateKey").into_query());
        refused.refused(503, "ServiceUnavailableTemporary");
        assert_eq!(server.call("Action=ListKeys").status, 200);
        wait_until(&server, || times_logged(&server, "the store is lost, and writes are refused: ") > 0);
        thread::sleep(Duration::from_millis(2500));
        server.stopper.stop();
        let log = server.join().0.text();
        assert_eq!(log.matches("the store is lost, and writes are refused: ").count(), 1, "{log}");
        assert!(log.contains(event), "{log}");
        assert!(log.contains("status=503 code=-"), "the probe: {log}");
    }
}

#[test]
fn a_server_whose_store_is_back_is_ready() {
    let server = TestServer::plain();
    let (store, aside) = (server.data.path().join("store.redb"), server.data.path().join("aside"));
    for times in 1..=2 {
        fs::rename(&store, &aside).unwrap();
        wait_for_readiness(&server, 503);
        wait_until(&server, || times_logged(&server, "the store is lost, and writes are refused: ") == times);
        fs::rename(&aside, &store).unwrap();
        wait_for_readiness(&server, 200);
        wait_until(&server, || {
            times_logged(&server, "the store is back, and writes are accepted again") == times
        });
        server.create_key();
    }
}

fn times_logged(server: &TestServer, event: &str) -> usize {
    server.log.text().matches(event).count()
}

/// Within the two seconds that are promised, and some more for a busy machine.
fn wait_for_readiness(server: &TestServer, status: u16) {
    wait_until(server, || server.send(READINESS).status == status);
}

fn wait_until(server: &TestServer, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", server.log.text());
        thread::sleep(Duration::from_millis(20));
    }
}
