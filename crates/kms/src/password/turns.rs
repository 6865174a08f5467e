//! Turns on the thread that hashes, for passwords that anyone may send: one at a time, and the address that was served least
//! recently comes first.
//!
//! A flood of sign-ins therefore delays itself: once each of its addresses had a turn, a password from an address that had none
//! lately waits for the check that runs, and for no other.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

/// The queue of those who wait for a turn.
#[derive(Default)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

/// The right to one check. The next waiter gets it when it is dropped.
pub(super) struct Turn(Arc<Mutex<Queue>>);

/// Too many wait, in all or from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Where passwords come from: an IPv4 address, a network of IPv6 with a prefix of 64 bits, or this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(Option<IpAddr>);

#[derive(Default)]
struct Queue {
    is_taken: bool,
    waiting: BTreeMap<Rank, Waiter>,
    /// The last turn of each source, for the last [`REMEMBERED`] turns and some more.
    last: HashMap<Source, u64>,
    /// How many turns there were.
    turns: u64,
    /// How many waited.
    waiters: u64,
}

/// What decides who is next: the lowest rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// The last turn of the source, 0 if it had none lately. No source has a turn while it waits for its first one, so the rank
    /// of a waiter does not change.
    last_turn: u64,
    /// The order of arrival.
    number: u64,
}

struct Waiter {
    source: Source,
    turn: oneshot::Sender<Turn>,
}

