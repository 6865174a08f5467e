//! The process: no core dumps, no bare panics, and clean-up on signals.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io, process, thread};

use bulla_files::output::remove_partials;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, geteuid, getrlimit, set_dumpable_behavior, setrlimit,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::disk::restore_terminal;
use crate::failure::{Exit, Failure};
use crate::messages::note;

/// Denies core dumps, and debuggers of the same user, access to the keys in memory.
///
/// This is a second line of defence: where the system does not allow it, the program continues.
pub(crate) fn keep_secrets_in() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Prevents all memory of this process, and so every copy of a passphrase, from being written to swap space.
///
/// The limit of locked memory of a normal user is far below what a program maps, and later allocations would fail. A
/// process without the right to lock any amount therefore only prints a note; the user may have no swap space or an
/// encrypted one.
pub(crate) fn keep_memory_from_swap() {
    let is_unlimited = getrlimit(Resource::Memlock).current.is_none() || geteuid().is_root();
    // Pages are locked on first use, because an allocator reserves far more than it uses.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let locked = is_unlimited && mlockall(flags).is_ok();
    if !locked && has_swap() {
        note("bulla: passphrases may be written to swap space");
        note("       run this as root, or after `ulimit -l unlimited`");
    }
}

fn has_swap() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() > 1)
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail like a write to a full disk, instead of ending the
/// process.
pub(crate) fn outlive_file_size_limits() {
    // A handler without effect, because ignoring the signal would need unsafe code.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Prevents signals that mean something else to a server from ending it before it handles them.
pub(crate) fn outlive_signals_to_servers() {
    for signal in [SIGHUP, SIGUSR1, SIGUSR2] {
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))); // as above
    }
}

/// On a signal to stop, removes partial output, turns the terminal's echo on again and exits. Signals that the parent
/// process has set to be ignored, as `nohup` does, stay ignored.
///
/// # Errors
/// No thread can be started. Without one the signal would be lost, so the command is refused.
pub(crate) fn clean_up_on_signals() -> Result<(), Failure> {
    let ignored = ignored_signals();
    let heeded = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let Ok(mut signals) = Signals::new(heeded) else { return Ok(()) };
    let wait = move || {
        if signals.forever().next().is_some() {
            remove_partials();
            restore_terminal();
            process::exit(Exit::Interrupted as i32);
        }
    };
    let started = thread::Builder::new().name("signals".into()).spawn(wait);
    started.map(drop).map_err(|error| no_thread(&error.to_string()))
}

/// Runs the program. A panic becomes a failure like any other, after clean-up.
///
/// The storage engine panics on some damaged files, which the store converts into errors. A panic of another thread is
/// only printed.
pub(crate) fn without_panics(run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let main = thread::current().id();
    panic::set_hook(Box::new(move |panic| {
        if bulla_kms::is_panic_caught() {
            return; // the storage engine in a damaged store: the store returns an error
        }
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            let _ = writeln!(io::stderr(), "{trace}");
        }
        let place = panic.location().map_or_else(String::new, |place| format!(" ({place})"));
        let what = format!("{}{place}", panic.payload_as_str().unwrap_or("a panic"));
        let failure = if what.contains(NO_PROCESS) {
            no_thread(NO_PROCESS) // std and tokio panic when they cannot start a thread
        } else {
            Failure::new(Exit::Other, format!("internal error: {what}"), PANIC_HINT)
        };
        if thread::current().id() == main {
            *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        } else {
            failure.print();
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let failure = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(failure.unwrap_or_else(|| Failure::new(Exit::Other, "internal error", PANIC_HINT)))
    })
}

fn no_thread(cause: &str) -> Failure {
    Failure::new(Exit::Other, format!("no further thread can be started: {cause}"), MORE_PROCESSES)
}

/// Returns the ignored signals, one bit each, the lowest for signal 1.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The panic of the main thread, until it is reported.
static PANIC: Mutex<Option<Failure>> = Mutex::new(None);
/// What to do about a limit of processes, which also limits threads.
pub(crate) const MORE_PROCESSES: &str =
    "raise the process limit of the user (`ulimit -u`) or the pids limit of the container";
/// The text of EAGAIN, which is in a panic only if a thread could not be started.
const NO_PROCESS: &str = "Resource temporarily unavailable";
const PANIC_HINT: &str = "if the disk and the store are sound, this is a bug: please report it";
