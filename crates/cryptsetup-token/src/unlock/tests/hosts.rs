//! Host programs that ignore SIGCHLD, reap all children, are interrupted, lack standard streams or have blocked signals.

use std::mem::MaybeUninit;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Runs `body` in a separate process: the test program, started again for this test alone.
fn in_a_process_of_its_own(test: &str, body: impl FnOnce()) {
    const VARIABLE: &str = "BULLA_TEST_ALONE";
    if std::env::var_os(VARIABLE).is_some_and(|alone| alone == test) {
        body();
        std::process::exit(WELL); // proves that the body ran: if no test matched, the process would exit with 0
    }
    let name = format!("unlock::tests::hosts::{test}");
    let done = Command::new(std::env::current_exe().unwrap())
        .args([name.as_str(), "--exact", "--nocapture"])
        .env(VARIABLE, test)
        .output()
        .unwrap();
    let output = [done.stdout, done.stderr].concat();
    assert_eq!(done.status.code(), Some(WELL), "{}", String::from_utf8_lossy(&output));
}

/// The exit code of a process whose test succeeded.
const WELL: i32 = 77;

fn set_signal_handler(signal: i32, handler: usize) {
    // SAFETY: all-zero is a valid value of this plain struct: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    // SAFETY: the struct is valid, and the handler is SIG_IGN, SIG_DFL or a function that may run in a signal handler.
    let error = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    assert_eq!(error, 0);
}

/// Returns the signals that this thread blocks, and that this process ignores and catches, as the kernel shows them.
fn signal_state() -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let names = ["SigBlk", "SigIgn", "SigCgt"];
    let lines = status.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn one_that_ignores_sigchld_gets_whole_answers_only() {
    in_a_process_of_its_own("one_that_ignores_sigchld_gets_whole_answers_only", || {
        set_signal_handler(libc::SIGCHLD, libc::SIG_IGN);
        let before = signal_state();
        for _ in 0..20 {
            assert_eq!(answer(ANSWER).unwrap(), b"abc");
        }
        for script in ["exit 3", "printf 'bulla 1 3\\nab'; kill -9 $$"] {
            assert!(matches!(answer(script), Err(Failure::Answer(Unreadable::Incomplete))));
        }
        let (late, _) = ask("exec sleep 1000", b"", Duration::from_millis(500));
        assert!(matches!(late, Err(Failure::TimeLimit(_))));
        assert_eq!(signal_state(), before);
    });
}

#[test]
fn one_that_reaps_every_child_gets_answers() {
    in_a_process_of_its_own("one_that_reaps_every_child_gets_answers", || {
        static HAS_ENDED: AtomicBool = AtomicBool::new(false);
        let reaper = std::thread::spawn(|| {
            let mut reaped = 0;
            while !HAS_ENDED.load(Ordering::Relaxed) {
                // SAFETY: with a null pointer, no status is returned.
                if unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) } > 0 {
                    reaped += 1;
                }
            }
            reaped
        });
        for _ in 0..50 {
            assert_eq!(answer(ANSWER).unwrap(), b"abc");
            let failure = answer("exit 3");
            let is_good = matches!(failure, Err(Failure::Exit(3) | Failure::Answer(Unreadable::Incomplete)));
            assert!(is_good, "{failure:?}");
        }
        HAS_ENDED.store(true, Ordering::Relaxed);
        assert!(reaper.join().unwrap() > 0, "the other thread has reaped no child");
    });
}

#[test]
fn one_that_is_interrupted_all_the_time_gets_an_answer() {
    static ALARMS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count(_signal: i32) {
        ALARMS.fetch_add(1, Ordering::Relaxed);
    }
    in_a_process_of_its_own("one_that_is_interrupted_all_the_time_gets_an_answer", || {
        // Without SA_RESTART, so that system calls fail with EINTR.
        set_signal_handler(libc::SIGALRM, count as *const () as usize);
        let every = libc::timeval { tv_sec: 0, tv_usec: 1000 };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        // SAFETY: the timer is valid, and the old one is not returned.
        assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) }, 0);
        assert_eq!(answer(&format!("sleep 0.3; {ANSWER}")).unwrap(), b"abc");
        assert!(ALARMS.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn a_host_that_gets_a_stop_signal_stops_waiting() {
    static STOPS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn stop(_: i32) {
        STOPS.fetch_add(1, Ordering::Relaxed);
    }
    in_a_process_of_its_own("a_host_that_gets_a_stop_signal_stops_waiting", || {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            STOPS.store(0, Ordering::Relaxed);
            set_signal_handler(signal, stop as *const () as usize);
            let before = signal_state();
            let note = Note::new(&format!("stop-{signal}"));
            let user = stop_when_started(&note, signal);
            let (outcome, _) = ask(&format!("echo $$ >{}; exec sleep 1000", note.path()), b"", PATIENT);
            user.join().unwrap();
            assert!(matches!(outcome, Err(Failure::Interrupted)), "{outcome:?}");
            note.assert_process_ends();
            assert_eq!(STOPS.load(Ordering::Relaxed), 1, "the handler has run, once");
            assert_eq!(signal_state(), before);
            assert_eq!(answer(ANSWER).unwrap(), b"abc");
        }
    });
}

