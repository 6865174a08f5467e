//! The connections of a server: each one holds a place until it is closed or evicted.
//!
//! The rules are in [`Places`]; this module connects them to the accept loop, the descriptors and the log.

use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bulla_kms::counted_as;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::activity::Activity;
use super::episodes::{Episode, Episodes, Limit};
use super::places::{Admission, Id, PlaceLimits, Places};
use crate::limits::Limits;
use crate::log::Log;
use crate::networks::Network;
use crate::proxies::Proxies;

/// All connections of a server, and their limits.
pub struct Connections {
    limits: Limits,
    log: Events,
    /// The proxies, whose connections are not counted by address.
    proxies: Arc<Proxies>,
    state: Mutex<State>,
    /// Notified when a connection was closed. Only the accept loop waits for it, and after its end the stop.
    closed: Notify,
}

struct State {
    places: Places,
    episodes: Episodes,
}

/// The place of one connection, released on drop, so it is dropped after the socket.
pub(super) struct Place {
    connections: Arc<Connections>,
    id: Id,
    pub(super) activity: Arc<Activity>,
}

/// The current counts of connections.
pub(crate) struct ConnectionCounts {
    pub(crate) open: usize,
    /// The maximum number.
    pub(crate) limit: usize,
    /// How many were closed or not accepted since the start, by the limit that was reached.
    pub(crate) refused: Vec<(&'static str, u64)>,
}

/// The log, with a prefix that names the listener; empty for the API's.
struct Events {
    log: Arc<Log>,
    listener: &'static str,
}

impl Events {
    fn event(&self, text: impl Display) {
        self.log.event(format!("{}{text}", self.listener));
    }
}

enum Try {
    Admitted(Place),
    Refused,
    /// All places are taken.
    Full,
}

impl Connections {
    /// Returns an empty set of connections. Reached limits are reported to `log`.
    #[must_use]
    pub fn new(limits: Limits, trusted_proxies: Vec<Network>, log: Arc<Log>) -> Arc<Self> {
        let places = Places::new(place_limits(&limits));
        let state = Mutex::new(State { places, episodes: Episodes::default() });
        let proxies = Arc::new(Proxies::new(trusted_proxies));
        let log = Events { log, listener: "" };
        Arc::new(Self { limits, log, proxies, state, closed: Notify::new() })
    }

    /// Returns the connections of the listener of metrics.
    pub(crate) fn of_metrics(limits: Limits, log: Arc<Log>) -> Arc<Self> {
        let mut connections = Self::new(limits, Vec::new(), log);
        let new = Arc::get_mut(&mut connections).expect("no other thread has it yet");
        new.log.listener = "metrics: ";
        connections
    }

    /// Returns the number of open connections, and of those closed because of a limit.
    pub(crate) fn counts(&self) -> ConnectionCounts {
        let state = self.state();
        ConnectionCounts {
            open: state.places.open(),
            limit: state.places.limits().all,
            refused: state.episodes.closed().map(|(limit, closed)| (limit.name(), closed)).collect(),
        }
    }

    /// Changes the limits, and which connections are not counted by address. Open connections stay counted as before.
    /// The time limits stay.
    pub(crate) fn change(&self, limits: &Limits, trusted_proxies: Vec<Network>) {
        self.state().places.set_limits(place_limits(limits));
        self.proxies.replace(trusted_proxies);
    }

    /// Returns the trusted proxies, which follow later changes.
    pub(crate) fn proxies(&self) -> Arc<Proxies> {
        Arc::clone(&self.proxies)
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns a place for a new connection. If all are taken, another connection is evicted, and this waits until it
    /// is closed. Returns `None` if its address may have no more.
    pub(super) async fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            match self.try_place(address) {
                Try::Admitted(place) => return Some(place),
                Try::Refused => return None,
                Try::Full => self.one_closed().await,
            }
        }
    }

