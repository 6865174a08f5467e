//! Whether the clock is trusted, and the time that is believed while it is not.
//!
//! A clock that jumped ahead would end keys whose waiting period has days to go, and one that is set back would revive what
//! has ended. So whatever expires or ends is decided by a believed time. It is the latest time that the wall clock has shown,
//! except where the clock has moved on by more than [`MAX_JUMP`] beyond the time that has really passed. Such a jump is
//! not believed: the believed time then moves on with elapsed time, and when the clock comes back it is as if nothing had
//! happened. Nothing is removed while a jump is not believed; that the clock is right only an operator can say.

/// The trust in a clock, which is given as seconds of the wall clock and of elapsed time.
#[derive(Debug, Default)]
pub(crate) struct ClockTrust {
    /// The wall clock ahead of elapsed time, when it was last taken as it is. Jumps are measured from there, not from look
    /// to look: many small steps are a large one.
    anchor: Option<i64>,
    /// The same at the start: where the clock is again when it comes back from a jump.
    origin: Option<i64>,
    /// The largest one that was believed.
    furthest: Option<i64>,
    /// The latest time that was believed.
    latest: Option<i64>,
}

impl ClockTrust {
    /// Begins with the time that an earlier run believed last, if there is one.
    pub(crate) fn resume(&mut self, believed: Option<i64>, wall: i64, elapsed: i64) {
        let Some(before) = believed else { return };
        self.latest = Some(before);
        self.anchor = Some(before - elapsed);
        self.origin = Some(before - elapsed);
        if !self.has_jumped(wall, elapsed) {
            self.accept(before.max(wall), elapsed);
        }
    }

    /// Takes the clock as it is.
    pub(crate) fn accept(&mut self, wall: i64, elapsed: i64) {
        let offset = Some(wall - elapsed);
        self.anchor = offset;
        self.origin = offset;
        self.furthest = offset;
        self.latest = Some(wall);
    }

    /// Takes the clock as it is, because nothing can end or be revived by it. A clock that was set back is still waited
    /// for, unless it comes back from a jump.
    pub(crate) fn follow(&mut self, wall: i64, elapsed: i64) {
        let offset = wall - elapsed;
        let origin = *self.origin.get_or_insert(offset);
        let is_back =
            (offset - origin).abs() <= MAX_JUMP && self.latest.is_some_and(|at| at > wall + MAX_JUMP);
        if is_back {
            self.latest = None;
            self.furthest = None;
        }
        self.anchor = Some(offset);
        self.time(wall, elapsed);
    }

    /// The believed time. A jump that happened before the start counts as time that has passed, because nobody was there:
    /// what is over by the clock cannot be used then.
    pub(crate) fn time(&mut self, wall: i64, elapsed: i64) -> i64 {
        if self.has_jumped(wall, elapsed) {
            let Some(furthest) = self.furthest else {
                return self.latest.map_or(wall, |latest| latest.max(wall));
            };
            self.latest = self.latest.max(Some(furthest + elapsed));
        } else {
            self.furthest = self.furthest.max(Some(wall - elapsed));
            self.latest = self.latest.max(Some(wall));
        }
        self.latest.unwrap_or(wall)
    }

    /// Whether the clock has moved on by much more than the time that has passed; also if nobody can know.
    pub(crate) fn has_jumped(&self, wall: i64, elapsed: i64) -> bool {
        self.anchor.is_none_or(|anchor| wall - elapsed - anchor > MAX_JUMP)
    }

    /// The latest time that was believed, in this run or before it.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.latest
    }
}

/// How far the clock may have moved on unseen, in seconds.
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

    #[test]
    fn a_jump_is_more_than_the_time_that_has_passed() {
        assert!(ClockTrust::default().has_jumped(START, 5), "before the start");
        let trust = started();
        assert!(!trust.has_jumped(START + 86_400, 5 + 86_400), "a day that has passed");
        assert!(!trust.has_jumped(START + 86_400 + 3600, 5 + 86_400), "an hour is believed");
        assert!(trust.has_jumped(START + 86_400 + 3601, 5 + 86_400), "more is not");
        assert!(!trust.has_jumped(0, 7 + 86_400), "back");
    }

    #[test]
    fn believed_time_never_moves_back() {
        for jump in [-YEARS, -7200, -1200, -3, 3, 1200, 3600] {
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
        for (round, jump) in [3601, 7200, YEARS, 7200].into_iter().enumerate() {
            let passed = 100 * i64::try_from(round).unwrap();
            assert_eq!(trust.time(START + passed, 5 + passed), START + passed);
            for second in passed..passed + 10 {
                assert_eq!(trust.time(START + second + jump, 5 + second), START + second, "ahead by {jump}");
                assert!(trust.has_jumped(START + second + jump, 5 + second));
            }
            assert_eq!(trust.time(START + passed + 10, 15 + passed), START + passed + 10);
            assert!(!trust.has_jumped(START + passed + 10, 15 + passed));
        }
    }

    #[test]
    fn small_steps_are_a_large_one() {
        let mut trust = started();
        assert_eq!(trust.time(START + 3600, 5), START + 3600);
        assert_eq!(trust.time(START + 7200, 5), START + 3600);
        assert_eq!(trust.time(START + 7260, 65), START + 3660);
    }

    #[test]
    fn a_clock_by_which_nothing_ends_is_followed() {
        let mut trust = started();
        trust.follow(START + YEARS, 6);
        assert_eq!(trust.time(START + YEARS, 6), START + YEARS);
        trust.follow(START + 10, 15);
        assert_eq!(trust.time(START + 10, 15), START + 10, "back from a jump");
        trust.follow(START - YEARS, 16);
        assert_eq!(trust.time(START - YEARS, 16), START + 10, "set back");
    }

    #[test]
    fn what_happened_before_the_start_counts_as_passed_and_is_not_believed() {
        let mut trust = ClockTrust::default();
        trust.resume(Some(START), START + 8 * 86_400, 0);
        assert!(trust.has_jumped(START + 8 * 86_400, 0));
        assert_eq!(trust.time(START + 8 * 86_400, 0), START + 8 * 86_400);
        assert_eq!(trust.latest(), Some(START));
        assert_eq!(trust.time(START + 30, 20), START + 30, "the clock was wrong at the start");
        assert!(!trust.has_jumped(START + 30, 20));

        let mut trust = ClockTrust::default();
        trust.resume(Some(START), START + 3600, 0);
        assert!(!trust.has_jumped(START + 7200, 0), "within an hour it is taken as it is");

        let mut trust = ClockTrust::default();
        trust.resume(None, START, 0);
        assert!(trust.has_jumped(START, 0));
        assert_eq!((trust.time(START, 0), trust.latest()), (START, None));
    }
}
