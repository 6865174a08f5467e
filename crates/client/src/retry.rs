//! When a failed call is tried again: at most three tries within the time of one call, and more while the KMS only asks to
//! slow down.
//!
//! A request that certainly was not acted on (no connection, throttled) may always be sent again. Where that
//! is not known (connection lost, 5xx), only an action that changes nothing is. Each try is signed anew, so no
//! nonce is used twice.

use std::thread;
use std::time::{Duration, Instant};

/// A try that failed.
#[derive(Debug)]
pub(crate) struct Failure<E> {
    /// What the caller sees if this was the last try.
    pub(crate) error: E,
    /// Whether another try could help.
    pub(crate) again: Again,
    /// How long the KMS asked to wait.
    pub(crate) wait: Option<Duration>,
}

/// Whether another try could help, and whom it could hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would fail again.
    Never,
    /// It may help, but the request may have been acted on already.
    IfNothingChanges,
    /// It may help, and the request was not acted on.
    Always,
    /// It will help once there are fewer requests; the request was not acted on.
    Slower,
}

/// The time that passes: the real one, or the one of a test.
pub(crate) trait Pace {
    /// How long the call has taken so far.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn pause(&mut self, wait: Duration);
}

/// The monotonic clock of the machine, from the start of the call.
pub(crate) struct RealTime(pub(crate) Instant);

impl Pace for RealTime {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&mut self, wait: Duration) {
        thread::sleep(wait);
    }
}

/// Calls `attempt` with the time that is left until it succeeds or another try makes no sense.
///
/// # Errors
/// The error of the last try.
pub(crate) fn run<T, E>(
    pace: &mut impl Pace,
    budget: Duration,
    changes_nothing: bool,
    mut attempt: impl FnMut(Duration) -> Result<T, Failure<E>>,
) -> Result<T, E> {
    let mut tries = 0;
    loop {
        let failure = match attempt(budget.saturating_sub(pace.elapsed())) {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        tries += 1;
        let wait = failure.wait.unwrap_or_else(|| backoff(tries));
        let allowed = match failure.again {
            Again::Never => false,
            Again::IfNothingChanges => changes_nothing && tries < MAX_TRIES,
            Again::Always => tries < MAX_TRIES,
            Again::Slower => true,
        };
        if !allowed || pace.elapsed() + wait >= budget {
            return Err(failure.error);
        }
        pace.pause(wait);
    }
}

/// Whether an action only answers a question, so that asking twice is the same as asking once.
///
/// Decided by the verb its name begins with; an unknown one counts as a change.
pub(crate) fn changes_nothing(action: &str) -> bool {
    QUESTIONS.iter().any(|verb| action.starts_with(verb))
}

/// 200 ms, then twice as long each time up to 1.6 s, of which a random part up to one half is taken off so that clients spread out.
fn backoff(tries: u32) -> Duration {
    let full = FIRST_PAUSE * 2_u32.pow((tries - 1).min(3));
    let mut random = [0];
    aws_lc_rs::rand::fill(&mut random).expect("the generator of aws-lc does not fail once it is seeded");
    full - full * u32::from(random[0]) / (2 * 255)
}

const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const QUESTIONS: [&str; 12] = [
    "AssumeRole", // a session whose answer was lost expires unused
    "Asymmetric",
    "BatchGet",
    "Decrypt",
    "Describe",
    "Encrypt",
    "ExportDataKey",
    "Generate",
    "Get",
    "List",
    "ReEncrypt",
    "VerifyMac",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct TestTime {
        passed: Duration,
        pauses: Vec<Duration>,
    }

    impl Pace for TestTime {
        fn elapsed(&self) -> Duration {
            self.passed
        }

        fn pause(&mut self, wait: Duration) {
            self.passed += wait;
            self.pauses.push(wait);
        }
    }

    /// Fails `failures` times, then succeeds; gives the outcome and the pauses.
    fn play(
        failures: u32,
        again: Again,
        wait: Option<Duration>,
        changes_nothing: bool,
    ) -> (Result<u32, u32>, Vec<Duration>) {
        let mut time = TestTime::default();
        let mut tries = 0;
        let outcome = run(&mut time, Duration::from_secs(10), changes_nothing, |_| {
            tries += 1;
            if tries > failures { Ok(tries) } else { Err(Failure { error: tries, again, wait }) }
        });
        (outcome, time.pauses)
    }

    #[test]
    fn three_tries_with_growing_pauses() {
        let (outcome, pauses) = play(9, Again::Always, None, false);
        assert_eq!(outcome, Err(3));
        assert!((100..=200).contains(&pauses[0].as_millis()), "{pauses:?}");
        assert!((200..=400).contains(&pauses[1].as_millis()), "{pauses:?}");
        assert_eq!(play(2, Again::Always, None, false).0, Ok(3));
    }

    #[test]
    fn a_kms_that_asks_to_slow_down_is_tried_until_the_time_is_up() {
        assert_eq!(play(5, Again::Slower, None, false).0, Ok(6));
        let (outcome, pauses) = play(99, Again::Slower, None, false);
        assert!(outcome.is_err());
        let sum: Duration = pauses.iter().sum();
        assert!((Duration::from_secs(8)..Duration::from_secs(10)).contains(&sum), "{pauses:?}");
        assert!(pauses.iter().all(|pause| pause.as_millis() <= 1600), "{pauses:?}");
    }

    #[test]
    fn an_unknown_outcome_is_repeated_only_for_questions() {
        assert_eq!(play(1, Again::IfNothingChanges, None, true).0, Ok(2));
        assert_eq!(play(1, Again::IfNothingChanges, None, false).0, Err(1));
        assert_eq!(play(1, Again::Never, None, true).0, Err(1));
    }

    #[test]
    fn the_pause_that_the_kms_asks_for_is_kept() {
        let wait = Duration::from_millis(1234);
        assert_eq!(play(1, Again::Always, Some(wait), false), (Ok(2), vec![wait]));
        let too_long = Duration::from_secs(10);
        assert_eq!(play(1, Again::Always, Some(too_long), false), (Err(1), vec![]));
    }

    #[test]
    fn later_tries_have_less_time() {
        let mut left = Vec::new();
        let mut time = TestTime::default();
        let wait = Some(Duration::from_secs(3));
        let outcome: Result<(), ()> = run(&mut time, Duration::from_secs(10), true, |time_left| {
            left.push(time_left.as_secs());
            Err(Failure { error: (), again: Again::Always, wait })
        });
        assert_eq!((outcome, left), (Err(()), vec![10, 7, 4]));
    }

    #[test]
    fn questions_and_changes() {
        for question in
            ["Decrypt", "GenerateDataKey", "DescribeKey", "ListKeys", "GetKeyPolicy", "GenerateMac"]
        {
            assert!(changes_nothing(question), "{question}");
        }
        for change in
            ["CreateKey", "CreateAlias", "EnableKey", "ScheduleKeyDeletion", "PutSecretValue", "Unheard"]
        {
            assert!(!changes_nothing(change), "{change}");
        }
    }
}