/// Sends a signal to this thread after the script has written its note. A signal to the whole process could reach another thread
/// of the test program, where the plugin would not notice it.
fn stop_when_started(note: &Note, signal: i32) -> std::thread::JoinHandle<()> {
    // SAFETY: the call has no conditions.
    let host = unsafe { libc::pthread_self() };
    let note = note.path().to_owned();
    std::thread::spawn(move || {
        while !fs::read_to_string(&note).is_ok_and(|text| text.ends_with('\n')) {
            std::thread::sleep(Duration::from_millis(10));
        }
        // SAFETY: the thread waits for this one to end.
        assert_eq!(unsafe { libc::pthread_kill(host, signal) }, 0);
    })
}

#[test]
fn a_host_that_ignores_stop_signals_gets_an_answer() {
    in_a_process_of_its_own("a_host_that_ignores_stop_signals_gets_an_answer", || {
        let script = format!("kill -INT {0}; kill -TERM {0}; sleep 0.2; {ANSWER}", std::process::id());
        for signal in [libc::SIGINT, libc::SIGTERM] {
            set_signal_handler(signal, libc::SIG_IGN);
        }
        let before = signal_state();
        assert_eq!(answer(&script).unwrap(), b"abc");
        assert_eq!(signal_state(), before);
    });
}

#[test]
fn one_without_standard_streams_gets_an_answer() {
    in_a_process_of_its_own("one_without_standard_streams_gets_an_answer", || {
        for stream in 0..3 {
            // SAFETY: nothing in this process, which ends soon, uses the standard streams.
            unsafe { libc::close(stream) };
        }
        let (answer, messages) = ask(&format!("cat >&2; {ANSWER}"), b"{}\n", PATIENT);
        // The message of an assertion would be lost.
        if answer.is_err() || messages != ["{}\n"] {
            std::process::exit(1);
        }
    });
}

#[test]
fn one_with_signals_and_descriptors_of_its_own_hands_down_none_of_them() {
    in_a_process_of_its_own("one_with_signals_and_descriptors_of_its_own_hands_down_none_of_them", || {
        for signal in [libc::SIGPIPE, libc::SIGCHLD, libc::SIGTERM, libc::SIGHUP, libc::SIGRTMIN()] {
            set_signal_handler(signal, libc::SIG_IGN);
        }
        let mut set = MaybeUninit::uninit();
        // SAFETY: the first call initializes the set, and the second one does not return the old one.
        let error = unsafe {
            libc::sigfillset(set.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut())
        };
        assert_eq!(error, 0);
        let _inheritable = rustix::io::dup(fs::File::open("/etc/passwd").unwrap()).unwrap();
        let before = signal_state();
        let (answer, messages) = ask(&format!("{ANSWER}; exec cat /proc/self/status >&2"), b"", PATIENT);
        assert_eq!(answer.unwrap(), b"abc");
        for name in ["SigBlk:", "SigIgn:"] {
            let mask = messages.iter().find_map(|line| line.strip_prefix(name)).unwrap();
            let mask = u64::from_str_radix(mask.trim_matches(|letter: char| !letter.is_ascii_hexdigit()), 16);
            // posix_spawn of glibc does not change signals 32 and 33 in the child, which glibc uses itself.
            assert_eq!(mask.unwrap() & !(0b11 << 31), 0, "{messages:?}");
        }
        let (answer, messages) = ask(&format!("{ANSWER}; exec ls /proc/self/fd >&2"), b"", PATIENT);
        assert_eq!(answer.unwrap(), b"abc");
        assert_eq!(messages.concat(), "0\n1\n2\n3\n"); // 3 is the directory that ls reads
        assert_eq!(signal_state(), before);
    });
}

#[test]
fn one_that_dies_of_sigpipe_survives_a_program_that_does_not_read() {
    in_a_process_of_its_own("one_that_dies_of_sigpipe_survives_a_program_that_does_not_read", || {
        set_signal_handler(libc::SIGPIPE, libc::SIG_DFL);
        let before = signal_state();
        let request = vec![b'x'; 8 << 20];
        assert_eq!(ask(&format!("exec <&-; sleep 0.2; {ANSWER}"), &request, PATIENT).0.unwrap(), b"abc");
        assert_eq!(signal_state(), before);
    });
}
