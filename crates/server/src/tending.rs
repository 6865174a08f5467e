//! What happens to keys by itself happens while the server runs: looked after every second.

use std::sync::Arc;
use std::time::Duration;

use bulla_kms::Kms;
use tokio::time::{MissedTickBehavior, interval};

use crate::log::Log;

/// Looks after the keys until it is dropped. What happens, and what does not, is told to the log once.
pub(crate) async fn tend(kms: Arc<Kms>, log: Arc<Log>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut was_held, mut was_failing) = (false, false);
    loop {
        tick.tick().await;
        let (held, failing) = match kms.tend().await {
            Ok(tended) => {
                if tended.changed > 0 {
                    log.event(format!("keys that changed or ended by themselves: {}", tended.changed));
                }
                (tended.held, false)
            }
            Err(error) => {
                if !was_failing {
                    log.event(format!("what is due for keys is not done: {error}"));
                }
                (was_held, true)
            }
        };
        if held && !was_held {
            log.event(HELD);
        }
        (was_held, was_failing) = (held, failing);
    }
}

const PERIOD: Duration = Duration::from_secs(1);
const HELD: &str = "no key, material or secret ends: the clock moved by more than an hour unseen; if it is right, \
                    start once with --accept-clock";