impl Turns {
    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Busy`], also later: a waiter of the lowest precedence makes room for one of a higher one.
    pub(super) async fn next(&self, from: Option<IpAddr>) -> Result<Turn, Busy> {
        let entered = lock(&self.0).enter(Source::of(from))?;
        match entered {
            Some(turn) => turn.await.map_err(|_| Busy),
            None => Ok(Turn(Arc::clone(&self.0))),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = lock(&self.0).next();
        if let Some(waiter) = next {
            // A waiter that is gone does not take the turn: it is dropped here, which gives it to the next one.
            drop(waiter.turn.send(Self(Arc::clone(&self.0))));
        }
    }
}

impl Queue {
    /// Takes the turn if it is free: none to wait for.
    fn enter(&mut self, source: Source) -> Result<Option<oneshot::Receiver<Turn>>, Busy> {
        if !self.is_taken {
            self.is_taken = true;
            self.note_turn(source);
            return Ok(None);
        }
        self.waiting.retain(|_, waiter| !waiter.turn.is_canceled());
        let rank = self.rank(source)?;
        if self.waiting.len() >= WAITING {
            self.waiting.last_entry().filter(|worst| rank < *worst.key()).ok_or(Busy)?.remove();
        }
        let (turn, receiver) = oneshot::channel();
        self.waiting.insert(rank, Waiter { source, turn });
        Ok(Some(receiver))
    }

    /// A source that waits already comes after the others, as if it had been served.
    fn rank(&mut self, source: Source) -> Result<Rank, Busy> {
        let last_turn = match self.waiting.values().filter(|waiter| waiter.source == source).count() {
            0 => self.last.get(&source).copied().unwrap_or(0),
            1..WAITING_PER_SOURCE => self.turns + 1,
            _ => return Err(Busy),
        };
        self.waiters += 1;
        Ok(Rank { last_turn, number: self.waiters })
    }

    /// The waiter that gets the turn; without one the turn is free.
    fn next(&mut self) -> Option<Waiter> {
        let next = self.waiting.pop_first();
        match &next {
            Some((_, waiter)) => self.note_turn(waiter.source),
            None => self.is_taken = false,
        }
        next.map(|(_, waiter)| waiter)
    }

    fn note_turn(&mut self, source: Source) {
        self.turns += 1;
        self.last.insert(source, self.turns);
        if self.last.len() > 2 * REMEMBERED {
            let oldest = self.turns - REMEMBERED as u64;
            self.last.retain(|_, turn| *turn > oldest);
        }
    }
}

impl Source {
    fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
            address @ IpAddr::V4(_) => address,
        }))
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waiters in all. A check takes a tenth of a second, and up to half of one beside full cores, so the last one that waits is
/// answered within 8 seconds.
const WAITING: usize = 16;

/// Waiters from one source: two people behind one address need not see each other.
const WAITING_PER_SOURCE: usize = 2;

/// Turns whose sources are remembered: those of a minute and a half. Takes at most 64 KiB.
const REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'t> = Pin<Box<dyn Future<Output = Result<Turn, Busy>> + 't>>;

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::from(number.to_be_bytes()))
    }

    fn enter(turns: &Turns, from: Option<IpAddr>) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(turns.next(from));
        assert!(poll(&mut waiting).is_pending());
        waiting
    }

    fn poll(waiting: &mut Waiting<'_>) -> Poll<Result<Turn, Busy>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn is_busy(turns: &Turns, from: Option<IpAddr>) -> bool {
        matches!(poll(&mut (Box::pin(turns.next(from)) as Waiting<'_>)), Poll::Ready(Err(Busy)))
    }

    /// The one that has the turn; all others wait.
    fn served(waiting: &mut [Waiting<'_>]) -> Option<(usize, Turn)> {
        let mut served = waiting.iter_mut().enumerate().filter_map(|(number, waiting)| match poll(waiting) {
            Poll::Ready(turn) => Some((number, turn.unwrap())),
            Poll::Pending => None,
        });
        let first = served.next();
        assert!(served.next().is_none());
        first
    }

    #[test]
    fn a_quiet_address_waits_for_one_check_whatever_the_others_send() {
        let turns = Turns::default();
        let flood: Vec<_> = (0..8).map(address).collect();
        let mut turn = pollster::block_on(turns.next(flood[0])).unwrap();
        let mut waiting: Vec<_> =
            flood.iter().flat_map(|from| [enter(&turns, *from), enter(&turns, *from)]).collect();
        for _ in 0..50 {
            drop(turn);
            let (number, next) = served(&mut waiting).unwrap();
            turn = next;
            waiting[number] = enter(&turns, flood[number / 2]); // each sends again at once
        }
        assert!(flood.iter().all(|from| is_busy(&turns, *from)));
        let mut quiet = enter(&turns, address(99));
        drop(turn);
        assert!(matches!(poll(&mut quiet), Poll::Ready(Ok(_))));
    }

    #[test]
    fn addresses_that_were_never_served_are_served_in_the_order_of_arrival_up_to_the_limit() {
        let turns = Turns::default();
        let mut turn = pollster::block_on(turns.next(None)).unwrap();
        let mut waiting: Vec<_> = (0..WAITING as u32).map(|number| enter(&turns, address(number))).collect();
        assert!(is_busy(&turns, address(99)));
        for number in 0..WAITING {
            drop(turn);
            let (first, next) = served(&mut waiting).unwrap();
            assert_eq!(first, 0, "{number}");
            drop(waiting.remove(0));
            turn = next;
        }
        drop(turn);
        drop(pollster::block_on(turns.next(address(0))).unwrap());
    }

    #[test]
    fn one_address_has_two_places_and_the_second_one_comes_after_all_others() {
        let turns = Turns::default();
        let turn = pollster::block_on(turns.next(address(1))).unwrap();
        let mut waiting = vec![enter(&turns, address(2)), enter(&turns, address(2))];
        assert!(is_busy(&turns, address(2)));
        waiting.push(enter(&turns, address(3)));
        drop(turn);
        for expected in [0, 2, 1] {
            let (number, turn) = served(&mut waiting).unwrap();
            assert_eq!(number, expected);
            waiting[number] = Box::pin(std::future::pending());
            drop(turn);
        }
    }

    #[test]
    fn a_waiter_that_is_dropped_leaves_its_place_and_loses_no_turn() {
        let turns = Turns::default();
        let turn = pollster::block_on(turns.next(None)).unwrap();
        let gone = enter(&turns, address(1));
        let got_and_gone = enter(&turns, address(2));
        let mut last = enter(&turns, address(3));
        drop(gone);
        drop(turn);
        assert!(poll(&mut last).is_pending());
        drop(got_and_gone); // the turn was sent to it
        assert!(matches!(poll(&mut last), Poll::Ready(Ok(_))));
        drop(pollster::block_on(turns.next(None)).unwrap());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_that_of_ipv4() {
        let of = |text: &str| Source::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("0.0.0.0"), Source::of(None));
    }

    #[test]
    fn a_flood_of_addresses_leaves_no_more_in_memory_than_some_turns_of_them() {
        let turns = Turns::default();
        for number in 0..10_000 {
            drop(pollster::block_on(turns.next(address(number))).unwrap());
        }
        let remembered = lock(&turns.0).last.len();
        assert!((REMEMBERED..=2 * REMEMBERED).contains(&remembered), "{remembered}");
    }
}
