//! Runs scheduled key maintenance once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_kms::Kms;
use tokio::time::{MissedTickBehavior, interval};

use crate::log::Log;

/// Runs scheduled work until it is dropped. The log gets a line for what it does, and once a day for what is wrong with
/// the clock.
pub(crate) async fn run(kms: Arc<Kms>, log: Arc<Log>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut held = Daily::default();
    let mut behind = Daily::default();
    let mut was_failing = false;
    loop {
        tick.tick().await;
        was_failing = match kms.run_due().await {
            Ok(report) => {
                if report.clock_step != 0 {
                    log.event(clock_was_set(report.clock_step));
                }
                if report.changed > 0 {
                    log.event(format!("keys that changed or ended by themselves: {}", report.changed));
                }
                if held.is_news(report.held) {
                    log.event(if report.held { HELD } else { RELEASED });
                }
                if behind.is_news(report.clock_behind > 0) && report.clock_behind > 0 {
                    log.event(clock_is_behind(report.clock_behind.unsigned_abs()));
                }
                false
            }
            Err(error) => {
                if !was_failing {
                    log.event(format!("what is due for keys is not done: {error}"));
                }
                true
            }
        };
    }
}

/// Something that is worth saying when it begins, once a day while it lasts, and when it ends.
#[derive(Default)]
struct Daily(Option<Instant>);

impl Daily {
    fn is_news(&mut self, is_so: bool) -> bool {
        let is_news = match self.0 {
            None => is_so,
            Some(said) => !is_so || said.elapsed() >= DAY,
        };
        if is_news {
            self.0 = is_so.then(Instant::now);
        }
        is_news
    }
}

fn clock_is_behind(seconds: u64) -> String {
    format!(
        "the clock is {seconds} seconds behind what it was: expiries and deletions wait for it; if it is right, start \
         once with: bulla serve --accept-clock"
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
const HELD: &str = "no key, material or secret ends: the clock moved by more than an hour unseen; if it is right, \
                    start once with: bulla serve --accept-clock";
const RELEASED: &str = "keys, material and secrets end again: the clock is back, or nothing is left to end";
