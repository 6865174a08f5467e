//! The rules that admit and evict connections, without sockets or clock.
//!
//! Connections are queued by [`Rank`], all of them and those of each address. A request does not move its connection in
//! these queues, so it takes no lock that other connections need. A queued rank may be out of date, but is never too
//! high, because ranks only rise; the search for a victim corrects the ranks that it reads.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::activity::{Activity, Attempt, Rank};

/// The places of all connections.
#[derive(Debug)]
pub(super) struct Places {
    limits: PlaceLimits,
    next: Id,
    taken: HashMap<Id, Taken>,
    queue: Queue,
    /// The queues by address; only of addresses that have connections.
    by_address: HashMap<IpAddr, Queue>,
    /// The number of evicted connections that are not closed yet.
    closing: usize,
}

/// The maximum numbers of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlaceLimits {
    pub(super) all: usize,
    pub(super) of_one_address: usize,
}

/// Identifies a connection.
pub(super) type Id = u64;

/// The outcome of a request for a place.
#[derive(Debug)]
pub(super) enum Admission {
    Admitted {
        id: Id,
        activity: Arc<Activity>,
        /// Whether another connection of the address was evicted for it.
        in_place_of_another: bool,
    },
    /// The address has its maximum, and all of its connections are being answered.
    Refused,
}

#[derive(Debug)]
struct Taken {
    activity: Arc<Activity>,
    /// `None` if the address is not counted.
    address: Option<IpAddr>,
    /// The rank in the queues.
    rank: Rank,
}

type Queue = BTreeSet<(Rank, Id)>;

impl Places {
    pub(super) fn new(limits: PlaceLimits) -> Self {
        let taken = HashMap::new();
        let by_address = HashMap::new();
        Self { limits, next: 0, taken, queue: Queue::new(), by_address, closing: 0 }
    }

    pub(super) fn limits(&self) -> PlaceLimits {
        self.limits
    }

    /// Changes the limits. Connections beyond the new ones are evicted, except while they are being answered.
    pub(super) fn set_limits(&mut self, limits: PlaceLimits) {
        self.limits = limits;
        while self.taken.len() > limits.all && self.evict(None) {}
    }

    /// Returns the number of open connections, including evicted ones that are not closed yet.
    pub(super) fn open(&self) -> usize {
        self.taken.len() + self.closing
    }

    pub(super) fn are_all_taken(&self) -> bool {
        self.open() >= self.limits.all
    }

    pub(super) fn are_half_taken(&self) -> bool {
        self.open() * 2 >= self.limits.all
    }

    /// Returns whether an evicted connection will be closed soon.
    pub(super) fn is_one_closing(&self) -> bool {
        self.closing > 0
    }

    /// Gives a place to a connection of `address`, which is `None` if it is not counted. The caller has ensured that
    /// there is a place.
    pub(super) fn admit(&mut self, address: Option<IpAddr>, now: Instant) -> Admission {
        let mut in_place_of_another = false;
        if let Some(address) = address {
            while self.open_of(address) >= self.limits.of_one_address {
                if !self.evict(Some(address)) {
                    return Admission::Refused;
                }
                in_place_of_another = true;
            }
        }
        let id = self.next;
        let activity = Arc::new(Activity::new(now));
        self.next += 1;
        let rank = activity.rank();
        self.taken.insert(id, Taken { activity: Arc::clone(&activity), address, rank });
        self.enqueue(id, rank, address);
        Admission::Admitted { id, activity, in_place_of_another }
    }

    /// Removes a closed connection.
    pub(super) fn leave(&mut self, id: Id) {
        match self.taken.remove(&id) {
            Some(taken) => self.dequeue(id, taken.rank, taken.address),
            None => self.closing -= 1,
        }
    }

    /// Evicts the connection with the lowest rank, of one address or of all. Returns false if none may be evicted.
    pub(super) fn evict(&mut self, address: Option<IpAddr>) -> bool {
        let mut answering = Vec::new();
        let victim = loop {
            let Some((queued, id)) = self.first(address) else { break None };
            let taken = self.taken.get_mut(&id).expect("what is queued has a place");
            let attempt = taken.activity.evict(queued);
            let counted = taken.address;
            if let Attempt::Outranked(rank) = attempt {
                taken.rank = rank;
            }
            self.dequeue(id, queued, counted);
            match attempt {
                Attempt::Evicted => break Some(id),
                Attempt::Answering => answering.push((id, queued, counted)),
                Attempt::Outranked(rank) => self.enqueue(id, rank, counted),
            }
        };
        for (id, rank, counted) in answering {
            self.enqueue(id, rank, counted);
        }
        if let Some(id) = victim {
            self.taken.remove(&id);
            self.closing += 1;
        }
        victim.is_some()
    }

