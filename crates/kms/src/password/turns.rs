//! The queue of passwords that wait for their check. Any client can send passwords, and they are checked one at a time, so
//! sources take turns: the source that was served least recently is next, and its passwords are checked in order of arrival.
//! Where users and addresses wait, every second turn is a user's. A password that has waited for long gets the next even turn, from
//! whichever source it is.
//!
//! A flood of sign-ins from up to [`AHEAD`] addresses therefore delays itself: a password from another address waits for the
//! current check and at most one more, and one from an address of the flood for those that the address sent before it. A flood from more addresses
//! delays every password of an address; it can also refuse them when the queue is full, because the address with the most waiting
//! passwords, or the latest turn, loses its newest one. A user whose browser has signed in before does not notice either: while
//! users wait, addresses get at most every second turn.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use super::Blocks;
use crate::limits::counted_as;
use crate::people::PrincipalId;

/// The queue of passwords that wait for a turn.
#[derive(Default)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

/// The right to one check. Dropping it passes the turn to the next waiter, with the memory: allocating 64 MiB takes a quarter
/// of the time of a check.
pub(super) struct Turn {
    queue: Arc<Mutex<Queue>>,
    memory: Blocks,
}

/// Too many passwords wait, in total or from one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// A source of passwords; each source has one place in the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PasswordSource {
    /// A user who has proved the password before: one who is signed in, or whose browser has signed in.
    User(PrincipalId),
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
    /// This process.
    Local,
}

#[derive(Default)]
struct Queue {
    is_taken: bool,
    /// The waiters of each source in order of arrival. A source without waiters has no line.
    lines: HashMap<PasswordSource, VecDeque<Waiter>>,
    /// The number of the last turn of each source, for at least the last [`REMEMBERED`] turns.
    last_turns: HashMap<PasswordSource, u64>,
    turns: u64,
    /// Whether the last turn was a user's.
    was_user: bool,
    arrivals: u64,
}

struct Waiter {
    /// How many turns there were before its arrival.
    turns_before: u64,
    /// The order of its arrival.
    number: u64,
    turn: oneshot::Sender<Turn>,
}

