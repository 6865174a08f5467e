//! How far it is: bytes, rate and time left, on a terminal only, and only if it takes long enough to be read.

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bulla_client::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Does the work, and shows meanwhile how many bytes of `total` are done.
pub(crate) fn show<T>(total: Option<u64>, done: &Progress, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let before = done.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let (finished, end) = channel::<()>();
        let watch = move || {
            if end.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = bar(total);
            while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                bar.set_position(done.load(Ordering::Relaxed).saturating_sub(before));
            }
            bar.finish_and_clear();
        };
        // Without a thread there is no bar, and nothing else is amiss.
        let _ = thread::Builder::new().name("progress".into()).spawn_scoped(scope, watch);
        let result = work();
        drop(finished);
        result
    })
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        }
        None => (ProgressBar::no_length(), "{spinner} {bytes}, {bytes_per_sec}, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are well formed");
    bar.with_style(style.progress_chars("=> "))
}

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(100);
