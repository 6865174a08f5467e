//! Runs scheduled key maintenance once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_kms::{Kms, MaintenanceReport};
use tokio::time::{MissedTickBehavior, interval};

use crate::log::Log;

/// Runs scheduled work until it is dropped. Logs its results, and once a day a problem of the clock.
pub(crate) async fn run(kms: Arc<Kms>, log: Arc<Log>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut logged = Daily::default();
    let mut was_failing = false;
    loop {
        tick.tick().await;
        was_failing = match kms.run_due().await {
            Ok(report) => {
                if report.clock_step != 0 {
                    log.event(clock_was_set(report.clock_step));
                }
                if report.changed > 0 {
                    log.event(format!(
                        "keys and secrets changed or deleted by scheduled maintenance: {}",
                        report.changed
                    ));
                }
                let problem = clock_problem(&report);
                if logged.is_due(problem) {
                    log.event(match problem {
                        Some(ClockProblem::Jumped) => JUMPED.into(),
                        Some(ClockProblem::Behind) => clock_is_behind(report.clock_behind.unsigned_abs()),
                        None => RESUMED.into(),
                    });
                }
                false
            }
            Err(error) => {
                if !was_failing {
                    log.event(format!("scheduled maintenance failed: {error}"));
                }
                true
            }
        };
    }
}

/// Why deletions are suspended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClockProblem {
    /// The clock jumped by more than an hour, or moved that much while no process observed it.
    Jumped,
    Behind,
}

fn clock_problem(report: &MaintenanceReport) -> Option<ClockProblem> {
    let problem = if report.clock_behind > 0 { ClockProblem::Behind } else { ClockProblem::Jumped };
    report.held.then_some(problem)
}

/// A state that is logged when it begins, once a day while it lasts, and when it ends.
#[derive(Default)]
struct Daily(Option<(ClockProblem, Instant)>);

impl Daily {
    fn is_due(&mut self, now: Option<ClockProblem>) -> bool {
        let is_due = match self.0 {
            None => now.is_some(),
            Some((problem, logged)) => now != Some(problem) || logged.elapsed() >= DAY,
        };
        if is_due {
            self.0 = now.map(|problem| (problem, Instant::now()));
        }
        is_due
    }
}

fn clock_is_behind(seconds: u64) -> String {
    format!(
        "deletions are suspended: the clock is {seconds} seconds behind what it was; tokens and policies use the \
         time that has passed since; if the clock is right, start once with: bulla serve --accept-clock"
    )
}

fn clock_was_set(step: i64) -> String {
    match step {
        1.. => format!(
            "the clock was set ahead by {step} seconds: clients that are now 15 minutes behind it are refused"
        ),
        _ => format!(
            "the clock was set back by {} seconds: if it was ahead at the start and clients are still refused, start once \
             with: bulla serve --accept-clock",
            step.unsigned_abs()
        ),
    }
}

/// An operator may have missed the first event.
const DAY: Duration = Duration::from_secs(86_400);
const PERIOD: Duration = Duration::from_secs(1);
const JUMPED: &str = "deletions are suspended: the clock jumped by more than an hour; tokens and policies use \
                      the time that has passed since; if the clock is right, start once with: bulla serve --accept-clock";
const RESUMED: &str = "deletions are resumed: the clock is right again, or no deletion is due";
