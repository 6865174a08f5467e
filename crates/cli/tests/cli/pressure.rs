//! A server that runs out of connections or descriptors.

use std::fs;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::{Server, World, wait_for};
use crate::http::SigningClient;

/// The limit of open files is lowered while the server runs, as an operator can do.
#[test]
fn clients_are_served_when_descriptors_are_exhausted() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    let caller = SigningClient::owner(&server);
    let mut known = caller.connect().unwrap();
    assert_eq!(known.send(&caller.request("ListKeys", "")).unwrap().0, 200);
    allow_open_files(&server, lowest_free_descriptor(&server) + 20);

    let mut silent: Vec<_> = (0..200).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for _ in 0..50 {
        let begin = Instant::now();
        let mut client = caller.connect().unwrap();
        assert_eq!(client.send(&caller.request("ListKeys", "")).unwrap().0, 200);
        assert!(begin.elapsed() < Duration::from_secs(5), "a client had to wait for {:?}", begin.elapsed());
        silent.push(TcpStream::connect(server.address()).unwrap());
    }
    assert_eq!(known.send(&caller.request("ListKeys", "")).unwrap().0, 200, "its caller was known");
    let begin =
        "connections cannot be accepted: Too many open files (os error 24); the least active ones are";
    let log = server.complete_log();
    assert_eq!(events(&log), 1, "{log}");
    assert!(log.contains(begin), "{log}");

    allow_open_files(&server, 1024);
    wait_for("the end of the shortage", || server.log().contains("connections can be accepted again; "));
    let log = server.complete_log();
    assert_eq!(events(&log), 2, "{log}");
    server.stop();
}

/// With nothing to close, a server must neither spin nor fill the log, and continue when it can.
#[test]
fn a_server_without_any_descriptor_waits() {
    let world = World::new();
    let server = world.serve("kms", ["--http"]);
    allow_open_files(&server, lowest_free_descriptor(&server));
    let caller = SigningClient::owner(&server);
    let mut client = caller.connect().unwrap(); // accepted by the kernel
    client.write(&caller.request("ListKeys", "")).unwrap();
    wait_for("the shortage", || events(&server.log()) == 1);
    let before = cpu_ticks(&server);
    thread::sleep(Duration::from_secs(2));
    assert!(cpu_ticks(&server) - before < 50, "it spins");
    assert_eq!(events(&server.log()), 1, "{}", server.log());
    allow_open_files(&server, 1024);
    assert_eq!(client.answer().unwrap().0, 200);
    let log = server.complete_log();
    assert_eq!(log.matches(" event=\"connections cannot be accepted: ").count(), 1, "{log}");
    server.stop();
}

#[test]
fn descriptors_of_the_store_and_the_log_are_not_given_to_connections() {
    let world = World::new();
    let server = world.serve_in_shell("kms", ["--http"], "ulimit -n 300");
    let silent: Vec<_> = (0..400).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    let caller = SigningClient::owner(&server);
    assert_eq!(caller.connect().unwrap().send(&caller.request("ListKeys", "")).unwrap().0, 200);
    drop(silent);
    let log = server.complete_log();
    let event = "at most 150 connections, because of the limit of open files";
    assert!(log.contains(event), "{log}");
    assert!(!log.contains("Too many open files"), "{log}");
    server.stop();
}

/// Returns a limit of open files with which the server gets no further descriptor.
fn lowest_free_descriptor(server: &Server<'_>) -> u64 {
    let is_open = |number: &u64| fs::symlink_metadata(format!("/proc/{}/fd/{number}", server.id())).is_ok();
    let lowest = || (0..).find(|number| !is_open(number)).unwrap();
    let mut free = lowest();
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_millis(300) {
        thread::sleep(Duration::from_millis(10));
        if lowest() != free {
            free = lowest();
            since = Instant::now();
        }
    }
    free
}

fn allow_open_files(server: &Server<'_>, count: u64) {
    let id = Pid::from_raw(i32::try_from(server.id()).unwrap());
    let limit = Rlimit { current: Some(count), maximum: Some(20_000) };
    prlimit(id, Resource::Nofile, limit).unwrap();
}

/// Counts the events about connections.
fn events(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" event=\"connections ")).count()
}

/// Returns the CPU time of the process, in hundredths of a second.
fn cpu_ticks(server: &Server<'_>) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