    /// Evicts the connections that were accepted `limit` ago or longer and have sent no byte of a request.
    pub(super) fn evict_silent(&mut self, limit: Duration, now: Instant) {
        let silent = |taken: &Taken| taken.activity.is_silent_for(limit, now);
        let silent: Vec<_> =
            self.taken.iter().filter(|(_, taken)| silent(taken)).map(|(id, _)| *id).collect();
        for id in silent {
            // A byte may have arrived meanwhile. Until its first request, its rank is that of its beginning.
            let taken = &self.taken[&id];
            if taken.activity.evict(taken.rank) == Attempt::Evicted {
                self.leave(id);
                self.closing += 1;
            }
        }
    }

    fn first(&self, address: Option<IpAddr>) -> Option<(Rank, Id)> {
        let queue = match address {
            Some(address) => self.by_address.get(&address)?,
            None => &self.queue,
        };
        queue.first().copied()
    }

    fn open_of(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).map_or(0, Queue::len)
    }

    fn enqueue(&mut self, id: Id, rank: Rank, address: Option<IpAddr>) {
        self.queue.insert((rank, id));
        if let Some(address) = address {
            self.by_address.entry(address).or_default().insert((rank, id));
        }
    }

    fn dequeue(&mut self, id: Id, rank: Rank, address: Option<IpAddr>) {
        self.queue.remove(&(rank, id));
        let Some(address) = address else { return };
        let queue = self.by_address.get_mut(&address).expect("an address with connections has a queue");
        queue.remove(&(rank, id));
        if queue.is_empty() {
            self.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Places with a clock that the test moves.
    struct Table {
        places: Places,
        now: Instant,
        open: HashMap<Id, Arc<Activity>>,
    }

    impl Table {
        fn new(all: usize, of_one_address: usize) -> Self {
            let places = Places::new(PlaceLimits { all, of_one_address });
            Self { places, now: Instant::now(), open: HashMap::new() }
        }

        fn wait(&mut self) {
            self.now += Duration::from_secs(1);
        }

        /// A second later, opens a connection from 10.0.0.`host`, making room like the accept loop.
        fn connect(&mut self, host: u8) -> Option<Id> {
            self.wait();
            while self.places.are_all_taken() {
                if !self.places.evict(None) {
                    return None;
                }
                self.close_evicted();
            }
            match self.places.admit(Some(Ipv4Addr::new(10, 0, 0, host).into()), self.now) {
                Admission::Refused => None,
                Admission::Admitted { id, activity, .. } => {
                    self.open.insert(id, activity);
                    self.close_evicted();
                    Some(id)
                }
            }
        }

        fn answer(&mut self, id: Id, authenticated: bool) {
            self.wait();
            self.open[&id].begin_answer(self.now).unwrap();
            self.wait();
            self.open[&id].end_answer(authenticated, self.now);
        }

        /// Closes evicted connections, like the tasks of connections.
        fn close_evicted(&mut self) {
            let evicted: Vec<_> = self.open.keys().filter(|id| !self.is_open(**id)).copied().collect();
            for id in evicted {
                assert_eq!(self.open[&id].begin_answer(self.now), Err(super::super::activity::Evicted));
                self.open.remove(&id);
                self.places.leave(id);
            }
            assert_eq!(self.places.open(), self.open.len());
        }

        fn close(&mut self, id: Id) {
            self.open.remove(&id).unwrap();
            self.places.leave(id);
        }

        fn is_open(&self, id: Id) -> bool {
            self.places.taken.contains_key(&id)
        }
    }

    #[test]
    fn the_victim_never_had_an_authenticated_answer_and_was_active_longest_ago() {
        let mut table = Table::new(5, 5);
        let [old, probed, trusted, busy, trusted_later] =
            [1, 2, 3, 4, 5].map(|host| table.connect(host).unwrap());
        table.answer(trusted, true);
        table.answer(trusted_later, true);
        table.answer(trusted, false); // a connection that was authenticated once stays so
        table.answer(probed, false);
        table.open[&busy].begin_answer(table.now).unwrap();
        let newcomers: Vec<_> = (6..10).map(|host| table.connect(host).unwrap()).collect();
        assert!(!table.is_open(old), "accepted first, and nothing since");
        assert!(!table.is_open(probed), "a complete request later, but none that was authenticated");
        assert!(newcomers[..2].iter().all(|id| !table.is_open(*id)), "then newcomers in their order");
        assert!([trusted, trusted_later, busy].iter().all(|id| table.is_open(*id)));

        for id in &newcomers[2..] {
            if table.is_open(*id) {
                table.answer(*id, true);
            }
        }
        table.connect(20).unwrap();
        assert!(!table.is_open(trusted_later), "of those that were authenticated, the one idle for longest");
        assert!(table.is_open(trusted) && table.is_open(busy));
        table.open[&busy].end_answer(false, table.now);
        table.answer(*newcomers.last().unwrap(), true);
        for host in 30..40 {
            table.connect(host).unwrap();
        }
        assert!(!table.is_open(busy), "a place is safe only while a request is being answered");
        assert!(table.is_open(trusted), "a flood takes no place of a client that was authenticated");
    }

    #[test]
    fn bytes_are_not_activity() {
        let mut table = Table::new(2, 2);
        let (trickling, silent) = (table.connect(1).unwrap(), table.connect(2).unwrap());
        for _ in 0..100 {
            table.wait();
            table.open[&trickling].heard();
        }
        table.connect(3).unwrap();
        assert!(!table.is_open(trickling) && table.is_open(silent));
    }

    #[test]
    fn requests_being_answered_are_never_cut_off() {
        let mut table = Table::new(3, 2);
        let busy = [1, 1, 2].map(|host| table.connect(host).unwrap());
        for id in busy {
            table.open[&id].begin_answer(table.now).unwrap();
        }
        assert_eq!(table.connect(3), None);
        assert!(busy.iter().all(|id| table.is_open(*id)));
        table.open[&busy[1]].end_answer(true, table.now);
        assert!(table.connect(3).is_some());
        assert!(table.is_open(busy[0]) && !table.is_open(busy[1]) && table.is_open(busy[2]));
    }

    #[test]
    fn an_address_has_its_share_and_makes_room_for_itself() {
        let mut table = Table::new(100, 3);
        let other = table.connect(2).unwrap();
        let first = table.connect(1).unwrap();
        table.answer(first, true);
        let more: Vec<_> = (0..10).map(|_| table.connect(1).unwrap()).collect();
        assert!(table.is_open(other) && table.is_open(first), "only its own, and not what was authenticated");
        assert!(more[8..].iter().all(|id| table.is_open(*id)), "the newest two");
        assert_eq!(table.places.open(), 4);

        for id in [first, more[8], more[9]] {
            table.open[&id].begin_answer(table.now).unwrap();
        }
        assert_eq!(table.connect(1), None, "it has nothing to give");
        assert!(table.connect(2).is_some(), "others are not concerned");
        for id in [first, more[8], more[9]] {
            table.close(id);
        }
        let open: Vec<_> = table.open.keys().copied().collect();
        open.into_iter().for_each(|id| table.close(id));
        assert!(table.places.by_address.is_empty() && table.places.queue.is_empty());
        assert_eq!(table.places.open(), 0, "nothing is remembered of those that are gone");
    }

    #[test]
    fn lower_limits_hold_at_once() {
        let mut table = Table::new(10, 10);
        let open: Vec<_> = (0..10).map(|_| table.connect(1).unwrap()).collect();
        table.open[&open[0]].begin_answer(table.now).unwrap();
        table.answer(open[1], true);
        table.places.set_limits(PlaceLimits { all: 4, of_one_address: 2 });
        table.close_evicted();
        let left: Vec<_> = open.iter().filter(|id| table.is_open(**id)).collect();
        assert_eq!(left, [&open[0], &open[1], &open[8], &open[9]]);
        let newest = table.connect(1).unwrap();
        assert!(table.is_open(open[0]), "it is being answered");
        assert!(table.is_open(newest) && table.places.open() == 2);
    }

    #[test]
    fn addresses_that_are_not_counted_have_no_share() {
        let mut table = Table::new(100, 1);
        for _ in 0..50 {
            let admission = table.places.admit(None, table.now);
            assert!(matches!(admission, Admission::Admitted { in_place_of_another: false, .. }));
        }
        assert_eq!(table.places.open(), 50);
    }

    #[test]
    fn silent_connections_are_evicted_and_others_are_not() {
        let mut table = Table::new(100, 100);
        let (silent, trickling, active) =
            (table.connect(1).unwrap(), table.connect(1).unwrap(), table.connect(1).unwrap());
        table.open[&trickling].heard();
        table.open[&active].heard();
        table.answer(active, false);
        table.now += Duration::from_secs(5);
        let fresh = table.connect(1).unwrap();
        table.places.evict_silent(Duration::from_secs(5), table.now);
        assert!(!table.is_open(silent));
        assert!([trickling, active, fresh].iter().all(|id| table.is_open(*id)));
        assert_eq!(table.places.open(), 4, "it counts until it is closed");
        table.close_evicted();
        assert_eq!(table.places.open(), 3);
    }
}
