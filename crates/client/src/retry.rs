//! Retries of a failed call: at most three attempts within the time of one call, and more while the KMS rate-limits the caller.
//!
//! A request that certainly was not executed (no connection, rate limit) may always be sent again. If that is not certain
//! (connection lost, 5xx), only an idempotent action is. Each attempt is signed separately, so no nonce is used twice.

use std::thread;
use std::time::{Duration, Instant};

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure<E> {
    /// The error to return if this was the last attempt.
    pub(crate) error: E,
    /// Whether to try again.
    pub(crate) retry: Retry,
    /// The pause that the KMS asked for.
    pub(crate) wait: Option<Duration>,
}

/// Whether another attempt could succeed, and whether it is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Another attempt would fail too.
    Never,
    /// Another attempt may succeed, but the KMS may have executed the request.
    IfIdempotent,
    /// Another attempt may succeed, and the KMS did not execute the request.
    Always,
    /// The KMS rate-limits the caller: another attempt will succeed later, and the KMS did not execute the request.
    Throttled,
}

/// A clock that can be replaced in tests.
pub(crate) trait Pace {
    /// Returns the time since the beginning of the call.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn pause(&mut self, wait: Duration);
}

/// The monotonic clock of the machine, with the start of the call.
pub(crate) struct RealTime(pub(crate) Instant);

impl Pace for RealTime {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&mut self, wait: Duration) {
        thread::sleep(wait);
    }
}

/// Calls `attempt` with the remaining time until it succeeds or another attempt is not allowed.
///
/// # Errors
/// The error of the last attempt.
pub(crate) fn run<T, E>(
    pace: &mut impl Pace,
    budget: Duration,
    is_idempotent: bool,
    mut attempt: impl FnMut(Duration) -> Result<T, Failure<E>>,
) -> Result<T, E> {
    let mut tries = 0;
    loop {
        let failure = match attempt(budget.saturating_sub(pace.elapsed())) {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        tries += 1;
        let wait = failure.wait.unwrap_or_else(|| backoff(tries));
        let allowed = match failure.retry {
            Retry::Never => false,
            Retry::IfIdempotent => is_idempotent && tries < MAX_TRIES,
            Retry::Always => tries < MAX_TRIES,
            Retry::Throttled => true,
        };
        if !allowed || pace.elapsed() + wait >= budget {
            return Err(failure.error);
        }
        pace.pause(wait);
    }
}

/// Whether executing an action twice has the same effect as executing it once.
///
/// The verb at the beginning of the action's name decides; an unknown verb counts as not idempotent.
pub(crate) fn is_idempotent(action: &str) -> bool {
    IDEMPOTENT_VERBS.iter().any(|verb| action.starts_with(verb))
}

/// Returns the pause after a number of attempts: 200 ms, then doubled each time up to 1.6 s, minus a random part of up to one
/// half so that clients spread out.
fn backoff(tries: u32) -> Duration {
    let full = FIRST_PAUSE * 2_u32.pow((tries - 1).min(3));
    let mut random = [0];
    aws_lc_rs::rand::fill(&mut random).expect("the generator of aws-lc does not fail once it is seeded");
    full - full * u32::from(random[0]) / (2 * 255)
}

const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const IDEMPOTENT_VERBS: [&str; 12] = [
    "AssumeRole", // a session whose reply was lost expires unused
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

    /// Fails `failures` times, then succeeds. Returns the result and the pauses.
    fn play(
        failures: u32,
        retry: Retry,
        wait: Option<Duration>,
        is_idempotent: bool,
    ) -> (Result<u32, u32>, Vec<Duration>) {
        let mut time = TestTime::default();
        let mut tries = 0;
        let outcome = run(&mut time, Duration::from_secs(10), is_idempotent, |_| {
            tries += 1;
            if tries > failures { Ok(tries) } else { Err(Failure { error: tries, retry, wait }) }
        });
        (outcome, time.pauses)
    }

    #[test]
    fn three_tries_with_growing_pauses() {
        let (outcome, pauses) = play(9, Retry::Always, None, false);
        assert_eq!(outcome, Err(3));
        assert!((100..=200).contains(&pauses[0].as_millis()), "{pauses:?}");
        assert!((200..=400).contains(&pauses[1].as_millis()), "{pauses:?}");
        assert_eq!(play(2, Retry::Always, None, false).0, Ok(3));
    }

    #[test]
    fn a_throttled_call_is_retried_until_the_deadline() {
        assert_eq!(play(5, Retry::Throttled, None, false).0, Ok(6));
        let (outcome, pauses) = play(99, Retry::Throttled, None, false);
        assert!(outcome.is_err());
        let sum: Duration = pauses.iter().sum();
        assert!((Duration::from_secs(8)..Duration::from_secs(10)).contains(&sum), "{pauses:?}");
        assert!(pauses.iter().all(|pause| pause.as_millis() <= 1600), "{pauses:?}");
    }

    #[test]
    fn an_unknown_outcome_is_repeated_only_for_questions() {
        assert_eq!(play(1, Retry::IfIdempotent, None, true).0, Ok(2));
        assert_eq!(play(1, Retry::IfIdempotent, None, false).0, Err(1));
        assert_eq!(play(1, Retry::Never, None, true).0, Err(1));
    }

    #[test]
    fn a_retry_waits_as_long_as_the_kms_requests() {
        let wait = Duration::from_millis(1234);
        assert_eq!(play(1, Retry::Always, Some(wait), false), (Ok(2), vec![wait]));
        let too_long = Duration::from_secs(10);
        assert_eq!(play(1, Retry::Always, Some(too_long), false), (Err(1), vec![]));
    }

    #[test]
    fn later_tries_have_less_time() {
        let mut left = Vec::new();
        let mut time = TestTime::default();
        let wait = Some(Duration::from_secs(3));
        let outcome: Result<(), ()> = run(&mut time, Duration::from_secs(10), true, |time_left| {
            left.push(time_left.as_secs());
            Err(Failure { error: (), retry: Retry::Always, wait })
        });
        assert_eq!((outcome, left), (Err(()), vec![10, 7, 4]));
    }

    #[test]
    fn questions_and_changes() {
        for question in
            ["Decrypt", "GenerateDataKey", "DescribeKey", "ListKeys", "GetKeyPolicy", "GenerateMac"]
        {
            assert!(is_idempotent(question), "{question}");
        }
        for change in
            ["CreateKey", "CreateAlias", "EnableKey", "ScheduleKeyDeletion", "PutSecretValue", "Unheard"]
        {
            assert!(!is_idempotent(change), "{change}");
        }
    }
}
