//! Programs that succeed, fail and misbehave, as shell scripts; and host programs with other signal settings, which run in
//! separate processes, because signals belong to the whole process.

mod hosts;

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Long enough for every program that is expected to end before its time limit.
const PATIENT: Duration = Duration::from_secs(60);
/// The time limit for programs that are expected to be killed.
const BRIEF: Duration = Duration::from_secs(2);
/// Writes a complete output with the passphrase `abc`.
const ANSWER: &str = "printf 'bulla 1 3\\nabc'";

/// Runs a script with a time limit. Returns the result, and the reported lines.
fn ask(script: &str, request: &[u8], time_limit: Duration) -> (Result<Vec<u8>, Failure>, Vec<String>) {
    let script = CString::new(script).unwrap();
    let helper = Helper { program: c"/bin/sh", arguments: &[c"-c", &script], time_limit };
    let mut messages = Vec::new();
    let answer = helper.run(request, &mut |line| messages.push(line.to_owned()));
    let answer = answer.map(|(page, length)| page.bytes()[..length].to_vec());
    (answer, messages)
}

fn answer(script: &str) -> Result<Vec<u8>, Failure> {
    ask(script, b"{}", PATIENT).0
}

/// Returns the messages of a script.
fn print(script: &str) -> String {
    let (answer, messages) = ask(&format!("{{ {script}; }} >&2; {ANSWER}"), b"{}", PATIENT);
    assert_eq!(answer.unwrap(), b"abc");
    messages.concat()
}

/// A file to which a script writes a process id.
struct Note(PathBuf);

