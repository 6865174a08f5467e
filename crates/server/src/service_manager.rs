//! Notifies the service manager that started the server, by systemd's notification protocol (sd_notify(3)): it learns
//! when the server is ready, reloads and stops, and detects when it hangs.
//!
//! The protocol is one datagram per message, so this uses a socket of std instead of a crate; the existing crates do
//! not support abstract sockets, or wait forever for a manager that does not read.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use bulla_kms::Kms;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{MissedTickBehavior, interval};

/// The socket of a service manager, and its watchdog limit.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    /// The time without a message after which it considers the server hung.
    watchdog: Option<Duration>,
}

/// Reports the health of the server to a service manager, if there is one.
pub(crate) struct Reporter {
    manager: Option<ServiceManager>,
    kms: Arc<Kms>,
    /// The address of the API.
    url: String,
}

/// The health of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// The store is lost. A restart would lose records that only memory still holds.
    StoreLost,
    /// Changes cannot be written until a restart.
    Broken,
}

impl ServiceManager {
    /// Returns the manager that the environment names: NOTIFY_SOCKET, and for this process WATCHDOG_USEC. `None` if it
    /// names none.
    ///
    /// # Errors
    /// The socket cannot be connected to.
    pub fn from_environment() -> io::Result<Option<Self>> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
            return Ok(None);
        };
        let variable = |name| env::var(name).ok();
        let watchdog = watchdog(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        Self::connect(&address, watchdog).map(Some)
    }

    /// Returns the manager with a socket at this path, or in the abstract namespace after `@`.
    ///
    /// # Errors
    /// The socket cannot be connected to.
    pub fn connect(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, watchdog })
    }

    fn send(&self, message: &str) {
        // If this fails, the manager acts on its own after its time limit. There is no other recipient for the error.
        let _ = self.socket.send(message.as_bytes());
    }
}

impl Reporter {
    pub(crate) fn new(manager: Option<ServiceManager>, kms: Arc<Kms>, url: String) -> Arc<Self> {
        Arc::new(Self { manager, kms, url })
    }

    /// Reports that the server answers requests, and then its health: on every change, and as often as the watchdog
    /// requires. A stuck runtime does not run this, so the watchdog gets no message. Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let Some(manager) = &self.manager else { return };
        self.ready();
        let mut last = self.health();
        let mut tick = interval(manager.watchdog.map_or(PERIOD, |limit| (limit / 2).clamp(SHORTEST, PERIOD)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let health = self.health();
            if health != last {
                manager.send(&self.status(health));
                last = health;
            }
            if manager.watchdog.is_some() && health.is_alive() {
                manager.send("WATCHDOG=1");
            }
        }
    }

    /// Reports that the server answers requests, with its current settings.
    pub(crate) fn ready(&self) {
        self.send(|| format!("READY=1\n{}", self.status(self.health())));
    }

    /// Reports that the configuration is being reloaded, until [`Self::ready`] ends that.
    pub(crate) fn reloading(&self) {
        self.send(|| {
            let now = clock_gettime(ClockId::Monotonic);
            let now = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Reloading the configuration")
        });
    }

    /// Reports that the server stops.
    pub(crate) fn stopping(&self) {
        self.send(|| "STOPPING=1\nSTATUS=Finishing requests in flight".to_owned());
    }

    fn send(&self, message: impl FnOnce() -> String) {
        if let Some(manager) = &self.manager {
            manager.send(&message());
        }
    }

    fn health(&self) -> Health {
        Health::of(self.kms.is_running(), self.kms.is_ready())
    }

    fn status(&self, health: Health) -> String {
        match health {
            Health::Well => format!("STATUS=Listening on {}", self.url),
            Health::StoreLost => {
                "STATUS=The store is lost, and writes are refused: see the log, do not restart".into()
            }
            Health::Broken => "STATUS=Writes are refused until a restart".into(),
        }
    }
}

impl Health {
    fn of(is_running: bool, is_ready: bool) -> Self {
        match (is_running, is_ready) {
            (false, _) => Self::Broken,
            (true, false) => Self::StoreLost,
            (true, true) => Self::Well,
        }
    }

    /// Returns whether the watchdog must let the server continue.
    fn is_alive(self) -> bool {
        self != Self::Broken
    }
}

/// Returns the watchdog's limit, if it is for this process.
fn watchdog(limit: Option<String>, process: Option<String>) -> Option<Duration> {
    if process.is_some_and(|process| process.parse() != Ok(process::id())) {
        return None;
    }
    let limit = limit?.parse().ok().filter(|limit| *limit > 0)?;
    Some(Duration::from_micros(limit))
}

/// How long to wait for a manager that does not read: the message is sent on a thread that serves requests.
const PATIENCE: Duration = Duration::from_millis(100);
/// The shortest watchdog limit that is accepted as valid.
const SHORTEST: Duration = Duration::from_millis(1);
/// The interval for checking the health.
const PERIOD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let of = |limit: &str, process: Option<u32>| {
            watchdog(Some(limit.to_owned()), process.map(|process| process.to_string()))
        };
        let mine = process::id();
        assert_eq!(of("30000000", None), Some(Duration::from_secs(30)));
        assert_eq!(of("30000000", Some(mine)), Some(Duration::from_secs(30)));
        assert_eq!(of("30000000", Some(mine + 1)), None, "it is inherited from a parent");
        assert_eq!([of("", None), of("0", None), of("soon", None), watchdog(None, None)], [None; 4]);
    }

    #[test]
    fn a_server_is_restarted_only_if_that_helps() {
        for (is_running, is_ready, is_alive) in
            [(true, true, true), (true, false, true), (false, false, false), (false, true, false)]
        {
            assert_eq!(Health::of(is_running, is_ready).is_alive(), is_alive, "{is_running}, {is_ready}");
        }
    }

    #[test]
    fn a_socket_may_be_in_the_abstract_namespace() {
        let name = format!("bulla-test-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let theirs = UnixDatagram::bind_addr(&address).unwrap();
        let manager = ServiceManager::connect(OsStr::new(&format!("@{name}")), None).unwrap();
        manager.send("READY=1");
        let mut message = [0; 16];
        let length = theirs.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"READY=1");
    }

    /// More messages than its queue holds, without a reader.
    #[test]
    fn a_manager_that_does_not_read_delays_no_other_client_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _theirs = UnixDatagram::bind(&path).unwrap();
        let manager = ServiceManager::connect(path.as_os_str(), None).unwrap();
        let message = "x".repeat(16 * 1024);
        (0..20).for_each(|_| manager.send(&message));
        let missing = ServiceManager::connect(OsStr::new("/nowhere/notify"), None);
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
