//! Messages of a server to the service manager that started it: the test is the manager, with a socket of its own.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use crate::harness::{World, wait_for};

struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn new(world: &World) -> Self {
        let path = world.root().join("notify").to_str().unwrap().to_owned();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, path }
    }

    /// Returns the next message, including watchdog pings.
    fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).unwrap();
        str::from_utf8(&message[..length]).unwrap().to_owned()
    }

    /// Returns the next message that is not a watchdog ping.
    fn next_news(&self) -> String {
        std::iter::repeat_with(|| self.next()).find(|message| message != ALIVE).unwrap()
    }
}

fn monotonic_now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[test]
fn a_manager_is_notified_when_the_server_is_ready_reloads_and_stops() {
    let world = World::new();
    let manager = Manager::new(&world);
    world.write("c.toml", "listen = '127.0.0.1:0'\nhttp = true\n");
    let environment = [("NOTIFY_SOCKET", manager.path.as_str())];
    let server = world.try_serve("kms", ["--config", "c.toml"], &environment).unwrap();
    let ready = format!("READY=1\nSTATUS=Listening on {}", server.url);
    assert_eq!(manager.next(), ready);

    for content in ["connections = 100", "nonsense = 1"] {
        world.write("c.toml", format!("listen = '127.0.0.1:0'\nhttp = true\n{content}\n"));
        let before = monotonic_now();
        server.signal(Signal::HUP);
        let reloading = manager.next();
        let rest = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let (time, status) = rest.split_once('\n').unwrap();
        assert!((before..=monotonic_now()).contains(&time.parse().unwrap()), "{reloading}");
        assert_eq!(status, "STATUS=Reloading the configuration");
        assert_eq!(manager.next(), ready, "also if nothing has changed because of {content}");
    }
    server.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=Finishing requests in flight");
    server.ends_without_a_signal();
}

#[test]
fn a_live_server_notifies_its_watchdog_even_while_its_store_is_lost() {
    let world = World::new();
    let manager = Manager::new(&world);
    let environment = [("NOTIFY_SOCKET", manager.path.as_str()), ("WATCHDOG_USEC", "200000")];
    let server = world.try_serve("kms", ["--http"], &environment).unwrap();
    assert!(manager.next().starts_with("READY=1\n"));
    for _ in 0..5 {
        assert_eq!(manager.next(), ALIVE);
    }
    let (store, aside) = (world.path("kms/store.redb"), world.path("aside"));
    fs::rename(&store, &aside).unwrap();
    let lost = "STATUS=The store is lost, and writes are refused: see the log, do not restart";
    assert_eq!(manager.next_news(), lost);
    for _ in 0..5 {
        assert_eq!(manager.next(), ALIVE, "a restart would lose what is in memory");
    }
    fs::rename(&aside, &store).unwrap();
    assert_eq!(manager.next_news(), format!("STATUS=Listening on {}", server.url));

    // A server that hangs sends nothing; this one is stopped.
    server.signal(Signal::STOP);
    manager.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let begun = Instant::now();
    while manager.socket.recv(&mut [0; 64]).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "what was under way comes to an end");
    }
    server.signal(Signal::CONT);
    wait_for("a sign of life", || manager.socket.recv(&mut [0; 64]).is_ok());
    server.stop();
}

#[test]
fn a_watchdog_of_another_process_gets_no_messages() {
    let world = World::new();
    let manager = Manager::new(&world);
    let environment =
        [("NOTIFY_SOCKET", manager.path.as_str()), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let server = world.try_serve("kms", ["--http"], &environment).unwrap();
    assert!(manager.next().starts_with("READY=1\n"));
    server.complete_log();
    server.signal(Signal::TERM);
    assert!(manager.next().starts_with("STOPPING=1\n"));
    server.ends_without_a_signal();
}

#[test]
fn a_server_starts_even_if_its_manager_cannot_be_notified() {
    let world = World::new();
    for missing in ["/nowhere/notify", "@bulla-test-nobody", "vsock:2:1"] {
        let server = world.try_serve("kms", ["--http"], &[("NOTIFY_SOCKET", missing)]).unwrap();
        let log = server.log();
        assert!(log.contains("The service manager cannot be notified that the server is ready: "), "{log}");
        server.stop();
    }
    let server = world.try_serve("kms", ["--http"], &[("NOTIFY_SOCKET", "")]).unwrap();
    assert!(!server.log().contains("service manager"), "none is named");
    server.stop();
}

const ALIVE: &str = "WATCHDOG=1";
