//! The time mark: what the store records of the clock, for the next start. The server writes it about once a minute.
//!
//! The mark answers two questions. *Was this request accepted before?* Nonces are lost on a restart, so the next run refuses
//! every request signed up to the last use, and those of later minutes that were used while the clock was ahead. *Is the
//! clock right?* It is compared with the last believed time. A jump that was not believed never gets into the mark, so no
//! caller can make the store accept one. A clock that was ahead for a while and is right again leaves a mark with which a
//! plain start works.

use std::sync::{Mutex, PoisonError};

use crate::Kms;
use crate::clock::{Times, unix_seconds};
use crate::minutes::Minutes;
use crate::open_error::OpenError;
use crate::role::Role;

/// The last written mark, and when it was written, in seconds of elapsed time.
#[derive(Default)]
pub(crate) struct LastMark(Mutex<(Option<i64>, Minutes)>);

impl Kms {
    /// Continues the clock from where the last server left it, and returns the wall clock of the last use of the store.
    /// Writes nothing.
    pub(crate) fn resume_clock(&self, is_new: bool) -> Result<i64, OpenError> {
        let mark = self.mark();
        let Times { wall, elapsed, .. } = self.clock.times();
        let mark = mark.filter(|_| !self.options.accept_clock);
        if let Some(mark) = &mark {
            self.nonces.close(&mark.used_ahead);
        }
        let last_use = mark.as_ref().map(|mark| mark.wall);
        if let Some(behind) = last_use.map(|last| last - wall).filter(|behind| *behind > MAX_STEP_BACK) {
            return Err(OpenError::ClockBehind { seconds: behind });
        }
        if is_new || self.options.accept_clock {
            self.clock.trust().accept(wall, elapsed);
        } else {
            self.clock.trust().resume(mark.and_then(|mark| mark.believed), wall, elapsed);
        }
        Ok(last_use.unwrap_or(i64::MIN))
    }

    /// Makes a command whose clock is behind count from when a server last had the store, so that deletions it schedules do
    /// not come too soon.
    pub(crate) fn follow_mark(&self) {
        let believed = self.mark().and_then(|mark| mark.believed);
        let Times { wall, elapsed, .. } = self.clock.times();
        self.clock.trust().accept(believed.map_or(wall, |believed| believed.max(wall)), elapsed);
    }

    /// Reads the clock, and decides whether it may decide about removals.
    pub(crate) fn check_clock(&self) -> (Times, bool) {
        let times = self.clock.times();
        let has_endings = self.state.published().has_endings();
        let mut trust = self.clock.trust();
        if !has_endings {
            trust.release(times.elapsed);
        }
        (times, trust.is_trusted(times.wall, times.elapsed))
    }

    /// Writes the time to the store, once a minute and whenever a minute was used ahead of the clock; does not wait for the
    /// commit.
    pub(crate) fn mark_time(&self) {
        if self.options.role != Role::Server {
            return;
        }
        let used_ahead = self.nonces.used_ahead(unix_seconds(self.clock.raw()));
        let elapsed = self.clock.seconds_elapsed();
        let mut last = self.last_mark.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.0.is_none_or(|marked| elapsed >= marked + MARK_INTERVAL) || last.1 != used_ahead;
        if is_due {
            *last = (Some(elapsed), used_ahead);
            drop(last);
            self.mark_time_now();
        }
    }

    /// Like [`Kms::mark_time`], on closing. After a refused start the mark is unchanged.
    pub(crate) fn mark_last_use(&self) {
        if self.last_mark.0.lock().unwrap_or_else(PoisonError::into_inner).0.is_some() {
            self.mark_time_now();
        }
    }

    fn mark_time_now(&self) {
        let (Times { wall, .. }, _) = self.check_clock();
        let believed = self.clock.trust().latest();
        let mark = Mark { wall, believed, used_ahead: self.nonces.used_ahead(wall) };
        self.set_private_in_background(TIME_MARK, &mark.to_bytes());
    }

    fn mark(&self) -> Option<Mark> {
        Mark::from_bytes(&self.private(TIME_MARK)?)
    }
}

/// Returns the mark of a store that is restored at `wall`, so that no request signed before is accepted. None if the value
/// under `name` is not a mark.
pub(crate) fn raised_mark(name: &str, value: &[u8], wall: i64) -> Option<Vec<u8>> {
    let mark = Mark::from_bytes(value).filter(|_| name == TIME_MARK)?;
    Some(Mark { wall: mark.wall.max(wall), ..mark }.to_bytes())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    /// The wall clock at the last use.
    wall: i64,
    /// The latest believed time.
    believed: Option<i64>,
    /// Minutes after `wall` in which requests were accepted.
    used_ahead: Minutes,
}

impl Mark {
    /// Seconds since 1970 (i64be), the version of what follows, the believed time (i64be, the minimum if there is none), and
    /// the first and last minute of each range (i64be each).
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.wall.to_be_bytes().to_vec();
        bytes.push(VERSION);
        bytes.extend(self.believed.unwrap_or(i64::MIN).to_be_bytes());
        for (first, last) in self.used_ahead.ranges() {
            bytes.extend(first.to_be_bytes());
            bytes.extend(last.to_be_bytes());
        }
        bytes
    }

    /// The first version wrote the time alone; the second one the time, and 1 if it was not believed.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (wall, rest) = bytes.split_first_chunk::<8>()?;
        let wall = i64::from_be_bytes(*wall);
        let older = |believed| Self { wall, believed, used_ahead: Minutes::default() };
        let [VERSION, rest @ ..] = rest else { return Some(older(matches!(rest, [] | [0]).then_some(wall))) };
        let (numbers, []) = rest.as_chunks::<8>() else { return Some(older(None)) };
        let mut numbers = numbers.iter().map(|number| i64::from_be_bytes(*number));
        let mut mark = older(numbers.next().filter(|believed| *believed != i64::MIN));
        while let (Some(first), Some(last)) = (numbers.next(), numbers.next()) {
            mark.used_ahead.insert(first, last);
        }
        Some(mark)
    }
}

const TIME_MARK: &str = "clock/mark";
const VERSION: u8 = 2;
/// How far the clock may be set back between two runs, in seconds; NTP corrects by less.
const MAX_STEP_BACK: i64 = 60;
const MARK_INTERVAL: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back() {
        let mut used_ahead = Minutes::default();
        for (believed, range) in [(Some(7), (9, 12)), (None, (20, 20))] {
            used_ahead.insert(range.0, range.1);
            let mark = Mark { wall: 7, believed, used_ahead: used_ahead.clone() };
            assert_eq!(Mark::from_bytes(&mark.to_bytes()), Some(mark));
        }
        assert_eq!(Mark::from_bytes(b"short"), None);
    }

    #[test]
    fn marks_of_earlier_versions_are_read() {
        let mark = |believed| Some(Mark { wall: 7, believed, used_ahead: Minutes::default() });
        let bytes = |rest: &[u8]| [&7_i64.to_be_bytes()[..], rest].concat();
        assert_eq!(Mark::from_bytes(&bytes(&[])), mark(Some(7)));
        assert_eq!(Mark::from_bytes(&bytes(&[0])), mark(Some(7)));
        assert_eq!(Mark::from_bytes(&bytes(&[1])), mark(None));
        assert_eq!(Mark::from_bytes(&bytes(&[2, 1])), mark(None), "damaged");
    }
}
