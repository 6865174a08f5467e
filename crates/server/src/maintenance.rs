//! Runs scheduled key maintenance once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_kms::{Kms, MaintenanceReport};
use tokio::time::{MissedTickBehavior, interval};

use crate::log::Log;

/// Runs scheduled work until it is dropped. The log gets a line for what it does, and once a day for what is wrong with
/// the clock.
pub(crate) async fn run(kms: Arc<Kms>, log: Arc<Log>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = Daily::default();
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
                let wrong = wrong(&report);
                if said.is_news(wrong) {
                    log.event(match wrong {
                        Some(Wrong::Unseen) => UNSEEN.into(),
                        Some(Wrong::Behind) => clock_is_behind(report.clock_behind.unsigned_abs()),
                        None => RIGHT.into(),
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

/// Why nothing ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// The clock moved on by more than anybody has seen.
    Unseen,
    Behind,
}

fn wrong(report: &MaintenanceReport) -> Option<Wrong> {
    let wrong = if report.clock_behind > 0 { Wrong::Behind } else { Wrong::Unseen };
    report.held.then_some(wrong)
}

/// Something that is worth saying when it begins, once a day while it lasts, and when it ends.
#[derive(Default)]
struct Daily(Option<(Wrong, Instant)>);

impl Daily {
    fn is_news(&mut self, now: Option<Wrong>) -> bool {
        let is_news = match self.0 {
            None => now.is_some(),
            Some((wrong, said)) => now != Some(wrong) || said.elapsed() >= DAY,
        };
        if is_news {
            self.0 = now.map(|wrong| (wrong, Instant::now()));
        }
        is_news
    }
}

fn clock_is_behind(seconds: u64) -> String {
    format!(
        "deletions are suspended: the clock is {seconds} seconds behind what it was; tokens and policies go by the \
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

/// Somebody may have missed it.
const DAY: Duration = Duration::from_secs(86_400);
const PERIOD: Duration = Duration::from_secs(1);
const JUMPED: &str = "deletions are suspended: the clock jumped by more than an hour; tokens and policies go \
                      by the time that has passed since; if the clock is right, start once with: bulla serve --accept-clock";
const RESUMED: &str = "deletions are resumed: the clock is right again, or no deletion is due";