    /// Evicts a connection because the system has no more descriptors, and waits until it is closed. Returns false if
    /// no connection may be evicted.
    pub(super) async fn release_descriptor(&self, error: &io::Error) -> bool {
        let evicted = {
            let mut state = self.state();
            let evicted = state.places.evict(None);
            if state.episodes.reached(Limit::Descriptors, evicted, Instant::now()) {
                self.log.event(format!(
                    "connections cannot be accepted: {error}; the least active ones are closed for new ones"
                ));
            }
            evicted
        };
        if evicted {
            self.one_closed().await;
        }
        evicted
    }

    /// Reports that a connection could not be accepted, for another reason.
    pub(super) fn report(&self, error: &io::Error) {
        if self.state().episodes.reached(Limit::Accepting, false, Instant::now()) {
            self.log.event(format!("connections cannot be accepted: {error}"));
        }
    }

    /// Until it is dropped, closes silent connections while at least half of the places are taken, and reports limits
    /// that are no longer reached.
    pub(super) async fn watch(&self) {
        let mut tick = interval(WATCH);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut state = self.state();
            let now = Instant::now();
            if state.places.are_half_taken() {
                state.places.evict_silent(self.limits.first_byte, now);
            }
            for episode in state.episodes.ended(self.limits.quiet, now) {
                self.log.event(end_of(&episode));
            }
        }
    }

    /// Waits until no connection is open.
    pub(super) async fn all_closed(&self) {
        while self.state().places.open() > 0 {
            self.one_closed().await;
        }
    }

    fn try_place(self: &Arc<Self>, address: IpAddr) -> Try {
        let mut state = self.state();
        let now = Instant::now();
        let State { places, episodes } = &mut *state;
        let limits = places.limits();
        if places.are_all_taken() {
            if places.is_one_closing() {
                return Try::Full; // its place will be free soon
            }
            let evicted = places.evict(None);
            if episodes.reached(Limit::Connections, evicted, now) {
                self.log.event(format!(
                    "all {} connections are taken; the least active ones are closed for new ones",
                    limits.all
                ));
            }
            return Try::Full;
        }
        let is_counted = !self.proxies.contains(address);
        let admission = places.admit(is_counted.then(|| counted_as(address)), now);
        // Either the address's new connection is closed, or another one of it.
        let closed = !matches!(admission, Admission::Admitted { in_place_of_another: false, .. });
        if closed && episodes.reached(Limit::ConnectionsOfOneAddress, true, now) {
            self.log.event(format!(
                "{} has all {} connections that one address may have; its least active ones are closed for \
                 new ones",
                shown(address),
                limits.of_one_address
            ));
        }
        match admission {
            Admission::Admitted { id, activity, .. } => {
                Try::Admitted(Place { connections: Arc::clone(self), id, activity })
            }
            Admission::Refused => Try::Refused,
        }
    }

    /// Waits until a connection is closed, or for a moment: a connection that cannot be evicted now can be after its
    /// answer.
    async fn one_closed(&self) {
        let _ = timeout(MOMENT, self.closed.notified()).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the lock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.state().places.leave(self.id);
        self.connections.closed.notify_one();
    }
}

fn place_limits(limits: &Limits) -> PlaceLimits {
    let [all, of_one_address] =
        [limits.connections, limits.connections_per_address].map(|limit| limit.max(1) as usize);
    PlaceLimits { all, of_one_address }
}

fn end_of(episode: &Episode) -> String {
    let closed = episode.closed;
    let seconds = episode.duration().as_secs();
    match episode.limit {
        Limit::Connections => {
            format!("connections are no longer all taken; {closed} were closed for new ones in {seconds} s")
        }
        Limit::ConnectionsOfOneAddress => {
            format!("no address has all its connections any longer; {closed} were closed in {seconds} s")
        }
        Limit::Descriptors | Limit::Accepting => {
            format!("connections can be accepted again; {closed} were closed for new ones in {seconds} s")
        }
    }
}

/// Returns the address or network that is counted.
fn shown(address: IpAddr) -> String {
    match counted_as(address) {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(network) => format!("{network}/64"),
    }
}

/// The interval for silent connections and ended episodes.
const WATCH: Duration = Duration::from_secs(1);
/// The pause before another search for a connection that may be evicted.
const MOMENT: Duration = Duration::from_millis(20);
