//! Checks once a second that the store is still in its place, and logs when it is lost and when it is back.

use std::sync::Arc;
use std::time::Duration;

use bulla_kms::{Kms, LostFile};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::log::Log;

/// Watches the store until it is dropped.
pub(crate) async fn watch(kms: Arc<Kms>, log: Arc<Log>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        tick.tick().await;
        let kms = Arc::clone(&kms);
        // A network file system may let these system calls wait, but not the threads that answer requests.
        let Ok(checked) = spawn_blocking(move || kms.check_store()).await else { return };
        let lost = checked.err();
        if lost != last {
            log.event(event(lost.as_ref()));
        }
        last = lost;
    }
}

fn event(lost: Option<&LostFile>) -> String {
    match lost {
        Some(lost) => format!("the store is lost, and writes are refused: {lost}"),
        None => "the store is back, and writes are accepted again".into(),
    }
}

const PERIOD: Duration = Duration::from_secs(1);
