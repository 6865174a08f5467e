//! The process itself: no core dumps, and nothing left behind when it is told to stop.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, process, thread};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Exit;

/// Sees to it that neither a core dump nor a debugger of the same user gets at the keys in memory.
///
/// Where the system does not allow it the program works all the same: it is a second line of defence.
pub(crate) fn keep_secrets_in() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Removes the registered partial file and exits when the process is told to stop.
pub(crate) fn clean_up_on_signals() {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            // Held until the end: nobody publishes or registers anything any more.
            let partial = PARTIAL.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(path) = partial.as_deref() {
                let _ = fs::remove_file(path);
            }
            process::exit(Exit::Interrupted as i32);
        }
    });
}

/// Names the file that is to be removed by a signal; none when it was published or removed.
pub(crate) fn set_partial(path: Option<&Path>) {
    *PARTIAL.lock().unwrap_or_else(PoisonError::into_inner) = path.map(Path::to_owned);
}

static PARTIAL: Mutex<Option<PathBuf>> = Mutex::new(None);
