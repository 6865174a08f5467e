//! Decides whether the clock is trusted, and which time is believed while it is not.
//!
//! A clock that jumped ahead would delete keys whose deletion is due days later. One that is set back would revive or
//! prolong what has expired. So expiry, deletion and every condition on the time follow a **believed time**. It is the latest
//! time that the wall clock has shown, except when the clock was set by more than [`MAX_JUMP`], ahead or back. Such a jump is
//! not believed: the believed time then advances with elapsed time, until the clock comes back. Nothing is removed while a
//! jump is not believed; only an operator can confirm that the clock is right.
//!
//! This does not depend on the content of the store: session tokens are not in it, and what is created during a jump remains
//! after it.
//!
//! Only at the start of a run is a jump ahead believed, because the store may have been closed for as long: what has expired
//! by the clock cannot be used. But if the clock shows more than [`MAX_JUMP`] since the last run, nothing is removed until
//! the operator or the clock itself shows which time was right, or the store holds nothing that could be removed.

/// The trust in a clock. Its times are seconds of the wall clock and of elapsed time.
#[derive(Debug, Default)]
pub(crate) struct ClockTrust {
    /// None before the start.
    run: Option<Run>,
    /// The time that an earlier run believed, while the time between that run and this one is in doubt.
    doubt: Option<Doubt>,
}

/// The trusted time of this run. An offset is the wall clock minus elapsed time.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The offset when the clock was last accepted. Jumps ahead are measured from it, not from reading to reading, because
    /// many small steps are a large one.
    anchor: i64,
    /// The largest believed offset. Jumps back are measured from it.
    furthest: i64,
    /// The latest believed time.
    latest: i64,
    /// When that was, in elapsed time.
    looked: i64,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The latest time that an earlier run believed; none if no server has had the store.
    believed: Option<i64>,
    /// When this run began, in elapsed time.
    began: i64,
    /// Whether it suspends all removals.
    holds: bool,
}

impl ClockTrust {
    /// Begins a run with the last believed time of an earlier run, if there was one.
    pub(crate) fn resume(&mut self, believed: Option<i64>, wall: i64, elapsed: i64) {
        if let Some(before) = believed.filter(|before| wall - before <= MAX_JUMP) {
            self.accept(before.max(wall), elapsed);
        } else {
            self.accept(wall, elapsed);
            self.doubt = Some(Doubt { believed, began: elapsed, holds: true });
        }
    }

    /// Accepts the clock as it is.
    pub(crate) fn accept(&mut self, wall: i64, elapsed: i64) {
        let offset = wall - elapsed;
        let run = Run { anchor: offset, furthest: offset, latest: wall, looked: elapsed };
        *self = Self { run: Some(run), doubt: None };
    }

    /// Ends the suspension of removals, because the store holds nothing that could be removed by the time before the start.
    /// If the clock was wrong at the start, it is usually corrected soon.
    pub(crate) fn release(&mut self, elapsed: i64) {
        let is_soon = |doubt: &Doubt| elapsed - doubt.began <= MAX_JUMP;
        self.doubt = self.doubt.filter(is_soon).map(|doubt| Doubt { holds: false, ..doubt });
    }

    /// Returns the believed time.
    pub(crate) fn time(&mut self, wall: i64, elapsed: i64) -> i64 {
        if let Some(before) = self.before_the_start(wall - elapsed) {
            self.accept(before.max(wall), elapsed);
        }
        let Some(run) = &mut self.run else { return wall };
        if run.has_jumped(wall - elapsed) {
            run.latest += (elapsed - run.looked).max(0);
        } else {
            run.furthest = run.furthest.max(wall - elapsed);
            run.latest = run.latest.max(wall);
        }
        run.looked = run.looked.max(elapsed);
        run.latest
    }

    /// The believed time of the earlier run, if the clock has come back to it and therefore was wrong at the start.
    fn before_the_start(&self, offset: i64) -> Option<i64> {
        let run = self.run?;
        let doubt = self.doubt?;
        let before = doubt.believed?;
        let is_back = (offset - (before - doubt.began)).abs() <= MAX_JUMP;
        (is_back && run.has_jumped(offset)).then_some(before)
    }

    /// Whether the clock may decide about removals.
    pub(crate) fn is_trusted(&self, wall: i64, elapsed: i64) -> bool {
        let holds = self.doubt.is_some_and(|doubt| doubt.holds);
        !holds && self.run.is_some_and(|run| !run.has_jumped(wall - elapsed))
    }

    /// The latest believed time that is not in doubt, in this run or before it.
    pub(crate) fn latest(&self) -> Option<i64> {
        match self.doubt {
            Some(Doubt { believed, holds: true, .. }) => believed,
            _ => self.run.map(|run| run.latest),
        }
    }
}

impl Run {
    /// Whether the clock was set by much more than the time that has passed, ahead or back.
    fn has_jumped(&self, offset: i64) -> bool {
        offset - self.anchor > MAX_JUMP || self.furthest - offset > MAX_JUMP
    }
}

