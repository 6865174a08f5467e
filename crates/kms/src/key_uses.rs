//! Counts how often key versions are used: in memory for each request; maintenance writes the counts to the store once a
//! minute.
//!
//! Each thread counts in a stripe of its own, so requests do not wait for each other. A use is counted when a key version is
//! opened for an operation that its caller may perform, even if the operation then fails, for example on a damaged blob.

use std::cell::Cell;
use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bulla_keys::KeyVersionId;

use crate::state::Answered;

/// The kind of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Encryption, including that of data keys and secrets.
    Encryption,
    /// Decryption, signing or verification.
    Other,
}

/// The uses of a key version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UseCounts {
    pub(crate) encryptions: u64,
    pub(crate) others: u64,
    /// Seconds since 1970, in the believed time; none if it was never used.
    pub(crate) last_used: Option<i64>,
}

/// The uses of all key versions since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UseTotals {
    /// Encryptions, including those of data keys and secrets.
    pub encryptions: u64,
    /// Decryptions, signatures and verifications.
    pub others: u64,
}

/// The uses that are not in the store yet.
pub(crate) struct UseCounter {
    stripes: [Stripe; STRIPES],
    in_flight: Mutex<HashMap<KeyVersionId, InFlight>>,
    /// When this counter began, in seconds since 1970.
    pub(crate) began: i64,
}

type Counts = HashMap<KeyVersionId, UseCounts>;

/// The uses of a key version that were taken for writing.
#[derive(Default)]
struct InFlight {
    waiting: UseCounts,
    /// Accepted by the committer. They are in the store if the answer is a success.
    submitted: Vec<(UseCounts, Answered)>,
}

/// Padded to a cache line, so that cores do not contend for it.
#[derive(Default)]
#[repr(align(128))]
struct Stripe(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    unwritten: Counts,
    totals: UseTotals,
}

impl UseCounts {
    fn of(kind: Use, now: i64) -> Self {
        let is_encryption = kind == Use::Encryption;
        Self { encryptions: is_encryption.into(), others: (!is_encryption).into(), last_used: Some(now) }
    }

    /// Returns the sum of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            encryptions: self.encryptions.saturating_add(other.encryptions),
            others: self.others.saturating_add(other.others),
            last_used: self.last_used.max(other.last_used),
        }
    }
}

impl InFlight {
    /// Removes the counts that are in the store. Those that could not be written wait again.
    fn settle(&mut self) {
        for (counts, mut answered) in mem::take(&mut self.submitted) {
            match answered.try_recv() {
                Ok(Some(Ok(()))) => {}
                Ok(None) => self.submitted.push((counts, answered)),
                Ok(Some(Err(_))) | Err(_) => self.waiting = self.waiting.and(counts),
            }
        }
    }

    /// Returns the counts that are not in the store.
    fn unwritten(&self) -> UseCounts {
        self.submitted.iter().fold(self.waiting, |all, (counts, _)| all.and(*counts))
    }
}

impl UseCounter {
    pub(crate) fn new(began: i64) -> Self {
        Self { stripes: Default::default(), in_flight: Mutex::default(), began }
    }

    /// Counts a use of a key version.
    pub(crate) fn note(&self, version: KeyVersionId, kind: Use, now: i64) {
        let mut counted = lock(&self.stripes[own_stripe()].0);
        let uses = UseCounts::of(kind, now);
        add(&mut counted.unwritten, version, uses);
        counted.totals.encryptions += uses.encryptions;
        counted.totals.others += uses.others;
    }

    /// Returns the totals since the start.
    pub(crate) fn totals(&self) -> UseTotals {
        self.stripes.iter().fold(UseTotals::default(), |all, stripe| {
            let UseTotals { encryptions, others } = lock(&stripe.0).totals;
            UseTotals { encryptions: all.encryptions + encryptions, others: all.others + others }
        })
    }

    /// Returns the counts of a key version that are not in the store yet.
    pub(crate) fn unwritten(&self, version: KeyVersionId) -> UseCounts {
        let mut in_flight = lock(&self.in_flight);
        let taken = in_flight.get_mut(&version).map(|uses| {
            uses.settle();
            uses.unwritten()
        });
        let stripes =
            self.stripes.iter().filter_map(|stripe| lock(&stripe.0).unwritten.get(&version).copied());
        stripes.fold(taken.unwrap_or_default(), UseCounts::and)
    }

    /// Takes the counts to write: all that are neither in the store nor submitted. They stay visible here until they are in
    /// the store, and are taken again unless they are submitted and written.
    pub(crate) fn take(&self) -> Vec<(KeyVersionId, UseCounts)> {
        let mut in_flight = lock(&self.in_flight);
        in_flight.retain(|_, uses| {
            uses.settle();
            uses.unwritten() != UseCounts::default()
        });
        for stripe in &self.stripes {
            // Keeps the memory for the next minute.
            for (version, counts) in lock(&stripe.0).unwritten.drain() {
                let uses = in_flight.entry(version).or_default();
                uses.waiting = uses.waiting.and(counts);
            }
        }
        let waiting = in_flight.iter().map(|(version, uses)| (*version, uses.waiting));
        waiting.filter(|(_, counts)| *counts != UseCounts::default()).collect()
    }