impl Note {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("bulla-token-{}-{name}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Waits until the process has ended, or is a zombie that its new parent does not reap.
    fn assert_process_ends(&self) {
        let number = fs::read_to_string(&self.0).unwrap();
        let stat = Path::new("/proc").join(number.trim()).join("stat");
        let deadline = Instant::now() + PATIENT;
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "process {number} is still there");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_program_may_take_its_time() {
    assert_eq!(answer(&format!("printf 'bul'; sleep 0.2; {}", &ANSWER.replace("bul", ""))).unwrap(), b"abc");
}

#[test]
fn a_large_request_is_written_whole() {
    let request = vec![b'x'; 8 << 20];
    let (answer, _) = ask("printf 'bulla 1 7\\n%d' $(wc -c)", &request, PATIENT);
    assert_eq!(answer.unwrap(), b"8388608");
}

#[test]
fn a_program_need_not_read_its_request() {
    let request = vec![b'x'; 8 << 20];
    assert_eq!(ask(ANSWER, &request, PATIENT).0.unwrap(), b"abc");
    let closes = format!("exec <&-; sleep 0.2; {ANSWER}");
    assert_eq!(ask(&closes, &request, PATIENT).0.unwrap(), b"abc");
}

#[test]
fn a_program_may_close_its_outputs_before_it_ends() {
    assert_eq!(answer(&format!("{ANSWER}; exec >&- 2>&-; sleep 0.2")).unwrap(), b"abc");
}

#[test]
fn messages_for_people_are_forwarded() {
    let (answer, messages) =
        ask(&format!("echo one >&2; sleep 0.1; {ANSWER}; printf 'two\\033' >&2"), b"", PATIENT);
    assert_eq!(answer.unwrap(), b"abc");
    assert_eq!(messages, ["one\n", "two\u{fffd}\n"]);
}

#[test]
fn a_flood_for_people_does_not_block_the_answer() {
    let (answer, messages) = ask(&format!("yes | head -c 5000000 >&2; {ANSWER}"), b"{}", PATIENT);
    assert_eq!(answer.unwrap(), b"abc");
    assert_eq!(messages.len(), 101);
}

#[test]
fn a_failure_has_no_passphrase_regardless_of_the_output() {
    for script in ["exit 3".to_owned(), format!("{ANSWER}; exit 3")] {
        assert!(matches!(answer(&script), Err(Failure::Exit(3))), "{script}");
    }
    for script in ["kill -9 $$".to_owned(), format!("{ANSWER}; kill -9 $$")] {
        assert!(matches!(answer(&script), Err(Failure::Signal(9))), "{script}");
    }
}

#[test]
fn an_answer_is_whole_or_none() {
    for script in ["", "printf 'bulla 1 4\\nabc'", "printf 'bulla 1 3'"] {
        assert!(matches!(answer(script), Err(Failure::Answer(Unreadable::Incomplete))), "{script}");
    }
    for script in ["printf 'bulla 1 2\\nabc'", "echo abc", "yes", "head -c 5000 /dev/zero"] {
        assert!(matches!(answer(script), Err(Failure::Answer(Unreadable::Malformed))), "{script}");
    }
}

#[test]
fn a_program_that_does_not_end_is_killed() {
    let programs = [
        ("sleeps", "exec sleep 1000"),
        ("answers", "printf 'bulla 1 3\\nabc'; exec sleep 1000"),
        ("ignores", "trap '' TERM INT HUP; while :; do sleep 1; done"),
        ("closes", "exec <&- >&- 2>&-; exec sleep 1000"),
        ("floods", "exec yes >&2"),
        ("stops", "kill -STOP $$"),
    ];
    let is_killed = |name, script| {
        let note = Note::new(name);
        let (answer, messages) =
            ask(&format!("echo $$ >{}; echo -n begun >&2; {script}", note.path()), b"{}", BRIEF);
        assert!(matches!(answer, Err(Failure::TimeLimit(BRIEF))), "{name}: {answer:?}");
        assert!(messages[0].starts_with("begun"), "{name}: {messages:?}");
        note.assert_process_ends();
    };
    std::thread::scope(|scope| {
        for (name, script) in programs {
            scope.spawn(move || is_killed(name, script));
        }
    });
}

#[test]
fn a_process_that_keeps_the_pipes_open_delays_nothing_and_is_killed() {
    for (name, rest, is_good) in [("good", ANSWER, true), ("bad", "exit 1", false)] {
        let note = Note::new(name);
        let answer = answer(&format!("sleep 1000 & echo $! >{}; {rest}", note.path()));
        assert_eq!(answer.is_ok(), is_good, "{answer:?}");
        note.assert_process_ends();
    }
}

#[test]
fn a_program_that_cannot_be_started_is_reported() {
    for program in [c"/nowhere/bulla", c"/etc", c"/etc/hostname"] {
        let helper = Helper { program, arguments: &[], time_limit: PATIENT };
        let answer = helper.run(b"", &mut |_| {});
        assert!(matches!(answer, Err(Failure::Start(_))), "{program:?}");
    }
}

#[test]
fn the_environment_of_the_host_is_not_inherited() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "the host has an environment");
    let environment = print("tr '\\0' '\\n' </proc/$$/environ");
    assert_eq!(environment, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C.UTF-8\n");
}

#[test]
fn a_program_has_a_session_and_a_process_group_of_its_own_in_the_root_directory() {
    let messages = print("cut -d ' ' -f 5-7 /proc/$$/stat; echo $$; pwd");
    let lines: Vec<&str> = messages.lines().collect();
    // Process group, session, terminal.
    assert_eq!(lines[0], format!("{0} {0} 0", lines[1]));
    assert_eq!(lines[2], "/");
}

#[test]
fn the_ends_that_the_host_keeps_are_close_on_exec() {
    // The script sees the pipes that it shares with this process, and the sockets of this process. It may inherit pipes of cargo.
    // 02000000 is O_CLOEXEC.
    let script = format!(
        r#"output=$(readlink /proc/$$/fd/1) errors=$(readlink /proc/$$/fd/2)
        for end in /proc/$PPID/fd/*; do
            case $(readlink $end) in
                "$output" | "$errors" | socket:*) grep flags: /proc/$PPID/fdinfo/${{end##*/}};;
            esac
        done >&2
        {ANSWER}"#
    );
    // More than the capacity of the socket, so the host keeps its end open.
    let (answer, messages) = ask(&script, &vec![b'x'; 8 << 20], PATIENT);
    assert_eq!(answer.unwrap(), b"abc");
    let messages = messages.concat();
    let flags = messages.lines().map(|line| u32::from_str_radix(&line[line.len() - 8..], 8).unwrap());
    let flags: Vec<u32> = flags.collect();
    assert!(flags.len() >= 3, "{messages}");
    assert!(flags.iter().all(|flags| flags & 0o2_000_000 != 0), "{messages}");
}