impl Turns {
    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Busy`], at once or later: a waiter of the longest line is removed for one of a shorter line.
    pub(super) async fn next(&self, source: PasswordSource) -> Result<Turn, Busy> {
        let entered = lock(&self.0).enter(source)?;
        match entered {
            Some(turn) => turn.await.map_err(|_| Busy),
            None => Ok(Turn { queue: Arc::clone(&self.0), memory: Blocks::default() }),
        }
    }
}

impl Turn {
    /// The memory for the check.
    pub(super) const fn memory(&mut self) -> &mut Blocks {
        &mut self.memory
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = lock(&self.queue).next();
        if let Some(waiter) = next {
            // If the waiter is gone, the turn is dropped here, which passes it to the next one.
            let memory = mem::take(&mut self.memory);
            drop(waiter.turn.send(Self { queue: Arc::clone(&self.queue), memory }));
        }
    }
}

impl Queue {
    /// Takes the turn if it is free; otherwise joins the line of the source.
    fn enter(&mut self, source: PasswordSource) -> Result<Option<oneshot::Receiver<Turn>>, Busy> {
        if !self.is_taken {
            self.is_taken = true;
            self.note_turn(source);
            return Ok(None);
        }
        self.drop_canceled();
        self.make_room(source)?;
        let (turn, receiver) = oneshot::channel();
        self.arrivals += 1;
        let waiter = Waiter { number: self.arrivals, turns_before: self.turns, turn };
        self.lines.entry(source).or_default().push_back(waiter);
        Ok(Some(receiver))
    }

    fn drop_canceled(&mut self) {
        self.lines.retain(|_, line| {
            line.retain(|waiter| !waiter.turn.is_canceled());
            !line.is_empty()
        });
    }

    /// Removes a waiter if the queue is full: the newest one of the longest line of an address; among equal lines, that of
    /// the address served last. That line must be worse than the one of `source` with its new waiter. Users lose a waiter
    /// instead while they have more than half of the queue.
    fn make_room(&mut self, source: PasswordSource) -> Result<(), Busy> {
        let length = self.lines.get(&source).map_or(0, VecDeque::len);
        if length >= WAITING_PER_SOURCE {
            return Err(Busy);
        }
        let waiters = |users: bool| {
            let lines = self.lines.iter().filter(|(source, _)| source.is_user() == users);
            lines.map(|(_, line)| line.len()).sum::<usize>()
        };
        let users = waiters(true);
        if users + waiters(false) < WAITING {
            return Ok(());
        }
        let many_users = users > WAITING / 2;
        let badness =
            |source: PasswordSource, length| (source.is_user() == many_users, length, self.last_turn(source));
        let lines = self.lines.iter().map(|(source, line)| (badness(*source, line.len()), *source));
        let (worst, victim) = lines.max_by_key(|(badness, _)| *badness).ok_or(Busy)?;
        if worst <= badness(source, length + 1) {
            return Err(Busy);
        }
        self.take(victim, VecDeque::pop_back);
        Ok(())
    }

    /// Returns the waiter that gets the turn; without one, the turn is free.
    fn next(&mut self) -> Option<Waiter> {
        let Some(source) = self.overdue().or_else(|| self.next_source()) else {
            self.is_taken = false;
            return None;
        };
        self.note_turn(source);
        self.take(source, VecDeque::pop_front)
    }

    /// Returns the source of the password that has waited for longest, if that is for long and this turn is an even one.
    fn overdue(&self) -> Option<PasswordSource> {
        let oldest = self.lines.iter().filter_map(|(source, line)| Some((*source, line.front()?)));
        let (source, oldest) = oldest.min_by_key(|(_, waiter)| waiter.number)?;
        (self.turns.is_multiple_of(2) && oldest.turns_before + LONG < self.turns).then_some(source)
    }

    /// Returns the source that was served least recently, of users and addresses in turns.
    fn next_source(&self) -> Option<PasswordSource> {
        let oldest = self.lines.iter().filter_map(|(source, line)| Some((*source, line.front()?)));
        let next = oldest.min_by_key(|(source, waiter)| {
            // A source without a recent turn precedes those with one, but no waiter that arrived more than `AHEAD` turns earlier.
            let turn = self.last_turn(*source).max(waiter.turns_before.saturating_sub(AHEAD));
            (source.is_user() == self.was_user, turn, waiter.number)
        });
        next.map(|(source, _)| source)
    }

    fn take(
        &mut self,
        source: PasswordSource,
        pop: impl FnOnce(&mut VecDeque<Waiter>) -> Option<Waiter>,
    ) -> Option<Waiter> {
        let line = self.lines.get_mut(&source)?;
        let waiter = pop(line);
        if line.is_empty() {
            self.lines.remove(&source);
        }
        waiter
    }

    /// The number of the last turn of a source; 0 without a recent one.
    fn last_turn(&self, source: PasswordSource) -> u64 {
        self.last_turns.get(&source).copied().unwrap_or(0)
    }

    fn note_turn(&mut self, source: PasswordSource) {
        self.turns += 1;
        self.was_user = source.is_user();
        self.last_turns.insert(source, self.turns);
        if self.last_turns.len() > 2 * REMEMBERED {
            let oldest = self.turns - REMEMBERED as u64;
            self.last_turns.retain(|_, turn| *turn > oldest);
        }
    }
}

impl PasswordSource {
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Local, |address| Self::Address(counted_as(address)))
    }

    const fn is_user(self) -> bool {
        matches!(self, Self::User(_))
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maximum waiters of all sources. A check takes about a tenth of a second, so the last of them waits for 10 to 15 seconds.
const WAITING: usize = 128;

/// Maximum waiters of one source, so that several people behind one address do not displace each other.
const WAITING_PER_SOURCE: usize = 8;

/// A password has waited for long after this many checks, which is about four seconds.
const LONG: u64 = 48;

/// A source without a turn among the last 64 is served as if it had the one before these, so that new addresses, of which an
/// attacker may have many, delay a waiter by no more than 64 checks.
const AHEAD: u64 = 64;

/// The number of turns whose sources are remembered: those of a minute and a half. Takes at most 64 KiB.
const REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'t> = Pin<Box<dyn Future<Output = Result<Turn, Busy>> + 't>>;

    fn address(number: u32) -> PasswordSource {
        PasswordSource::of(Some(IpAddr::from(number.to_be_bytes())))
    }

    fn user(number: u64) -> PasswordSource {
        PasswordSource::User(PrincipalId::from_random(number))
    }

    fn enter(turns: &Turns, source: PasswordSource) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(turns.next(source));
        assert!(poll(&mut waiting).is_pending());
        waiting
    }

    fn poll(waiting: &mut Waiting<'_>) -> Poll<Result<Turn, Busy>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn is_busy(turns: &Turns, source: PasswordSource) -> bool {
        matches!(poll(&mut (Box::pin(turns.next(source)) as Waiting<'_>)), Poll::Ready(Err(Busy)))
    }

    /// Returns the waiter that has the turn; all others wait.
    fn served(waiting: &mut [Waiting<'_>]) -> Option<(usize, Turn)> {
        let mut served = waiting.iter_mut().enumerate().filter_map(|(number, waiting)| match poll(waiting) {
            Poll::Ready(turn) => Some((number, turn.unwrap())),
            Poll::Pending => None,
        });
        let first = served.next();
        assert!(served.next().is_none());
        first
    }

    /// Lets each source of `flood` wait with the maximum number of passwords, and serves them `rounds` times. Each source
    /// sends another password as soon as one is served.
    fn flooded<'t>(turns: &'t Turns, flood: &[PasswordSource], rounds: usize) -> (Turn, Vec<Waiting<'t>>) {
        let mut turn = pollster::block_on(turns.next(flood[0])).unwrap();
        let sources: Vec<_> = (0..WAITING_PER_SOURCE).flat_map(|_| flood).take(WAITING).collect();
        let mut waiting: Vec<_> = sources.iter().map(|source| enter(turns, **source)).collect();
        for _ in 0..rounds {
            drop(turn);
            let (number, next) = served(&mut waiting).unwrap();
            turn = next;
            waiting[number] = enter(turns, *sources[number]);
        }
        (turn, waiting)
    }

    #[test]
    fn a_quiet_address_waits_for_one_check_at_most() {
        let turns = Turns::default();
        let flood: Vec<_> = (0..20).map(address).collect();
        let (turn, _waiting) = flooded(&turns, &flood, LONG as usize - 1);
        let mut quiet = enter(&turns, address(99));
        drop(turn);
        assert!(matches!(poll(&mut quiet), Poll::Ready(Ok(_))));
    }

    #[test]
    fn a_user_who_was_just_served_waits_for_one_check_at_most() {
        let turns = Turns::default();
        let flood: Vec<_> = (0..2 * WAITING as u32).map(address).collect();
        let (mut turn, mut waiting) = flooded(&turns, &flood, 0);
        for round in 0..3 {
            let mut ann = enter(&turns, user(1));
            waiting.retain_mut(|waiting| poll(waiting).is_pending()); // one was removed for it
            drop(turn);
            let Poll::Ready(Ok(turn_of_ann)) = poll(&mut ann) else { panic!("round {round}") };
            drop(turn_of_ann);
            let (number, next) = served(&mut waiting).unwrap();
            turn = next;
            waiting[number] = enter(&turns, address(1000 + round));
            waiting.push(enter(&turns, address(2000 + round)));
        }
    }

    #[test]
    fn new_addresses_without_end_delay_an_address_that_was_just_served_by_a_limited_number_of_checks() {
        let turns = Turns::default();
        drop(pollster::block_on(turns.next(address(1))).unwrap());
        let mut turn = pollster::block_on(turns.next(address(2))).unwrap();
        let mut mistyped = enter(&turns, address(1));
        for number in 0..2 * AHEAD as u32 {
            let mut new = enter(&turns, address(100 + number));
            drop(turn);
            if let Poll::Ready(served) = poll(&mut mistyped) {
                assert!(served.is_ok() && (AHEAD / 2..=AHEAD + 2).contains(&u64::from(number)), "{number}");
                return;
            }
            let Poll::Ready(Ok(next)) = poll(&mut new) else { panic!("{number}") };
            turn = next;
        }
        panic!("it was not served");
    }

    /// The address has as many passwords before it as it may, and the other addresses have passwords all the time.
    #[test]
    fn the_last_password_of_an_address_of_a_flood_waits_for_few_checks_after_it_has_waited_for_long() {
        let turns = Turns::default();
        let flood: Vec<_> = (0..20).map(address).collect();
        let mut turn = pollster::block_on(turns.next(flood[0])).unwrap();
        let sources: Vec<_> = (0..3).flat_map(|_| &flood).chain([&flood[0]; 4]).collect();
        let mut waiting: Vec<_> = sources.iter().map(|source| enter(&turns, **source)).collect();
        let mut last = enter(&turns, flood[0]);
        for round in 0.. {
            drop(turn);
            if poll(&mut last).is_ready() {
                assert!(round < 110, "{round}"); // seven rounds of 20 addresses in the order of sources alone
                return;
            }
            let (number, next) = served(&mut waiting).unwrap();
            turn = next;
            waiting[number] = match *sources[number] {
                source if source == flood[0] => Box::pin(std::future::pending()),
                source => enter(&turns, source),
            };
        }
    }

    #[test]
    fn users_who_fill_the_queue_refuse_no_address() {
        let turns = Turns::default();
        let _turn = pollster::block_on(turns.next(PasswordSource::Local)).unwrap();
        let sources = (0..WAITING as u64).map(|number| user(number / WAITING_PER_SOURCE as u64));
        let mut users: Vec<_> = sources.map(|source| enter(&turns, source)).collect();
        let _addresses: Vec<_> =
            (0..WAITING as u32 / 2).map(|number| enter(&turns, address(number))).collect();
        let lost = users.iter_mut().filter_map(|waiting| poll(waiting).is_ready().then_some(())).count();
        assert_eq!(lost, WAITING / 2);
        assert!(is_busy(&turns, address(1)), "addresses have their half");
    }

    #[test]
    fn addresses_have_every_second_turn_beside_users() {
        let turns = Turns::default();
        let turn = pollster::block_on(turns.next(user(1))).unwrap();
        let sources = [user(1), user(2), user(3), address(1), address(2)];
        let mut waiting: Vec<_> = sources.iter().map(|source| enter(&turns, *source)).collect();
        drop(turn);
        for expected in [3, 1, 4, 2, 0] {
            let (number, turn) = served(&mut waiting).unwrap();
            assert_eq!(number, expected);
            waiting[number] = Box::pin(std::future::pending());
            drop(turn);
        }
    }

    #[test]
    fn addresses_that_were_never_served_are_served_in_the_order_of_arrival_up_to_the_limit() {
        let turns = Turns::default();
        let mut turn = pollster::block_on(turns.next(PasswordSource::Local)).unwrap();
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
    fn passwords_of_one_address_are_checked_in_order_of_arrival_in_turns_with_other_addresses() {
        let turns = Turns::default();
        let turn = pollster::block_on(turns.next(address(1))).unwrap();
        let mut waiting: Vec<_> = (0..WAITING_PER_SOURCE).map(|_| enter(&turns, address(2))).collect();
        assert!(is_busy(&turns, address(2)));
        waiting.extend([enter(&turns, address(3)), enter(&turns, address(3))]);
        drop(turn);
        for expected in [0, WAITING_PER_SOURCE, 1, WAITING_PER_SOURCE + 1, 2, 3, 4, 5, 6, 7] {
            let (number, turn) = served(&mut waiting).unwrap();
            assert_eq!(number, expected);
            waiting[number] = Box::pin(std::future::pending());
            drop(turn);
        }
    }

    #[test]
    fn the_longest_line_makes_room_for_a_shorter_one() {
        let turns = Turns::default();
        let _turn = pollster::block_on(turns.next(PasswordSource::Local)).unwrap();
        let lines = WAITING / WAITING_PER_SOURCE;
        let mut waiting: Vec<_> = (0..lines as u32)
            .flat_map(|number| [(); WAITING_PER_SOURCE].map(|()| address(number)))
            .map(|source| enter(&turns, source))
            .collect();
        let _newcomers: Vec<_> = (0..3).map(|_| enter(&turns, address(99))).collect();
        let lost: Vec<_> = waiting.iter_mut().map(|waiting| poll(waiting).is_ready()).collect();
        assert_eq!(lost.iter().filter(|lost| **lost).count(), 3);
        let lengths = lost.chunks(WAITING_PER_SOURCE);
        for line in lengths {
            assert!(line.iter().filter(|lost| **lost).count() <= 1 && !line[0], "{line:?}");
        }
    }

    #[test]
    fn a_waiter_that_is_dropped_leaves_its_place_and_loses_no_turn() {
        let turns = Turns::default();
        let turn = pollster::block_on(turns.next(PasswordSource::Local)).unwrap();
        let dropped = enter(&turns, address(1));
        let dropped_with_turn = enter(&turns, address(2));
        let mut last = enter(&turns, address(3));
        drop(dropped);
        drop(turn);
        assert!(poll(&mut last).is_pending());
        drop(dropped_with_turn); // the turn was sent to it
        assert!(matches!(poll(&mut last), Poll::Ready(Ok(_))));
        drop(pollster::block_on(turns.next(PasswordSource::Local)).unwrap());
    }

    #[test]
    fn memory_passes_to_the_next_waiter_and_is_freed_without_one() {
        let turns = Turns::default();
        let mut turn = pollster::block_on(turns.next(address(1))).unwrap();
        turn.memory().reserve(3).unwrap();
        let dropped = enter(&turns, address(2));
        let mut next = enter(&turns, address(3));
        drop(dropped);
        drop(turn);
        let Poll::Ready(Ok(turn)) = poll(&mut next) else { panic!("the turn is free") };
        assert_eq!(turn.memory.0.len(), 3);
        drop(turn);
        let turn = pollster::block_on(turns.next(address(1))).unwrap();
        assert!(turn.memory.0.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_that_of_ipv4() {
        let of = |text: &str| PasswordSource::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("0.0.0.0"), PasswordSource::of(None));
    }

    #[test]
    fn a_flood_of_addresses_leaves_no_more_in_memory_than_some_turns_of_them() {
        let turns = Turns::default();
        for number in 0..10_000 {
            drop(pollster::block_on(turns.next(address(number))).unwrap());
        }
        let remembered = lock(&turns.0).last_turns.len();
        assert!((REMEMBERED..=2 * REMEMBERED).contains(&remembered), "{remembered}");
    }
}