/// How far the clock may be set, in seconds.
pub(crate) const MAX_JUMP: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000;
    const YEARS: i64 = 10 * 365 * 86_400;

    fn started() -> ClockTrust {
        let mut trust = ClockTrust::default();
        trust.accept(START, 5);
        trust
    }

    fn resumed(believed: Option<i64>, wall: i64) -> ClockTrust {
        let mut trust = ClockTrust::default();
        trust.resume(believed, wall, 0);
        trust
    }

    #[test]
    fn a_jump_is_more_than_the_time_that_has_passed() {
        assert!(!ClockTrust::default().is_trusted(START, 5), "before the start");
        let trust = started();
        for (jump, is_trusted) in
            [(0, true), (3600, true), (3601, false), (-3600, true), (-3601, false), (-YEARS, false)]
        {
            let wall = START + 86_400 + jump;
            assert_eq!(trust.is_trusted(wall, 5 + 86_400), is_trusted, "{jump} after a day that has passed");
        }
    }

    #[test]
    fn believed_time_never_moves_back() {
        for jump in [-3600, -1200, -3, 3, 1200, 3600] {
            let mut trust = started();
            let during = trust.time(START + 10 + jump, 15);
            assert_eq!(during, START + jump.max(-10) + 10, "the clock was seen at {jump}");
            assert_eq!(trust.time(START + 20, 25), during.max(START + 20), "after {jump}");
            assert_eq!(trust.time(START + 7200, 7205), START + 7200);
        }
    }

    #[test]
    fn a_long_jump_and_its_return_leave_no_trace() {
        let mut trust = started();
        for (round, jump) in [3601, 7200, YEARS, -3601, -YEARS, 7200].into_iter().enumerate() {
            let passed = 100 * i64::try_from(round).unwrap();
            assert_eq!(trust.time(START + passed, 5 + passed), START + passed);
            for second in passed..passed + 10 {
                assert_eq!(trust.time(START + second + jump, 5 + second), START + second, "set by {jump}");
                assert!(!trust.is_trusted(START + second + jump, 5 + second));
                trust.release(5 + second);
            }
            assert_eq!(trust.time(START + passed + 10, 15 + passed), START + passed + 10);
            assert!(trust.is_trusted(START + passed + 10, 15 + passed));
        }
    }

    #[test]
    fn small_steps_are_a_large_one() {
        let mut trust = started();
        assert_eq!(trust.time(START + 3600, 5), START + 3600);
        assert_eq!(trust.time(START + 7200, 5), START + 3600);
        assert_eq!(trust.time(START + 7260, 65), START + 3660);

        let mut trust = started();
        assert_eq!(trust.time(START - 3600, 5), START);
        assert_eq!(trust.time(START - 7200, 5), START);
        assert_eq!(trust.time(START - 7140, 65), START + 60);
    }

    /// The small step was believed, and the believed time stood still when it was taken back.
    #[test]
    fn a_jump_after_a_small_step_and_its_return_ends_nothing() {
        for jump in [7200, -7200, YEARS, -YEARS] {
            let mut trust = started();
            assert_eq!(trust.time(START + 3000, 5), START + 3000);
            assert_eq!(trust.time(START + 6000, 6005), START + 6000);
            assert_eq!(trust.time(START + 6010 + jump, 6015), START + 6010, "set by {jump}");
        }
    }

    #[test]
    fn a_long_stop_counts_as_passed_and_is_in_doubt() {
        let mut trust = resumed(Some(START), START + 8 * 86_400);
        assert_eq!(trust.time(START + 8 * 86_400, 0), START + 8 * 86_400);
        assert!(!trust.is_trusted(START + 8 * 86_400, 0));
        assert_eq!(trust.latest(), Some(START), "the next start asks again");
        trust.release(60);
        assert!(trust.is_trusted(START + 8 * 86_400, 0));
        assert_eq!(trust.latest(), Some(START + 8 * 86_400));

        let mut trust = resumed(Some(START), START + 3600);
        assert!(trust.is_trusted(START + 7200, 0), "within an hour it is taken as it is");
        assert_eq!(trust.time(START + 7200, 0), START + 7200);

        let mut trust = resumed(None, START);
        assert!(!trust.is_trusted(START, 0));
        assert_eq!((trust.time(START, 0), trust.latest()), (START, None));
        trust.release(0);
        assert_eq!(trust.latest(), Some(START));
    }

    #[test]
    fn a_clock_that_was_wrong_at_the_start_is_believed_when_it_is_right() {
        for (holds, passed, is_believed) in
            [(true, 20, true), (true, 86_400, true), (false, 3600, true), (false, 3601, false)]
        {
            let mut trust = resumed(Some(START), START + YEARS);
            if !holds {
                trust.release(passed);
            }
            let right = START + passed + 10;
            let believed = if is_believed { right } else { START + YEARS + passed };
            assert_eq!(trust.time(right, passed), believed, "after {passed}");
            assert_eq!(trust.is_trusted(right, passed), is_believed);
            assert_eq!(trust.time(START + YEARS + passed, passed), believed, "it is a jump now");
        }
    }

    /// It does not equal any time before the start, although it is within the tolerance.
    #[test]
    fn a_small_step_after_a_long_stop_does_not_move_back() {
        let mut trust = resumed(Some(START), START + 4000);
        assert_eq!(trust.time(START + 4000, 0), START + 4000);
        assert_eq!(trust.time(START + 3000, 0), START + 4000);
    }

    #[test]
    fn a_jump_after_a_long_stop_is_none() {
        let mut trust = resumed(Some(START), START + 86_400);
        for jump in [7200, -7200, YEARS, -YEARS] {
            assert_eq!(trust.time(START + 86_400 + jump, 0), START + 86_400, "set by {jump}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_at_the_start_is_not_believed() {
        let mut trust = resumed(Some(START), START - 7200);
        assert_eq!(trust.time(START - 7200 + 50, 50), START + 50);
        assert!(!trust.is_trusted(START - 7200 + 50, 50));
        trust.accept(START - 7200 + 60, 60);
        assert_eq!(trust.time(START - 7200 + 60, 60), START - 7200 + 60, "the operator says so");
    }
}
