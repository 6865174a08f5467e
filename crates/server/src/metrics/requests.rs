//! Counts answered requests. Counting is on the path of every request, so each thread has a stripe of its own, whose
//! lock only a reader of all stripes contends for.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use bulla_kms::Histogram;

use crate::http::Progress;

/// The counts of all threads.
#[derive(Debug)]
pub(crate) struct Requests {
    stripes: Box<[Stripe]>,
}

/// In cache lines of its own: processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    answers: HashMap<Subject, Answers>,
    refused: Refused,
}

/// The requested action. Only known names, so their number is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Subject {
    /// A product of the API, or the console.
    pub(super) product: &'static str,
    /// `-` for an unknown action.
    pub(super) action: &'static str,
}

/// The answers of one action: the durations by code. Only codes that occurred, so the first one is nearly always the right
/// one.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Vec<(&'static str, Histogram)>);

/// Answers with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// To requests whose signature, or sign-in, was verified.
    pub(super) authenticated: u64,
    /// To other requests, which any client can send.
    pub(super) unauthenticated: u64,
}

/// The sum of all stripes.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) answers: BTreeMap<Subject, Answers>,
    pub(super) refused: Refused,
}

impl Requests {
    /// Returns a stripe for each processor.
    pub(crate) fn new() -> Self {
        let count = available_parallelism().map_or(1, usize::from);
        Self { stripes: (0..count).map(|_| Stripe::default()).collect() }
    }

    /// Counts a request that is answered, unless it is no request of the API or the console.
    pub(crate) fn count(&self, progress: &Progress) {
        let Some(product) = progress.product else { return };
        let subject = Subject { product, action: progress.action.unwrap_or(UNKNOWN) };
        let took = progress.started.elapsed();
        let stripe = &self.stripes[thread_number() % self.stripes.len()];
        let mut counts = stripe.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.answers.entry(subject).or_default().count(code(progress), took);
        if progress.status >= 400 {
            counts.refused.count(progress.authenticated);
        }
    }

    /// Returns the counts so far.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for stripe in &self.stripes {
            let counts = stripe.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (subject, answers) in &counts.answers {
                totals.answers.entry(*subject).or_default().merge(answers);
            }
            totals.refused.authenticated += counts.refused.authenticated;
            totals.refused.unauthenticated += counts.refused.unauthenticated;
        }
        totals
    }
}

impl Answers {
    /// Returns the codes that occurred, with the durations of their answers.
    pub(super) fn by_code(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.0.iter().map(|(code, took)| (*code, took))
    }

    fn count(&mut self, code: &'static str, took: Duration) {
        self.of(code).observe(took);
    }

    fn merge(&mut self, other: &Self) {
        for (code, took) in other.by_code() {
            self.of(code).merge(took);
        }
    }

    fn of(&mut self, code: &'static str) -> &mut Histogram {
        let index = self.0.iter().position(|(counted, _)| *counted == code).unwrap_or_else(|| {
            self.0.push((code, Histogram::default()));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }
}

impl Refused {
    fn count(&mut self, authenticated: bool) {
        if authenticated {
            self.authenticated += 1;
        } else {
            self.unauthenticated += 1;
        }
    }
}

/// The code of the answer as the table of error codes has it, without what it names: there are no more of them than rows in
/// that table. A page of the console has none, so its status is used instead.
fn code(progress: &Progress) -> &'static str {
    match progress.error {
        Some(error) => error.template(),
        None if progress.status < 400 => "OK",
        None if progress.status < 500 => "4xx",
        None => "5xx",
    }
}

/// Returns the number of this thread; the first threads that call this have the lowest ones.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<Option<usize>> = const { Cell::new(None) });
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    })
}

/// The action of a request that names an unknown one.
const UNKNOWN: &str = "-";

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use bulla_wire::ErrorCode;

    use super::*;

    fn answered(
        product: Option<&'static str>,
        action: Option<&'static str>,
        error: Option<ErrorCode>,
    ) -> Progress {
        let status = error.map_or(200, ErrorCode::status);
        Progress { product, action, status, error, ..Progress::begin() }
    }

    #[test]
    fn requests_of_all_threads_are_counted_by_product_action_and_code() {
        let requests = Requests::new();
        let threads = 8;
        let start = Barrier::new(threads);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..1000 {
                        requests.count(&answered(Some("Kms"), Some("ListKeys"), None));
                        requests.count(&answered(
                            Some("Kms"),
                            Some("ListKeys"),
                            Some(ErrorCode::ThrottlingUser),
                        ));
                        requests.count(&answered(Some("Ram"), Some("TagResources"), None));
                    }
                });
            }
        });
        let totals = requests.totals();
        let counts = |product, action| {
            let answers = &totals.answers[&Subject { product, action }];
            let mut counts: Vec<_> = answers.by_code().map(|(code, took)| (code, took.count())).collect();
            counts.sort_unstable();
            counts
        };
        assert_eq!(counts("Kms", "ListKeys"), [("OK", 8000), ("Throttling.User", 8000)]);
        assert_eq!(counts("Ram", "TagResources"), [("OK", 8000)]);
        assert_eq!(totals.answers.len(), 2);
        assert_eq!(totals.refused, Refused { authenticated: 0, unauthenticated: 8000 });
    }

    #[test]
    fn what_a_code_names_is_no_part_of_its_label() {
        let requests = Requests::new();
        requests.count(&answered(Some("Kms"), None, Some(ErrorCode::RejectedState)));
        requests.count(&Progress { status: 404, ..answered(Some("Console"), None, None) });
        let progress =
            Progress { authenticated: true, ..answered(Some("Ram"), None, Some(ErrorCode::Missing)) };
        requests.count(&progress);
        let totals = requests.totals();
        let codes: Vec<_> =
            totals.answers.values().flat_map(Answers::by_code).map(|(code, _)| code).collect();
        assert_eq!(codes, ["4xx", "Rejected.{}", "Missing{}"]);
        assert_eq!(totals.refused, Refused { authenticated: 1, unauthenticated: 2 });
    }

    #[test]
    fn health_checks_are_not_counted() {
        let requests = Requests::new();
        requests.count(&Progress { status: 503, ..answered(None, None, None) });
        let totals = requests.totals();
        assert!(totals.answers.is_empty());
        assert_eq!(totals.refused, Refused::default());
    }
}