    /// Records that the taken counts of a key version were submitted.
    pub(crate) fn submitted(&self, version: KeyVersionId, answered: Answered) {
        let mut in_flight = lock(&self.in_flight);
        let uses = in_flight.entry(version).or_default();
        let counts = mem::take(&mut uses.waiting);
        uses.submitted.push((counts, answered));
    }
}

fn add(counts: &mut Counts, version: KeyVersionId, more: UseCounts) {
    let counts = counts.entry(version).or_default();
    *counts = counts.and(more);
}

/// A panic while the lock is held loses at most one use.
fn lock<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stripe of this thread.
fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        own.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
            own.set(Some(next));
            next
        })
    })
}

/// More than the cores that most machines have for requests.
const STRIPES: usize = 32;

#[cfg(test)]
mod tests {
    use std::thread;

    use futures_channel::oneshot::{self, Sender};

    use super::*;
    use crate::state::CommitError;

    fn version(number: u8) -> KeyVersionId {
        KeyVersionId::from_bytes([number; 16])
    }

    /// Submits what was taken. Returns the sender of its answer.
    fn write(counter: &UseCounter, number: u8) -> Sender<Result<(), CommitError>> {
        let (sender, answered) = oneshot::channel();
        counter.submitted(version(number), answered);
        sender
    }

    #[test]
    fn uses_of_all_threads_are_counted_once() {
        let counter = UseCounter::new(0);
        thread::scope(|scope| {
            for number in 0..40 {
                let counter = &counter;
                scope.spawn(move || {
                    for _ in 0..100 {
                        counter.note(version(1), Use::Encryption, 1000 + number);
                        counter.note(version(2), Use::Other, 7);
                    }
                });
            }
        });
        let expected = UseCounts { encryptions: 4000, others: 0, last_used: Some(1039) };
        assert_eq!(counter.unwritten(version(1)), expected);
        let taken: HashMap<_, _> = counter.take().into_iter().collect();
        let others = UseCounts { encryptions: 0, others: 4000, last_used: Some(7) };
        assert_eq!(taken, HashMap::from([(version(1), expected), (version(2), others)]));
        assert_eq!(counter.unwritten(version(1)), expected, "until it is in the store");
        write(&counter, 1).send(Ok(())).unwrap();
        assert_eq!(counter.unwritten(version(1)), UseCounts::default());
        assert_eq!(counter.take(), [(version(2), others)], "what was not written is taken again");
        assert_eq!(counter.totals(), UseTotals { encryptions: 4000, others: 4000 });
    }

    #[test]
    fn uses_of_a_failed_write_are_taken_again_and_those_of_an_unanswered_one_are_not() {
        let counter = UseCounter::new(0);
        let note = |now: i64| counter.note(version(1), Use::Other, now);
        let counts = |others: u64, now: i64| UseCounts { encryptions: 0, others, last_used: Some(now) };
        note(1);
        assert_eq!(counter.take(), [(version(1), counts(1, 1))]);
        let first = write(&counter, 1);
        assert_eq!(counter.take(), []);
        note(2);
        note(3);
        assert_eq!(counter.take(), [(version(1), counts(2, 3))]);
        let second = write(&counter, 1);
        assert_eq!(counter.unwritten(version(1)), counts(3, 3));

        first.send(Err(CommitError::Conflict)).unwrap();
        assert_eq!(counter.unwritten(version(1)), counts(3, 3));
        assert_eq!(counter.take(), [(version(1), counts(1, 1))]);
        let third = write(&counter, 1);
        second.send(Ok(())).unwrap();
        assert_eq!(counter.unwritten(version(1)), counts(1, 1));

        drop(third); // as by a committer that panics
        assert_eq!(counter.take(), [(version(1), counts(1, 1))]);
        write(&counter, 1).send(Ok(())).unwrap();
        assert_eq!(counter.take(), []);
        assert!(lock(&counter.in_flight).is_empty());
    }

    /// Nanoseconds of processor time of this thread, so other programs on the machine do not count.
    fn processor_time() -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
    }

    /// `cargo test --release -p bulla-kms --lib what_a_counted_use_costs -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn what_a_counted_use_costs() {
        use bulla_wire::Action;
        use bulla_wire::kms::{CreateKey, GenerateDataKey};

        use crate::{Kms, Options, Role, SystemClock};

        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let call =
            |request: bulla_wire::Request| pollster::block_on(kms.call(request, &kms.owner())).unwrap();
        let key = CreateKey::reply(call(CreateKey::default().into())).unwrap().key_metadata;
        let request = GenerateDataKey { key_id: key.key_id, ..GenerateDataKey::default() };
        let version = key.primary_key_version.unwrap().parse().unwrap();
        let median = |measure: &dyn Fn()| {
            let mut rounds: Vec<_> = (0..11)
                .map(|_| {
                    let before = processor_time();
                    (0..20_000).for_each(|_| measure());
                    (processor_time() - before) / 20_000
                })
                .collect();
            rounds.sort_unstable();
            rounds[rounds.len() / 2]
        };
        for threads in [1, 2, 4] {
            thread::scope(|scope| {
                for _ in 0..threads {
                    let (kms, call, request) = (&kms, &call, &request);
                    scope.spawn(move || {
                        let whole = median(&|| drop(call(request.clone().into())));
                        let note = median(&|| kms.key_uses.note(version, Use::Encryption, 7));
                        println!(
                            "{threads} threads: GenerateDataKey {whole} ns in process, its count {note} ns"
                        );
                    });
                }
            });
        }
    }
}
