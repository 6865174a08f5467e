//! The listener of metrics, from its setting to its end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::process::Signal;

use crate::harness::{Server, World, wait_for};

fn address(server: &Server<'_>) -> SocketAddr {
    let log = server.log();
    let line = log.lines().find_map(|line| line.strip_prefix("Metrics: http://")).unwrap();
    line.strip_suffix("/metrics").unwrap().parse().unwrap()
}

fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_are_served_at_the_configured_address() {
    let world = World::new();
    world.write("c.toml", "listen = '127.0.0.1:0'\nhttp = true\nmetrics = '0'\n");
    for flags in [&["--config", "c.toml"][..], &["--metrics", "127.0.0.1:0"], &["--metrics", "localhost:0"]] {
        let server = world.serve("kms", flags);
        let metrics = address(&server);
        assert!(metrics.ip().is_loopback());
        let answer = scrape(metrics);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\nbulla_store_ready 1.0\n"), "{answer}");
        server.stop();
        assert!(TcpStream::connect(metrics).is_err());
    }
    let server = world.serve("kms", ["--http"]);
    assert!(!server.log().contains("Metrics: "), "they are off by default");
    server.stop();
}

#[test]
fn an_address_that_is_taken_is_named() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world.write("c.toml", "audit = []"); // the start prints its first key before the listener
    let flags = ["--http", "--root-key", "apart/root-key", "--metrics", &address, "--config", "c.toml"];
    let refused = world.try_serve("kms", flags, &[]).err().unwrap();
    refused.fails_with(1, &[&format!("cannot listen on {address} for metrics: "), "with --metrics"]);
}

#[test]
fn another_address_needs_a_restart() {
    let world = World::new();
    let write = |metrics: &str| {
        world.write("c.toml", format!("listen = '127.0.0.1:0'\nhttp = true\nmetrics = '{metrics}'\n"));
    };
    write("0");
    let server = world.serve("kms", ["--config", "c.toml"]);
    let metrics = address(&server);
    write("127.0.0.1:1");
    server.signal(Signal::HUP);
    wait_for("the event", || server.log().contains("changes of these settings need a restart: metrics"));
    assert!(scrape(metrics).starts_with("HTTP/1.1 200 OK\r\n"), "it stays where it was");
    server.stop();
}
