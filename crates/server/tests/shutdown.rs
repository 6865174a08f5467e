//! Stopping: requests in flight, idle connections, and requests that take too long.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bulla_server::Limits;
use common::{Signed, TestServer};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn a_request_in_flight_is_finished_and_idle_connections_are_closed() {
    let server = TestServer::plain();
    let request = Signed::new("POST", "Action=CreateKey").into_form();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (mut busy, mut idle, mut unused) = (server.connect(), server.connect(), server.connect());
    assert_eq!(busy.send(HEALTH).status, 200);
    assert_eq!(idle.send(HEALTH).status, 200);
    busy.begin(head);

    server.stopper.stop();
    assert!(idle.is_closed());
    assert!(unused.is_closed());
    assert!(TcpStream::connect(server.address).is_err(), "the server no longer listens");
    busy.write(body).unwrap();
    let answer = busy.read().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("connection"), "close");
    assert!(busy.is_closed());
    let (log, result) = server.join();
    result.unwrap();
    assert!(log.text().contains("action=CreateKey status=200"), "the log was flushed: {}", log.text());
}

#[test]
fn a_second_word_and_the_time_limit_cut_off() {
    for twice in [true, false] {
        let drain = if twice { Duration::from_secs(60) } else { SHORT };
        let server = TestServer::with_limits(Limits { drain, ..Limits::default() });
        let mut busy = server.connect();
        busy.begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10");
        let begin = Instant::now();
        server.stopper.stop();
        if twice {
            thread::sleep(SHORT);
            server.stopper.stop();
        }
        let (log, result) = server.join();
        result.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert!(log.text().contains("requests in flight were cut off"), "{}", log.text());
        assert!(busy.is_closed());
    }
}

/// The only test that needs a process of its own: signals would end the others.
#[test]
fn sigterm_stops() {
    const CHILD: &str = "BULLA_TEST_SIGTERM_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let data = tempfile::tempdir().unwrap();
        let options = bulla_kms::Options::new(data.path(), bulla_kms::Role::Server);
        let kms = std::sync::Arc::new(bulla_kms::Kms::open(&options, bulla_kms::SystemClock).unwrap());
        let options =
            bulla_server::ServerOptions::new(([127, 0, 0, 1], 0).into(), bulla_server::TlsOptions::Off);
        let server = bulla_server::Server::bind(kms, options).unwrap();
        std::fs::write(std::env::var_os(CHILD).unwrap(), server.local_addr().to_string()).unwrap();
        return server.run().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("address");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sigterm_stops"])
        .env(CHILD, &ready)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let address = wait_for(|| std::fs::read_to_string(&ready).ok()?.parse::<std::net::SocketAddr>().ok());
    // The address is bound before signals are handled: a signal that early would end the process.
    let mut client = common::Client::new(TcpStream::connect(address).unwrap());
    assert_eq!(client.send(HEALTH).status, 200);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = wait_for(|| child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

fn wait_for<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(value) = ready() {
            return value;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("waited for 20 seconds");
}
